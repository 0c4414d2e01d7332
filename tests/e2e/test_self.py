#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`$self` follows the addresses of the machine: at once, without a look at any file; and what
`protect` keeps alive under `default: drop`.

PREFIXES=1000000 tests/e2e/test_self.py Follows     measures with a list of that length
"""

import os
import re
import resource
import time
import unittest

import netlab
import tap
from edge import Edge, ROUTER4, ROUTER6, SENDER4

PREFIXES = int(os.environ.get("PREFIXES", "20000"))
# What is promised is 100 ms; the machine that tests may be busy.
PATIENCE = 2 if PREFIXES <= 100000 else 10
FRESH4, FRESH6 = "203.0.113.9", "2001:db8:fe::9"

POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
sets:
  listed: {file: lists/listed.txt}
policies:
  edge:
    default: pass
    rules:
      - {name: listed, match: {src: $listed}, do: drop}
      - {name: self, match: {dst: $self, proto: udp}, do: drop}
"""


def to(address, count=100):
    return f"name=self,count={count},src={SENDER4},dst={address}" if ":" not in address else \
        f"name=self,count={count},src=2001:db8:100::2,dst={address}"


class Follows(unittest.TestCase):
    """Addresses come and go."""

    def start(self, lab):
        lab.add_addresses()
        lab.router.sysctl(**{"net.ipv6.conf.lo.disable_ipv6": 0})
        lines = [f"{10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24" for n in range(PREFIXES)]
        self.listed = lab.write("lists/listed.txt", "\n".join(lines) + "\n")
        return lab.gate(POLICY).start()

    def assert_self(self, lab, gate, address, held):
        """Is the address one of $self?"""
        before = gate.stats().rule("self")
        sent = lab.shoot(to(address))
        after = gate.stats().rule("self")
        self.assertEqual((after[0] - before[0], after[1] - before[1]),
                         sent.total if held else (0, 0), address)

    def follow(self, lab, gate, change, *addresses):
        """Change addresses; how long it takes until that is in force."""
        generation = gate.status()["generation"]
        start = time.monotonic()
        lab.router.ip("address", change, *addresses)
        done = time.monotonic()
        netlab.wait_for(lambda: gate.status()["generation"] != generation,
                        f"$self follows `ip address {change}`", timeout=PATIENCE, pause=0.002)
        print(f"# address {change}: in force {(time.monotonic() - done) * 1000:.0f} ms after "
              f"`ip`, which took {(done - start) * 1000:.0f} ms")

    def test_follows(self):
        """an address added, and removed, is in force at once, of both families"""
        with Edge() as lab:
            gate = self.start(lab)
            status = gate.status()["self"]
            # lo's two and two of xg0.
            self.assertEqual(status["addresses"], 3 + len(re.findall(
                r"inet6 ", lab.router.ip("address", "show").stdout)) - 1)
            self.assertEqual((status["changes"], status["changed_usec"]), (0, 0))
            for address in (ROUTER4, ROUTER6):
                self.assert_self(lab, gate, address, True)
            for address, prefix in ((FRESH4, f"{FRESH4}/32"), (FRESH6, f"{FRESH6}/128")):
                self.assert_self(lab, gate, address, False)
                self.follow(lab, gate, "add", prefix, "dev", "lo")
                self.assert_self(lab, gate, address, True)
                self.follow(lab, gate, "del", prefix, "dev", "lo")
                self.assert_self(lab, gate, address, False)
            after = gate.status()["self"]
            self.assertEqual((after["changes"], after["addresses"], after["error"]),
                             (4, status["addresses"], None))
            self.assertGreater(after["changed_usec"] / 1e6, time.time() - 60)
            self.assertRegex(gate.ctl("status").stdout,
                             r"(?m)^Self +\d+ local addresses; 4 changes, the last 2")
            self.assertIn("$self has", gate.log())

    def test_no_file(self):
        """no file is looked at: neither lists nor a policy that was edited but not reloaded"""
        with Edge() as lab:
            gate = self.start(lab)
            self.listed.unlink()
            gate.set_policy("this is no policy")
            self.follow(lab, gate, "add", f"{FRESH4}/32", "dev", "lo")
            self.assert_self(lab, gate, FRESH4, True)
            before = gate.stats().rule("listed")
            sent = lab.shoot(f"count=100,src=10.0.0.0/16,dst={ROUTER4}")
            self.assertEqual(gate.stats().rule("listed")[0] - before[0], sent.packets)
            # A reload that fails does not put its own text in the place of what is in force.
            self.assertNotEqual(gate.ctl("reload", check=False).returncode, 0)
            self.follow(lab, gate, "del", f"{FRESH4}/32", "dev", "lo")
            self.assert_self(lab, gate, FRESH4, False)
            self.assertEqual(gate.status()["reloads"], 1)

    def test_burst(self):
        """many changes at once are few rebuilds, and the last one counts"""
        with Edge() as lab:
            gate = self.start(lab)
            generation = gate.status()["generation"]
            batch = lab.write("batch", "".join(f"address add 203.0.113.{n}/32 dev lo\n"
                                               for n in range(1, 201)))
            lab.router.ip("-batch", batch)
            expected = gate.status()["self"]["addresses"]
            wanted = 200 + len(re.findall(r"inet6? (?!203)", lab.router.ip("address", "show")
                                          .stdout))
            netlab.wait_for(lambda: gate.status()["self"]["addresses"] == wanted,
                            f"$self has {wanted} addresses, of {expected} before",
                            timeout=PATIENCE)
            self.assertLess(gate.status()["generation"] - generation, 20)
            for n in (1, 77, 200):
                self.assert_self(lab, gate, f"203.0.113.{n}", True)

    def test_not_used(self):
        """a policy that does not name $self is left alone"""
        with Edge() as lab:
            lab.add_addresses()
            gate = lab.gate(POLICY.replace("dst: $self", f"dst: {ROUTER4}").replace(
                "{file: lists/listed.txt}", "[192.0.2.1]")).start()
            generation = gate.status()["generation"]
            self.assertIsNone(gate.status()["self"])
            lab.router.ip("address", "add", f"{FRESH4}/32", "dev", "lo")
            time.sleep(0.3)
            self.assertEqual(gate.status()["generation"], generation)

    def test_restart(self):
        """addresses that came and went while the daemon was dead are known at its start"""
        with Edge() as lab:
            gate = self.start(lab)
            lab.router.ip("address", "add", f"{FRESH4}/32", "dev", "lo")
            netlab.wait_for(lambda: gate.status()["self"]["changes"] == 1, "$self follows")
            gate.kill()
            lab.router.ip("address", "del", f"{FRESH4}/32", "dev", "lo")
            lab.router.ip("address", "add", f"{FRESH6}/128", "dev", "lo")
            gate.start()
            self.assert_self(lab, gate, FRESH4, False)
            self.assert_self(lab, gate, FRESH6, True)

    def test_adopted(self):
        """a bad policy at a start: what was adopted stays, and says that $self does not follow"""
        with Edge() as lab:
            gate = self.start(lab)
            gate.kill()
            policy = gate.config.read_text()
            gate.set_policy("this is no policy")
            gate.start()
            self.assertIn("$self in it stays as it was built", gate.log())
            lab.router.ip("address", "add", f"{FRESH4}/32", "dev", "lo")
            netlab.wait_for(lambda: gate.status()["self"]["error"], "the status says so")
            self.assertIn("mend the file and reload", gate.status()["self"]["error"])
            self.assertIn("$self is not what the addresses", gate.ctl("status").stdout)
            self.assertIn("$self is not what the addresses", gate.log())
            self.assert_self(lab, gate, ROUTER4, True)
            self.assert_self(lab, gate, FRESH4, False)
            gate.set_policy(policy)
            gate.ctl("reload")
            self.assert_self(lab, gate, FRESH4, True)
            self.assertIsNone(gate.status()["self"]["error"])

    def test_failure(self):
        """a rebuild that fails keeps what is in force, says so, and is tried again"""
        with Edge() as lab:
            gate = self.start(lab)
            # A limit that a new generation does not fit.
            limit = resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (20, limit[1]))
            lab.router.ip("address", "add", f"{FRESH4}/32", "dev", "lo")
            netlab.wait_for(lambda: "trying again" in gate.log(), "the failure is told")
            resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, limit)
            netlab.wait_for(lambda: gate.status()["self"]["changes"] == 1, "it is tried again")
            self.assertIsNone(gate.status()["self"]["error"])
            self.assert_self(lab, gate, FRESH4, True)


class Protect(unittest.TestCase):
    """`default: drop` without a rule, but with `protect`."""

    POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
fate: {non-ip: drop}
protect: {link: [arp, nd]}
policies:
  edge: {default: drop, rules: [{name: ping, match: {icmp: [echo-request, echo-reply]}, do: pass}]}
"""

    def test_neighbours(self):
        """ARP and ND stay alive, so ping does; without `protect` they do not"""
        with Edge() as lab:
            lab.sender.add_address("up0", f"{SENDER4}/24", "2001:db8:100::2/64")
            lab.router.add_address("xg0", f"{ROUTER4}/24", f"{ROUTER6}/64")
            gate = lab.gate(self.POLICY).start()
            for address in (ROUTER4, ROUTER6):
                lab.sender.run(["ping", "-n", "-q", "-c", 3, "-i", 0.05, "-W", 5, address])
            stats = gate.stats()
            self.assertGreater(stats.rule("protect/arp")[0], 0)
            self.assertGreater(stats.rule("protect/nd")[0], 0)
            self.assertEqual(stats.rule("ping")[0], 6)
            self.assertIn("protect/arp", gate.ctl("rules").stdout)

            gate.set_policy(self.POLICY.replace("protect: {link: [arp, nd]}\n", ""))
            gate.ctl("reload")
            for address in (ROUTER4, ROUTER6):
                lab.sender.ip("neighbour", "flush", "dev", "up0")
                done = lab.sender.run(["ping", "-n", "-q", "-c", 1, "-W", 1, address],
                                      check=False)
                self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    tap.main()
