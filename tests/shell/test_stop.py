#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stop or restart? What the daemon makes of what systemd's bus says, or fails to say."""

import time

import bus
import shell


class Stop(shell.Case):
    def stop_with(self, job, handshake=True, serve=True, environment=True):
        """Stop a daemon under such a bus; it, the bus, and how long the stop took."""
        folder = self.enterContext(shell.tempfile.TemporaryDirectory())
        path = bus.address(folder)
        server = None
        if serve:
            server = bus.Bus(path, job, handshake)
            self.addCleanup(server.close)
        env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={path}"}
        if environment:
            env["INVOCATION_ID"] = "0123456789abcdef0123456789abcdef"
        # an empty /run: no systemd of this machine answers
        daemon = self.started(env=env, wrapper=[
            "unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh"])
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.notifications()[-1].split("\n")[0], "STOPPING=1")
        return daemon, server, time.monotonic() - begin

    def test_restart(self):
        """a restart disarms nothing"""
        for job in ("restart", "try-restart"):
            daemon, server, _ = self.stop_with(job)
            self.assertEqual(server.asked, ["Hello", "unit", "job", "type"])
            self.assertEqual(daemon.names(), ["new", "start", "leave", "free"])
            self.assertIn("notice: stopping for a restart", daemon.log())

    def test_stop(self):
        """a stop, and any other job, disarms"""
        for job in ("stop", "start", "restarted", "nop"):
            daemon, server, _ = self.stop_with(job)
            self.assertEqual(server.asked, ["Hello", "unit", "job", "type"])
            self.assertIn("disarm", daemon.names())
            self.assertNotIn("warning", daemon.log())

    def test_no_job(self):
        """without a job (kill, systemctl kill) it is a stop"""
        daemon, server, _ = self.stop_with("")
        self.assertEqual(server.asked, ["Hello", "unit", "job"])
        self.assertIn("disarm", daemon.names())

    def test_doubt(self):
        """no bus, a silent one, one that refuses: a stop, soon, with a word in the log"""
        for options in ({"job": "restart", "serve": False}, {"job": None}, {"job": "refuse"},
                        {"job": "restart", "handshake": False}):
            with self.subTest(**options):
                daemon, _, seconds = self.stop_with(**options)
                self.assertIn("disarm", daemon.names())
                self.assertIn("warning: cannot ask systemd whether this is a restart",
                              daemon.log())
                self.assertLess(seconds, 2.5)

    def test_not_a_service(self):
        """not started by systemd: nobody is asked"""
        daemon, server, _ = self.stop_with("restart", environment=False)
        self.assertEqual(server.asked, [])
        self.assertIn("disarm", daemon.names())


if __name__ == "__main__":
    shell.main()
