#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is dropped, passed, redirected and counted, compared with what was sent: to the packet
and to the byte, by rule, verdict and reason."""

import socket
import threading
import unittest

import tap
from edge import (Edge, ROUTER4, ROUTER6, SENDER4, VICTIM4, country_lists, list_policy,
                  made_up_lists)
from netlab import prefixes_of


class Lists(unittest.TestCase):
    """The policy "deny three lists, pass management, redirect one host"."""

    def check(self, lab, lists):
        management, streams = ["192.0.2.0/24", "2001:db8:1::/48"], []
        for name, path in lists.items():
            text = path.read_text()
            for version, count in ((4, 20000), (6, 10000)):
                # The first prefix of each list belongs to management: rules go in order.
                first, *others = prefixes_of(text, version)
                management.append(str(first))
                sources = lab.write(f"sources/{name}{version}", "\n".join(map(str, others)))
                dst = ROUTER4 if version == 4 else ROUTER6
                streams += [f"name={name}{version},count={count},src=@{sources},dst={dst},"
                            "proto=tcp,size=60-1400",
                            f"name=mgmt-{name}{version},count=1000,src={first},dst={dst}"]
        streams += [
            f"name=mgmt4,count=5000,src=192.0.2.0/24,dst={ROUTER4}",
            f"name=mgmt6,count=5000,src=2001:db8:1::/48,dst={ROUTER6}",
            f"name=victim,count=5000,src=203.0.113.0/24,dst={VICTIM4},size=60-1400",
            f"name=other4,count=5000,src=198.18.0.0/15,dst={ROUTER4},proto=icmp",
            f"name=other6,count=5000,src=2001:db8:ffff::/48,dst={ROUTER6},proto=tcp",
            "name=elsewhere,count=5000,src=198.18.0.0/15,dst=203.0.113.5",
            "name=lldp,count=100,ethertype=0x88cc",
            # IPv4 with a header of 16 bytes
            "name=bad,count=100,raw=" + "ff" * 12 + "0800" + "44" + "00" * 19,
        ]
        gate = lab.gate(list_policy(lists, management)).start()
        passed = lab.receiver(lab.router, "xg0")
        redirected = lab.receiver(lab.scrubber, "sc0", keep=True)
        sent = lab.shoot(*streams)
        stats = gate.stats()

        denied = [f"{name}{version}" for name in lists for version in (4, 6)]
        managed = ["mgmt4", "mgmt6"] + [f"mgmt-{name}" for name in denied]
        for name in lists:
            self.assertEqual(stats.rule(f"deny-{name}"), sent.sum(f"{name}4", f"{name}6"))
        self.assertEqual(stats.rule("mgmt"), sent.sum(*managed))
        self.assertEqual(stats.rule("scrub"), sent.sum("victim"))
        self.assertEqual(stats.rule("seen"), sent.sum("victim", "other4"))
        self.assertEqual(stats.verdict("transit", "drop"), sent.sum("bad", *denied))
        self.assertEqual(stats.verdict("transit", "redirect"), sent.sum("victim"))
        self.assertEqual(stats.verdict("transit", "pass"),
                         sent.sum("other4", "other6", "elsewhere", "lldp", *managed))
        self.assertEqual(stats.reasons("transit"), {
            "default": sent.sum("other4", "other6", "elsewhere"),
            "non-ip": sent.sum("lldp"),
            "ipv4-header-length": sent.sum("bad")})
        self.assertEqual(stats.seen("transit"), sent.total)
        # And beyond what the filter says of itself:
        self.assertEqual(passed.count(), stats.verdict("transit", "pass")[0])
        frames = redirected.frames()
        self.assertEqual((len(frames), sum(map(len, frames))), sent.sum("victim"))

    def test_real(self):
        """three real country lists: counters equal what was sent"""
        with Edge() as lab:
            lists = country_lists(lab)
            if not lists:
                self.skipTest("country lists are not at hand (XDPGATE_DATA or ../shared/data)")
            self.check(lab, lists)

    def test_made_up(self):
        """three made-up lists: counters equal what was sent"""
        with Edge() as lab:
            self.check(lab, made_up_lists(lab))


class Tools(unittest.TestCase):
    """Real programs talk through the filter."""

    POLICY = f"""
interfaces:
  transit: {{port: xg0, policy: edge}}
policies:
  edge:
    default: drop
    rules:
      - {{name: ping4, match: {{src: {SENDER4}, proto: icmp}}, do: pass}}
      - {{name: ping6, match: {{dst: "{ROUTER6}", proto: icmpv6}}, do: pass}}
      - {{name: web, match: {{proto: tcp, dport: [80, 8000-8080]}}, do: [count, pass]}}
      - {{name: telnet, match: {{proto: tcp, dport: 23}}, do: drop}}
      - {{name: dns, match: {{proto: udp, dport: 53, dst: {ROUTER4}}}, do: pass}}
"""

    def test_ping(self):
        """ping and ping6 pass, each request counted"""
        with Edge() as lab:
            lab.add_addresses()
            gate = lab.gate(self.POLICY).start()
            for address in (ROUTER4, ROUTER6):
                lab.sender.run(["ping", "-n", "-q", "-c", 5, "-i", 0.05, "-W", 5, address])
            stats = gate.stats()
            self.assertEqual(stats.rule("ping4"), (5, 5 * 98))
            self.assertEqual(stats.rule("ping6"), (5, 5 * 118))

    def test_tcp(self):
        """a TCP conversation passes, another port is dropped"""
        with Edge() as lab:
            lab.add_addresses()
            gate = lab.gate(self.POLICY).start()
            server = lab.router.socket(socket.AF_INET, socket.SOCK_STREAM)
            client = lab.sender.socket(socket.AF_INET, socket.SOCK_STREAM)
            refused = lab.sender.socket(socket.AF_INET, socket.SOCK_STREAM)
            with server, client, refused:
                server.bind((ROUTER4, 8080))
                server.listen()
                client.settimeout(10)
                client.connect((ROUTER4, 8080))
                peer, _ = server.accept()
                with peer:
                    message = bytes(range(256)) * 4096
                    peer.settimeout(10)
                    client.sendall(b"?")
                    self.assertEqual(peer.recv(1), b"?")
                    sender = threading.Thread(target=peer.sendall, args=(message,))
                    sender.start()
                    got = b""
                    while len(got) < len(message):
                        got += client.recv(1 << 20)
                    sender.join()
                    self.assertEqual(got, message)
                refused.settimeout(0.5)
                with self.assertRaises(socket.timeout):
                    refused.connect((ROUTER4, 23))
            stats = gate.stats()
            self.assertGreaterEqual(stats.rule("web")[0], 4)
            self.assertGreaterEqual(stats.rule("telnet")[0], 1)
            # Nothing but them, and what IPv6 itself says on the link (MLD).
            self.assertEqual(stats.verdict("transit", "drop")[0],
                             stats.rule("telnet")[0] + stats.reason("transit", "default")[0])

    def test_udp(self):
        """UDP datagrams arrive, those to another port do not"""
        with Edge() as lab:
            lab.add_addresses()
            gate = lab.gate(self.POLICY).start()
            server = lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client = lab.sender.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with server, client:
                server.bind((ROUTER4, 53))
                server.settimeout(5)
                for i in range(10):
                    client.sendto(b"x" * 100, (ROUTER4, 54))
                    client.sendto(b"%d" % i, (ROUTER4, 53))
                self.assertEqual([server.recv(10) for _ in range(10)],
                                 [b"%d" % i for i in range(10)])
            stats = gate.stats()
            self.assertEqual(stats.rule("dns"), (10, 10 * 43))
            self.assertEqual(stats.reason("transit", "default"), (10, 10 * 142))

    def test_replay(self):
        """tcpreplay of a capture file: counters equal the file"""
        with Edge() as lab:
            gate = lab.gate(self.POLICY).start()
            capture = lab.folder / "mix.pcap"
            streams = [f"name=dns,count=700,dst={ROUTER4},dport=53,size=60-1400",
                       f"name=web,count=500,proto=tcp,dst={ROUTER4},dport=8000-8080",
                       f"name=ping,count=300,src={SENDER4},dst={ROUTER4},proto=icmp,size=100",
                       "name=rest,count=900,dst=2001:db8::/32,sport=53,size=70-900"]
            sent = lab.write_capture(capture, *streams)
            lab.sender.run(["tcpreplay", "-q", "--pps=5000", "-i", "up0", capture])
            stats = gate.stats()
            for rule, stream in (("dns", "dns"), ("web", "web"), ("ping4", "ping")):
                self.assertEqual(stats.rule(rule), sent.sum(stream))
            self.assertEqual(stats.reason("transit", "default"), sent.sum("rest"))
            self.assertEqual(stats.seen("transit"), sent.total)


if __name__ == "__main__":
    tap.main()
