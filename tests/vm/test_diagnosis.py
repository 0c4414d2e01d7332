#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate doctor on devices that a container has not: a network card (virtio), bonds, VLANs. What
it finds on veths, tests/e2e/test_doctor.py shows, which runs here as well."""

import guest  # first: it knows where the others are
import tap
import test_doctor
from test_doctor import NO_NATIVE, POLICY


class Devices(guest.Cards, test_doctor.Case):
    """The cause and its command, for each device."""

    def setUp(self):
        super().setUp()
        self.sender = self.lab.sender

    def consult(self, device, mode="native"):
        """From now on the policy is about this device."""
        self.config = self.lab.write("doctor.yaml", POLICY.replace("xg0", device)
                                     .replace("native", mode))

    def agrees(self, check, device, words):
        """What the check says is what the kernel says; returns the finding."""
        self.consult(device)
        finding = self.finding(check)
        tried = self.finding("try", "--try")
        guest.note(f"{device}: {finding['kernel']} / {tried['kernel']}: {finding['remedy']}")
        self.assertIn(words, finding["kernel"])
        self.assertIn(words, tried["kernel"])
        return finding

    def test_virtio_jumbo(self):
        """a network card at MTU 9000: too large, until it is lowered"""
        self.card()
        self.router.ip("link", "set", "eth0", "mtu", 9000)
        finding = self.agrees("mtu", "eth0", "MTU too large to enable XDP")
        self.cure(finding)
        self.cured("mtu")
        self.cured("try", "--try")

    def test_virtio_jumbo_later(self):
        """a network card gets MTU 9000 while we are attached: detaching would fail"""
        self.card()
        gate = self.lab.gate(POLICY.replace("xg0", "eth0")).start()
        self.socket, self.config = gate.socket, gate.config
        self.cured("mtu")
        if self.router.ip("link", "set", "eth0", "mtu", 9000, check=False).returncode:
            self.skipTest("the driver does not let the MTU grow")
        finding = self.finding("mtu", level="warning")
        self.assertIn("detaching will fail", finding["text"])
        self.assertNotEqual(gate.ctl("detach", check=False).returncode, 0)
        self.cure(finding)
        self.cured("mtu")
        gate.ctl("detach")

    def test_bond_mode(self):
        """a bond mode without native XDP, until the mode is another"""
        self.bond("broadcast", ())
        finding = self.agrees("stack", "bond7", "No native XDP support for the current bonding mode")
        self.cure(finding)
        self.cured("stack")

    def test_bond_member(self):
        """a member of a bond that has XDP: the policy's port is the bond"""
        self.bond("active-backup")
        self.consult("bond7")
        self.cured("stack")
        self.assertIsNone(self.attach("bond7", "xdpdrv"))
        self.consult("xg0")
        finding = self.finding("stack")
        self.assertEqual(finding["kernel"],
                         "Cannot attach when an upper device already has a program.")
        self.router.ip("link", "set", "dev", "bond7", "xdpdrv", "off")
        self.cure(finding, **self.editor("s/port: xg0/port: bond7/"))
        self.cured("stack")

    def test_bond_bad_member(self):
        """a bond whose member has no native XDP, until that is taken out"""
        self.router.ip("link", "add", "dummy7", "type", "dummy")
        self.bond("active-backup", ("xg0", "dummy7"))
        finding = self.agrees("stack", "bond7", "Slave device does not support XDP")
        self.cure(finding)
        self.cured("stack")
        self.cured("try", "--try")

    def test_others(self):
        """a VLAN device, whose port can judge it natively; dummy, bridge"""
        self.router.ip("link", "add", "link", "xg0", "name", "xg0.100", "type", "vlan", "id", 100)
        self.consult("xg0.100")
        finding = self.finding("stack")
        self.cure(finding, **self.editor("s/port: xg0.100/port: xg0, vlan: 100/"))
        self.cured("stack")
        self.cured("driver")
        for kind in ("dummy", "bridge"):
            self.router.ip("link", "add", f"{kind}7", "type", kind)
            finding = self.agrees("driver", f"{kind}7", NO_NATIVE)
            self.cure(finding, **self.editor("s/native/generic/"))
            self.cured("driver")
            self.cured("try", "--try")


if __name__ == "__main__":
    tap.main()
