#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The shipped edge policy, byte for byte, on a router whose ports are called as in it: what
operators begin with keeps their sessions and counts to the packet.

    transit-a  up0 ---- bond0, VLAN 100  router  enp2s0f0 ---- up1  transit-b
                                 enp3s0          enp5s0
                                    |              |
                                   down0 customer sc0

eBGP with GTSM and BFD from both transits over IPv4 and IPv6, iBGP with the customer. VLAN 100 is
made by tc (vlan.bpf.c), as not every kernel has VLAN devices: tags are on the wire, and BIRD
speaks over them. Neighbours and bogons are those of the example, feeds and countries made here.

RELOADS=100 SECONDS=120 tests/e2e/test_edge.py      makes a long run of it
"""

import os
import shutil
import time

import birds
import netlab
import tap
from birds import ebgp, plain

RELOADS = int(os.environ.get("RELOADS", "15"))
SECONDS = int(os.environ.get("SECONDS", "5"))  # of default: drop
RATE = 2000  # frames a second, from each transit; a tenth of it from the customer

EXAMPLES = netlab.ROOT / "config" / "examples"
VLAN = netlab.BUILD / "tests" / "e2e" / "vlan.bpf.o"

# Of the first feed: neighbours and addresses of ours are in it by malice or mistake, and what the
# policy says of `except` keeps them out.
FEED = """203.0.113.0/28
203.0.113.128/25
198.51.100.0/24
2001:db8:ffff::/64
2001:db8:bad::/48
"""
COUNTRIES = {"at": "193.170.0.0/16\n2001:628::/32\n", "ch": "130.59.0.0/16\n2001:620::/32\n",
             "de": "141.1.0.0/16\n2001:638::/32\n"}
NO_RULES = "policies:\n  internet: {default: drop}\n  customer: {default: drop}\n"

# Where what passes ends: the router forwards it into nothing, so nothing answers.
NOWHERE4, NOWHERE6, ABROAD4 = "198.51.100.40", "2001:db8:100:dead::1", "193.170.9.9"
ROUTER_A, ROUTER_B = "203.0.113.2", "2001:db8:ffff::a"
TCP = "proto=tcp,flags=0x10"
CLAIM = "sport=1024-32767"  # no port that the real session has

# What is sent, each stream with the rules that count it, in the order of judging, and what becomes
# of it. No source is in two kinds.
TRANSIT_A = {
    "listed": ("count=6,src=203.0.113.128/25,dst=" + ROUTER_A + ",size=70-300", "blocked", "drop"),
    "spoofed": (f"count=3,src=198.51.100.64/26,dst={NOWHERE4},{TCP},dport=80", "spoofed", "drop"),
    "bogons": (f"count=3,src=10.0.0.0/8+192.168.0.0/16,dst={NOWHERE4},size=70-200", "bogons",
               "drop"),
    "claims": (f"src=203.0.113.1,dst={ROUTER_A},{TCP},{CLAIM},dport=179,ttl=254",
               "protect/bgp-1-far", "pass"),
    "claims-back": (f"src=203.0.113.1,dst={ROUTER_A},{TCP},sport=179,dport=1024-32767,ttl=64",
                    "protect/bgp-1-far-back", "pass"),
    "claims-bfd": (f"src=203.0.113.1,dst={ROUTER_A},dport=3784,ttl=64,size=80",
                   "protect/bgp-1-far-bfd", "pass"),
    "amp": (f"count=2,src=193.170.0.0/16,dst={NOWHERE4},sport=123,size=486-1000", "amp", "drop"),
    "late-frag": (f"src=130.59.0.0/16,dst={NOWHERE4},fragment=later,size=100",
                  "late-frag customer", "pass"),
    "null-scan": (f"src=141.1.0.0/16,dst={NOWHERE4},proto=tcp,flags=0", "null-scan", "drop"),
    "syn": (f"count=2,src=141.1.0.0/16,dst={NOWHERE4},proto=tcp,flags=2,dport=443",
            "syn customer", "pass"),
    "scrub": ("count=2,src=130.59.0.0/16,dst=198.51.100.7,dport=80,size=70-300", "scrub",
              "redirect"),
    "elsewhere": (f"src=8.0.0.0/8,dst={NOWHERE4},sport=5000", "customer elsewhere", "pass"),
    "ssh": (f"src=192.0.2.0/24,dst=198.51.100.1,{TCP},dport=22", "ssh", "pass"),
    "path-mtu": (f"src=141.1.0.0/16,dst={NOWHERE4},proto=icmp,type=3,code=4,size=80",
                 "icmp-errors/path-mtu", "pass"),
}
TRANSIT_B = {
    "listed": (f"count=6,src=2001:db8:bad::/48,dst={ROUTER_B},size=80-300", "blocked", "drop"),
    "listed4": (f"count=2,src=203.0.113.128/25,dst={NOWHERE4}", "blocked", "drop"),
    "spoofed": (f"count=3,src=2001:db8:100::/40,dst={NOWHERE6},{TCP},dport=80", "spoofed", "drop"),
    "bogons": (f"count=2,src=fc00::/7,dst={NOWHERE6}", "bogons", "drop"),
    "claims": (f"src=2001:db8:ffff::9,dst={ROUTER_B},{TCP},{CLAIM},dport=179,ttl=254",
               "protect/bgp-1-far", "pass"),
    "amp": (f"src=2001:620::/32,dst={NOWHERE6},sport=11211,size=482-900", "amp", "drop"),
    "syn": (f"src=2001:628::/32,dst={NOWHERE6},proto=tcp,flags=2,dport=443", "syn", "pass"),
    "elsewhere": (f"src=2400::/12,dst={NOWHERE6},sport=5000", "elsewhere", "pass"),
}
CUSTOMER = {
    "bcp38": ("count=3,src=203.0.113.0/24+10.0.0.0/8,dst=" + ABROAD4, "bcp38", "drop"),
    "smtp": (f"src=198.51.100.64/26,dst={ABROAD4},proto=tcp,flags=2,dport=25", "smtp", "drop"),
    "dhcp": ("src=0.0.0.0/32,dst=255.255.255.255,sport=68,dport=67,size=300", "dhcp", "pass"),
    "nd": ("src=fe80::1,dst=ff02::1,proto=icmp,type=135,ttl=1,size=90", "neighbours", "pass"),
    "web": (f"count=4,src=198.51.100.64/26,dst={ABROAD4},proto=tcp,flags=2,dport=443", "", "pass"),
}
SIDES = {"transit-a": (TRANSIT_A, "up0", "bond0"), "transit-b": (TRANSIT_B, "up1", "enp2s0f0"),
         "lan": (CUSTOMER, "down0", "enp3s0")}


class Shipped(birds.Lab):
    """The scene."""

    def build(self):
        self.router = self.namespace("router")
        self.router.sysctl(**{"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        self.hosts = {}
        for interface, (_, near, far) in SIDES.items():
            self.hosts[interface] = self.namespace(interface)
            self.veth(self.hosts[interface], near, self.router, far)
        self.veth(self.router, "enp5s0", self.hosts["lan"], "sc0")
        for namespace, device in ((self.hosts["transit-a"], "up0"), (self.router, "bond0")):
            namespace.run(["tc", "qdisc", "add", "dev", device, "clsact"])
            for way in ("egress", "ingress"):
                namespace.run(["tc", "filter", "add", "dev", device, way, "bpf", "direct-action",
                               "object-file", VLAN, "section", way])
        # As drivers are by default; the policy asks for `fix`.
        self.router.run(["ethtool", "-K", "bond0", "rxvlan", "on"])
        self.address()
        self.write_lists()

    def address(self):
        for interface in ("transit-a", "transit-b"):
            # Hosts tell at once which groups they join: while nothing is counted yet.
            self.hosts[interface].sysctl(**{f"net.ipv6.conf.{SIDES[interface][1]}."
                                            "mldv2_unsolicited_report_interval": 1})
        for namespace, device, *addresses in (
                (self.router, "bond0", "203.0.113.2/29", "2001:db8:ffff::2/125"),
                (self.hosts["transit-a"], "up0", "203.0.113.1/29", "2001:db8:ffff::1/125"),
                (self.router, "enp2s0f0", "203.0.113.10/29", "2001:db8:ffff::a/125"),
                (self.hosts["transit-b"], "up1", "203.0.113.9/29", "2001:db8:ffff::9/125"),
                (self.router, "enp3s0", "198.51.100.1/24"),
                (self.hosts["lan"], "down0", "198.51.100.2/24")):
            namespace.add_address(device, *addresses)
        for prefix in ("198.51.100.32/27", "193.170.0.0/16"):
            self.router.ip("route", "add", "blackhole", prefix)
        self.router.ip("-6", "route", "add", "blackhole", "2001:db8:100::/40")

    def write_lists(self):
        """The files that the policy names: at the places that it says, beside it."""
        shutil.copytree(EXAMPLES / "sets", self.folder / "sets")
        self.write("feeds/a.txt", FEED)
        self.write_feed(0)
        for name, text in COUNTRIES.items():
            self.write(f"geo/{name}.txt", text)

    def write_feed(self, serial):
        """The second feed is another at each reload."""
        self.write("feeds/b.txt", "".join(f"100.{128 + n % 128}.{serial % 256}.0/24\n"
                                          for n in range(serial + 1)))

    def speak(self):
        a, b, c = (self.hosts[i] for i in SIDES)
        self.birds = [
            birds.Bird(self, self.router, "router", "10.0.0.1", [
                ebgp("a4", "203.0.113.2", 64500, "203.0.113.1", 64501),
                ebgp("a6", "2001:db8:ffff::2", 64500, "2001:db8:ffff::1", 64501),
                ebgp("b4", "203.0.113.10", 64500, "203.0.113.9", 64502),
                ebgp("b6", "2001:db8:ffff::a", 64500, "2001:db8:ffff::9", 64502),
                plain("c4", "198.51.100.1", 64500, "198.51.100.2", 64500, "direct;")]),
            birds.Bird(self, a, "transit-a", "10.0.0.2", [
                ebgp("r4", "203.0.113.1", 64501, "203.0.113.2", 64500),
                ebgp("r6", "2001:db8:ffff::1", 64501, "2001:db8:ffff::2", 64500)]),
            birds.Bird(self, b, "transit-b", "10.0.0.3", [
                ebgp("r4", "203.0.113.9", 64502, "203.0.113.10", 64500),
                ebgp("r6", "2001:db8:ffff::9", 64502, "2001:db8:ffff::a", 64500)]),
            birds.Bird(self, c, "customer", "10.0.0.4", [
                plain("r4", "198.51.100.2", 64500, "198.51.100.1", 64500, "direct;")]),
        ]

    def flood(self):
        """All streams, from everywhere."""
        return {interface: self.traffic(
            self.hosts[interface], near,
            *[f"name={name},{text}" + (",vlan=100" if interface == "transit-a" else "")
              for name, (text, _, _) in streams.items()],
            options=["--loop", "--rate", RATE if interface != "lan" else RATE // 10,
                     "--dmac", self.router.mac(far)])
            for interface, (streams, near, far) in SIDES.items()}


def add(*counters):
    return tuple(map(sum, zip((0, 0), *counters)))


class Edge(birds.Case):
    """config/examples/edge.yaml at work."""

    seconds = 120 + 4 * RELOADS + SECONDS

    def assert_counted(self, before, stats, sent):
        """Every rule of every interface, and what was dropped and redirected, to the packet."""
        for interface, (streams, _, _) in SIDES.items():
            expected = {}
            for name, (_, rules, verdict) in streams.items():
                for what in (*rules.split(), verdict):
                    expected[what] = add(expected.get(what, (0, 0)),
                                         sent[interface].streams[name])
            for (rule, of), counted in stats.rules.items():
                # What the routers say to each other counts in the rules that protect it.
                if of == interface and ("-far" in rule or not rule.startswith("protect/")):
                    self.assertEqual(counted, add(before.rules[rule, of],
                                                  expected.get(rule, (0, 0))), (interface, rule))
            for verdict in ("drop", "redirect"):
                self.assertEqual(stats.verdict(interface, verdict),
                                 add(before.verdict(interface, verdict),
                                     expected.get(verdict, (0, 0))), (interface, verdict))

    def assert_protected(self, before, stats):
        """The routers have spoken, and were heard by the rules that protect it."""
        for interface, *rules in (("transit-a", "bgp-1 bgp-1-back", "bgp-1-bfd"),
                                  ("transit-b", "bgp-1 bgp-1-back", "bgp-1-bfd"),
                                  ("lan", "bgp-2 bgp-2-back")):
            for rule in rules:
                then, now = (add(*(s.rule(f"protect/{name}", interface) for name in rule.split()))
                             for s in (before, stats))
                self.assertGreater(now[0], then[0], (interface, rule))

    def assert_all_dropped(self, before, stats, sent):
        """Without a rule, all of the flood is gone, and nothing else."""
        for interface in SIDES:
            then, now = before.verdict(interface, "drop"), stats.verdict(interface, "drop")
            self.assertEqual(now, add(then, sent[interface].total), interface)

    def test_shipped(self):
        """the shipped edge.yaml: a flood, reloads, `default: drop`: no session ends; counters exact"""
        with Shipped() as lab:
            policy = (EXAMPLES / "edge.yaml").read_text()
            gate = lab.daemon(lab.router, policy).start()
            self.assertEqual(gate.config.read_bytes(), (EXAMPLES / "edge.yaml").read_bytes())
            self.assertIn("did `ethtool -K bond0 rxvlan off", gate.log())
            lab.speak()
            self.assertEqual([(r["comment"], r["tags"]) for r in gate.json("rules")["rules"]
                              if r["name"] == "blocked"], [("NOC-4711", ["feed"])])
            before = lab.wait_established(bfd=4)
            # Before all of them spoke, a host has answered that it does not.
            quiet = gate.stats()
            scrubbed = lab.receiver(lab.hosts["lan"], "sc0")
            traffic = lab.flood()
            for i in range(RELOADS):
                lab.write_feed(i + 1)
                gate.hangup(timeout=60)
            self.assert_as_before(lab, before)
            sent = {interface: t.stop() for interface, t in traffic.items()}
            self.assertEqual(gate.status()["failed_reloads"], 0)
            self.assertEqual(gate.status()["reloads"], RELOADS)
            stats = gate.stats()
            self.assert_counted(quiet, stats, sent)
            self.assert_protected(quiet, stats)
            self.assertEqual([u["packets"] for u in stats.report["unjudged"]], [0])
            self.assertEqual(scrubbed.count(), sent["transit-a"].streams["scrub"][0])
            print(f"# {RELOADS} reloads: " + ", ".join(
                f"{interface} {s.packets} packets" for interface, s in sent.items()))

            gate.set_policy(policy[:policy.index("policies:\n")] + NO_RULES)
            gate.hangup(timeout=60)
            dropped = gate.stats()
            self.assertEqual(gate.status()["failed_reloads"], 0)
            traffic = lab.flood()
            time.sleep(SECONDS)
            self.assert_as_before(lab, before)
            sent = {interface: t.stop() for interface, t in traffic.items()}
            stats = gate.stats()
            self.assert_all_dropped(dropped, stats, sent)
            self.assert_protected(dropped, stats)
            print(f"# {SECONDS} s of default: drop: " + ", ".join(
                f"{interface} {s.packets} packets" for interface, s in sent.items()))


if __name__ == "__main__":
    tap.main()
