#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A policy that must be confirmed, or is undone, under traffic, with the daemon alive and dead; going
back to what was in force before; what a start, and a boot, begins with."""

import time
import unittest

import netlab
import tap
from edge import Edge

HEAD = """
interfaces:
  transit: {port: xg0, policy: edge}
policies:
  edge:
    default: pass
    rules:
"""

def policy(wanted, verdict="drop"):
    """Of rules that all of them have, one judges the test's traffic: so it tells which policy did."""
    sources = {name: f"203.0.113.{i}" for i, name in enumerate("abc")} | {wanted: "198.18.0.0/15"}
    return HEAD + "".join(f"      - {{name: by-{name}, match: {{src: {src}}}, do: {verdict}}}\n"
                          for name, src in sources.items())


POLICY_A, POLICY_B, POLICY_C = policy("a"), policy("b"), policy("c", "pass")
STREAMS = ["name=low,count=1,src=198.18.0.0/16,size=60-200",
           "name=high,count=1,src=198.19.0.0/16,size=60-200"]
OPTIONS = ["--loop", "--rate", 5000]


class Confirmed(unittest.TestCase):
    seconds = 240

    def setUp(self):
        self.lab = Edge().__enter__()
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.gate = self.lab.gate(POLICY_A).start()

    def in_force(self):
        """"a", "b" or "c"."""
        return "".join(r["name"][3:] for r in self.gate.json("rules")["rules"]
                       if "198.18.0.0/15" in r["match"])

    def states(self):
        """By number: state, whether it is in force, whether it boots."""
        return {entry["id"]: (entry["state"], entry["in_force"], entry["boots"])
                for entry in self.gate.json("history")["policies"]}

    def try_policy(self, text, seconds):
        self.gate.set_policy(text)
        return self.gate.json("reload", "--confirm", f"{seconds}s")

    def assert_counted(self, sent, *names):
        """Every packet was judged, once, by one of these policies; returns how many by which."""
        stats = self.gate.stats()
        counted = {name: stats.rule(f"by-{name}")[0] for name in names}
        self.assertEqual(sum(counted.values()), sent.packets, counted)
        return counted

    def test_deadline(self):
        """not confirmed: undone on time, every packet judged by the one or the other"""
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS, options=OPTIONS)
        answer = self.try_policy(POLICY_B, 2)
        self.assertTrue(answer["changed"])
        left = answer["deadline_usec"] / 1e6 - time.time()
        self.assertTrue(0 < left <= 2, left)
        self.assertEqual(self.in_force(), "b")
        self.assertLess(abs(self.gate.status()["deadline_usec"] - answer["deadline_usec"]), 20000)
        self.assertEqual(self.states(), {1: ("confirmed", False, True), 2: ("pending", True, False)})
        netlab.wait_for(lambda: self.in_force() == "a", "the old policy is back")
        self.assertLess(abs(time.time() - answer["deadline_usec"] / 1e6), 1)
        time.sleep(0.2)
        self.assertEqual(self.states(), {1: ("confirmed", True, True), 2: ("reverted", False, False)})
        self.assertIsNone(self.gate.status()["deadline_usec"])
        self.assertIn("was not confirmed in time", self.gate.status()["set_aside"])
        self.assertIn("was not confirmed in time", self.gate.log())
        counted = self.assert_counted(traffic.stop(), "a", "b")
        self.assertGreater(counted["b"], 5000)  # for 2 s of 5,000 a second

        # The file still holds what was undone.
        failed = self.gate.ctl("reload", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("policy 2 of the history, which was undone", failed.stderr)
        self.gate.hangup()
        self.assertEqual(self.in_force(), "a")
        self.gate.ctl("reload", "--force")
        self.assertEqual(self.in_force(), "b")
        self.assertIsNone(self.gate.status()["set_aside"])
        self.assertEqual(self.states()[3], ("confirmed", True, True))

    def test_confirm(self):
        """confirmed: it stays, and is what boots"""
        failed = self.gate.ctl("confirm", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("no policy waits", failed.stderr)
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS, options=OPTIONS)
        self.try_policy(POLICY_B, 2)
        refused = self.gate.ctl("reload", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("waits to be confirmed", refused.stderr)
        self.gate.ctl("confirm")
        time.sleep(2.2)
        self.assertEqual(self.in_force(), "b")
        self.assertEqual(self.states(), {1: ("confirmed", False, False), 2: ("confirmed", True, True)})
        self.assertIsNone(self.gate.status()["deadline_usec"])
        self.assert_counted(traffic.stop(), "a", "b")

    def test_rollback(self):
        """back at once, and back to any that was in force"""
        self.try_policy(POLICY_B, 60)
        self.gate.ctl("rollback")
        self.assertEqual(self.in_force(), "a")
        self.assertEqual(self.states()[2][0], "reverted")
        self.gate.set_policy(POLICY_C)
        self.gate.ctl("reload", "--message", "all may pass")
        self.gate.set_policy(policy("b", "pass"))
        self.gate.ctl("reload")
        self.gate.ctl("rollback", "--message", "too narrow")
        self.assertEqual(self.in_force(), "c")
        self.assertIn("back to 3: too narrow", str(self.gate.json("history")))
        self.assertIn("all may pass", str(self.gate.json("history")))
        failed = self.gate.ctl("reload", check=False)
        self.assertIn("which was undone", failed.stderr)
        said = self.gate.ctl("explain", "--src", "192.0.2.1")  # of no list that had changed
        self.assertNotIn("Note", said.stdout + said.stderr)
        self.gate.ctl("rollback")  # and further: not to what was left
        self.assertEqual(self.in_force(), "a")
        self.gate.ctl("rollback", "3")
        self.assertEqual(self.in_force(), "c")
        failed = self.gate.ctl("rollback", "77", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("no policy 77", failed.stderr)
        self.gate.ctl("rollback", "1", "--confirm", "60s")
        self.assertEqual(self.in_force(), "a")
        self.gate.ctl("rollback")
        self.assertEqual(self.in_force(), "c")

    def test_lists(self):
        """what lists held comes back, too; copies of lists stay"""
        def dropped():
            self.lab.shoot("name=x,count=50,src=198.18.0.0/15,size=100")
            return self.gate.stats().rule("listed")[0]
        with_list = HEAD.replace("policies:", "sets:\n  s: {file: s.txt, keep: true}\npolicies:") + \
            "      - {name: listed, match: {src: $s}, do: drop}\n"
        self.lab.write("s.txt", "198.18.0.0/15\n")
        self.gate.set_policy(with_list)
        self.gate.ctl("reload")
        self.assertEqual(dropped(), 50)
        self.lab.write("s.txt", "203.0.113.0/24\n")
        self.gate.ctl("reload")
        self.assertEqual(dropped(), 50)
        self.assertEqual(len(self.states()), 3)
        self.gate.ctl("rollback")
        self.assertEqual(dropped(), 100)
        self.assertEqual(len(list((self.gate.state_dir / "lists").iterdir())), 1)
        self.gate.ctl("reload")  # the text is that in force: what the list holds now is wanted
        self.assertEqual(dropped(), 100)

    def test_same_again(self):
        """the same policy again is no news for the history, and --if-changed does nothing"""
        self.gate.ctl("reload")
        self.assertEqual(self.states(), {1: ("confirmed", True, True)})
        generation = self.gate.status()["generation"]
        answer = self.gate.json("reload", "--if-changed")
        self.assertFalse(answer["changed"])
        self.assertEqual(self.gate.status()["generation"], generation)
        self.gate.set_policy(POLICY_B)
        self.assertTrue(self.gate.json("reload", "--if-changed")["changed"])


class Dead(Confirmed):
    """The same, without a daemon."""

    test_confirm = test_rollback = test_same_again = test_lists = None

    def test_deadline(self):
        """the daemon killed in between: the old policy is back in time, and the next daemon knows"""
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS, options=OPTIONS)
        receiver = self.lab.receiver(self.lab.router, "xg0")
        answer = self.try_policy(POLICY_C, 3)
        self.gate.kill()
        time.sleep(max(0, answer["deadline_usec"] / 1e6 - time.time()) + 0.1)
        self.assertGreater(receiver.count(), 10000)
        time.sleep(0.9)
        self.assertEqual(receiver.count(), 0, "packets that passed by what was overdue")
        sent = traffic.stop()
        self.gate.start()
        self.assertEqual(self.in_force(), "a")
        self.assertEqual(self.states(), {1: ("confirmed", True, True), 2: ("reverted", False, False)})
        self.assertIn("which was undone", self.gate.status()["set_aside"])
        counted = self.assert_counted(sent, "a", "c")
        self.assertGreater(counted["c"], 10000)
        self.assertGreater(counted["a"], 3000)  # the second behind it, and what was ahead

    def test_goes_on(self):
        """killed and started again while it waits: it goes on waiting, and can be confirmed"""
        answer = self.try_policy(POLICY_C, 60)
        self.gate.kill()
        self.gate.start()
        self.assertEqual(self.in_force(), "c")
        self.assertEqual(self.states()[2], ("pending", True, False))
        self.assertLess(abs(self.gate.status()["deadline_usec"] - answer["deadline_usec"]), 20000)
        self.gate.kill()
        self.gate.set_policy(POLICY_B)  # that is another matter
        self.gate.start()
        self.assertEqual(self.in_force(), "c")
        self.assertIn("edited", self.gate.status()["set_aside"])
        self.gate.ctl("confirm")
        self.assertEqual(self.states()[2], ("confirmed", True, True))
        self.gate.ctl("reload")
        self.assertEqual(self.in_force(), "b")

    def test_edited(self):
        """a file that was edited and not reloaded does not come in force by a death"""
        self.gate.set_policy(POLICY_B)
        self.gate.kill()
        self.gate.start()
        self.assertEqual(self.in_force(), "a")
        self.assertIn("edited, and not put in force before the daemon died",
                      self.gate.status()["set_aside"])
        self.gate.ctl("reload")
        self.assertEqual(self.in_force(), "b")
        self.assertIsNone(self.gate.status()["set_aside"])
        self.gate.set_policy(POLICY_C)
        self.gate.terminate()  # a stop, and a start that somebody asks for
        self.gate.start()
        self.assertEqual(self.in_force(), "c")

    def test_no_file(self):
        """nothing pinned, and a file that cannot be loaded: what was confirmed last is in force"""
        self.gate.set_policy(POLICY_C)
        self.gate.ctl("reload")
        self.gate.ctl("detach")
        self.gate.process.wait(10)
        self.gate.set_policy("no: policy\n")
        self.gate.start()
        self.assertEqual(self.in_force(), "c")
        self.assertIn("unknown key", self.gate.status()["set_aside"])
        self.gate.ctl("detach")
        self.gate.process.wait(10)
        self.gate.set_policy(POLICY_A)
        self.gate.start()
        self.assertEqual(self.in_force(), "a")


if __name__ == "__main__":
    tap.main()
