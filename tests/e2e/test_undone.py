#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What was not confirmed, or was undone, does not come back by itself: not by a history that could not
be written or is gone, by a rule that expires, by a restart, nor by what somebody mistypes."""

import shutil
import time
import unittest

import netlab
import tap
from edge import Edge
from test_confirm import HEAD, POLICY_A, POLICY_B, POLICY_C, policy


class Undone(unittest.TestCase):
    seconds = 240

    def setUp(self):
        self.lab = Edge().__enter__()
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.gate = self.lab.gate(POLICY_A)
        self.history = self.gate.state_dir / "history"

    def in_force(self):
        return "".join(r["name"][3:] for r in self.gate.json("rules")["rules"]
                       if "198.18.0.0/15" in r["match"])

    def states(self):
        return {entry["id"]: entry["state"] for entry in self.gate.json("history")["policies"]}

    def put(self, text, *options, check=True):
        self.gate.set_policy(text)
        return self.gate.ctl("reload", *options, check=check)

    def wait_for(self, name):
        netlab.wait_for(lambda: self.in_force() == name, f"{name} is in force")

    def break_history(self):
        """What is new cannot be written, as if the disk were full."""
        (self.history / "new/in/the/way").mkdir(parents=True)

    def mend_history(self):
        shutil.rmtree(self.history / "new")

    def test_expiry(self):
        """no history: a rule that expires does not bring back the policy that had it"""
        self.gate.state_dir.mkdir()
        self.history.write_text("not a folder")
        self.gate.start()
        until = time.time() + 6
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
        self.put(POLICY_B + f"      - {{name: guest, match: {{src: 192.0.2.1}}, do: pass, "
                            f"expires: {stamp}}}\n", "--confirm", "1s")
        self.assertEqual(self.in_force(), "b")
        self.wait_for("a")
        time.sleep(max(0, until - time.time()) + 1)
        self.assertEqual(self.in_force(), "a")
        self.put(POLICY_C)
        self.assertEqual(self.in_force(), "c")

    def test_full_disk(self):
        """a policy that the history could not keep shares its number with no other"""
        self.gate.start()
        self.break_history()
        failed = self.put(POLICY_B)
        self.assertIn("cannot keep the policy there", failed.stderr)
        self.assertEqual(self.in_force(), "b")
        self.mend_history()
        self.put(POLICY_C, "--confirm", "1s")
        self.assertEqual(self.in_force(), "c")
        self.wait_for("b")
        time.sleep(0.5)
        self.assertEqual(self.in_force(), "b")
        self.assertEqual(sorted(self.states().values()), ["confirmed", "reverted"])
        self.gate.kill()
        self.gate.start()
        self.assertEqual(self.in_force(), "b")

    def test_history_gone(self):
        """the history was removed: what is in force is kept anew, by a number that it has alone"""
        self.gate.start()
        self.gate.terminate()
        shutil.rmtree(self.history)
        self.gate.start()
        (entry,) = self.gate.json("history")["policies"]
        self.assertEqual((entry["state"], entry["in_force"]), ("confirmed", True))
        self.put(POLICY_B, "--confirm", "1s")
        self.wait_for("a")
        time.sleep(0.5)
        self.assertEqual(self.in_force(), "a")

    def test_rollback_to_what_waits(self):
        """"rollback 2" while 2 waits does not keep 2 for good"""
        self.gate.start()
        self.put(POLICY_B, "--confirm", "60s")
        failed = self.gate.ctl("rollback", "2", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("policy 2 is the one that waits to be confirmed", failed.stderr)
        self.assertIsNotNone(self.gate.status()["deadline_usec"])
        self.gate.ctl("rollback", "1")
        self.assertEqual(self.in_force(), "a")
        self.assertEqual(self.states(), {1: "confirmed", 2: "reverted"})
        self.assertFalse(self.gate.json("rollback", "1")["changed"])

    def test_rollback_confirmed(self):
        """gone back, and confirmed: a restart does not load what was left"""
        self.gate.start()
        self.put(POLICY_B)
        self.gate.ctl("rollback", "--confirm", "60s")
        self.gate.ctl("confirm")
        self.assertEqual(self.in_force(), "a")
        self.assertEqual(self.states(), {1: "confirmed", 2: "reverted", 3: "confirmed"})
        self.gate.terminate()
        self.gate.start()
        self.assertEqual(self.in_force(), "a")

    def test_rollback_confirmed_by_another(self):
        """the same, the daemon killed before it is confirmed"""
        self.gate.start()
        self.put(POLICY_B)
        self.gate.ctl("rollback", "--confirm", "60s")
        self.gate.kill()
        self.gate.start()
        self.gate.ctl("confirm")
        self.assertEqual(self.states(), {1: "confirmed", 2: "reverted", 3: "confirmed"})
        self.assertIn("was undone", self.gate.status()["set_aside"])

    def test_rollback_undone(self):
        """gone back, and not confirmed: the file holds what is in force"""
        self.gate.start()
        self.put(POLICY_B)
        self.gate.ctl("rollback", "--confirm", "1s")
        self.assertEqual(self.in_force(), "a")
        self.wait_for("b")
        self.assertIsNone(self.gate.status()["set_aside"])
        self.gate.ctl("reload")
        self.assertEqual(self.states()[2], "confirmed")

    def test_confirmed_once_undone_once(self):
        """the text of what boots is not refused for having been a candidate that was undone"""
        self.gate.start()
        self.put(POLICY_B, "--confirm", "60s")
        self.put(POLICY_A, "--confirm", "1s")
        netlab.wait_for(lambda: self.states().get(3) == "reverted", "3 is undone")
        self.gate.ctl("detach")
        self.gate.process.wait(10)
        self.gate.start()
        self.assertIsNone(self.gate.status()["set_aside"])
        self.assertEqual(self.in_force(), "a")

    def test_off_and_dead(self):
        """switched off, killed, the file edited: nobody has asked for what it holds"""
        self.gate.start()
        self.gate.ctl("off")
        self.gate.set_policy(POLICY_B)
        self.gate.kill()
        self.gate.start()
        self.assertEqual(self.in_force(), "a")
        self.gate.terminate()
        self.gate.start()
        self.assertEqual(self.in_force(), "b")

    def test_confirmation_not_written(self):
        """confirmed, which the history could not note: it is not undone by what comes next"""
        self.gate.start()
        self.put(POLICY_B, "--confirm", "60s", "--message", "new")
        (self.history / "2/about.new/in/the/way").mkdir(parents=True)
        confirmed = self.gate.ctl("confirm")
        self.assertIn("cannot note what became of the policy", confirmed.stderr)
        shutil.rmtree(self.history / "2/about.new")
        self.put(POLICY_C)
        self.assertEqual(self.states(), dict.fromkeys((1, 2, 3), "confirmed"))

    def test_list_that_changed(self):
        """what is gone back to has its lists as they were when it was left, not as it began"""
        self.lab.write("feed.txt", "192.0.2.0/24\n")
        watched = HEAD + ("      - {name: by-a, match: {src: $feed}, do: drop}\n"
                          "sets:\n  feed: {file: feed.txt, watch: true}\n")
        self.gate.set_policy(watched)
        self.gate.start()
        self.lab.write("feed.txt", "192.0.2.0/24\n198.18.0.0/16\n")
        netlab.wait_for(lambda: self.gate.status()["generation"] == 2, "the list is taken")
        self.put(POLICY_C, "--confirm", "1s")
        netlab.wait_for(lambda: self.states().get(2) == "reverted", "2 is undone")
        time.sleep(0.3)
        receiver = self.lab.receiver(self.lab.router, "xg0")
        self.lab.shoot("name=low,count=100,src=198.18.0.0/16,size=60-200")
        time.sleep(0.3)
        self.assertEqual(receiver.count(), 0)
        self.assertEqual(self.gate.stats().rule("by-a")[0], 100)
        self.assertEqual(self.states(), {1: "confirmed", 2: "reverted"})
        self.gate.ctl("rollback", "1")
        self.assertFalse((self.history / "new").exists())

    def test_live_set(self):
        """a live set of what is gone back to is not another's meanwhile"""
        with_set = HEAD.replace("{", "{{").replace("}", "}}") + ("      - {{name: {0}, match: {{src: ${1}}}, do: drop}}\n"
                           "sets:\n  {1}: {{live: true}}\n")
        self.gate.set_policy(with_set.format("by-a", "banned"))
        self.gate.start()
        self.put(POLICY_C, "--confirm", "60s")
        self.put(with_set.format("by-b", "friends").replace("drop", "pass"), "--confirm", "3s")
        self.gate.ctl("set", "add", "friends", "198.18.0.0/16")
        self.gate.kill()
        time.sleep(3.2)
        receiver = self.lab.receiver(self.lab.router, "xg0")
        self.lab.shoot("name=low,count=100,src=198.18.0.0/16,size=60-200")
        time.sleep(0.3)
        self.assertEqual(receiver.count(), 100)
        self.gate.start()
        self.assertEqual([s["name"] for s in self.gate.json("set", "list")["sets"]
                          if not s["parked"]], ["banned"])


if __name__ == "__main__":
    tap.main()
