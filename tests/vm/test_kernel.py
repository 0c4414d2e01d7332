#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What this kernel's verifier makes of our program, and how large a policy may be."""

import os
import struct
import time
import unittest

import guest  # first: it knows where the others are
import netlab
import tap
from edge import Edge
from guest import note

ARRAY, MMAPABLE = 2, 1 << 10  # BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE
HEAD = """
interfaces:
  transit: {port: xg0, policy: edge}
"""
RULES = """
policies:
  edge:
    default: pass
    rules:
"""
# One rule at least for each field, each in both ways where there are two.
EVERYTHING = HEAD + """
fate: {malformed: drop, fragments: match, unknown-extension: drop, non-ip: pass}
sets:
  four: [198.18.0.0/15, 203.0.113.0/24]
  six: ["2001:db8::/32"]
""" + RULES + """
      - {name: src, match: {src: $four}, do: count}
      - {name: dst, match: {dst: [$six, 192.0.2.1]}, do: count}
      - {name: neither, match: {src: {not: $six}, dst: {not: $four}}, do: count}
      - {name: ports, match: {proto: [tcp, udp], sport: 1024-65535, dport: {not: [22, 80-90]}}, do: count}
      - {name: flags, match: {tcp-flags: {set: [syn], clear: [ack]}}, do: count}
      - {name: icmp, match: {icmp: [packet-too-big, echo-request]}, do: pass}
      - {name: length, match: {length: 1000-65535, ttl: 0-5, dscp: 46}, do: drop}
      - {name: vlan, match: {vlan: [100, 200-300]}, do: count}
      - {name: late, match: {fragment: later}, do: drop}
      - {name: lldp, match: {ethertype: 0x88cc}, do: drop}
      - {name: here, match: {interface: transit, dport: 53}, do: drop}
      - {name: scrub, match: {dst: 198.51.100.7}, do: {redirect: xg-scrub}}
"""


class Cost(unittest.TestCase):
    """Policies from nothing to everything."""

    def measure(self, what, policy):
        with Edge() as lab:
            begin = time.monotonic()
            gate = lab.gate(policy).start(timeout=60)
            seconds = time.monotonic() - begin
            begin = time.monotonic()
            gate.ctl("reload", timeout=60)
            reload_seconds = time.monotonic() - begin
            interface = gate.status()["interfaces"][0]
            self.assertEqual(interface["state"], "filtering")
            verified, jited = guest.program_cost(interface["program_id"])
            note(f"{what}: {verified} instructions verified, {jited} bytes of machine code, "
                 f"start to READY {seconds:.2f} s, reload {reload_seconds:.2f} s")
            self.assertLess(verified, 250000)  # as tests/program/test_cost.c

    def test_no_rule(self):
        """a policy without a rule"""
        self.measure("no rule", HEAD + RULES.replace("    rules:\n", "    rules: []\n"))

    def test_one_list(self):
        """a policy of one list of sources"""
        self.measure("one list", HEAD + RULES +
                     "      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}\n")

    def test_everything(self):
        """a policy that looks at every field"""
        self.measure("every field", EVERYTHING)

    def test_examples(self):
        """the examples that are shipped"""
        for path in sorted((netlab.ROOT / "config" / "examples").glob("*.yaml")):
            with self.subTest(path.name), Edge() as lab:
                gate = lab.gate(HEAD + RULES.replace("rules:", "rules: []")).start()
                gate.ctl("check", path)
                gate.kill()
                gate.config = path
                gate.start(wait=False)
                netlab.wait_for(lambda g=gate: g.ctl("status", check=False).returncode == 0,
                                "the daemon answers")
                for interface in gate.status()["interfaces"]:
                    lab.veth(lab.sender, f"s{interface['ifindex']}-{interface['port']}"[:15],
                             lab.router, interface["port"])
                gate.wait_notified(lambda m: m.get("READY") == "1", "READY=1", 60)
                for interface in gate.status()["interfaces"]:
                    self.assertEqual(interface["state"], "filtering", gate.log())
                    verified, jited = guest.program_cost(interface["program_id"])
                    note(f"{path.name}, {interface['name']}: {verified} instructions verified, "
                         f"{jited} bytes of machine code")


class Size(unittest.TestCase):
    """Large policies."""

    seconds = 300

    def table_bytes(self):
        return {m["name"]: m["bytes_value"] * m["max_entries"] for m in netlab.json.loads(
            netlab.run(["bpftool", "-j", "map", "list"]).stdout)
            if m.get("name", "").startswith("xdpgate_")}

    def test_rows(self):
        """as many rules as there may be, and many different rows"""
        for n in (500, 2000, 4096):
            rules = "".join(
                f"      - {{name: r{i}, match: {{src: 10.{i >> 8}.{i & 255}.0/24, dst: 11.{i >> 8}."
                f"{i & 255}.0/25, sport: {i}-{65535 - i}, dport: {n - i}-{60000 - n + i}}}, "
                "do: drop}\n"
                for i in range(n))
            with self.subTest(n), Edge() as lab:
                begin = time.monotonic()
                gate = lab.gate(HEAD + RULES + rules).start(timeout=200)
                rows = self.table_bytes()["xdpgate_rows"]
                note(f"{n} rules: READY after {time.monotonic() - begin:.2f} s, {rows} bytes of "
                     "rows")
                self.assertGreaterEqual(rows, n * n // 8 * 2)
                last = n - 1
                sent = lab.shoot(f"count=100,src=10.{last >> 8}.{last & 255}.7,"
                                 f"dst=11.{last >> 8}.{last & 255}.7,sport=30000,dport=30000")
                self.assertEqual(gate.stats().rule(f"r{last}"), sent.total)

    def test_one_value(self):
        """how large the one value of a table may be"""
        page = 4096
        for mib in (4, 64, 512, 1024, 2047):
            size = (mib << 20) + (page if mib < 2047 else 0)
            try:
                os.close(guest.bpf(guest.BPF_MAP_CREATE, struct.pack(
                    "IIIII", ARRAY, 4, size, 1, MMAPABLE)))
                note(f"a value of {size} bytes: ok")
            except OSError as error:
                note(f"a value of {size} bytes: {error}")
                self.assertGreater(mib, 64)

    def test_prefixes(self):
        """100,000 and 1,000,000 prefixes"""
        for n in (100000, 1000000):
            with self.subTest(n), Edge() as lab:
                lab.write("many.txt", "".join(
                    f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/"
                    f"{24 + (i % 9 if i >> 16 else 0)}\n"
                    for i in range(n)))
                policy = HEAD + "sets:\n  many: {file: many.txt}\n" + RULES + \
                    "      - {name: bad, match: {src: $many}, do: drop}\n"
                begin = time.monotonic()
                gate = lab.gate(policy).start(timeout=250)
                took = time.monotonic() - begin
                begin = time.monotonic()
                gate.ctl("reload", timeout=250)
                note(f"{n} prefixes: READY after {took:.1f} s, reload "
                     f"{time.monotonic() - begin:.1f} s")
                sent = lab.shoot("name=bad,count=300,src=20.0.0.0/16,size=60-200",
                                 "name=good,count=200,src=9.0.0.0/8,size=60-200")
                self.assertEqual(gate.stats().rule("bad"), sent.streams["bad"])
                self.assertEqual(gate.stats().seen("transit"), sent.total)


if __name__ == "__main__":
    tap.main()
