#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Interfaces that come and go, in a network namespace of the test's own."""

import os
import signal
import time

import shell

PORT = "xg-wan"


class Namespace(shell.Case):
    def setUp(self):
        self.name = f"xgt-{os.getpid()}-links"
        shell.run("ip", "netns", "add", self.name)
        self.addCleanup(shell.run, "ip", "netns", "del", self.name)
        self.inside = ["nsenter", f"--net=/run/netns/{self.name}"]

    def ip(self, *arguments):
        shell.run(*self.inside, "ip", *arguments)

    def batch(self, lines):
        shell.subprocess.run([*self.inside, "ip", "-batch", "-"], input="\n".join(lines),
                             text=True, check=True, stdout=shell.subprocess.DEVNULL)

    def add_port(self, port=PORT):
        self.ip("link", "add", port, "type", "veth", "peer", "name", port + "-p")

    def quiet(self, daemon, seconds=0.3):
        """Wait until the gate has not been called for a while; how often it has been."""
        while True:
            n = len(daemon.calls("links"))
            time.sleep(seconds)
            if len(daemon.calls("links")) == n:
                return n

    def test_appears(self):
        """an interface that appears is attached at once, and the daemon becomes ready"""
        daemon = self.start(f"port {PORT}", wrapper=self.inside)
        daemon.wait_notification("STATUS=waiting for interface")
        self.add_port()
        added = time.clock_gettime(time.CLOCK_MONOTONIC)
        daemon.wait_notification("^READY=1\nSTATUS=generation 1; filtering on wan$")
        self.assertLess(daemon.calls("links")[0][0], added + 0.2)
        self.ip("link", "del", PORT)
        daemon.wait_notification(r"^STATUS=waiting for interface wan \(xg-wan\); generation 1$")
        self.assertEqual(daemon.stop(), 0)

    def test_renamed(self):
        """a rename counts as an arrival"""
        self.add_port("xg-other")
        daemon = self.start(f"port {PORT}", wrapper=self.inside)
        daemon.wait_notification("STATUS=waiting for interface")
        self.ip("link", "set", "xg-other", "name", PORT)
        daemon.wait_notification("^READY=1")

    def test_during_start(self):
        """an interface that comes while the daemon starts is not missed"""
        daemon = self.start("sleep 300\nport xg-wan", wrapper=self.inside)
        daemon.wait_call("start")
        self.add_port()
        daemon.wait_call("links")

    def test_burst(self):
        """hundreds of changes make few calls, the last one after the last change"""
        daemon = self.start("port lo", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        begin = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.batch(f"link add xg{n} type veth peer name xg{n}p" for n in range(150))
        end = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.quiet(daemon)
        calls = [when for when, _ in daemon.calls("links")]
        self.assertGreaterEqual(calls[-1], end - 0.05)
        for before, after in zip(calls, calls[1:]):
            self.assertGreaterEqual(after - before, 0.045)
        self.assertLessEqual(len(calls), 2 + (end - begin) / 0.05)

    def test_lost_messages(self):
        """messages lost to a full buffer lead to a fresh look"""
        self.add_port()
        daemon = self.start("port lo", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        self.quiet(daemon)
        daemon.kill(signal.SIGSTOP)
        self.batch(f"link set {PORT} {'up' if n % 2 else 'down'}" for n in range(3000))
        n = len(daemon.calls("links"))
        daemon.kill(signal.SIGCONT)
        daemon.wait_log("netlink messages were lost")
        daemon.wait_call("links", n + 1)
        self.add_port("xg-after")
        daemon.wait_call("links", n + 2)
        self.assertEqual(daemon.stop(), 0)

    def test_other_namespace(self):
        """what happens in another namespace is none of our business"""
        daemon = self.start("port lo", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        n = self.quiet(daemon)
        other = self.name + "2"
        shell.run("ip", "netns", "add", other)
        self.addCleanup(shell.run, "ip", "netns", "del", other)
        shell.run("ip", "-n", other, "link", "add", "xg-x", "type", "veth", "peer", "name", "xg-y")
        time.sleep(0.2)
        self.assertEqual(len(daemon.calls("links")), n)

    def test_addresses(self):
        """an address that comes is answered at once, hundreds of them by few calls"""
        self.ip("link", "set", "lo", "up")
        daemon = self.start("port lo", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        self.ip("address", "add", "192.0.2.1/32", "dev", "lo")
        added = time.clock_gettime(time.CLOCK_MONOTONIC)
        daemon.wait_call("addresses")
        self.assertLess(daemon.calls("addresses")[0][0], added + 0.2)
        daemon.wait_notification("STATUS=generation 2; filtering on wan$")
        begin = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.batch(f"address add 198.18.{n // 250}.{n % 250}/32 dev lo" for n in range(1, 400))
        end = time.clock_gettime(time.CLOCK_MONOTONIC)
        shell.wait_for(lambda: daemon.calls("addresses")[-1][0] >= end - 0.2, "the last call")
        self.assertLess(len(daemon.calls("addresses")), 3 + (end - begin) / 0.02)

    def test_addresses_fail(self):
        """a change that cannot be put in force is shouted about and tried again, by itself"""
        self.ip("link", "set", "lo", "up")
        daemon = self.start("port lo\naddresses 12", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        self.ip("address", "add", "192.0.2.1/32", "dev", "lo")
        daemon.wait_log("error: addresses fails by order")
        daemon.wait_log("error: $self is not what the addresses of this machine are now: "
                        "generation 1 stays in force; trying again")
        daemon.wait_call("addresses", 2)
        first, second = [when for when, _ in daemon.calls("addresses")][:2]
        self.assertAlmostEqual(second - first, 1, delta=0.3)
        daemon.script("port lo")
        daemon.wait_notification("STATUS=generation 2; filtering on wan$")
        self.assertEqual(daemon.log().count("addresses fails by order"), 1)

    def test_backoff(self):
        """a failing interface is tried after 1, 2, 4 seconds, and says why once"""
        daemon = self.start("failed MTU too large", wrapper=self.inside)
        daemon.wait_notification(r"STATUS=waiting for interface wan \(lo\); generation 1; "
                                 r"failed on wan \(MTU too large\)$")
        daemon.wait_call("links", 3, timeout=8)
        times = [when for when, _ in daemon.calls("start") + daemon.calls("links")]
        for seconds, before, after in zip((1, 1, 2), times, times[1:]):
            self.assertAlmostEqual(after - before, seconds, delta=0.2)
        self.assertEqual(daemon.log().count("error: interface wan: MTU too large"), 1)
        daemon.script("failed no driver support")
        self.add_port()
        daemon.wait_log("error: interface wan: no driver support")
        daemon.script("")
        self.ip("link", "set", PORT, "up")
        daemon.wait_notification("^READY=1\nSTATUS=generation 1; filtering on wan$")

    def test_failing_in_storm(self):
        """while it fails, changes make at most one try a second"""
        self.add_port()
        daemon = self.start("links 5", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            self.ip("link", "set", PORT, "up")
            self.ip("link", "set", PORT, "down")
        self.assertIn(len(daemon.calls("links")), (3, 4))
        self.assertEqual(daemon.log().count("error: links fails by order"), 1)

    def test_same_failure_later(self):
        """the same failure after a success is news again"""
        self.add_port()
        daemon = self.start("links 5", wrapper=self.inside)
        daemon.wait_notification("READY=1")
        for n in (1, 2):
            daemon.script("links 5")
            self.ip("link", "set", PORT, "up" if n == 1 else "down")
            shell.wait_for(lambda n=n: daemon.log().count("error: links fails by order") == n,
                           "the failure in the log")
            daemon.script("")
            calls = len(daemon.calls("links"))
            daemon.wait_call("links", calls + 1)


if __name__ == "__main__":
    shell.main()
