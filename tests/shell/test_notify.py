#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What systemd hears, and what signals do."""

import os
import re
import signal
import time

import shell


class Messages(shell.Case):
    def test_sequence(self):
        """ready, reload, failed reload, stop: the exact messages"""
        daemon = self.started()
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("generation 2")
        daemon.script("reload 22\nplace 3")
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("reload failed")
        self.assertEqual(daemon.stop(), 0)
        expected = [
            "READY=1\nSTATUS=generation 1; filtering on wan",
            r"RELOADING=1\nMONOTONIC_USEC=(\d+)",
            "READY=1\nSTATUS=generation 2; filtering on wan",
            r"RELOADING=1\nMONOTONIC_USEC=(\d+)",
            f"READY=1\nSTATUS=reload failed at {daemon.config}:3:6: error: reload fails by order; "
            "generation 2 still in force; filtering on wan",
            "STOPPING=1\nSTATUS=stopping",
        ]
        messages = daemon.notifications()
        self.assertEqual(len(messages), len(expected), messages)
        for message, pattern in zip(messages, expected):
            self.assertRegex(message, f"^{pattern}$")
        usec = int(re.search(r"USEC=(\d+)", messages[1])[1])
        call = daemon.calls("reload")[0][0]
        self.assertLess(abs(usec / 1e6 - call), 0.2)
        self.assertLessEqual(usec / 1e6, call + 0.001)

    def test_failure_without_place(self):
        """a failure that has no place in a file"""
        daemon = self.started("reload 12")
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("READY=1\nSTATUS=reload failed: error: reload fails by order; "
                                 "generation 1 still in force")

    def test_failure_is_logged(self):
        """every diagnostic of a failed reload is in the log, with source line and caret"""
        daemon = self.started("reload 22\nplace 3")
        daemon.kill(signal.SIGHUP)
        daemon.wait_log("reload failed; generation 1 stays in force")
        log = daemon.log()
        self.assertIn(f"{shell.NAME}: {daemon.config}:3:6: error: reload fails by order\n"
                      "    3 |         the text", log)
        self.assertIn("|             ^~~~", log)
        self.assertNotIn("\x1b", log)

    def test_waiting(self):
        """not ready before the interface is there; a reload meanwhile says nothing of READY"""
        daemon = self.start("port xg-missing")
        daemon.wait_notification(r"^STATUS=waiting for interface wan \(xg-missing\); generation 1$")
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("generation 2")
        self.assertFalse([m for m in daemon.notifications() if "READY" in m or "RELOADING" in m])
        daemon.script("port lo")
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("^READY=1\nSTATUS=generation 3; filtering on wan$")

    def test_lost_later(self):
        """ready is said once; a loss later is a STATUS"""
        daemon = self.started("port lo")
        daemon.script("port xg-missing")
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("^READY=1\nSTATUS=waiting for interface wan")

    def test_watchdog(self):
        """the watchdog is fed in time"""
        daemon = self.started(env={"WATCHDOG_USEC": "300000"})
        begin = time.monotonic()
        shell.wait_for(lambda: sum("WATCHDOG=1" in m for m in daemon.notifications()) >= 6,
                       "six signs of life")
        self.assertLess(time.monotonic() - begin, 6 * 0.3)

    def test_no_manager(self):
        """without a service manager all goes on"""
        daemon = self.start(notify=False)
        daemon.wait_log("notice: ready")
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("warning", daemon.log())

    def test_broken_manager(self):
        """a service manager that does not listen is mentioned once"""
        daemon = self.start(env={"NOTIFY_SOCKET": "/nonexistent/notify"})
        daemon.wait_log("notice: ready")
        daemon.kill(signal.SIGHUP)
        daemon.wait_call("reload")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log().count("cannot tell the service manager"), 1)


class Signals(shell.Case):
    def test_storm(self):
        """a thousand SIGHUPs: few reloads, the last one after the last signal"""
        daemon = self.started("sleep 20")
        for _ in range(1000):
            daemon.kill(signal.SIGHUP)
        last = time.clock_gettime(time.CLOCK_MONOTONIC)
        time.sleep(0.2)
        calls = daemon.calls("reload")
        self.assertGreaterEqual(calls[-1][0], last - 0.001)
        self.assertLessEqual(len(calls), 3 + (calls[-1][0] - calls[0][0]) / 0.02)
        daemon.wait_notification(f"READY=1\nSTATUS=generation {len(calls) + 1};")
        kinds = [m.split("=")[0] for m in daemon.notifications()[1:]]
        self.assertEqual(kinds, ["RELOADING", "READY"] * len(calls))

    def test_stop_in_storm(self):
        """SIGTERM goes ahead of SIGHUP"""
        daemon = self.started("sleep 100")
        daemon.kill(signal.SIGSTOP)
        daemon.kill(signal.SIGHUP)
        daemon.kill(signal.SIGTERM)
        daemon.kill(signal.SIGCONT)
        self.assertEqual(daemon.wait_exit(), 0)
        self.assertEqual(daemon.calls("reload"), [])

    def test_early_reload(self):
        """a SIGHUP during the start is obeyed after it"""
        daemon = self.start("sleep 300")
        daemon.wait_call("start")
        daemon.kill(signal.SIGHUP)
        daemon.wait_call("reload")
        daemon.wait_notification("generation 2")
        self.assertEqual(daemon.names()[:3], ["new", "start", "reload"])

    def test_early_stop(self):
        """a SIGTERM during the start stops cleanly after it"""
        daemon = self.start("sleep 300")
        daemon.wait_call("start")
        daemon.kill(signal.SIGTERM)
        self.assertEqual(daemon.wait_exit(), 0)
        self.assertEqual(daemon.names(), ["new", "start", "disarm", "leave", "free"])

    def test_ignored_before(self):
        """started by nohup, SIGHUP reloads all the same"""
        daemon = self.started(wrapper=["sh", "-c", 'trap "" HUP; exec "$@"', "sh"])
        daemon.kill(signal.SIGHUP)
        daemon.wait_call("reload")

    def test_stop(self):
        """SIGTERM and SIGINT disarm"""
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.started()
            self.assertEqual(daemon.stop(number), 0)
            self.assertEqual(daemon.names(), ["new", "start", "disarm", "leave", "free"])
            self.assertIn(f"notice: {number.name} from process {os.getpid()}: stopping",
                          daemon.log())

    def test_stop_fails(self):
        """disarming that fails is a failure"""
        daemon = self.started("disarm 5")
        self.assertEqual(daemon.stop(), 1)
        self.assertIn("error: disarm fails by order", daemon.log())

    def test_kill(self):
        """kill -9 leaves the gate as it is"""
        daemon = self.started()
        daemon.stop(signal.SIGKILL)
        self.assertEqual(daemon.names(), ["new", "start"])


class Clients(shell.Case):
    def test_reload(self):
        """a client's reload is told to systemd like a SIGHUP's"""
        daemon = self.started()
        self.assertEqual(daemon.say("Reload"), "done")
        messages = daemon.notifications()
        self.assertRegex(messages[1], r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertEqual(messages[2], "READY=1\nSTATUS=generation 2; filtering on wan")
        self.assertIn("notice: user 0 (process 4711) asks: Reload\n", daemon.log())
        self.assertIn("notice: reloaded: generation 2 is in force\n", daemon.log())

    def test_choices(self):
        """to confirm and to roll back are told like a reload, with what was asked for; so is what
        systemd must not miss: that a policy waits to be confirmed"""
        daemon = self.started(env={"TZ": "UTC"})
        daemon.script("pending 1\n")
        for word, asked, done in (
                ("Rollback", "Rollback to policy 7, to be confirmed within 600 s, if it has changed, "
                 "whatever lists have lost, by force: NOC-4711\\x1b[31m\n",
                 "rolled back: generation 2 is in force until 2000-12-31 23:59:59, then undone, "
                 "unless it is confirmed\n"),
                ("Confirm", "Confirm\n", "confirmed: generation 2 is in force\n")):
            before = len(daemon.notifications())
            self.assertEqual(daemon.say(word), "done")
            self.assertRegex(daemon.notifications()[before], r"^RELOADING=1\n")
            self.assertEqual(daemon.notifications()[before + 1],
                             "READY=1\nSTATUS=generation 2; UNCONFIRMED; filtering on wan")
            self.assertIn(f"notice: user 0 (process 4711) asks: {asked}", daemon.log())
            self.assertIn(f"notice: {done}", daemon.log())
        self.assertEqual([daemon.calls(word)[0][1] for word in ("rollback", "confirm")],
                         ["rollback to 7 of a test", "confirm of a test"])

    def test_choices_fail(self):
        """what fails is said, with what stays in force, and systemd hears of the end all the same"""
        daemon = self.started("confirm 2\nrollback 22\n")
        for word, what in ("Confirm", "confirming"), ("Rollback", "rollback"):
            before = len(daemon.notifications())
            daemon.say(word)
            self.assertRegex(daemon.notifications()[before + 1], "^READY=1\n")
            self.assertIn(f"error: {what} failed; generation 1 stays in force", daemon.log())

    def test_unchanged(self):
        """a reload that finds nothing to do says so"""
        daemon = self.started("same 1\n")
        daemon.say("Reload")
        self.assertIn("notice: nothing has changed: generation 1 is in force", daemon.log())

    def test_sets(self):
        """what a client did to a live set is one line, and nothing of the service manager's"""
        daemon = self.started()
        before = daemon.notifications()
        self.assertEqual(daemon.say("SetChange"), "done")
        daemon.wait_log("user 1001 (process 4711) on set banned: 99000 added, 1000 refused, "
                        "2 calls failed: no\\x0aroom")
        self.assertEqual(daemon.notifications(), before)

    def test_order(self):
        """SIGHUP goes ahead of clients"""
        daemon = self.started()
        daemon.kill(signal.SIGSTOP)
        daemon.say("Reload", wait=False)
        daemon.kill(signal.SIGHUP)
        daemon.kill(signal.SIGCONT)
        daemon.wait_call("reload", 2)
        self.assertEqual([call for _, call in daemon.calls("reload")],
                         [f"reload of SIGHUP from process {os.getpid()}", "reload of a test"])
        daemon.wait_log("asks: Reload")
        log = daemon.log()
        self.assertLess(log.index("SIGHUP from"), log.index("asks: Reload"))

    def test_detach(self):
        """after a detach the client has its answer and the daemon ends, disarming nothing"""
        daemon = self.started()
        self.assertEqual(daemon.say("Detach"), "done")
        self.assertEqual(daemon.wait_exit(timeout=2), 0)
        self.assertEqual(daemon.names(), ["new", "start", "detach", "free"])
        self.assertEqual(daemon.notifications()[-1],
                         "STOPPING=1\nSTATUS=detached from all interfaces")

    def test_signals_after_detach(self):
        """a SIGHUP behind a detach brings nothing back"""
        daemon = self.started()
        daemon.say("Detach")
        daemon.kill(signal.SIGHUP)
        self.assertEqual(daemon.wait_exit(timeout=2), 0)
        self.assertEqual(daemon.calls("reload"), [])

    def test_detach_fails(self):
        """a detach that fails leaves the daemon running"""
        daemon = self.started("detach 5")
        daemon.say("Detach")
        time.sleep(0.5)
        self.assertIsNone(daemon.process.poll())
        self.assertIn("error: Detach failed", daemon.log())
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    shell.main()
