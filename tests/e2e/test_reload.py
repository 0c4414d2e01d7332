#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reloads: under traffic every packet is judged by the old or the new policy, nothing leaks,
and a bad policy changes nothing.

RELOADS=1000 tests/e2e/test_reload.py UnderTraffic     makes a long run of it
"""

import os
import time
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


class Difference(unittest.TestCase):
    """What a reload would change, out of the real daemon."""

    def test_diff(self):
        """diff: the policy in force against the edited file; a reload makes them the same"""
        with Edge() as lab:
            gate = lab.gate(POLICY_A).start()
            self.assertEqual(gate.ctl("diff").stdout, "no difference\n")
            gate.set_policy(POLICY_A.replace("203.0.113.99", "203.0.113.97"))
            for _ in range(2):  # to ask changes nothing
                told = gate.ctl("diff", check=False).stdout
                self.assertIn("~ rule edge/by-b: {src: 203.0.113.97} drop; before: "
                              "{src: 203.0.113.99} drop", told)
                self.assertIn("drop/by-b, pass/default before: --in transit --src 203.0.113.97",
                              told)
            generation = gate.stats().generation
            gate.hangup()
            self.assertEqual(gate.ctl("diff").stdout, "no difference\n")
            self.assertGreater(gate.stats().generation, generation)


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

    def test_policy_tests(self):
        """a policy that fails its own test is refused, with place and reason; one that passes is not"""
        test = "tests:\n  - {in: transit, src: 198.18.0.1, expect: %s}\n"
        with Edge() as lab:
            gate = lab.gate(POLICY_A).start()
            gate.set_policy(POLICY_B + test % "drop/by-a")
            done = gate.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, r"gate\.yaml:13:5: error: this test failed: expected "
                             r"drop/by-a, got pass/default")
            self.assertIn("   13 |   - {in: transit, ", done.stderr)
            self.assert_filters(lab, gate)
            gate.set_policy(POLICY_A + test % "drop/by-a")
            gate.ctl("reload")
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


class Copies(unittest.TestCase):
    """Copies of list files, for the day on which a file is gone."""

    POLICY = HEAD.replace("policies:", "sets:\n  feed: {glob: feeds/*.txt, keep: true}\n"
                          "policies:") + \
        "      - {name: feed, match: {src: $feed}, do: drop}\n"
    GOOD = "198.18.0.0/16\n2001:db8:a::/48\n"

    def assert_filters(self, lab, gate, prefix="198.18.0.0/16"):
        before = gate.stats().rule("feed")[0]
        sent = lab.shoot(f"count=100,src={prefix}")
        self.assertEqual(gate.stats().rule("feed")[0] - before, sent.packets)

    def test_start_and_reload(self):
        """the copy stands for a list that is missing at the start, and for one that is poisoned"""
        with Edge() as lab:
            feed = lab.write("feeds/a.txt", self.GOOD)
            gate = lab.gate(self.POLICY).start()
            self.assert_filters(lab, gate)
            self.assertEqual(gate.status()["list_copies"], [])
            copies = list((gate.state_dir / "lists").iterdir())
            self.assertEqual([(c.stat().st_mode & 0o777, c.suffix) for c in copies],
                             [(0o600, ".list")])
            self.assertIn(f"# path: {feed}\n", copies[0].read_text())
            policy_hash = gate.status()["policy_hash"]

            feed.unlink()
            gate.kill()
            gate.start()
            self.assert_filters(lab, gate)
            status = gate.status()
            self.assertEqual([c["path"] for c in status["list_copies"]], [str(feed)])
            self.assertEqual(status["policy_hash"], policy_hash)
            self.assertFalse(status["last_reload_failed"])
            self.assertIn("stands for it", gate.log())
            self.assertRegex(gate.ctl("status").stdout, rf"List +{feed} .*stands for it")

            lab.write("feeds/a.txt", "<html>502 Bad Gateway</html>\n")
            done = gate.ctl("reload")
            self.assertIn("a.txt:1:1: warning: this looks like an HTML page", done.stdout + done.stderr)
            self.assert_filters(lab, gate)
            self.assertEqual(len(gate.status()["list_copies"]), 1)

            lab.write("feeds/a.txt", "198.19.0.0/16\n")
            gate.ctl("reload")
            self.assert_filters(lab, gate, "198.19.0.0/16")
            self.assertEqual(gate.status()["list_copies"], [])
            self.assertIn("\n198.19.0.0/16\n", copies[0].read_text())

            gate.set_policy(POLICY_A)  # what no policy names is not kept
            gate.ctl("reload")
            self.assertEqual(list((gate.state_dir / "lists").iterdir()), [])

    def test_check(self):
        """`xdpgate check` is about the files, not about copies"""
        with Edge() as lab:
            feed = lab.write("feeds/a.txt", self.GOOD)
            gate = lab.gate(self.POLICY).start()
            feed.unlink()
            done = gate.ctl("check", gate.config, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("no file matches", done.stdout + done.stderr)


class Expiry(unittest.TestCase):
    """What a rule with `expires` does, and what becomes of it."""

    def test_expiry(self):
        """a rule that expires is off from that second on, without anybody's reload"""
        moment = int(time.time()) + 8
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        policy = HEAD + f"""
      - {{name: by-a, match: {{src: 198.18.0.0/15}}, do: drop, expires: {when}}}
      - {{name: shade, match: {{src: 198.18.0.0/15}}, do: drop, shadow: true}}
      - {{name: by-b, match: {{src: 198.18.0.0/15}}, do: drop}}
"""
        with Edge() as lab:
            gate = lab.gate(policy).start()
            generation = gate.stats().generation
            sent = lab.shoot("count=100,src=198.18.0.0/15")
            self.assertLess(time.time(), moment, "too slow a machine for this test")
            self.assertEqual(gate.stats().rule("by-a"), sent.total)
            netlab.wait_for(lambda: gate.stats().generation == generation + 1, "the reload", 20)
            self.assertGreaterEqual(time.time(), moment)
            sent_later = lab.shoot("count=200,src=198.18.0.0/15")
            stats = gate.stats()
            self.assertEqual(stats.rule("by-a"), sent.total, "it has expired")
            self.assertEqual(stats.rule("shade"), sent_later.total, "a shadow counts")
            self.assertEqual(stats.rule("by-b"), sent_later.total, "a shadow goes on")
            self.assertIn("rule 'by-a' is off since it expired", gate.log())
            rules = gate.ctl("rules").stdout
            self.assertIn("drop (expired)", rules)
            self.assertIn("drop (shadow)", rules)


if __name__ == "__main__":
    tap.main()
