#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The real fail2ban reads log lines of sshd and bans through a live set: pings from the banned
address, to the router and through it, stop and resume; others go on."""

import re
import time
import unittest

import fail2ban
import netlab
import tap
from edge import Edge, ROUTER4, ROUTER6, SENDER4, SENDER6

OTHER4, OTHER6 = "198.51.100.3", "2001:db8:100::3"  # the sender's, too, and never banned
INSIDE4, INSIDE6 = "203.0.113.2", "2001:db8:200::2"  # behind the router
GUESSERS = (SENDER4, SENDER6)

POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
sets:
  banned: {live: true, timeout: 1h, size: 1000}
policies:
  edge:
    default: pass
    rules:
      - {name: banned, match: {src: $banned}, do: drop}
"""


class Lab(Edge):
    """The scene with addresses, the scrubber as a host behind the router."""

    def __enter__(self):
        super().__enter__()
        try:
            self.add_addresses()
            self.sender.add_address("up0", f"{OTHER4}/24", f"{OTHER6}/64")
            self.router.add_address("xg-scrub", "203.0.113.1/24", "2001:db8:200::1/64")
            self.scrubber.add_address("sc0", f"{INSIDE4}/24", f"{INSIDE6}/64")
            self.router.sysctl(**{"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
            self.sender.ip("route", "add", "default", "via", ROUTER4)
            self.sender.ip("-6", "route", "add", "default", "via", ROUTER6)
            self.scrubber.ip("route", "add", "default", "via", "203.0.113.1")
            self.scrubber.ip("-6", "route", "add", "default", "via", "2001:db8:200::1")
            for address in (OTHER4, OTHER6):
                self.neighbour(self.router, "xg0", address, self.sender, "up0")
            for address in (INSIDE4, INSIDE6):
                self.neighbour(self.router, "xg-scrub", address, self.scrubber, "sc0")
            for address in ("203.0.113.1", "2001:db8:200::1"):
                self.neighbour(self.scrubber, "sc0", address, self.router, "xg-scrub")
            self.gate_of_router = self.gate(POLICY).start()
        except BaseException:
            self.close()
            raise
        return self

    def answers(self, source, target, count=3):
        """How many of so many pings are answered."""
        done = self.sender.run(["ping", "-n", "-q", "-c", count, "-i", 0.1, "-W", 1, "-I", source,
                                target], check=False)
        return int(re.search(r"(\d+) received", done.stdout).group(1))

    def fail2ban(self, **options):
        return fail2ban.Fail2ban(self, self.router, self.gate_of_router, **options).start()


class Fail2banTest(unittest.TestCase):
    """Each starts a fail2ban, which takes seconds."""

    def setUp(self):
        reason = fail2ban.missing()
        if reason:
            self.skipTest(reason)

    def assert_pings(self, lab, *sources, answered, count=3):
        """Does the router, and who is behind it, answer these addresses?"""
        for source in sources:
            targets = (ROUTER6, INSIDE6) if ":" in source else (ROUTER4, INSIDE4)
            for target in targets:
                self.assertEqual(lab.answers(source, target, count), count if answered else 0,
                                 f"{source} to {target}")

    def entries(self, lab):
        """What is in the set: left and comment by prefix, each of which is there once."""
        entries = lab.gate_of_router.json("set", "list", "banned")["entries"]
        by_prefix = {e["prefix"]: (e["left"], e["comment"]) for e in entries}
        self.assertEqual(len(entries), len(by_prefix))
        return by_prefix

    def wait_entries(self, lab, *prefixes, timeout=30):
        netlab.wait_for(lambda: set(self.entries(lab)) == set(prefixes),
                        f"the set holds {prefixes}", timeout=timeout, pause=0.1)

    def ban(self, lab, ban, *addresses):
        """Guess passwords until that is over."""
        ban.fail_login(*addresses)
        for address in addresses:
            ban.wait_log(f"[sshd] Ban {address}")
        netlab.wait_for(lambda: set(addresses) <= set(self.entries(lab)),
                        f"{addresses} are banned; {ban.log()}")

    def test_ban(self):
        """pings of who guesses passwords stop with the ban and resume when it is lifted"""
        with Lab() as lab:
            ban = lab.fail2ban()
            self.assert_pings(lab, *GUESSERS, OTHER4, OTHER6, answered=True)
            ban.fail_login(*GUESSERS, OTHER4, OTHER6, times=2)  # of three that are allowed
            self.ban(lab, ban, *GUESSERS)
            dropped = lab.gate_of_router.stats().rule("banned")[0]
            self.assert_pings(lab, *GUESSERS, answered=False)
            self.assertEqual(lab.gate_of_router.stats().rule("banned")[0] - dropped, 4 * 3)
            self.assert_pings(lab, OTHER4, OTHER6, answered=True)
            entries = self.entries(lab)
            self.assertEqual(set(entries), set(GUESSERS))
            for left, comment in entries.values():
                self.assertEqual(comment, "fail2ban sshd")
                self.assertTrue(500 < left <= 600, left)

            ban.ask("set", "sshd", "unbanip", SENDER4)
            self.wait_entries(lab, SENDER6)
            self.assert_pings(lab, SENDER4, OTHER4, OTHER6, answered=True)
            self.assert_pings(lab, SENDER6, answered=False)
            ban.ask("set", "sshd", "unbanip", SENDER6)
            self.wait_entries(lab)
            self.assert_pings(lab, *GUESSERS, answered=True)
            self.assertNotRegex(ban.log(), "ERROR|CRITICAL")

    def test_end(self):
        """a ban ends by its time: fail2ban's word, and the set's own if fail2ban is no more"""
        with Lab() as lab:
            ban = lab.fail2ban(bantime=f"{15 * netlab.PATIENCE:.0f}s")
            self.ban(lab, ban, *GUESSERS)
            self.assert_pings(lab, *GUESSERS, answered=False, count=1)
            for address in GUESSERS:
                ban.wait_log(f"[sshd] Unban {address}")
            self.wait_entries(lab, timeout=3)
            self.assert_pings(lab, *GUESSERS, answered=True)
            self.assertNotRegex(ban.log(), "ERROR|CRITICAL")

            began = time.monotonic()
            ban.fail_login(*GUESSERS)
            ban.wait_log(f"[sshd] Ban {SENDER4}", count=2)
            self.wait_entries(lab, *GUESSERS)
            ban.kill()
            self.assert_pings(lab, *GUESSERS, answered=False, count=1)
            self.wait_entries(lab, timeout=20)
            self.assertGreater(time.monotonic() - began, 12)
            self.assert_pings(lab, *GUESSERS, answered=True)

    def test_restart(self):
        """a restart of fail2ban restores bans, with the time that is left to them, each once"""
        with Lab() as lab:
            ban = lab.fail2ban()
            self.ban(lab, ban, *GUESSERS)
            time.sleep(2)
            ban.stop()
            self.assertEqual(self.entries(lab), {})
            self.assert_pings(lab, *GUESSERS, answered=True)
            ban.start()
            self.wait_entries(lab, *GUESSERS)
            for left, comment in self.entries(lab).values():
                self.assertEqual(comment, "fail2ban sshd")
                self.assertTrue(500 < left <= 598, left)
            self.assert_pings(lab, *GUESSERS, answered=False)
            self.assert_pings(lab, OTHER4, OTHER6, answered=True)
            # Killed, it takes nothing back; started again, it adds nothing twice.
            ban.kill()
            self.assert_pings(lab, *GUESSERS, answered=False, count=1)
            restored = ban.log().count("Restore Ban")
            ban.start()
            ban.wait_log("Restore Ban", count=restored + 2)
            self.wait_entries(lab, *GUESSERS)
            self.assert_pings(lab, *GUESSERS, answered=False)
            ban.ask("unban", "--all")
            self.wait_entries(lab)
            self.assert_pings(lab, *GUESSERS, answered=True)
            self.assertNotRegex(ban.log(), "ERROR|CRITICAL")

    def test_others(self):
        """a jail takes out only what is its own; a ban for ever has no end"""
        with Lab() as lab:
            ban, gate = lab.fail2ban(bantime="-1"), lab.gate_of_router
            for _ in range(2):  # fail2ban may think that it has flushed already
                ban.ask("set", "sshd", "banip", *GUESSERS)
                netlab.wait_for(lambda: set(GUESSERS) <= set(self.entries(lab)), "bans")
                self.assertEqual({self.entries(lab)[a] for a in GUESSERS},
                                 {(None, "fail2ban sshd")})
                gate.ctl("set", "add", "banned", "192.0.2.1", "2001:db8:1::/48", "--timeout",
                         "never", "--comment", "fail2ban sshd-ddos")
                ban.ask("unban", "--all")
                self.wait_entries(lab, "192.0.2.1", "2001:db8:1::/48")
            # A later ban by another, of an address that is banned already, is the other's.
            ban.ask("set", "sshd", "banip", *GUESSERS)
            netlab.wait_for(lambda: set(GUESSERS) <= set(self.entries(lab)), "bans")
            gate.ctl("set", "add", "banned", SENDER4, "--timeout", "1w", "--comment",
                     "fail2ban recidive")
            ban.ask("set", "sshd", "unbanip", *GUESSERS)
            self.wait_entries(lab, SENDER4, "192.0.2.1", "2001:db8:1::/48")
            self.assert_pings(lab, SENDER4, answered=False, count=1)
            self.assert_pings(lab, SENDER6, answered=True)
            self.assertNotRegex(ban.log(), "ERROR|CRITICAL")

    def test_no_gate(self):
        """a ban waits for a daemon that restarts; a set that is not there is told at the start"""
        with Lab() as lab:
            gate = lab.gate_of_router
            ban = lab.fail2ban(defaults="banaction = xdpgate[patience=30]")
            self.ban(lab, ban, OTHER4)  # all has started
            gate.kill()
            ban.fail_login(SENDER4)
            ban.wait_log(f"[sshd] Ban {SENDER4}")
            ban.wait_log("Trying to restore a sane environment")
            time.sleep(2)
            gate.start()
            self.wait_entries(lab, OTHER4, SENDER4)
            self.assertNotIn("Unable to restore", ban.log())
            self.assert_pings(lab, SENDER4, answered=False)
            ban.ask("set", "sshd", "unbanip", SENDER4)
            self.wait_entries(lab, OTHER4)
            ban.stop()

            ban.local.write_text(ban.local.read_text().replace("[patience=30]", "[set=bnned]"))
            ban.start()
            ban.wait_log("Failed to start jail 'sshd' action")
            self.assertRegex(ban.log(), "there is no live set 'bnned'; there are: banned")
            self.assertRegex(ban.log(), "remedy: have the set bnned")


if __name__ == "__main__":
    tap.main()
