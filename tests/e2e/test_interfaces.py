#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Interfaces that come, go and change their names; several of them; jumbo frames, VLAN tags,
redirects; and an entry program whose slot is empty."""

import time
import unittest

import netlab
import tap
from edge import Edge, ROUTER4, VICTIM4
from netlab import run

POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
policies:
  edge:
    default: pass
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
"""
BAD = "name=bad,count=1000,src=198.18.0.0/15,size=60-300"


def state(gate, name):
    return next(i["state"] for i in gate.status()["interfaces"] if i["name"] == name)


def wait_state(gate, name, wanted):
    netlab.wait_for(lambda: state(gate, name) == wanted, f"{name} is {wanted}")


class Coming(unittest.TestCase):
    """Network devices that are not always there."""

    LATE = POLICY.replace("policies:", "  late: {port: xg1, policy: edge, required: true}\n"
                          "policies:")

    def test_required(self):
        """a required interface that is absent withholds READY; it is attached when it appears"""
        with Edge() as lab:
            gate = lab.gate(self.LATE).start(wait=False)
            netlab.wait_for(lambda: gate.ctl("status", check=False).returncode == 0,
                            "the daemon answers")
            time.sleep(0.5)
            gate.read_notified()
            self.assertFalse([m for m in gate.notified if "READY" in m])
            self.assertEqual(state(gate, "late"), "absent")
            self.assertFalse(gate.status()["ready"])
            # The interface that is there filters already.
            sent = lab.shoot(BAD)
            self.assertEqual(gate.stats().rule("bad", "transit"), sent.total)

            lab.veth(lab.sender, "up1", lab.router, "xg1")
            gate.wait_notified(lambda m: m.get("READY") == "1", "READY=1")
            self.assertTrue(gate.status()["ready"])
            sent = lab.shoot(BAD, device="up1")
            self.assertEqual(gate.stats().rule("bad", "late"), sent.total)

    def test_come_and_go(self):
        """an interface that vanishes and comes back is filtered again and counts on"""
        with Edge() as lab:
            gate = lab.gate(self.LATE.replace(", required: true", "")).start()
            total = (0, 0)
            for _ in range(3):
                lab.veth(lab.sender, "up1", lab.router, "xg1")
                wait_state(gate, "late", "filtering")
                sent = lab.shoot(BAD, device="up1")
                total = (total[0] + sent.packets, total[1] + sent.bytes)
                self.assertEqual(gate.stats().rule("bad", "late"), total)
                lab.router.ip("link", "delete", "xg1")
                wait_state(gate, "late", "absent")
            self.assertEqual(state(gate, "transit"), "filtering")
            gate.ctl("reload")
            ports = [p.name for p in (gate.pins / "ports").iterdir()]
            self.assertEqual(len(ports), 1, f"pins of interfaces that are gone: {ports}")

    def test_renamed(self):
        """a rename takes an interface out of the policy, or into it"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            lab.router.ip("link", "set", "xg0", "down")
            lab.router.ip("link", "set", "xg0", "name", "elsewhere")
            lab.router.ip("link", "set", "elsewhere", "up")
            wait_state(gate, "transit", "absent")
            lab.router.ip("link", "set", "elsewhere", "down")
            lab.router.ip("link", "set", "elsewhere", "name", "xg0")
            lab.router.ip("link", "set", "xg0", "up")
            wait_state(gate, "transit", "filtering")
            netlab.wait_for(lambda: lab.sender.link("up0")["operstate"] == "UP", "up0 is up")
            sent = lab.shoot(BAD)
            self.assertEqual(gate.stats().rule("bad"), sent.total)

    def test_two_policies(self):
        """two interfaces with a policy each: every one counts its own"""
        policy = """
interfaces:
  transit: {port: xg0, policy: internet}
  lan: {port: xg1, policy: customer}
policies:
  internet:
    default: pass
    rules:
      - {name: spoofed, match: {src: 203.0.113.0/24}, do: drop}
      - {name: shared, match: {dport: 9}, do: count}
  customer:
    default: pass
    rules:
      - {name: bcp38, match: {src: {not: 203.0.113.0/24}}, do: drop}
      - {name: shared, match: {dport: 9}, do: count}
"""
        with Edge() as lab:
            lab.veth(lab.sender, "up1", lab.router, "xg1")
            gate = lab.gate(policy).start()
            streams = ["name=own,count=1000,src=203.0.113.0/24,size=60-200",
                       "name=foreign,count=700,src=198.18.0.0/15,size=60-200"]
            north, south = lab.shoot(*streams), lab.shoot(*streams, device="up1")
            stats = gate.stats()
            self.assertEqual(stats.rule("spoofed", "transit"), north.streams["own"])
            self.assertEqual(stats.rule("shared", "transit"), north.streams["foreign"])
            self.assertEqual(stats.rule("bcp38", "lan"), south.streams["foreign"])
            self.assertEqual(stats.rule("shared", "lan"), south.streams["own"])
            self.assertEqual(stats.verdict("lan", "drop"), south.streams["foreign"])
            self.assertEqual(stats.verdict("transit", "drop"), north.streams["own"])

    def test_shared_policy(self):
        """a policy on two interfaces: a row for each, and `interface` tells them apart"""
        policy = """
interfaces:
  a: {port: xg0, policy: edge}
  b: {port: xg1, policy: edge}
policies:
  edge:
    default: pass
    rules:
      - {name: all, match: {proto: udp}, do: count}
      - {name: only-b, match: {interface: b, src: 198.18.0.0/15}, do: drop}
"""
        with Edge() as lab:
            lab.veth(lab.sender, "up1", lab.router, "xg1")
            gate = lab.gate(policy).start()
            one, two = lab.shoot(BAD), lab.shoot(BAD, device="up1")
            stats = gate.stats()
            self.assertEqual(stats.rule("all", "a"), one.total)
            self.assertEqual(stats.rule("all", "b"), two.total)
            self.assertEqual(stats.verdict("a", "pass"), one.total)
            self.assertEqual(stats.verdict("b", "drop"), two.total)
            self.assertEqual(stats.rule("only-b", "b"), two.total)


class Frames(unittest.TestCase):
    """Frames that are not plain."""

    def test_jumbo(self):
        """MTU 9000: attached natively, frames of several buffers counted to the byte"""
        with Edge(mtu=9000) as lab:
            gate = lab.gate(POLICY.replace("drop", "pass")).start()
            interface = gate.status()["interfaces"][0]
            self.assertTrue(interface["frags"])
            self.assertEqual(interface["mode"], "native")
            passed = lab.receiver(lab.router, "xg0")
            sent = lab.shoot("name=bad,count=20000,src=198.18.0.0/15,size=60-9014",
                             "name=six,count=5000,dst=2001:db8::1,size=3500-9014",
                             "name=full,count=100,src=203.0.113.1,size=9014")
            stats = gate.stats()
            self.assertEqual(stats.rule("bad"), sent.sum("bad"))
            self.assertEqual(stats.reason("transit", "default"), sent.sum("six", "full"))
            self.assertEqual(stats.seen("transit"), sent.total)
            self.assertEqual(passed.count(), sent.packets)

    def test_vlan(self):
        """VLAN tags in the frame: matched by the outer one, the packet inside is judged too"""
        policy = """
interfaces:
  transit: {port: xg0, policy: edge}
policies:
  edge:
    default: pass
    rules:
      - {name: vlan100, match: {vlan: 100}, do: drop}
      - {name: vlans, match: {vlan: 200-300, dport: 53}, do: drop}
      - {name: not200, match: {vlan: {not: 200}}, do: count}
      - {name: inside, match: {src: 198.18.0.0/15}, do: drop}
"""
        with Edge() as lab:
            gate = lab.gate(policy).start()
            stream = "src=198.18.0.0/15,size=70-200"
            sent = lab.shoot(f"name=100,count=500,vlan=100,{stream}",
                             f"name=qinq,count=400,vlan=100.200,dst=2001:db8::1,size=80-200",
                             f"name=dns,count=300,vlan=200.7,dport=53,{stream}",
                             f"name=200,count=200,vlan=200,{stream}",
                             f"name=400,count=100,vlan=400,{stream}",
                             f"name=priority,count=70,vlan=0,{stream}",
                             f"name=plain,count=60,{stream}",
                             "name=deep,count=50,raw=" + "ff" * 12 + "88a80001" + "81000002"
                             + "81000003" + "0800" + "00" * 46)
            stats = gate.stats()
            self.assertEqual(stats.rule("vlan100"), sent.sum("100", "qinq"))
            self.assertEqual(stats.rule("vlans"), sent.sum("dns"))
            self.assertEqual(stats.rule("not200"), sent.sum("400"))
            self.assertEqual(stats.rule("inside"), sent.sum("200", "400", "priority", "plain"))
            self.assertEqual(stats.reasons("transit"), {"vlan-too-deep": sent.sum("deep")})
            self.assertEqual(stats.seen("transit"), sent.total)


class Redirect(unittest.TestCase):
    """Packets sent out of another interface."""

    POLICY = f"""
interfaces:
  transit: {{port: xg0, policy: edge}}
policies:
  edge:
    default: drop
    rules:
      - {{name: scrub, match: {{dst: {VICTIM4}}}, do: {{redirect: xg-scrub}}}}
"""
    STREAM = f"name=victim,count=3000,src=198.18.0.0/15,dst={VICTIM4},size=60-1514"

    def test_redirect(self):
        """redirected frames arrive at the other end, unchanged and all of them"""
        with Edge() as lab:
            gate = lab.gate(self.POLICY).start()
            capture = lab.folder / "sent.pcap"
            lab.write_capture(capture, self.STREAM)
            receiver = lab.receiver(lab.scrubber, "sc0", keep=True)
            sent = netlab.Traffic(lab.sender, "up0", [], ["--pcap", capture]).wait()
            got = receiver.frames()
            self.assertEqual(gate.stats().verdict("transit", "redirect"), sent.total)
            self.assertEqual(gate.stats().rule("scrub"), sent.total)
            self.assertEqual((len(got), sum(map(len, got))), sent.total)
            self.assertEqual(got, netlab.captured(capture))

    def test_target_absent(self):
        """a target that is absent drops, and says so; it is used when it appears"""
        with Edge() as lab:
            lab.router.ip("link", "delete", "xg-scrub")
            gate = lab.gate(self.POLICY).start()
            sent = lab.shoot(self.STREAM)
            stats = gate.stats()
            self.assertEqual(stats.verdict("transit", "drop"), sent.total)
            self.assertEqual(stats.reasons("transit"), {"redirect-failed": sent.total})
            self.assertEqual(stats.rule("scrub"), sent.total)

            lab.veth(lab.router, "xg-scrub", lab.scrubber, "sc0")
            receiver = lab.receiver(lab.scrubber, "sc0", keep=True)
            netlab.wait_for(lambda: lab.shoot(f"dst={VICTIM4}") and receiver.frames(),
                            "the target that appeared is used")


class EmptySlot(unittest.TestCase):
    """The entry program finds nothing to jump to."""

    def check(self, fail, arrives):
        with Edge() as lab:
            gate = lab.gate(f"fail: {fail}\n" + POLICY).start()
            gate.kill()
            slot, = (gate.pins / "ports").glob("*/slot")
            run(["bpftool", "map", "delete", "pinned", slot, "key", 0, 0, 0, 0])
            passed = lab.receiver(lab.router, "xg0")
            sent = lab.shoot(BAD, f"count=100,dst={ROUTER4},src=203.0.113.1")
            self.assertEqual(passed.count(), sent.packets if arrives else 0)
            gate.start()  # and all is well again
            passed.count()
            sent = lab.shoot(BAD, f"name=good,count=100,dst={ROUTER4},src=203.0.113.1")
            self.assertEqual(passed.count(), sent.streams["good"][0])
            self.assertEqual(gate.stats().rule("bad"), sent.streams["bad"])

    def test_open(self):
        """an empty slot with `fail: open`: everything passes"""
        self.check("open", True)

    def test_closed(self):
        """an empty slot with `fail: closed`: everything is dropped"""
        self.check("closed", False)


if __name__ == "__main__":
    tap.main()
