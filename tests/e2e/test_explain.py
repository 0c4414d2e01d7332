#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`xdpgate explain` of the policy in force: what it says of a packet is what becomes of that, and no
counter moves for it."""

import unittest

import tap
from edge import Edge, ROUTER4, SENDER4

POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
sets:
  listed: [203.0.113.0/24]
  banned: {live: true}
policies:
  edge:
    default: pass
    rules:
      - {name: seen, match: {src: $listed}, do: count}
      - {name: maybe, match: {src: $listed}, do: drop, shadow: true}
      - {name: banned, match: {src: $banned}, do: drop}
      - {name: web, match: {proto: tcp, dport: 80}, do: drop}
      - {name: away, match: {proto: tcp, dport: 81}, do: {redirect: nowhere}}
"""


class Live(unittest.TestCase):
    """The policy in force, live sets and all."""

    def explain(self, gate, *argv):
        return gate.json("explain", "--in", "transit", *argv)

    def test_all(self):
        """rules, sets and verdicts are told, and counters stay"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            lab.shoot(f"name=some,count=10,src={SENDER4},dst={ROUTER4},proto=udp")
            before = gate.stats().report
            self.assertEqual(gate.stats().verdict("transit", "pass")[0], 10)

            said = self.explain(gate, "--src", "203.0.113.9", "--dport", "80")
            self.assertEqual((said["verdict"], said["rule"], said["reason"]), ("drop", "web", None))
            self.assertEqual([(r["name"], r["effect"]) for r in said["rules"]],
                             [("seen", "counts"), ("maybe", "would-decide"), ("web", "decides")])
            self.assertEqual(said["sets"], [{"name": "listed", "field": "src", "live": False}])
            self.assertTrue(said["rules"][0]["place"].endswith("gate.yaml:11"), said["rules"])
            self.assertIsNone(said["note"])
            self.assertEqual(said["generation"], gate.status()["generation"])

            said = self.explain(gate, "--src", "203.0.113.9", "--dport", "22")
            self.assertEqual((said["verdict"], said["reason"]), ("pass", "default"))
            gate.ctl("set", "add", "banned", "203.0.113.9")
            said = self.explain(gate, "--src", "203.0.113.9", "--dport", "22")
            self.assertEqual((said["verdict"], said["rule"]), ("drop", "banned"))
            self.assertIn({"name": "banned", "field": "src", "live": True}, said["sets"])
            said = self.explain(gate, "--src", "203.0.113.10", "--dport", "22")
            self.assertEqual((said["verdict"], said["reason"]), ("pass", "default"))

            # The target of this redirect is absent, so that is what would become of it.
            said = self.explain(gate, "--dport", "81")
            self.assertEqual((said["verdict"], said["rule"], said["reason"]),
                             ("drop", "away", "redirect-failed"))
            self.assertEqual(said["redirect"], "nowhere")
            # Longer than a message of the socket may be, and shorter than the kernel takes.
            said = self.explain(gate, "--proto", "udp", "--length", "65000")
            self.assertIn({"name": "length", "value": "65000"}, said["fields"])
            said = self.explain(gate, "--hex", "0200")
            self.assertEqual(said["reason"], "ethernet-truncated")

            # Nothing of this was traffic.
            self.assertEqual(gate.stats().report, before)
            self.assertEqual(gate.status()["generation"], 1)

            gate.ctl("off", "transit")
            self.assertIn("is off", self.explain(gate)["note"])

    def test_after_reload(self):
        """what a failed reload has read is not what is in force"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            gate.set_policy(POLICY.replace("name: web", "name: net").replace("80", "8O"))
            self.assertNotEqual(gate.ctl("reload", check=False).returncode, 0)
            said = self.explain(gate, "--dport", "80")
            self.assertEqual((said["verdict"], said["rule"]), ("drop", "web"))

    def test_adopted(self):
        """of what was adopted and cannot be loaded, nothing is made up"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            gate.kill()
            gate.set_policy("interfaces: {}")
            gate.start()
            done = gate.ctl("explain", "--in", "transit", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "was adopted.*xdpgate reload")
            gate.set_policy(POLICY)
            gate.ctl("reload")
            self.assertEqual(self.explain(gate, "--dport", "80")["rule"], "web")


if __name__ == "__main__":
    tap.main()
