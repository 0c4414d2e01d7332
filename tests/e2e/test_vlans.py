#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Several interfaces on one port, told apart by VLAN; ports by alternative name and MAC address;
drivers that strip tags."""

import time
import unittest

import netlab
import tap
from edge import Edge

# Each of the port's interfaces has a policy of its own.
POLICY = """
interfaces:
  transit: {port: xg0, vlan: 100, policy: internet}
  peering: {port: xg0, vlan: 200, policy: exchange}
  rest: {port: xg0, policy: others}
policies:
  internet:
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
      - {name: seen, match: {proto: udp}, do: count}
  exchange:
    rules:
      - {name: bad, match: {src: 192.0.2.0/24}, do: drop}
      - {name: seen, match: {proto: udp}, do: count}
  others:
    rules:
      - {name: bad, match: {src: [198.18.0.0/15, 192.0.2.0/24]}, do: drop}
      - {name: tagged, match: {vlan: 1-4094}, do: count}
"""
A, B = "src=198.18.0.0/15,size=70-200", "src=192.0.2.0/24,size=70-200"


def interfaces(gate):
    return {i["name"]: i for i in gate.status()["interfaces"]}


def states(gate):
    return {name: i["state"] for name, i in interfaces(gate).items()}


def wait_state(gate, name, wanted):
    netlab.wait_for(lambda: states(gate)[name] == wanted, f"{name} is {wanted}")


def unjudged(gate):
    return {p["port"]: (p["packets"], p["bytes"]) for p in gate.json("stats")["unjudged"]}


class Dispatch(unittest.TestCase):
    """Whose frame it is."""

    def test_three(self):
        """two VLANs and the rest on one port: each is judged by its own policy, to the packet"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            sent = lab.shoot(f"name=100a,count=500,vlan=100,{A}", f"name=100b,count=300,vlan=100,{B}",
                             f"name=200a,count=200,vlan=200,{A}", f"name=200b,count=150,vlan=200,{B}",
                             f"name=inner,count=90,vlan=100.200,{B}",
                             f"name=300a,count=80,vlan=300,{A}", f"name=prio,count=70,vlan=0,{B}",
                             f"name=plain,count=60,{A}",
                             "name=stag,count=50,raw=" + "ff" * 12 + "88a800c8" + "0806" + "00" * 46,
                             "name=cut,count=40,raw=" + "ff" * 12 + "81000064" + "08")
            stats = gate.stats()
            self.assertEqual(stats.rule("bad", "transit"), sent.sum("100a"))
            self.assertEqual(stats.rule("seen", "transit"), sent.sum("100b", "inner"))
            self.assertEqual(stats.rule("bad", "peering"), sent.sum("200b"))
            self.assertEqual(stats.rule("seen", "peering"), sent.sum("200a"))
            self.assertEqual(stats.reason("peering", "non-ip"), sent.sum("stag"))
            self.assertEqual(stats.rule("bad", "rest"), sent.sum("300a", "prio", "plain"))
            self.assertEqual(stats.rule("tagged", "rest"), (0, 0))
            self.assertEqual(stats.reason("rest", "vlan-truncated"), sent.sum("cut"))
            self.assertEqual(stats.seen("transit"), sent.sum("100a", "100b", "inner"))
            self.assertEqual(stats.seen("peering"), sent.sum("200a", "200b", "stag"))
            self.assertEqual(stats.seen("rest"), sent.sum("300a", "prio", "plain", "cut"))
            self.assertEqual(passed.count(), sent.sum("100b", "200a", "inner", "stag")[0])
            self.assertEqual(unjudged(gate), {})
            found = interfaces(gate)
            self.assertEqual({n: (i["vlan"], i["device"], i["state"]) for n, i in found.items()},
                             {"transit": (100, "xg0", "filtering"),
                              "peering": (200, "xg0", "filtering"),
                              "rest": (None, "xg0", "filtering")})
            self.assertEqual(len({i["program_id"] for i in found.values()}), 3)
            self.assertIn("VLAN", gate.ctl("status").stdout)

    def test_unjudged(self):
        """a port of VLANs only: what is on none of them passes, and is counted as the port's"""
        policy = POLICY.replace("  rest: {port: xg0, policy: others}\n", "")
        with Edge() as lab:
            gate = lab.gate(policy).start()
            passed = lab.receiver(lab.router, "xg0")
            sent = lab.shoot(f"name=100,count=50,vlan=100,{A}", f"name=200,count=40,vlan=200,{B}",
                             f"name=300,count=300,vlan=300,{A}", f"name=plain,count=200,{B}")
            self.assertEqual(passed.count(), 500)
            self.assertEqual(unjudged(gate), {"xg0": sent.sum("300", "plain")})
            self.assertEqual(gate.stats().seen("transit"), sent.sum("100"))
            self.assertRegex(gate.ctl("stats").stdout, r"(?m)^xg0 +no-interface +500 ")
            gate.ctl("reload")  # and counts on
            more = lab.shoot(f"name=plain,count=100,{B}")
            both = tuple(map(sum, zip(sent.sum("300", "plain"), more.total)))
            self.assertEqual(unjudged(gate), {"xg0": both})

    def test_many(self):
        """more VLANs than are compared one by one"""
        lines = "".join(f"  v{vid}: {{port: xg0, vlan: {vid}, policy: p}}\n"
                        for vid in range(1001, 1041))
        policy = (f"interfaces:\n{lines}  rest: {{port: xg0, policy: p}}\npolicies:\n"
                  "  p: {rules: [{name: bad, match: {src: 198.18.0.0/15}, do: drop}]}\n")
        with Edge() as lab:
            gate = lab.gate(policy).start()
            streams = [f"name={vid},count={vid - 980},vlan={vid},{A}" for vid in range(1000, 1042)]
            sent, stats = lab.shoot(*streams, f"name=plain,count=9,{A}"), gate.stats()
            for vid in range(1001, 1041):
                self.assertEqual(stats.rule("bad", f"v{vid}"), sent.sum(str(vid)))
            self.assertEqual(stats.rule("bad", "rest"), sent.sum("1000", "1041", "plain"))


class Life(unittest.TestCase):
    """Reloads, kills, switches."""

    ALONE = """
interfaces:
  rest: {port: xg0, policy: all}
policies:
  all: {rules: [{name: bad, match: {src: [198.18.0.0/15, 192.0.2.0/24]}, do: drop}]}
"""
    SEVERAL = ALONE.replace("  rest:", "  transit: {port: xg0, vlan: 100, policy: all}\n"
                            "  peering: {port: xg0, vlan: 200, policy: all}\n  rest:")
    STREAMS = [f"name=bad,count=5,vlan=100,{A}", f"name=bad,count=3,vlan=200,{B}",
               f"name=bad,count=2,{A}", "name=good,count=1,vlan=100,src=203.0.113.0/24",
               "name=good,count=1,src=203.0.113.0/24"]

    def traffic(self, lab):
        receiver = lab.receiver(lab.router, "xg0")
        traffic = lab.traffic(lab.sender, "up0", *self.STREAMS, options=["--loop", "--rate", 20000])
        return traffic, receiver

    def judge(self, gate, traffic, receiver):
        """To the packet: whatever interface judged it, what was bad is gone."""
        sent = traffic.stop()
        rules = [r for r in gate.json("stats")["rules"] if r["name"] == "bad"]
        self.assertEqual(receiver.count(), sent.streams["good"][0])
        return sent, sum(r["packets"] for r in rules)

    def test_reload(self):
        """between one and several interfaces of a port, under traffic: no packet is misjudged"""
        with Edge() as lab:
            gate = lab.gate(self.ALONE).start()
            traffic, receiver = self.traffic(lab)
            for i in range(40):
                gate.set_policy(self.SEVERAL if i % 2 == 0 else self.ALONE)
                gate.ctl("reload")
                gate.read_notified()
            gate.set_policy(self.SEVERAL)
            gate.ctl("reload")
            gate.read_notified()
            sent, dropped = self.judge(gate, traffic, receiver)
            self.assertEqual(dropped, sent.streams["bad"][0])
            self.assertEqual(unjudged(gate), {})

    def test_kill(self):
        """kill -9 with several interfaces: the next daemon adopts all of them"""
        with Edge() as lab:
            gate = lab.gate(self.SEVERAL).start()
            traffic, receiver = self.traffic(lab)
            programs = {n: i["program_id"] for n, i in interfaces(gate).items()}
            for _ in range(3):
                good = gate.config.read_text()
                gate.kill()
                time.sleep(0.2)
                gate.set_policy("no: policy\n")
                gate.start()
                found = interfaces(gate)
                self.assertEqual({n: i["state"] for n, i in found.items()},
                                 dict.fromkeys(programs, "filtering"))
                self.assertEqual({n: i["program_id"] for n, i in found.items()}, programs)
                gate.set_policy(good)
            gate.ctl("reload")
            gate.read_notified()
            sent, dropped = self.judge(gate, traffic, receiver)
            self.assertEqual(dropped, sent.streams["bad"][0])
            gate.ctl("detach")
            self.assertFalse(gate.pins.exists())

    def test_off(self):
        """off and on, of one interface of a port, of the port, over reloads and restarts"""
        with Edge() as lab:
            gate = lab.gate(self.SEVERAL).start()
            passed = lab.receiver(lab.router, "xg0")

            def check(**off):
                wanted = {n: "off" if off.get(n) else "filtering"
                          for n in ("transit", "peering", "rest")}
                self.assertEqual(states(gate), wanted)
                passed.count()
                sent = lab.shoot(f"name=transit,count=4,vlan=100,{A}",
                                 f"name=peering,count=2,vlan=200,{A}", f"name=rest,count=1,{A}")
                self.assertEqual(passed.count(), sum(sent.sum(n)[0] for n in off if off[n]))

            check()
            gate.ctl("off", "transit")
            check(transit=True)
            gate.ctl("reload")
            gate.read_notified()
            check(transit=True)
            gate.kill()
            gate.start()
            check(transit=True)
            gate.ctl("off", "xg0")
            check(transit=True, peering=True, rest=True)
            gate.ctl("on", "rest")
            check(transit=True, peering=True)
            gate.ctl("on", "xg0")
            check()
            gate.ctl("off", "peering")
            gate.ctl("off")
            check(transit=True, peering=True, rest=True)
            gate.ctl("on", "transit")
            check(peering=True, rest=True)
            gate.ctl("on")
            check()
            # An interface that is off stays so by itself when it is alone on its port, ...
            gate.ctl("off", "rest")
            gate.set_policy(self.ALONE)
            gate.ctl("reload")
            gate.read_notified()
            self.assertEqual(states(gate), {"rest": "off"})
            gate.set_policy(self.SEVERAL)
            gate.ctl("reload")
            gate.read_notified()
            check(rest=True)
            # ... and so does one whose name has a dot.
            gate.set_policy(self.SEVERAL.replace("peering", "xg0.200"))
            gate.ctl("reload")
            gate.read_notified()
            gate.ctl("off", "xg0.200")
            self.assertEqual(states(gate), {"transit": "filtering", "xg0.200": "off", "rest": "off"})


class Names(unittest.TestCase):
    """Ports by alternative name and by MAC address."""

    NAMED = """
interfaces:
  transit: {port: an-alternative-name-longer-than-others, vlan: 100, policy: p}
  rest: {port: {mac: "02:00:5e:10:00:01"}, policy: p}
policies:
  p: {rules: [{name: bad, match: {src: 198.18.0.0/15}, do: drop}]}
"""

    def test_names(self):
        """a device by alternative name and by MAC address: its interfaces join it as it gets them"""
        with Edge() as lab:
            gate = lab.gate(self.NAMED).start()
            self.assertEqual(states(gate), {"transit": "absent", "rest": "absent"})
            lab.router.ip("link", "set", "xg0", "address", "02:00:5e:10:00:01")
            wait_state(gate, "rest", "filtering")
            sent = lab.shoot(f"name=100,count=50,vlan=100,{A}", f"name=plain,count=40,{A}")
            self.assertEqual(gate.stats().rule("bad", "rest"), sent.total)
            first = sent.total

            lab.router.ip("link", "property", "add", "dev", "xg0", "altname",
                          "an-alternative-name-longer-than-others")
            wait_state(gate, "transit", "filtering")
            self.assertEqual(states(gate)["rest"], "filtering")
            sent = lab.shoot(f"name=100,count=50,vlan=100,{A}", f"name=plain,count=40,{A}")
            self.assertEqual(gate.stats().rule("bad", "transit"), sent.sum("100"))
            both = tuple(map(sum, zip(first, sent.sum("plain"))))
            self.assertEqual(gate.stats().rule("bad", "rest"), both)
            self.assertFalse((gate.pins / "intent").exists())

            lab.router.ip("link", "set", "xg0", "address", "02:00:5e:10:00:02")
            wait_state(gate, "rest", "absent")
            self.assertEqual(states(gate)["transit"], "filtering")
            passed = lab.receiver(lab.router, "xg0")
            sent = lab.shoot(f"name=100,count=50,vlan=100,{A}", f"name=plain,count=40,{A}")
            self.assertEqual(passed.count(), 40)

    def test_ambiguous(self):
        """a MAC address of two devices is refused with their names, and used when it is of one"""
        policy = self.NAMED.replace("rest: {", "rest: {required: true, ")
        with Edge() as lab:
            lab.veth(lab.sender, "up1", lab.router, "xg1")
            for device in ("xg0", "xg1"):
                lab.router.ip("link", "set", device, "address", "02:00:5e:10:00:01")
            gate = lab.gate(policy).start(wait=False)
            netlab.wait_for(lambda: gate.ctl("status", check=False).returncode == 0,
                            "the daemon answers")
            self.assertEqual(states(gate)["rest"], "failed")
            error = interfaces(gate)["rest"]["error"]
            self.assertIn("02:00:5e:10:00:01 is that of 2 devices", error)
            self.assertRegex(error, "xg0 and xg1|xg1 and xg0")
            lab.router.ip("link", "set", "xg0", "address", "02:00:5e:10:00:07")
            wait_state(gate, "rest", "filtering")
            self.assertEqual(interfaces(gate)["rest"]["device"], "xg1")
            # Where it filters, a device that comes with the same address changes nothing.
            lab.router.ip("link", "set", "xg0", "address", "02:00:5e:10:00:01")
            gate.ctl("reload")
            gate.read_notified()
            self.assertEqual(interfaces(gate)["rest"]["device"], "xg1")
            self.assertEqual(states(gate)["rest"], "filtering")

    def test_same_device(self):
        """two names of one device cannot both have all that has no VLAN"""
        policy = self.NAMED.replace(", vlan: 100", "")
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            lab.router.ip("link", "set", "xg0", "address", "02:00:5e:10:00:01")
            lab.router.ip("link", "property", "add", "dev", "xg0", "altname",
                          "an-alternative-name-longer-than-others")
            gate.set_policy(policy)
            done = gate.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("interface 'rest' is not filtered: its port '02:00:5e:10:00:01' is the "
                          "same device as port 'an-alternative-name-longer-than-others' of "
                          "interface 'transit', which has no `vlan` either", done.stderr)
            self.assertEqual(set(states(gate)), {"transit", "peering", "rest"})


class Stripping(unittest.TestCase):
    """Drivers that take tags out of the frame."""

    RULE = """
interfaces:
  rest: {port: xg0, policy: p}
policies:
  p: {rules: [{name: bad, match: {vlan: 100}, do: drop}]}
"""

    def refuse(self, policy):
        with Edge() as lab:
            lab.router.run(["ethtool", "-K", "xg0", "rxvlan", "on"])
            gate = lab.gate(policy).start()
            found = interfaces(gate)
            for name, interface in found.items():
                self.assertEqual(interface["state"], "failed", name)
                self.assertIn("`ethtool -K xg0 rxvlan off`", interface["error"])
            self.assertIsNone(netlab.attached_program(lab.router, "xg0"))
            lab.router.run(["ethtool", "-K", "xg0", "rxvlan", "off"])
            for name in found:
                wait_state(gate, name, "filtering")

    def test_interface(self):
        """tags are stripped and an interface has a VLAN: refused with the remedy"""
        self.refuse(POLICY)

    def test_rule(self):
        """tags are stripped and a rule names a VLAN: refused with the remedy"""
        self.refuse(self.RULE)

    def test_reload(self):
        """a policy that needs tags does not replace one that filters without them"""
        with Edge() as lab:
            lab.router.run(["ethtool", "-K", "xg0", "rxvlan", "on"])
            gate = lab.gate(Life.ALONE).start()
            self.assertEqual(states(gate), {"rest": "filtering"})
            gate.set_policy(POLICY)
            done = gate.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("`ethtool -K xg0 rxvlan off`", done.stderr)
            self.assertEqual(states(gate), {"rest": "filtering"})

    def test_fix(self):
        """`fix: true`: turned off, said in the log; also when the device comes later"""
        policy = POLICY.replace("vlan: 200,", "vlan: 200, fix: true,").replace("xg0", "xg1")
        with Edge() as lab:
            gate = lab.gate(policy).start()
            lab.veth(lab.sender, "up1", lab.router, "xg1")
            wait_state(gate, "transit", "filtering")
            lab.router.ip("link", "delete", "xg1")
            wait_state(gate, "transit", "absent")
            netlab.run(["ip", "link", "add", "up1", "netns", lab.sender.handle, "type", "veth",
                        "peer", "name", "xg1", "netns", lab.router.handle])
            for namespace, name in ((lab.sender, "up1"), (lab.router, "xg1")):
                namespace.ip("link", "set", name, "up")
            lab.sender.run(["ethtool", "-K", "up1", "txvlan", "off"])
            wait_state(gate, "transit", "filtering")
            self.assertIn("did `ethtool -K xg1 rxvlan off rx-vlan-stag-hw-parse off`", gate.log())
            sent = lab.shoot(f"name=100,count=50,vlan=100,{A}", device="up1")
            self.assertEqual(gate.stats().rule("bad", "transit"), sent.total)
            # Somebody turns it on again.
            lab.router.run(["ethtool", "-K", "xg1", "rxvlan", "on"])
            netlab.wait_for(lambda: "did `ethtool -K xg1 rxvlan off`," in gate.log(), "it is off again")

    def test_watched(self):
        """stripping that is turned on later is said, and when it is off again all is well"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            lab.router.run(["ethtool", "-K", "xg0", "rxvlan", "on"])
            netlab.wait_for(lambda: interfaces(gate)["transit"]["error"], "it is said")
            self.assertIn("`ethtool -K xg0 rxvlan off`", interfaces(gate)["transit"]["error"])
            self.assertIn("does not see its packets as it should", gate.log())
            lab.router.run(["ethtool", "-K", "xg0", "rxvlan", "off"])
            netlab.wait_for(lambda: not interfaces(gate)["transit"]["error"], "all is well")


if __name__ == "__main__":
    tap.main()
