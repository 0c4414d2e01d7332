#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate diff: what is said of the difference between the policy in force and a file."""

import json

from command import Ctl
from harness import main

LIVE = """sets:
  block: [192.0.2.0/24, 198.51.100.0/24]
  own: [203.0.113.0/24]
  hosts: {live: true, size: 1k}
interfaces:
  a: {port: eth0, policy: p}
  b: {port: eth1, policy: q}
policies:
  p:
    rules:
      - {name: block, match: {src: $block}, do: drop}
      - {name: own, match: {src: [$own, $hosts]}, do: drop}
      - {name: web, match: {proto: tcp, dport: 443}, do: pass}
      - {name: dns, match: {proto: udp, dport: 53}, do: pass}
      - {name: gone, match: {ttl: 1}, do: drop}
  q: {}
"""

CHANGES = (
    ("[192.0.2.0/24, 198.51.100.0/24]", "[192.0.2.0/24, 198.51.100.0/25]"),
    ("size: 1k", "size: 2k"),
    ("port: eth1", "port: eth2"),
    ("dport: 443}, do: pass", "dport: 443}, do: drop"),
    ("      - {name: gone, match: {ttl: 1}, do: drop}\n",
     "      - {name: new, match: {ttl: 2}, do: drop}\n"),
    ("  q: {}", "  q: {default: drop}"),
)


class Diff(Ctl):
    """Against a daemon whose policy is LIVE."""

    def setUp(self):
        self.in_force(LIVE)

    def in_force(self, text):
        """Let the daemon have it."""
        (self.server.scenario_folder / "policy").write_text(text, encoding="ascii")

    def differ(self, text, *argv):
        """The lines that diff prints of the file."""
        done = self.run_ctl(*(argv or ("diff",)), self.temporary(text))
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stdout.splitlines()

    def test_same(self):
        """the same policy, written in another way, is the same: exit status 0"""
        other = LIVE.replace("[192.0.2.0/24, 198.51.100.0/24]",
                             "[198.51.100.0/24, 192.0.2.0/25, 192.0.2.0/24]")
        self.assertEqual(self.good("diff", self.temporary(other)), "no difference\n")
        answer = json.loads(self.good("--json", "diff", self.temporary(LIVE)))
        self.assertEqual((answer["same"], answer["changes"]), (True, []))

    def test_all(self):
        """each kind of change is named, and nothing else"""
        text = LIVE
        for old, new in CHANGES:
            self.assertIn(old, text)
            text = text.replace(old, new)
        for argv in ("diff",), ("check", "--against", "live"):
            lines = self.differ(text, *argv)
            told = [line for line in lines if line[0] in "+-~>"]
            self.assertEqual(told, [
                "~ interface b: port eth2, policy q, native; before: port eth1, policy q, native",
                "- rule p/gone: {ttl: 1} drop",
                "~ rule p/web: {proto: tcp, dport: 443} drop; before: {proto: tcp, dport: 443} pass",
                "+ rule p/new: {ttl: 2} drop",
                "~ default of policy q: drop, pass before",
                "~ set block: 2 prefixes, 2 before; gained: 198.51.100.0/25; lost: 198.51.100.0/24",
                "~ live set hosts: size 2k, timeout none, max-width /8 and /16, 0 writers, "
                "0 exceptions; before: size 1k, timeout none, max-width /8 and /16, 0 writers, "
                "0 exceptions"])
            self.assertRegex(lines[-1], "^[1-9][0-9]* of [1-9][0-9]* sampled packets change "
                                        "their fate$")

    def test_verdicts(self):
        """packets at the edges of what changed are judged by both, with the rules that decide"""
        lines = self.differ(LIVE.replace("dport: 443", "dport: 440-443"))
        self.assertIn("~ rule p/web: {proto: tcp, dport: 440-443} pass; before: "
                      "{proto: tcp, dport: 443} pass", lines)
        self.assertRegex(lines[-1], "^0 of ")
        lines = self.differ(LIVE.replace("198.51.100.0/24", "198.51.100.0/25"))
        packets = [line for line in lines if line.startswith("! packet")]
        self.assertTrue(any(line.startswith("! packet pass/web, drop/block before: --in a "
                                            "--src 198.51.100.255 ") for line in packets), packets)

    def test_moves(self):
        """a rule that moved is one change, not one of each that it passed"""
        rules = LIVE.splitlines(keepends=True)
        first = next(i for i, line in enumerate(rules) if "name: block" in line)
        moved = rules[:first] + rules[first + 1:first + 5] + [rules[first]] + rules[first + 5:]
        lines = self.differ("".join(moved))
        self.assertEqual([line for line in lines if line[0] in "+-~>"],
                         ["> rule p/block: now behind gone"])

    def test_json(self):
        """--json"""
        done = self.run_ctl("--json", "diff",
                            self.temporary(LIVE.replace("{ttl: 1}", "{ttl: 3}")))
        self.assertEqual(done.returncode, 1)
        answer = json.loads(done.stdout)
        self.assertFalse(answer["same"])
        self.assertEqual(answer["changes"][0], {
            "change": "changed", "what": "rule", "name": "p/gone",
            "detail": "{ttl: 3} drop; before: {ttl: 1} drop"})
        self.assertGreater(answer["packets"], answer["packets_that_differ"])

    def test_trouble(self):
        """what cannot be compared is no difference: 2, or 3 without a daemon"""
        good = self.temporary(LIVE)
        self.bad(2, "error: .*'scr'", "diff", self.temporary(LIVE.replace("src:", "scr:")))
        self.bad(3, "xdpgated", "diff", good, path="/nonexistent")
        self.bad(2, "compares with 'live'", "check", "--against", "dead", good)
        (self.server.scenario_folder / "policy").unlink()
        self.bad(2, "adopted", "diff", good)


if __name__ == "__main__":
    main()
