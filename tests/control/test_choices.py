#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which policy is in force, over the socket: Reload with its parameters, Confirm, Rollback, History."""

import os
import pwd
import time
import unittest

from harness import GATE, ROOT, Server, main, wait_for


class Choices(unittest.TestCase):
    """A server of its own for each case, whose policy file is "policy" in its folder."""

    def setUp(self):
        self.server = Server().__enter__()
        self.addCleanup(lambda: self.server.__exit__(None, None, None))
        self.config = self.server.folder / "policy"
        (self.server.scenario_folder / "config").write_text(f"{self.config}\n")
        self.client = self.server.client()
        self.addCleanup(self.client.close)

    def call(self, method, **parameters):
        reply = self.client.call(GATE + method, parameters)
        self.assertNotIn("error", reply)
        return reply["parameters"]

    def fails(self, error, text, method, **parameters):
        reply = self.client.call(GATE + method, parameters)
        self.assertEqual(reply.get("error"), GATE + error)
        self.assertIn(text, reply["parameters"]["text"])
        self.assertEqual(reply["parameters"]["diagnostics"][0]["severity"], "error")

    def load(self, text, **parameters):
        self.config.write_text(text)
        return self.call("Reload", **parameters)

    def status(self, *keys):
        status = self.call("Status")
        return [status[key] for key in keys]

    def states(self):
        """(number, state, in force, boots) of each policy."""
        return [(p["id"], p["state"], p["in_force"], p["boots"])
                for p in self.call("History")["policies"]]

    def test_parameters(self):
        """the gate gets what was asked for, the observer is told before and after"""
        self.load("a", message="NOC-4711 \N{EURO SIGN}", confirm_sec=86400, force=True,
                  only_changed=True, accept_shrink=True)
        self.call("Rollback", history=1, message="", confirm_sec=1, force=False)
        self.assertEqual(self.server.calls(), [
            "observed Reload - of uid 0: begins 0 0",
            "reload accept-shrink confirm 86400 force only-changed: NOC-4711 \N{EURO SIGN}",
            "observed Reload - of uid 0: done 0 0",
            "observed Rollback - of uid 0: begins 0 0", "rollback to 1 confirm 1",
            "observed Rollback - of uid 0: done 0 0"])
        self.call("Confirm")
        self.load("b", confirm_sec=None, force=None, only_changed=None, message=None)
        self.assertEqual(self.server.calls("reload")[-1], "reload")
        self.load("c", message="x" * 500)
        self.assertEqual(self.server.calls("reload")[-1], "reload: " + "x" * 500)

    def test_confirm(self):
        """a policy waits to be confirmed until its deadline; confirmed, it stays"""
        self.load("a")
        before = time.time()
        changed = self.load("b", confirm_sec=600)
        self.assertEqual((changed["changed"], changed["history"]), (True, 2))
        self.assertTrue(before + 599 < changed["deadline_usec"] / 1e6 < time.time() + 601)
        self.assertEqual(self.status("history", "deadline_usec"), [2, changed["deadline_usec"]])
        self.assertEqual(self.states(), [(2, "pending", True, False),
                                         (1, "confirmed", False, True)])
        self.fails("ReloadFailed", "waits to be confirmed", "Reload")
        confirmed = self.call("Confirm")
        self.assertEqual((confirmed["history"], confirmed["deadline_usec"]), (2, None))
        self.assertEqual(self.status("history", "deadline_usec"), [2, None])
        self.assertEqual(self.states(), [(2, "confirmed", True, True),
                                         (1, "confirmed", False, False)])
        self.assertEqual(self.server.calls()[-3:], [
            "observed Confirm - of uid 0: begins 0 0", "confirm",
            "observed Confirm - of uid 0: done 0 0"])
        self.fails("ConfirmFailed", "nothing to confirm", "Confirm")
        self.assertEqual(self.server.calls()[-1], "observed Confirm - of uid 0: done -2 1")

    def test_revert(self):
        """not confirmed in time, it is undone, and refused until it is forced"""
        self.load("a")
        self.load("b", confirm_sec=1)
        wait_for(lambda: self.status("history") == [1], "the policy is undone")
        self.assertEqual(self.states(), [(2, "reverted", False, False),
                                         (1, "confirmed", True, True)])
        self.fails("ReloadFailed", "was undone", "Reload")
        self.assertEqual(self.call("Reload", force=True)["history"], 3)

    def test_rollback(self):
        """to the policy before, to one by its number; to none that there is not"""
        self.fails("RollbackFailed", "no policy before", "Rollback")
        self.load("a")
        self.load("b")
        self.assertEqual(self.call("Rollback")["history"], 3)
        self.load("c", confirm_sec=60)
        self.assertEqual(self.call("Rollback")["history"], 3)
        self.assertEqual(self.call("Rollback", history=2, confirm_sec=60)["history"], 5)
        self.assertIsNotNone(self.status("deadline_usec")[0])
        for number in 6, 1 << 40, (1 << 63) - 1:
            self.fails("RollbackFailed", "'xdpgate history' lists", "Rollback", history=number)

    def test_only_changed(self):
        """nothing is done if just this is in force"""
        self.load("a")
        self.assertEqual(self.call("Reload", only_changed=True), {
            "changed": False, "generation": 2, "history": 1, "deadline_usec": None,
            "diagnostics": [], "text": ""})
        self.assertTrue(self.load("b", only_changed=True)["changed"])
        self.assertTrue(self.call("Reload")["changed"])

    def test_history(self):
        """History: the latest first; who, by name and process; why, if that was said"""
        self.assertEqual(self.call("History"), {"policies": []})
        self.load("a")
        self.load("b", message="for \"NOC\"")
        latest, first = self.call("History")["policies"]
        text = (ROOT / "daemon/control/org.xdpgate.gate.varlink").read_text(encoding="utf-8")
        names = [line.split(":")[0].strip() for line in
                 text.split("type HistoryEntry (\n")[1].split("\n)")[0].split("\n")]
        self.assertEqual(list(latest), names)
        self.assertEqual((latest["id"], first["id"]), (2, 1))
        self.assertEqual((latest["why"], first["why"]), ("for \"NOC\"", None))
        self.assertEqual(latest["who"], f"{pwd.getpwuid(0).pw_name} (process {os.getpid()})")
        self.assertEqual((latest["rules"], latest["sets"], latest["prefixes"]), (3, 2, 2))
        self.assertEqual(latest["when_usec"], 1700000000000002)
        self.server.scenario("fail-read")
        reply = self.client.call(GATE + "History")
        self.assertEqual(reply["error"], GATE + "ReadFailed")
        self.assertIn("history: Input/output error", reply["parameters"]["text"])

    def test_no_history(self):
        """where none is kept there is no number"""
        self.server.scenario("no-history")
        self.assertIsNone(self.load("a")["history"])
        self.assertEqual(self.status("history"), [None])
        reply = self.client.call(GATE + "History")
        self.assertEqual(reply["error"], GATE + "ReadFailed")
        self.assertIn("without a state folder", reply["parameters"]["text"])

    def test_set_aside(self):
        """Status: why the policy file is not what is in force"""
        self.assertEqual(self.status("set_aside"), [None])
        self.server.scenario("set-aside")
        self.assertRegex(self.status("set_aside")[0], "^policy 7 was not confirmed in time")

    def test_failure(self):
        """what the gate says of a failure is told, and if it says nothing, the errno is"""
        self.load("a")
        self.load("b", confirm_sec=60)
        for method, what in ("Confirm", "confirm"), ("Rollback", "rollback"):
            self.server.scenario("fail-" + what)
            self.fails(f"{method}Failed", "edge.yaml:12:29: error: unknown field", method)
            self.server.scenario("fail-" + what, False)
            self.server.scenario(f"fail-{what}-silently")
            self.fails(f"{method}Failed", "Cannot allocate memory", method)
        self.assertEqual(self.status("history"), [2])


if __name__ == "__main__":
    main()
