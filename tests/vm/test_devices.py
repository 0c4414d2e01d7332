#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Devices that a container has not: a network card (virtio), bonds, VLANs; and what an operator
is told where a device cannot be had natively."""

import os
import unittest

import guest  # first: it knows where the others are
import netlab
import tap
from edge import Edge
from guest import Cards, OURS, components, note
from netlab import BPFFS, run

POLICY = """
interfaces:
  it: {port: DEVICE, policy: edge, mode: MODE}
policies:
  edge:
    default: pass
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
"""
BAD = "name=bad,count=300,src=198.18.0.0/15,size=60-300"
GOOD = "name=good,count=200,src=203.0.113.0/24,size=60-300"


def policy(device, mode="native"):
    return POLICY.replace("DEVICE", device).replace("MODE", mode)


class Case(unittest.TestCase):
    """A lab, and what is asked of a device in it."""

    mtu = 1500

    def setUp(self):
        self.lab = self.enterContext(Edge(mtu=self.mtu))
        self.router, self.sender = self.lab.router, self.lab.sender
        self.n_gates = 0

    def refused(self, device, words, mode="native"):
        """The daemon cannot attach: it says so, with words; returns what it says."""
        self.n_gates += 1
        gate = self.lab.gate(policy(device, mode), name=f"gate{self.n_gates}")
        gate.start(wait=False)
        netlab.wait_for(lambda: gate.process.poll() is not None or
                        gate.ctl("status", check=False).returncode == 0, "a word of the daemon")
        told = gate.log()
        if gate.process.poll() is None:
            told += str(gate.status()["interfaces"][0]["error"])
        note(f"{device}: {gate.log()}")
        self.assertRegex(told, words)
        gate.close()
        return told

    def filters(self, device, sender_device="up0", mode="native", gate=None):
        """The daemon attaches; packets are filtered and counted exactly."""
        self.n_gates += 1
        gate = gate or self.lab.gate(policy(device, mode), name=f"gate{self.n_gates}").start()
        interface = gate.status()["interfaces"][0]
        self.assertEqual((interface["state"], interface["mode"]), ("filtering", mode))
        receiver = self.lab.receiver(self.router, device)
        before = gate.stats().rule("bad")
        sent = self.lab.shoot(BAD, GOOD, device=sender_device)
        netlab.wait_for(lambda: gate.stats().seen("it")[0] >= sent.packets, "all have arrived")
        after = gate.stats().rule("bad")
        self.assertEqual((after[0] - before[0], after[1] - before[1]), sent.streams["bad"])
        self.assertEqual(receiver.count(), sent.streams["good"][0])
        return gate


class Devices(Cards, Case):
    """The router's namespace gets a device of each kind."""

    def test_virtio(self):
        """a network card: native mode, through the dispatcher, counted exactly"""
        self.card("eth0")
        self.card("eth1", self.sender)
        gate = self.filters("eth0", "eth1")
        self.assertEqual(components(self.router, "eth0"), [OURS])
        gate.kill()
        gate.start()
        self.filters("eth0", "eth1", gate=gate)
        gate.ctl("detach")
        self.assertIsNone(netlab.attached_program(self.router, "eth0"))

    def test_virtio_jumbo(self):
        """a network card at MTU 9000: refused, with what to do"""
        self.card()
        self.router.ip("link", "set", "eth0", "mtu", 9000)
        self.refused("eth0", "lower the MTU")

    def test_virtio_jumbo_later(self):
        """a network card gets MTU 9000 while attached: detach says what to do, and then works"""
        self.card()
        gate = self.lab.gate(policy("eth0")).start()
        if self.router.ip("link", "set", "eth0", "mtu", 9000, check=False).returncode:
            self.skipTest("the driver does not let the MTU grow")
        done = gate.ctl("detach", check=False)
        note(done.stderr)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("lower the MTU", done.stderr)
        self.assertEqual(components(self.router, "eth0"), [OURS])
        self.router.ip("link", "set", "eth0", "mtu", 1500)
        gate.ctl("detach")
        self.assertIsNone(netlab.attached_program(self.router, "eth0"))

    def test_bond(self):
        """a bond: attached to it, its members filter"""
        self.bond("active-backup")
        self.filters("bond7")
        self.refused("xg0", "(?i)bond|upper device")

    def test_bond_member_added(self):
        """a bond gets another member while we are attached: that one filters, too"""
        self.bond("balance-rr")
        gate = self.filters("bond7")
        self.lab.veth(self.sender, "up1", self.router, "xg1")
        self.router.ip("link", "set", "xg1", "down")
        done = self.router.ip("link", "set", "xg1", "master", "bond7", check=False)
        note(f"adding a member under XDP: {done.returncode} {done.stderr.strip()}")
        self.router.ip("link", "set", "xg1", "up")
        netlab.wait_for(lambda: self.sender.link("up1")["operstate"] == "UP", "up1 is up")
        self.filters("bond7", "up1", gate=gate)

    def test_bond_mode(self):
        """a bond mode without native XDP: refused, with what to do"""
        self.bond("broadcast")
        self.refused("bond7", "(?i)No native XDP support for the current bonding mode")

    def test_vlan(self):
        """a VLAN device: no native mode, and the message says what to do; generic works"""
        self.router.ip("link", "add", "link", "xg0", "name", "xg0.100", "type", "vlan", "id", 100)
        self.router.ip("link", "set", "xg0.100", "up")
        self.refused("xg0.100", "(?i)not support XDP in native mode.*|native")
        gate = self.lab.gate(policy("xg0.100", "generic")).start()
        sent = self.lab.shoot(BAD.replace("size=60-300", "size=70-300") + ",vlan=100")
        self.assertEqual(gate.stats().rule("bad")[0], sent.packets)

    def test_others(self):
        """devices without native XDP: dummy, bridge; each message names the way out"""
        for kind in ("dummy", "bridge"):
            self.router.ip("link", "add", f"{kind}7", "type", kind)
            self.router.ip("link", "set", f"{kind}7", "up")
            told = self.refused(f"{kind}7", "native")
            self.assertIn("generic", told)

    def test_queues(self):
        """fewer receive queues than the peer's transmit queues: refused, with what to do"""
        self.router.ip("link", "add", "vq0", "numrxqueues", 1, "numtxqueues", 1, "type", "veth",
                       "peer", "name", "vq1", "numrxqueues", 4, "numtxqueues", 4)
        self.router.ip("link", "set", "vq0", "up")
        self.router.ip("link", "set", "vq1", "up")
        self.refused("vq0", "(?i)queues")

    def test_foreign(self):
        """a program without a dispatcher is there already: refused, until it is taken off"""
        run(["bpftool", "prog", "load", netlab.BUILD / "xdp" / "pass.bpf.o", BPFFS / "foreign",
             "type", "xdp"])
        self.addCleanup(os.unlink, BPFFS / "foreign")
        for how in ("xdpdrv", "xdpgeneric"):
            with self.subTest(how):
                self.router.run(["bpftool", "net", "attach", how, "pinned", BPFFS / "foreign",
                                 "dev", "xg0"])
                told = self.refused("xg0", "xdp-loader unload --all")
                self.assertIn("dispatcher", told)
                self.router.run(["xdp-loader", "unload", "--all", "xg0"])
                self.filters("xg0").close()

    def test_foreign_generic(self):
        """a dispatcher in generic mode is there already: refused, and it stays as it was"""
        self.router.run(["xdp-filter", "load", "-m", "skb", "-p", "allow", "xg0"])
        self.addCleanup(self.router.run, ["xdp-filter", "unload", "xg0"], check=False)
        self.refused("xg0", "attached in generic mode")
        self.assertEqual(components(self.router, "xg0"), ["xdpfilt_alw_all"])
        self.filters("xg0", mode="generic")
        self.assertEqual(components(self.router, "xg0"), [OURS, "xdpfilt_alw_all"])


class Jumbo(Case):
    """Large frames."""

    mtu = 9000

    def test_jumbo(self):
        """MTU 9000 over veth"""
        gate = self.lab.gate(policy("xg0")).start(wait=False)
        netlab.wait_for(lambda: gate.process.poll() is not None or
                        gate.ctl("status", check=False).returncode == 0, "a word of the daemon")
        note(gate.log())
        interface = gate.status()["interfaces"][0]
        note(str(interface))
        if interface["state"] != "filtering":
            self.assertRegex(interface["error"], "(?i)mtu")
            return
        self.filters("xg0", gate=gate)
        receiver = self.lab.receiver(self.router, "xg0")
        before = gate.stats()
        sent = self.lab.shoot("name=bad,count=200,src=198.18.0.0/15,size=3600-9014",
                              "name=good,count=100,src=203.0.113.0/24,size=3600-9014")
        after = gate.stats()
        self.assertEqual(after.rule("bad")[1] - before.rule("bad")[1], sent.streams["bad"][1])
        self.assertEqual(receiver.count(), sent.streams["good"][0])




if __name__ == "__main__":
    tap.main()
