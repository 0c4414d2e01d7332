#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""BGP sessions with BFD through the router's filtered interfaces stay up, whatever happens: a
flood, reloads, a policy that drops everything but what is protected.

    transit-a  up-a ---- xg-a  router  xg-b ---- up-b  transit-b
                               xg-c
                                |
                              up-c  customer

eBGP with GTSM and BFD from both transits to the router, over IPv6 from one; iBGP with the
customer; and one session of the customer with transit-a, through the router.

RELOADS=100 SECONDS=120 tests/e2e/test_bgp.py      makes a long run of it
"""

import os
import re
import time

import birds
import netlab
import tap
from birds import ebgp, plain

RELOADS = int(os.environ.get("RELOADS", "15"))
SECONDS = int(os.environ.get("SECONDS", "5"))  # of default: drop
RATE = 3000  # frames a second, from each transit

POLICY = """
interfaces:
  a: {port: xg-a, policy: internet, required: true}
  b: {port: xg-b, policy: internet, required: true}
  c: {port: xg-c, policy: customer, required: true}
protect:
  link: [arp, nd, mld]
  bgp:
    - {peers: $ebgp, gtsm: true, bfd: true}
    - {peers: $others}
sets:
  ebgp:   [192.0.2.2, 198.51.100.2, 2001:db8:b::2]
  others: [203.0.113.2, 203.0.113.3, 192.0.2.3]
  listed: [198.18.0.0/16, 2001:db8:bad::/48]
"""
RULES = """
policies:
  internet:
    default: pass
    rules:
      - {name: spoofed, match: {src: $self}, do: drop}
      - {name: listed, match: {src: $listed}, do: drop}
      - {name: claims, match: {dst: $self, src: $ebgp, proto: [tcp, udp]}, do: drop}
  customer: {default: pass, rules: [{name: serial, match: {dport: SERIAL}, do: count}]}
"""
NO_RULES = """
policies:
  internet: {default: drop}
  customer: {default: drop}
"""


def with_rules(serial=1):
    """Differs from reload to reload."""
    return POLICY + RULES.replace("SERIAL", str(serial))


class Edge(birds.Lab):
    """The scene, with its BIRDs."""

    def build(self):
        self.router = self.namespace("router")
        self.router.sysctl(**{"net.ipv4.ip_forward": 1})
        ends = {}
        for letter, label in (("a", "transit-a"), ("b", "transit-b"), ("c", "customer")):
            ends[letter] = self.namespace(label)
            self.veth(ends[letter], f"up-{letter}", self.router, f"xg-{letter}")
        self.a, self.b, self.c = ends["a"], ends["b"], ends["c"]
        self.router.add_address("xg-a", "192.0.2.1/24")
        self.a.add_address("up-a", "192.0.2.2/24", "192.0.2.3/24")
        self.router.add_address("xg-b", "198.51.100.1/24", "2001:db8:b::1/64")
        self.b.add_address("up-b", "198.51.100.2/24", "2001:db8:b::2/64")
        self.router.add_address("xg-c", "203.0.113.1/24")
        self.c.add_address("up-c", "203.0.113.2/24", "203.0.113.3/24")
        self.a.ip("route", "add", "203.0.113.0/24", "via", "192.0.2.1")
        self.c.ip("route", "add", "192.0.2.0/24", "via", "203.0.113.1")

    def speak(self):
        self.birds = [
            birds.Bird(self, self.router, "router", "10.0.0.1", [
                ebgp("a4", "192.0.2.1", 64500, "192.0.2.2", 64501),
                ebgp("b4", "198.51.100.1", 64500, "198.51.100.2", 64502),
                ebgp("b6", "2001:db8:b::1", 64500, "2001:db8:b::2", 64502),
                plain("c4", "203.0.113.1", 64500, "203.0.113.2", 64500, "direct;")]),
            birds.Bird(self, self.a, "transit-a", "10.0.0.2", [
                ebgp("r4", "192.0.2.2", 64501, "192.0.2.1", 64500),
                plain("far", "192.0.2.3", 64501, "203.0.113.3", 64503, "multihop 2;")]),
            birds.Bird(self, self.b, "transit-b", "10.0.0.3", [
                ebgp("r4", "198.51.100.2", 64502, "198.51.100.1", 64500),
                ebgp("r6", "2001:db8:b::2", 64502, "2001:db8:b::1", 64500)]),
            birds.Bird(self, self.c, "customer", "10.0.0.4", [
                plain("r4", "203.0.113.2", 64500, "203.0.113.1", 64500, "direct;"),
                plain("far", "203.0.113.3", 64503, "192.0.2.3", 64501, "multihop 2;")]),
        ]

    def flood(self):
        """From listed and spoofed sources, out of both transits."""
        return [self.traffic(namespace, device, *streams, options=[
            "--loop", "--rate", RATE, "--dmac", self.router.mac(f"xg-{device[-1]}")])
            for namespace, device, streams in (
                (self.a, "up-a", [
                    "name=listed,count=5,src=198.18.0.0/16,dst=192.0.2.1,size=60-300",
                    "name=spoofed,count=2,src=203.0.113.1,dst=192.0.2.1,proto=tcp,dport=179",
                    "name=claims,count=2,src=192.0.2.2,dst=192.0.2.1,proto=tcp,dport=179,ttl=64",
                    "name=claims-back,count=1,src=192.0.2.2,dst=192.0.2.1,proto=tcp,sport=179,"
                    "ttl=254",
                    "name=claims-bfd,count=1,src=192.0.2.2,dst=192.0.2.1,dport=3784,ttl=64,"
                    "size=80"]),
                (self.b, "up-b", [
                    "name=listed,count=5,src=2001:db8:bad::/48,dst=2001:db8:b::1,size=80-300",
                    "name=claims,count=3,src=2001:db8:b::2,dst=2001:db8:b::1,proto=tcp,"
                    "dport=179,ttl=254"]))]


class Sessions(birds.Case):
    """BIRD's sessions through the filter."""

    seconds = 120 + 4 * RELOADS + SECONDS

    def test_stay_up(self):
        """a flood, reloads and `default: drop` without rules: no session notices; counters exact"""
        with Edge() as lab:
            gate = lab.daemon(lab.router, with_rules()).start()
            lab.speak()
            before = lab.wait_established(bfd=3)
            traffic = lab.flood()
            for i in range(RELOADS):
                gate.set_policy(with_rules(i + 2))
                gate.hangup(timeout=60)
            self.assert_as_before(lab, before)
            sent = [t.stop() for t in traffic]
            stats = gate.stats()
            a, b = sent
            for interface, rule, count in (
                    ("a", "listed", a.sum("listed")), ("b", "listed", b.sum("listed")),
                    ("a", "spoofed", a.sum("spoofed")), ("b", "spoofed", (0, 0)),
                    ("a", "claims", a.sum("claims", "claims-back", "claims-bfd")),
                    ("b", "claims", b.sum("claims")),
                    ("a", "protect/bgp-1-far", a.sum("claims")),
                    ("a", "protect/bgp-1-far-back", a.sum("claims-back")),
                    ("a", "protect/bgp-1-far-bfd", a.sum("claims-bfd")),
                    ("b", "protect/bgp-1-far", b.sum("claims"))):
                self.assertEqual(stats.rule(rule, interface), count, (interface, rule))
            for interface, total in (("a", a.total), ("b", b.total), ("c", (0, 0))):
                self.assertEqual(stats.verdict(interface, "drop"), total, interface)
            self.assertEqual(gate.status()["failed_reloads"], 0)

            gate.set_policy(POLICY + NO_RULES)
            gate.hangup(timeout=60)
            dropped = gate.stats().verdict("a", "drop")[0]
            traffic = lab.flood()
            time.sleep(SECONDS)
            self.assert_as_before(lab, before)
            a, b = [t.stop() for t in traffic]
            stats = gate.stats()
            self.assertGreaterEqual(stats.verdict("a", "drop")[0] - dropped, a.packets)
            for interface, rule in (("a", "bgp-1"), ("a", "bgp-1-bfd"), ("b", "bgp-1"),
                                    ("b", "bgp-1-bfd"), ("c", "bgp-2"), ("a", "arp")):
                both = [stats.rule(f"protect/{rule}{suffix}", interface)[0]
                        for suffix in (("", "-back") if rule.startswith("bgp-") and
                                       not rule.endswith("bfd") else ("",))]
                self.assertGreater(sum(both), 0, (interface, rule))

    def test_cut_off(self):
        """without `protect`, the same policy of `default: drop` does cut them off, if forced"""
        with Edge() as lab:
            gate = lab.daemon(lab.router, with_rules()).start()
            lab.speak()
            before = lab.wait_established(bfd=3)
            gate.set_policy(re.sub(r"(?s)protect:.*?(?=sets:)", "", POLICY) + NO_RULES)
            gate.hangup(timeout=60)
            self.assertRegex(gate.status()["last_reload_error"],
                             "the default of policy '.*' would cut the connection .*179")
            self.assert_as_before(lab, before)
            gate.ctl("reload", "--force")
            netlab.wait_for(lambda: None in lab.sessions()[0].values(), "a session is down",
                            timeout=30, pause=0.2)
            with self.assertRaises(AssertionError):
                self.assert_as_before(lab, before)


if __name__ == "__main__":
    tap.main()
