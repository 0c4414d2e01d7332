#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate reload --confirm, confirm, rollback, history, and what status says of them."""

import json
import re
import signal
import time

from command import OwnServer
from harness import GATE, GROUP_ID, main, wait_for

UNCONFIRMED = (r"unconfirmed: in {}, at \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d, the policy before it comes "
               r"back by itself\nkeep it: xdpgate confirm; undo it now: xdpgate rollback\n")


class Choices(OwnServer):
    def load(self, text, *argv):
        self.config.write_text(text)
        return self.good("reload", *argv)

    def test_reload(self):
        """reload: what is asked for is passed on; until when, and what to type, is said"""
        self.assertEqual(self.load("a"), "generation 2 is in force\n")
        text = self.load("b", "--confirm", "10m", "--message", "NOC-4711", "--force",
                         "--accept-shrink")
        self.assertEqual(self.server.calls("reload")[-1],
                         "reload accept-shrink confirm 600 force: NOC-4711")
        self.assertRegex(text, r"^generation 3 is in force\n" + UNCONFIRMED.format("(10m|9m59s)")
                         + "$")
        self.bad(1, "error: another policy waits to be confirmed\n"
                 "xdpgate: the policy was not put in force; the old one stays", "reload")
        self.assertEqual(self.good("confirm"), "confirmed: generation 3 is in force\n")
        self.bad(1, "error: there is nothing to confirm", "confirm")

    def test_if_changed(self):
        """reload --if-changed: nothing is done if just this is in force"""
        self.load("a")
        self.assertEqual(self.load("a", "--if-changed"), "unchanged: generation 2 is in force\n")
        self.assertEqual(self.load("a"), "generation 3 is in force\n")
        self.assertEqual(self.load("b", "--if-changed"), "generation 4 is in force\n")

    def test_rollback(self):
        """rollback: to the policy before, or to one of the history"""
        self.load("a")
        self.load("b")
        self.load("c", "--confirm=1h")
        self.assertEqual(self.good("rollback"), "rolled back: generation 5 is in force\n")
        text = self.good("rollback", "1", "--confirm", "90s", "--message", "b broke VoIP")
        self.assertRegex(text, "^rolled back: generation 6 is in force\n" +
                         UNCONFIRMED.format("(1m30s|1m29s)"))
        self.assertEqual(self.server.calls("rollback"),
                         ["rollback", "rollback to 1 confirm 90: b broke VoIP"])
        self.bad(1, "no policy of this number .*\nxdpgate: the policy was not put in force",
                 "rollback", "77")

    def test_usage(self):
        """wrong quantities, texts and combinations, before anything is asked for"""
        for text, *argv in [
                ("--confirm 60: TIME is like 60s, 10m or 1h30m, from 1s to 1d",
                 "reload", "--confirm", "60"),
                ("from 1s to 1d", "reload", "--confirm", "0s"),
                ("from 1s to 1d", "reload", "--confirm", "1d1s"),
                ("from 1s to 1d", "rollback", "--confirm=1w"),
                (r"--confirm \\x1b\[31m: TIME", "apply", "--confirm", "\x1b[31m"),
                ("--message: at most 500 bytes", "reload", "--message", "x" * 501),
                ("--message: one line", "rollback", "--message", "a\nb"),
                ("--message: it must be UTF-8", "apply", "--message", b"\xff"),
                ("--wait waits for what --confirm", "reload", "--wait"),
                ("--result does not reload", "reload", "--result", "--confirm", "60s"),
                ("--result does not reload", "reload", "--result", "--force"),
                ("N is the number of a policy", "rollback", "0"),
                ("N is the number of a policy", "rollback", "one"),
                ("usage: xdpgate rollback", "rollback", "1", "2"),
                ("'confirm' has no option --force", "confirm", "--force"),
                ("'rollback' has no option --if-changed", "rollback", "--if-changed"),
                ("'history' has no option --confirm", "history", "--confirm", "1m")]:
            with self.subTest(argv=argv):
                self.assertEqual(self.bad(2, text, *argv), "")
        self.assertEqual(self.server.calls(), [])

    def test_history(self):
        """history: a table, and JSON; nothing in it that a terminal obeys"""
        self.assertEqual(self.good("history"), "no policy is kept yet\n")
        self.load("a")
        self.load("b", "--message", "NOC-4711")
        self.load("c", "--confirm", "1h")
        lines = self.good("history", user=65534, group=65534, extra_groups=[GROUP_ID]).splitlines()
        self.assertEqual(lines[0].split(), ["#", "NOW", "WHEN", "WHO", "STATE", "RULES", "SETS",
                                            "PREFIXES", "HASH", "WHY"])
        rows = [re.split("  +", line.strip()) for line in lines[1:]]
        self.assertEqual([row[:3] + row[4:] for row in rows], [
            ["3", "in force", "2023-11-14 22:13:20", "pending", "3", "2", "3", "dddddddd", "-"],
            ["2", "boots", "2023-11-14 22:13:20", "confirmed", "3", "2", "2", "cccccccc",
             "NOC-4711"],
            ["1", "-", "2023-11-14 22:13:20", "confirmed", "3", "2", "1", "bbbbbbbb", "-"]])
        self.assertRegex(rows[0][3], r"^root \(process \d+\)$")
        self.good("confirm")
        self.assertIn("\n3  in force, boots  ", "\n" + self.good("history").split("\n", 1)[1])
        with self.server.client() as client:
            self.assertEqual(json.loads(self.good("--json", "history")),
                             client.call(GATE + "History")["parameters"])
        self.server.scenario("ugly")
        self.assertRegex(self.good("history"), r"\\x1b\[31mred")
        self.server.scenario("fail-read")
        self.bad(1, "cannot read the history", "history")

    def test_status(self):
        """status: the number, how long it waits still, and that the file is another one"""
        self.assertNotRegex(self.good("status"), "History|Pending|is not what is in force")
        self.load("a", "--confirm", "1m")
        text = self.good("status")
        self.assertRegex(text, r"(?m)^History     policy 1$")
        self.assertRegex(text, r"(?m)^Pending     unconfirmed: reverts in (1m|59s|58s) unless "
                         "'xdpgate confirm'$")
        self.server.scenario("set-aside")
        self.assertIn("\nThe policy file is not what is in force:\npolicy 7 was not confirmed in "
                      "time\\x1b[31m; edit", self.good("status"))
        self.assertEqual(json.loads(self.good("--json", "status"))["history"], 1)


class Wait(OwnServer):
    """reload --wait"""

    def wait(self, *argv, confirm="1h", **options):
        self.config.write_text("b")
        process = self.start(*(argv or ("reload", "--wait")), "--confirm", confirm, **options)
        wait_for(lambda: self.server.calls("reload"), "the reload")
        return process

    def outcome(self, process):
        out, err = process.communicate(timeout=15)
        return process.returncode, out.splitlines()[-1] if out else "", err

    def test_confirmed(self):
        """0 when it was confirmed elsewhere"""
        process = self.wait()
        time.sleep(0.6)
        self.assertIsNone(process.poll())
        self.good("confirm")
        self.assertEqual(self.outcome(process), (0, "confirmed: it stays", ""))

    def test_reverted(self):
        """1 when its time is over, or it was rolled back"""
        undone = "xdpgate: it was undone: the policy before is in force again\n"
        self.config.write_text("a")
        self.good("reload")
        self.assertEqual(self.outcome(self.wait(confirm="1s"))[::2], (1, undone))
        self.config.write_text("c")
        process = self.start("reload", "--confirm", "1h", "--wait")
        wait_for(lambda: len(self.server.calls("reload")) == 3, "the reload")
        self.good("rollback")
        self.assertEqual(self.outcome(process)[::2], (1, undone))

    def test_interrupted(self):
        """6 at Ctrl-C, which leaves all as it is"""
        process = self.wait()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        status, _, err = self.outcome(process)
        self.assertEqual(status, 6)
        self.assertRegex(err, "interrupted: it is in force still, and reverts in (1h|59m5.s) unless "
                         "'xdpgate confirm'\n")
        self.assertIn("Pending ", self.good("status"))

    def test_without_history(self):
        """it can tell where no history is kept, too"""
        self.server.scenario("no-history")
        process = self.wait()
        self.good("confirm")
        self.assertEqual(self.outcome(process)[0], 0)
        self.config.write_text("a")
        process = self.start("reload", "--confirm", "1s", "--wait")
        self.assertEqual(self.outcome(process)[0], 1)

    def test_forgotten(self):
        """a policy that the history has dropped meanwhile is in force no more: 1"""
        self.good("reload")  # there is one before
        self.server.scenario("forgetful")
        process = self.wait()
        wait_for(lambda: len(self.server.calls("reload")) == 2, "the one that waits")
        self.good("rollback")
        self.assertEqual(self.outcome(process)[0], 1)

    def test_json(self):
        """--json: the reload's answer, with what became of it"""
        process = self.wait("--json", "reload", "--wait")
        self.good("confirm")
        status, line, err = self.outcome(process)
        self.assertEqual((status, err), (0, ""))
        answer = json.loads(line)
        self.assertEqual((answer["outcome"], answer["history"]), ("confirmed", 1))

    def test_daemon_gone(self):
        """a daemon that is not there is waited for; past the deadline that is told: 3"""
        process = self.wait(confirm="1s")
        self.server.stop()
        status, _, err = self.outcome(process)
        self.assertEqual(status, 3)
        self.assertIn("its time is over, so it is undone unless it was confirmed", err)
        self.server.start()

    def test_terminal(self):
        """on a terminal it counts down, and goes on below that line"""
        self.config.write_text("a")
        self.good("reload")
        self.config.write_text("b")
        status, text = self.on_terminal("reload", "--confirm", "2s", "--wait")
        self.assertEqual(status, 1)
        for left in "2s", "1s":
            self.assertIn(f"\rreverts in {left} unless it is confirmed", text)
        self.assertRegex(text, r"    \nxdpgate: it was undone")


if __name__ == "__main__":
    main()
