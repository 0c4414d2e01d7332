#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make run` as a newcomer sees it: it shows what it promises, ends by itself or on Ctrl-C, and
leaves nothing behind."""

import os
import re
import signal
import subprocess
import tempfile
import unittest

import netlab
import tap
from edge import Edge

LAB = netlab.ROOT / "scripts" / "lab"


class MakeRun(unittest.TestCase):
    """scripts/lab, which is what `make run` runs."""

    def start(self, seconds, *argv, wrap=()):
        environment = dict(os.environ, SECONDS_TO_RUN=str(seconds),
                           XDPGATE_BUILD=str(netlab.BUILD))
        return subprocess.Popen([*wrap, LAB, *argv], env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, preexec_fn=netlab.die_with_parent)

    def assert_nothing_left(self, pid):
        mine = netlab.name_of(pid)
        for folder in ("/run/netns", netlab.BPFFS, tempfile.gettempdir()):
            self.assertEqual([n for n in os.listdir(folder) if n.startswith(mine)], [])
        processes = netlab.run(["pgrep", "-f", mine], check=False).stdout
        self.assertEqual(processes, "")

    def test_lab(self):
        """the lab shows drops, passes, redirects and counts, and ends by itself"""
        lab = self.start(4)
        out, _ = lab.communicate(timeout=60)
        self.assertEqual(lab.returncode, 0, out)
        for rule in ("blocked", "dns-amp", "scrub"):
            self.assertRegex(out, rf"(?m)^{rule} +[1-9]\d* +[1-9]\d* +rule {rule}: ")
        self.assertRegex(out, r"(?m)^management +[1-9]\d* +rule management: passed; [1-9]")
        self.assertRegex(out, r"(?m)^ping +[1-9].*; [1-9]\d* answers came back")
        self.assertRegex(out, r"(?m)^ping -6 +[1-9].*; [1-9]\d* answers came back")
        verdicts = re.search(r"drop (\d+) packets.*pass (\d+) packets.*redirect (\d+) packets",
                             out)
        self.assertTrue(all(int(n) > 0 for n in verdicts.groups()), out)
        self.assertIn("Every packet that a rule was to decide is in its counter.", out)
        self.assert_nothing_left(lab.pid)

    def test_interrupt(self):
        """Ctrl-C in the middle: the summary, and nothing is left"""
        lab = self.start(60)
        first = ""
        while "s to go" not in first:
            line = lab.stdout.readline()
            self.assertNotEqual(line, "", first)
            first += line
        lab.send_signal(signal.SIGINT)
        out, _ = lab.communicate(timeout=60)
        self.assertEqual(lab.returncode, 0, first + out)
        self.assertIn("What became of it", out)
        self.assert_nothing_left(lab.pid)

    def test_refusals(self):
        """half of IFACE and POLICY, or a policy that does not name the interface: refused"""
        with Edge() as lab:
            example = netlab.ROOT / "config" / "examples" / "first-light.yaml"
            wrap = lab.router.argv([])
            for argv, words in ((("xg0", ""), "POLICY="), (("", example), "IFACE="),
                                (("xg0", "/nowhere.yaml"), "there is no such file"),
                                (("xg7", example), "no network interface xg7"),
                                (("xg0", example), "does not name xg0: it filters on xg-out")):
                with self.subTest(argv=argv):
                    process = self.start(5, *map(str, argv), wrap=wrap)
                    out, _ = process.communicate(timeout=30)
                    self.assertNotEqual(process.returncode, 0)
                    self.assertIn(words, out)
                    self.assertNotIn("Traceback", out)
                    self.assertIsNone(netlab.attached_program(lab.router, "xg0"))

    def test_real_interface(self):
        """an interface and its policy: filters until Ctrl-C, then detaches"""
        with Edge() as lab:
            policy = lab.write("real.yaml", """
interfaces:
  xg0: {policy: edge}
policies:
  edge:
    default: pass
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
""")
            process = self.start(5, "xg0", str(policy), wrap=lab.router.argv([]))
            out = ""
            while "filtering" not in out:
                line = process.stdout.readline()
                self.assertNotEqual(line, "", out)
                out += line
            passed = lab.receiver(lab.router, "xg0")
            lab.shoot("count=100,src=198.18.0.0/15")
            self.assertEqual(passed.count(), 0)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0)
            self.assertIsNone(netlab.attached_program(lab.router, "xg0"))
            self.assert_nothing_left(process.pid)


if __name__ == "__main__":
    tap.main()
