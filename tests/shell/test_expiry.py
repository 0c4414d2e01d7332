#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Rules and sets that expire: the policy is made again when the moment comes, and only then."""

import signal
import time

import shell


class Expiry(shell.Case):
    def test_moment(self):
        """a reload when something expires, and again when the next thing does"""
        daemon = self.started("expires 2\n")
        daemon.wait_call("expired", timeout=6)
        loaded, reloaded = (daemon.calls(name)[0][0] for name in ("start", "expired"))
        self.assertGreater(reloaded - loaded, 0.9)  # the fake's seconds are whole ones
        self.assertLess(reloaded - loaded, 3)
        daemon.wait_log("a rule or set of the policy has expired: making it again")
        daemon.wait_notification("RELOADING=1")
        daemon.wait_log("generation 2 is in force")
        daemon.wait_call("expired", 2, timeout=6)

    def test_new_policy(self):
        """a policy without such rules stops the clock"""
        daemon = self.started("expires 2\n")
        daemon.script("")
        daemon.kill(signal.SIGHUP)
        daemon.wait_call("reload")
        time.sleep(3)
        self.assertEqual(len(daemon.calls("expired")), 0)

    def test_failure(self):
        """a reload that fails then is not tried again at once"""
        daemon = self.started("expires 1\n")
        daemon.script("expired 22\n")
        daemon.wait_log("reload failed", timeout=6)
        time.sleep(2)
        self.assertEqual(len(daemon.calls("expired")), 1)


if __name__ == "__main__":
    shell.main()
