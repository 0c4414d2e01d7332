#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reloads: under traffic every packet is judged by the old or the new policy, nothing leaks,
and a bad policy changes nothing.

RELOADS=1000 tests/e2e/test_reload.py UnderTraffic     makes a long run of it
"""

import os
import unittest

import netlab
import tap
from edge import Edge

RELOADS = int(os.environ.get("RELOADS", "60"))
WARM_UP = 10  # reloads before memory is compared

HEAD = """
interfaces:
  transit: {port: xg0, policy: edge}
policies:
  edge:
    default: pass
    rules:
"""
# Each policy drops all of the test's traffic, by a rule of its own.
POLICY_A = HEAD + """
      - {name: by-a, match: {src: [198.18.0.0/15, 2001:db8:a::/48]}, do: drop}
      - {name: by-b, match: {src: 203.0.113.99}, do: drop}
"""
POLICY_B = HEAD + """
      - {name: by-a, match: {src: 203.0.113.98}, do: pass}
      - {name: fill, match: {dport: 1-1000, sport: 7}, do: count}
      - {name: by-b, match: {proto: udp}, do: drop}
"""
STREAMS = ["name=v4,count=3,src=198.18.0.0/15,size=60-200",
           "name=v6,count=1,src=2001:db8:a::/48,dst=2001:db8:b::1"]


class UnderTraffic(unittest.TestCase):
    """Two policies take turns while packets flow."""

    seconds = 120 + RELOADS

    @staticmethod
    def footprint(gate):
        """What a leak would make grow: descriptors, resident memory, pins."""
        with open(f"/proc/{gate.process.pid}/status", encoding="ascii") as status:
            rss = next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
        pins = sum(len(files) for _, _, files in os.walk(gate.pins))
        return {"fds": len(os.listdir(f"/proc/{gate.process.pid}/fd")), "rss": rss,
                "pins": pins}

    def reload(self, gate, times):
        for i in range(times):
            gate.set_policy(POLICY_B if i % 2 == 0 else POLICY_A)
            gate.hangup()

    def test_reloads(self):
        """reloads by SIGHUP under traffic: no packet lost or misjudged, nothing grows"""
        with Edge() as lab:
            gate = lab.gate(POLICY_A).start()
            leaked = lab.receiver(lab.router, "xg0")
            traffic = lab.traffic(lab.sender, "up0", *STREAMS, options=["--loop"])
            self.reload(gate, WARM_UP)
            before = self.footprint(gate)
            programs = len(netlab.bpf_objects("prog"))
            maps = len(netlab.bpf_objects("map"))
            generation = gate.stats().generation
            self.reload(gate, RELOADS)
            sent = traffic.stop()
            stats, status = gate.stats(), gate.status()

            self.assertEqual(leaked.count(), 0, "packets that both policies drop have passed")
            self.assertEqual(stats.verdict("transit", "drop"), sent.total)
            by_a, by_b = stats.rule("by-a"), stats.rule("by-b")
            self.assertEqual((by_a[0] + by_b[0], by_a[1] + by_b[1]), sent.total)
            self.assertGreater(by_a[0], 0)
            self.assertGreater(by_b[0], 0)
            self.assertEqual(stats.reasons("transit"), {})
            self.assertEqual(status["reloads"], WARM_UP + RELOADS)
            self.assertEqual(status["failed_reloads"], 0)
            self.assertEqual(stats.generation, generation + RELOADS)
            self.assertEqual(netlab.attached_program(lab.router, "xg0") is None, False)

            after = self.footprint(gate)
            self.assertLessEqual(after["fds"], before["fds"])
            self.assertLessEqual(after["pins"], before["pins"])
            self.assertLess(after["rss"] - before["rss"], 1024, "KiB of resident memory")
            # Others may load programs meanwhile, and the kernel frees a little later.
            slack = RELOADS // 4
            netlab.wait_for(lambda: len(netlab.bpf_objects("prog")) <= programs + slack,
                            f"no more than {programs} BPF programs")
            netlab.wait_for(lambda: len(netlab.bpf_objects("map")) <= maps + slack,
                            f"no more than {maps} BPF maps")


class Bad(unittest.TestCase):
    """Bad policies at reload."""

    # Line 8 says "drpo" at column 52.
    MISSPELT = HEAD + "      - {name: by-a, match: {src: 198.18.0.0/15}, do: drpo}\n"
    NO_LIST = HEAD.replace("policies:", "sets:\n  gone: {file: gone.txt}\npolicies:") + \
        "      - {name: by-a, match: {src: $gone}, do: drop}\n"

    def assert_filters(self, lab, gate):
        """The old policy is in force: it drops, and counts in its rule."""
        before = gate.stats().rule("by-a")
        sent = lab.shoot("count=1000,src=198.18.0.0/15")
        after = gate.stats().rule("by-a")
        self.assertEqual((after[0] - before[0], after[1] - before[1]), sent.total)

    def test_command(self):
        """`xdpgate reload` of a bad policy fails with its place; the old one filters on"""
        with Edge() as lab:
            gate = lab.gate(POLICY_A).start()
            generation = gate.stats().generation
            gate.set_policy(self.MISSPELT)
            done = gate.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr + done.stdout, r"gate\.yaml:8:55: error: .*drpo")
            self.assertIn("^~~~", done.stderr + done.stdout)
            self.assert_filters(lab, gate)
            status = gate.status()
            self.assertTrue(status["last_reload_failed"])
            self.assertIn("gate.yaml:8:55: error:", status["last_reload_error"])
            self.assertEqual(status["failed_reloads"], 1)
            self.assertEqual(gate.stats().generation, generation)
            self.assertIn("gate.yaml:8:55", gate.ctl("status").stdout)

            gate.set_policy(POLICY_A)
            gate.ctl("reload")
            self.assertFalse(gate.status()["last_reload_failed"])
            self.assert_filters(lab, gate)

    def test_signal(self):
        """SIGHUP with a bad policy: log and STATUS say why; the old one filters on"""
        with Edge() as lab:
            gate = lab.gate(POLICY_A).start()
            gate.set_policy(self.MISSPELT)
            gate.hangup()
            self.assertIn("gate.yaml:8:55: error:", gate.log())
            gate.read_notified(0.2)
            self.assertTrue(any("fail" in m.get("STATUS", "").lower() for m in gate.notified),
                            gate.notified)
            self.assert_filters(lab, gate)

    def test_files(self):
        """a list file that is missing, or has a bad line, is named; the old policy filters on"""
        with Edge() as lab:
            gate = lab.gate(POLICY_A).start()
            gate.set_policy(self.NO_LIST)
            done = gate.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("gone.txt", done.stderr + done.stdout)
            lab.write("gone.txt", "# fine\n192.0.2.0/24\n192.0.2.0/33\n")
            done = gate.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr + done.stdout, r"gone\.txt:3(:\d+)?: error:")
            self.assert_filters(lab, gate)
            gate.config.unlink()
            self.assertNotEqual(gate.ctl("reload", check=False).returncode, 0)
            self.assert_filters(lab, gate)


if __name__ == "__main__":
    tap.main()
