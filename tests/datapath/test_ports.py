#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two interfaces with a policy each, and all that can happen to one of them while the other
goes on: left out of the policy, another mode, another name, another device of the same number."""

import signal
import unittest

from crashlab import CrashLab, WIRES, assert_nothing_left, netlab, objects_of, pins_of

import tap

POLICY = """
interfaces:
  transit: {port: xg0, policy: internet}
  lan: {port: xg1, policy: customer%s}
policies:
  internet:
    default: pass
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
  customer:
    default: pass
    rules:
      - {name: worse, match: {src: 203.0.113.0/24}, do: drop}
"""
BOTH = POLICY % ""
ALONE = "\n".join(line for line in BOTH.splitlines() if "xg1" not in line)
STREAMS = ["name=bad,count=700,src=198.18.0.0/15", "name=worse,count=300,src=203.0.113.0/24"]
DROPS = {"transit": "bad", "lan": "worse"}


class Ports(unittest.TestCase):
    """What passes and what is counted is as the policy and the state of the port say."""

    def judge(self, lab, gate, filtering, wire=None):
        """Shoot at both wires: those in `filtering` drop their own stream, by their rule."""
        for name, (near, far) in WIRES.items():
            near, far = (wire or {}).get(name, (near, far))
            before = gate.stats().rules
            receiver = netlab.Receiver(lab.router, far)
            try:
                sent = lab.shoot(*STREAMS, device=near)
                passed = receiver.count()
            finally:
                receiver.close()
            dropped = sent.streams[DROPS[name]] if name in filtering else (0, 0)
            with self.subTest(interface=name):
                self.assertEqual(passed, sent.packets - dropped[0])
                if name in filtering:
                    after = gate.stats().rule(DROPS[name], name)
                    old = before.get((DROPS[name], name), (0, 0))
                    self.assertEqual((after[0] - old[0], after[1] - old[1]), dropped)

    def state(self, gate, name):
        return {i["name"]: i["state"] for i in gate.status()["interfaces"]}.get(name)

    def wait_state(self, gate, name, wanted):
        netlab.wait_for(lambda: self.state(gate, name) == wanted, f"{name} is {wanted}")

    def assert_ports(self, gate, *indexes):
        """Pins of just these ports, and programs of theirs in just one generation."""
        pins = pins_of(gate)
        ports = {p.split("/")[1].split("-i")[1] for p in pins if p.startswith("ports/")}
        self.assertEqual(ports, {str(i) for i in indexes}, pins)
        self.assertEqual({p.split("/")[1] for p in pins if p.startswith("generations/")},
                         {str(gate.stats().generation)}, pins)
        self.assertFalse([p for p in pins if p.startswith("intent")], pins)

    @staticmethod
    def index(lab, device):
        return lab.router.link(device)["ifindex"]

    def test_left_out(self):
        """an interface left out of the policy is disarmed: it passes; back in it, it counts on"""
        with CrashLab() as lab:
            gate = lab.gate(BOTH).start()
            self.judge(lab, gate, {"transit", "lan"})
            entry = netlab.attached_program(lab.router, "xg1")
            count = gate.stats().rule("worse")
            for restart in (False, True):
                gate.set_policy(ALONE)
                gate.ctl("reload")
                self.judge(lab, gate, {"transit"})
                self.assertIsNone(self.state(gate, "lan"))
                self.assertEqual(netlab.attached_program(lab.router, "xg1"), entry)
                if restart:
                    gate.kill()
                    gate.start()
                    self.judge(lab, gate, {"transit"})
                gate.set_policy(BOTH)
                gate.ctl("reload")
                self.assertEqual(gate.stats().rule("worse"), count)
                self.judge(lab, gate, {"transit", "lan"})
                count = gate.stats().rule("worse")
                self.assert_ports(gate, self.index(lab, "xg0"), self.index(lab, "xg1"))
            maps = objects_of(gate)["map"]
            gate.ctl("detach")
            assert_nothing_left(self, gate, maps)

    def test_mode(self):
        """another mode is refused with its remedy, and the old policy filters on"""
        for required in ("", ", required: true"):
            with self.subTest(required=required), CrashLab() as lab:
                gate = lab.gate(POLICY % required).start()
                gate.set_policy(POLICY % (", mode: generic" + required))
                generation = gate.stats().generation
                done = gate.ctl("reload", check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, "interface 'lan'.* xg1 is attached in native mode")
                self.assertIn("xdpgate detach", done.stderr)
                self.assertEqual(gate.stats().generation, generation)
                self.judge(lab, gate, {"transit", "lan"})
                gate.kill()
                gate.start()  # what was in force goes on: nobody has put the file in force
                self.judge(lab, gate, {"transit", "lan"})
                self.assertIn("edited, and not put in force", gate.status()["set_aside"])
                gate.ctl("detach")
                gate.process.wait(20)
                gate.start()
                modes = {i["name"]: i["mode"] for i in gate.status()["interfaces"]}
                self.assertEqual(modes, {"transit": "native", "lan": "generic"})
                self.judge(lab, gate, {"transit", "lan"})

    def rename(self, lab, old, new):
        lab.router.ip("link", "set", old, "down")
        lab.router.ip("link", "set", old, "name", new)
        lab.router.ip("link", "set", new, "up")

    def wait_up(self, lab):
        for near, _ in WIRES.values():
            netlab.wait_for(lambda n=near: lab.sender.link(n)["operstate"] == "UP", near)

    def test_renamed(self):
        """a port renamed is none of the policy's; two that swap their names swap their policies"""
        with CrashLab() as lab:
            gate = lab.gate(BOTH).start()
            one, two = self.index(lab, "xg0"), self.index(lab, "xg1")
            self.rename(lab, "xg1", "aside")
            self.wait_state(gate, "lan", "absent")
            self.wait_up(lab)
            self.judge(lab, gate, {"transit"}, {"lan": ("up1", "aside")})
            gate.ctl("reload")
            self.judge(lab, gate, {"transit"}, {"lan": ("up1", "aside")})
            self.assert_ports(gate, one, two)
            self.rename(lab, "xg0", "xg1")
            self.rename(lab, "aside", "xg0")
            swapped = {"transit": ("up1", "xg0"), "lan": ("up0", "xg1")}
            for name in WIRES:
                self.wait_state(gate, name, "filtering")
            self.wait_up(lab)
            netlab.wait_for(lambda: {i["name"]: i["ifindex"] for i in
                                     gate.status()["interfaces"]} == {"transit": two, "lan": one},
                            "the interfaces have changed places")
            self.judge(lab, gate, {"transit", "lan"}, swapped)
            # And behind the back of a daemon that is dead.
            gate.kill()
            self.rename(lab, "xg1", "aside")
            self.rename(lab, "xg0", "xg1")
            self.rename(lab, "aside", "xg0")
            self.wait_up(lab)
            gate.start()
            self.judge(lab, gate, {"transit", "lan"})
            self.assert_ports(gate, one, two)

    def replace(self, lab, device, peer):
        """Delete a veth pair and make another of the same names and number, in one breath."""
        index = self.index(lab, device)
        batch = lab.write("batch", f"link delete {device}\n"
                          f"link add {device} index {index} type veth peer name {peer} "
                          f"netns {lab.sender.handle}\nlink set {device} up\n")
        lab.router.ip("-batch", batch)
        for namespace, name in ((lab.sender, peer), (lab.router, device)):
            namespace.run(["ethtool", "-K", name, "rxvlan", "off", "txvlan", "off", "tx", "off"])
            namespace.ip("link", "set", name, "up")
        self.assertEqual(self.index(lab, device), index)
        self.wait_up(lab)

    def test_same_number(self):
        """a device made anew under the same number is attached anew; no state is taken over"""
        with CrashLab() as lab:
            gate = lab.gate(BOTH).start()
            one, two = self.index(lab, "xg0"), self.index(lab, "xg1")
            for alive in (True, True, False):
                if alive:  # it shall not see the moment in between
                    gate.process.send_signal(signal.SIGSTOP)
                else:
                    gate.kill()
                self.replace(lab, "xg1", "up1")
                if alive:
                    gate.process.send_signal(signal.SIGCONT)
                else:
                    gate.start()
                netlab.wait_for(lambda: netlab.attached_program(lab.router, "xg1"),
                                "attached again")
                self.wait_state(gate, "lan", "filtering")
                self.judge(lab, gate, {"transit", "lan"})
                self.assert_ports(gate, one, two)
            gate.ctl("reload")
            self.judge(lab, gate, {"transit", "lan"})
            self.assert_ports(gate, one, two)

    def test_deleted(self):
        """a device that is gone leaves no pin, and detach no trace"""
        with CrashLab() as lab:
            gate = lab.gate(BOTH).start()
            one = self.index(lab, "xg0")
            lab.router.ip("link", "delete", "xg1")
            self.wait_state(gate, "lan", "absent")
            gate.ctl("reload")
            self.assert_ports(gate, one)
            generation = gate.stats().generation
            self.assertEqual(len(list((gate.pins / "generations" / str(generation)).iterdir())), 2)
            maps = objects_of(gate)["map"]
            gate.ctl("detach")
            assert_nothing_left(self, gate, maps)

    def test_taken_off(self):
        """a program taken off by somebody else: said, and attached again"""
        with CrashLab() as lab:
            gate = lab.gate(BOTH).start()
            entry = netlab.attached_program(lab.router, "xg1")
            lab.router.ip("link", "set", "xg1", "xdp", "off")
            netlab.wait_for(lambda: netlab.attached_program(lab.router, "xg1")
                            not in (None, entry), "attached again")
            self.wait_state(gate, "lan", "filtering")
            self.wait_up(lab)
            self.judge(lab, gate, {"transit", "lan"})
            self.assertIn("no longer attached to xg1", gate.log())


if __name__ == "__main__":
    tap.main()
