#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate explain and replay: what they print, what they refuse, and what hostile captures do."""

import json
import os
import random
import struct
import unittest

import command
from harness import main

POLICY = """interfaces:
  wan: {port: eth0, policy: internet}
  lan: {port: eth1, policy: inside, vlan: 7}
sets:
  bad: [203.0.113.0/24, "2001:db8:bad::/48"]
  web: {type: port, elements: [80, 443]}
  banned: {live: true}
policies:
  internet:
    default: drop
    rules:
      - {name: seen, match: {src: $bad}, do: count}
      - {name: maybe, match: {src: $bad}, do: drop, shadow: true}
      - {name: banned, match: {src: $banned}, do: drop}
      - {name: web, match: {proto: tcp, dport: $web}, do: pass}
  inside: {default: pass}
"""

EXPLAINED = """Interface wan, policy internet of FILE

The packet as it was read:
  ethertype   ipv4
  src         203.0.113.9
  dst         198.51.100.1
  proto       tcp
  sport       49152
  dport       80
  tcp-flags   [syn, ack]
  length      40
  ttl         64
  dscp        cs0
  fragment    none
  ip-options  absent
  src-mac     02:00:00:00:00:01
  dst-mac     02:00:00:00:00:02

Sets that hold it:
  src in $bad
  dport in $web

Rules that matched, in order:
RULE   ACTION  EFFECT        PLACE    MATCH
seen   count   counts        FILE:12  src: $bad
maybe  drop    would-decide  FILE:13  src: $bad
web    pass    decides       FILE:15  proto: tcp, dport: $web

pass, by the rule web
The shadow rule maybe would have decided: drop

Note: the policy file has live sets, which are empty here; explain without FILE asks those in force
"""

REPLAYED = """1 pass/web 60 203.0.113.9:1000 > 198.51.100.1:80 tcp syn
2 drop/default 60 192.0.2.1:1000 > 198.51.100.1:22 tcp syn
3 drop/ipv4-total-length 60 (40 captured) ipv4
4 pass/non-ip 60 arp
5 drop/ethernet-truncated 10
CAPTURE: 5 packets, 230 bytes, arriving at 'wan' of FILE, judged by the ENGINE

INTERFACE  POLICY    VERDICT  PACKETS  SHARE  BYTES
wan        internet  drop           3  60.0%    110
wan        internet  pass           2  40.0%    120

INTERFACE  RULE OR REASON      ACTION  PACKETS  SHARE  BYTES
wan        seen                count         1  20.0%     60
wan        maybe               drop          1  20.0%     60
wan        web                 pass          1  20.0%     60
wan        default             -             1  20.0%     60
wan        non-ip              -             1  20.0%     60
wan        ethernet-truncated  -             1  20.0%     10
wan        ipv4-total-length   -             1  20.0%     40

1 rule matched no packet.
"""


def tcp(src, dport):
    header = struct.pack(">HHIIBBHHH", 1000, dport, 1, 0, 0x50, 2, 65535, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, bytes(src),
                     bytes([198, 51, 100, 1]))
    return (b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + ip + header).ljust(60, b"\0")


def capture(frames, link=1):
    """frames: each bytes, or (bytes, original length)"""
    text = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        frame, original = frame if isinstance(frame, tuple) else (frame, len(frame))
        text += struct.pack("<IIII", 1, 2, len(frame), original) + frame
    return text


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def capture_ng(frames):
    text = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    text += block(1, struct.pack("<HHI", 1, 0, 65535))
    for frame in frames:
        text += block(6, struct.pack("<IIIII", 0, 0, 1, len(frame), len(frame)) + frame)
    return text


FRAMES = [tcp([203, 0, 113, 9], 80), tcp([192, 0, 2, 1], 22), (tcp([192, 0, 2, 1], 22)[:40], 60),
          (b"\xff" * 12 + b"\x08\x06").ljust(60, b"\0"), b"\2" * 10]


class Files(command.Ctl):
    """By a policy file."""

    def setUp(self):
        self.policy = self.temporary(POLICY)
        self.capture = self.write(capture(FRAMES))

    def write(self, data, name="packets.pcap"):
        path = os.path.join(self.server.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def engines(self):
        return ("program", "oracle") if os.geteuid() == 0 else ("oracle",)

    def test_explain(self):
        """each step, by both engines; and as JSON"""
        said = []
        for engine in self.engines():
            argv = ("explain", self.policy, "--in", "wan", "--src", "203.0.113.9", "--dport", "80",
                    "--flags", "syn,ack", "--engine", engine)
            self.assertEqual(self.good(*argv).replace(self.policy, "FILE").replace(
                " " * (len(self.policy) - 4) + "  MATCH", "  MATCH"), EXPLAINED)
            said.append(self.good(*argv, "--json"))
        self.assertEqual(len(set(said)), 1)
        said = json.loads(said[0])
        self.assertEqual((said["verdict"], said["rule"], said["generation"]), ("pass", "web", 0))

    def test_explain_vlan(self):
        """the packet's VLAN decides who judges"""
        self.assertIn("Interface lan, policy inside",
                      self.good("explain", self.policy, "--in", "lan", "--engine", "oracle"))
        bare = tcp([1, 2, 3, 4], 80).hex(":")
        self.assertIn("No interface judges it", self.good(
            "explain", self.policy, "--in", "lan", "--hex", bare, "--engine", "oracle"))

    def test_explain_bad(self):
        """what is wrong is shown where it was typed"""
        explain = ("explain", self.policy, "--engine", "oracle")
        self.bad(2, "Add --in INTERFACE.*wan, lan", *explain)
        self.bad(1, "no interface 'x'.*wan, lan", *explain, "--in", "x")
        for option, value, text in (
                ("dport", "70000", r"--dport:1:1: error: port 70000 is out of range"),
                ("src", "10.0.0.0/8", "a packet has one address, not a prefix"),
                ("src", "$bad", "a packet has one address, not a set"),
                ("flags", "syn,akc", r"--flags:1:5: .*did you mean 'ack'"),
                ("icmp", "", "found nothing"),
                ("ttl", "\033[2J", "--ttl"),
                ("proto", "\xff", "--proto"),
                ("length", "10", "has 40 bytes at least"),
                ("hex", "02zz", r"--hex:1:3: error: here two hexadecimal digits"),
                ("hex", "", "at least one byte")):
            self.bad(1, text, *explain, "--in", "wan", f"--{option}", value)
        self.bad(1, "leave --src out", *explain, "--in", "wan", "--hex", "02", "--src", "::1")
        self.bad(2, "program or oracle", "explain", self.policy, "--engine", "x")
        self.bad(2, "takes a FILE", "explain", "--engine", "oracle")
        self.bad(2, "has no option --src", "replay", "--src", "::1", self.policy)

    def replay(self, *argv, path=None):
        return self.run_ctl("replay", "--in", "wan", *argv, self.policy, path or self.capture)

    def test_replay(self):
        """totals and packets, by both engines, of both formats"""
        for engine in self.engines():
            done = self.replay("--each", "--engine", engine)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stdout.replace(self.policy, "FILE").replace(
                self.capture, "CAPTURE").replace(engine, "ENGINE"), REPLAYED)
            self.assertRegex(done.stderr, "1 packets are cut off")
            self.assertRegex(done.stderr, "live sets, which are empty")
        whole = [frame for frame in FRAMES if isinstance(frame, bytes)]
        one = json.loads(self.replay("--json", "--engine", "oracle",
                                     path=self.write(capture(whole), "a")).stdout)
        two = json.loads(self.replay("--json", "--engine", "oracle",
                                     path=self.write(capture_ng(whole), "b")).stdout)
        self.assertEqual(one["interfaces"], two["interfaces"])

    def test_expect(self):
        """what is expected is so, or the difference is told"""
        text = self.replay("--each", "--json", "--engine", "oracle").stdout
        self.assertEqual(json.loads(text)["each"],
                         ["pass/web", "drop/default", "drop/ipv4-total-length", "pass/non-ip",
                          "drop/ethernet-truncated"])

        def expect(expected):
            path = self.write(expected.encode(), "expected.json")
            return self.replay("--expect", path, "--engine", "oracle")

        self.assertEqual(expect(text).returncode, 0)
        self.assertEqual(expect('{"each": [null, "drop/default", null, null, null]}').returncode, 0)
        for expected, said in (
                (text.replace("pass/web", "drop/web"), "packet 1: expected drop/web, got pass/web"),
                ('{"each": []}', "expected 0, the capture has 5"),
                ('{"packets": 6}', "expected 6, got 5"),
                ('{"interfaces": [{"name": "wan", "rules": [{"name": "web", "packets": 2}]}]}',
                 "wan: web: expected 2 packets, got 1"),
                ('{"interfaces": [{"name": "wan", "rules": [{"name": "x", "packets": 2}]}]}',
                 "wan: x: .*no such rule"),
                ('{"interfaces": [{"name": "no", "verdicts": {"drop": {"packets": 1}}}]}',
                 "no: drop: expected 1 packets, got 0"),
                ("{}", "expects nothing"), ("[1]", "expects nothing"),
                ('{"each": [}', r"expected.json:1:\d+: error: cannot be read as JSON")):
            done = expect(expected)
            self.assertEqual(done.returncode, 1, expected)
            self.assertRegex(done.stderr, said)

    def test_bad_captures(self):
        """what is no capture of Ethernet frames is refused; of a damaged one the rest counts"""
        for data, said in ((b"", "not a capture file"), (b"interfaces:", "not a capture file"),
                           (capture(FRAMES, 113), "tcpdump -i any.*tcprewrite"),
                           (capture(FRAMES, 101), "tunnels and loopback.*tcprewrite")):
            done = self.replay("--engine", "oracle", path=self.write(data))
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, said)
        done = self.replay("--engine", "oracle", path=self.write(capture(FRAMES)[:-5]))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "packet 5 cannot be read.*the 4 before it were judged")
        self.assertRegex(done.stdout, "4 packets, ")
        self.bad(1, "No such file", "replay", "--in", "wan", self.policy, "/nonexistent")
        self.bad(1, "it is a folder", "replay", "--in", "wan", self.policy, "/")

    def test_hostile(self):
        """bytes at random: an answer or an error, never a crash or a hang"""
        rng = random.Random(1)
        for make in (capture, capture_ng):
            good = make([f for f in FRAMES if isinstance(f, bytes)] * 3)
            for _ in range(60):
                data = bytearray(good)
                for _ in range(rng.choice((1, 3, 20))):
                    data[rng.randrange(len(data))] = rng.choice((0, 255, rng.randrange(256)))
                if rng.random() < 0.3:
                    del data[rng.randrange(len(data)):]
                done = self.replay("--engine", "oracle", "--each", path=self.write(bytes(data)))
                self.assertIn(done.returncode, (0, 1), data.hex())
                if done.returncode:
                    self.assertIn("error: ", done.stderr)


class Live(command.Ctl):
    """By the daemon, which is made up."""

    def test_explain(self):
        """the packet is sent, and the answer shown"""
        text = self.good("explain", "--in", "transit-a", "--length", "60000", "--proto", "udp")
        self.assertRegex(text, "Interface transit-a, policy internet, generation .* in force")
        # Ethernet, the interface's VLAN, and the packet, which is not sent as a whole.
        self.assertRegex(text, r"length +600(14|18)\n")
        self.assertIn("src in $banned (live)", text)
        self.assertRegex(text, r"rule-0 +drop +decides +- +src: \$banned")
        self.assertIn("drop, by the rule rule-0", text)
        self.assertIn("pass, default: no rule decided",
                      self.good("explain", "--in", "transit-a", "--hex", "00" * 60))
        self.bad(1, "no interface 'x'.*transit-a", "explain", "--in", "x")
        self.bad(2, "Add --in INTERFACE", "explain")

    def test_refused(self):
        """what the daemon refuses is told"""
        self.scenario("fail-read")
        done = self.run_ctl("explain", "--in", "transit-a")
        self.assertNotEqual(done.returncode, 0)

    def test_too_long(self):
        """a frame with more than 2048 bytes that are not 0"""
        self.bad(1, "InvalidParameter|frame", "explain", "--in", "transit-a", "--hex", "01" * 2049)


if __name__ == "__main__":
    main()
