#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The shipped unit under this machine's systemd: all that tests/systemd asks in a container,
on a kernel where libxdp's dispatcher works under the unit's hardening."""

import importlib.util
import pathlib
import sys

from guest import Guest, OURS, components  # first: it knows where the others are
import netlab
import tap

SYSTEMD = pathlib.Path(__file__).resolve().parents[1] / "systemd"
sys.path.insert(0, str(SYSTEMD))
specification = importlib.util.spec_from_file_location("container_unit", SYSTEMD / "test_unit.py")
container_unit = importlib.util.module_from_spec(specification)
specification.loader.exec_module(container_unit)


class UnitHere(container_unit.Unit):
    """The same cases without a container."""

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(netlab.Lab())
        cls.box = Guest()
        cls.box.quieten()
        cls.sender = cls.lab.namespace("sender")
        cls.lab.veth(cls.sender, "up0", cls.box, "xg0")
        cls.passed = cls.lab.receiver(cls.box, "xg0")
        cls.box.shell("systemd-sysusers")
        cls.box.shell("systemd-tmpfiles", "--create", "xdpgate.conf")
        cls.box.shell("systemctl", "daemon-reload")

    def test_13_dispatcher(self):
        """under the unit's hardening the dispatcher works, adopting and detaching too"""
        self.start()
        self.assertEqual(components(self.box, "xg0"), [OURS])
        self.systemctl("restart", "xdpgated")
        self.assertEqual(components(self.box, "xg0"), [OURS])
        self.shoot()
        self.box.shell("xdpgate", "detach")
        self.assertIsNone(components(self.box, "xg0"))



if __name__ == "__main__":
    tap.main()
