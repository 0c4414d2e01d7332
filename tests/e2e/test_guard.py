#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The lock-out guard: what would cut a connection of the router is refused, whoever asks for it,
unless it is forced; strangers cannot veto what nobody is there to force."""

import os
import select
import shutil
import socket
import unittest

import netlab
import tap
from edge import Edge, ROUTER4, ROUTER6, SENDER4, SENDER6

GATEWAY4, GATEWAY6 = SENDER4, SENDER6
TAGGED_ROUTER, TAGGED_SENDER = "203.0.113.1", "203.0.113.2"

# A policy that begins with `top` and has these rules.
def policy(*rules, top="", default="pass", interfaces="", protect="protect: {link: [arp, nd]}\n"):
    lines = "".join(f"      - {rule}\n" for rule in rules)
    return (f"{top}{protect}interfaces:\n  transit: {{port: xg0, policy: edge}}\n{interfaces}"
            f"policies:\n  edge:\n    default: {default}\n" +
            (f"    rules:\n{lines}" if rules else "    rules: []\n"))


HARMLESS = policy(f"{{name: seen, match: {{src: {SENDER4}}}, do: count}}")
CUTS4 = f"{{name: cuts, match: {{src: {SENDER4}}}, do: drop}}"
CUTS6 = f"{{name: cuts6, match: {{src: \"{SENDER6}\"}}, do: drop}}"


class GuardLab(Edge):
    """The scene, with TCP connections from the sender to the router."""

    def __enter__(self):
        super().__enter__()
        try:
            self.add_addresses()
        except BaseException:
            self.close()
            raise
        return self

    def connect(self, address, port, here=None, there=None, source_port=0):
        """An established connection from one namespace (the sender) to an address of the
        other (the router), which listens on the port. Both ends, and the listener."""
        here, there = here or self.sender, there or self.router
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = there.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        client = here.socket(family, socket.SOCK_STREAM)
        client.settimeout(10 * netlab.PATIENCE)
        client.bind(("", source_port))
        client.connect((address, port))
        server = listener.accept()[0]
        for end in (client, server, listener):
            self.callback(end.close)
        return client, server, listener

    @staticmethod
    def works(client, server):
        """Does what the sender says get through?"""
        client.send(b"x")
        return bool(select.select([server], [], [], 1)[0]) and server.recv(64)[-1:] == b"x"


class Cases(unittest.TestCase):
    """What all of them ask."""

    def refused(self, gate, text, *said, options=()):
        """The reload is refused, with these words, and the policy in force goes on."""
        generation = gate.stats().generation
        gate.set_policy(text)
        done = gate.ctl("reload", *options, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for words in said:
            self.assertIn(words, done.stderr)
        self.assertEqual(gate.stats().generation, generation)
        return done.stderr

    def taken(self, gate, text, *options):
        generation = gate.stats().generation
        gate.set_policy(text)
        done = gate.ctl("reload", *options)
        self.assertGreater(gate.stats().generation, generation)
        return done.stderr


class Reload(Cases):
    """Policies."""

    def test_connection(self):
        """reload: a rule that cuts an SSH connection is refused by name; --force takes it"""
        with GuardLab() as lab:
            gate = lab.gate(HARMLESS).start()
            client, server, _ = lab.connect(ROUTER4, 22)
            said = self.refused(
                gate, policy(CUTS4), "rule 'cuts' of policy 'edge' would cut the connection from "
                f"{SENDER4}:{client.getsockname()[1]} to {ROUTER4}:22 (ssh) on interface 'transit'",
                "xdpgate reload --force", "guard: trusted")
            self.assertRegex(said, r"gate\.yaml:8:16: error: rule 'cuts'")
            self.assertTrue(lab.works(client, server))
            said = self.taken(gate, policy(CUTS4), "--force")
            self.assertIn("warning: rule 'cuts' of policy 'edge' would cut the connection", said)
            self.assertFalse(lab.works(client, server))
            # It is cut: nothing more can be done to it, and the way back is free.
            self.taken(gate, policy(CUTS4, CUTS6))
            self.taken(gate, HARMLESS)

    def test_hangup(self):
        """SIGHUP: refused likewise, unless the policy says `guard: off` or `guard: trusted`"""
        for level in ("off", "trusted"):
            with self.subTest(level), GuardLab() as lab:
                gate = lab.gate(HARMLESS).start()
                lab.connect(ROUTER6, 22)
                generation = gate.stats().generation
                gate.set_policy(policy(CUTS6))
                gate.hangup()
                self.assertEqual(gate.stats().generation, generation)
                self.assertIn(f"({'ssh'}) on interface 'transit'", gate.log())
                self.assertIn("would cut", gate.status()["last_reload_error"])
                gate.set_policy(policy(CUTS6, top=f"guard: {level}\n"))
                gate.hangup()
                self.assertGreater(gate.stats().generation, generation)
                self.assertEqual("cuts 1 TCP connection of others: the connection" in gate.log(),
                                 level == "trusted")

    def test_default(self):
        """`default: drop` without a rule is refused by that name, with the place of the policy"""
        with GuardLab() as lab:
            gate = lab.gate(HARMLESS).start()
            lab.connect(ROUTER4, 8022)
            said = self.refused(gate, policy(default="drop"), "the default of policy 'edge' would "
                                "cut the connection")
            self.assertRegex(said, r"gate\.yaml:\d+:\d+: error: the default of policy 'edge'")

    def test_trusted(self):
        """`guard: trusted`: what the router opened, and BGP, are still not cut"""
        opened = policy(CUTS4, top="guard: trusted\n")
        with GuardLab() as lab:
            gate = lab.gate(HARMLESS).start()
            client, _, listener = lab.connect(SENDER4, 8080, lab.router, lab.sender)
            self.refused(gate, opened, "this machine opened it")
            client.close()
            lab.connect(ROUTER4, 179)
            said = self.refused(gate, opened, f"to {ROUTER4}:179 (bgp) on")
            self.assertNotIn("guard: trusted", said)
            # A packet of a BGP peer has a TTL of 255, so a rule against lower ones is right.
            self.taken(gate, policy("{name: gtsm, match: {proto: tcp, dport: 179, ttl: 0-254}, "
                                    "do: drop}"))
            del listener

    def test_many(self):
        """of many connections five are told, and the others counted; those elsewhere are not"""
        with GuardLab() as lab:
            lab.scrubber.add_address("sc0", "192.0.2.2/24")
            lab.router.add_address("xg-scrub", "192.0.2.1/24")
            gate = lab.gate(HARMLESS).start()
            lab.connect("192.0.2.1", 22, lab.scrubber)  # over a port that is not ours
            lab.connect("127.0.0.1", 22, lab.router)
            self.taken(gate, policy(default="drop"))
            self.taken(gate, HARMLESS)
            for port in range(2200, 2208):
                lab.connect(ROUTER4, port)
            said = self.refused(gate, policy(default="drop"), "3 others would be cut, too")
            self.assertEqual(said.count("would cut the connection from"), 5)

    def test_tagged(self):
        """a connection over a VLAN is put before the interface of that VLAN, with its tag"""
        tagged = "  tagged: {port: xg0, vlan: 100, policy: tagged}\n"

        def two(rule):
            return (policy(interfaces=tagged) +
                    f"  tagged:\n    default: pass\n    rules:\n      - {rule}\n")

        with GuardLab() as lab:
            done = lab.scrubber.ip("link", "add", "link", "sc0", "type", "vlan", "id", 100,
                                   check=False)
            if "Unknown device type" in done.stderr:
                self.skipTest("this kernel has no VLAN devices")
            for namespace, device, address in ((lab.sender, "up0", TAGGED_SENDER),
                                               (lab.router, "xg0", TAGGED_ROUTER)):
                namespace.ip("link", "add", "link", device, "name", f"{device}.100", "type",
                             "vlan", "id", 100)
                namespace.ip("link", "set", f"{device}.100", "up")
                namespace.add_address(f"{device}.100", f"{address}/24")
            gate = lab.gate(two("{name: none, match: {vlan: 100}, do: count}")).start()
            client, server, _ = lab.connect(TAGGED_ROUTER, 22)
            self.refused(gate, two("{name: cuts, match: {vlan: 100, proto: tcp}, do: drop}"),
                         "rule 'cuts' of policy 'tagged' would cut the connection from "
                         f"{TAGGED_SENDER}:", "on interface 'tagged'")
            self.assertTrue(lab.works(client, server))
            # The other interface of the port may drop all.
            self.taken(gate, two("{name: none, match: {vlan: 100}, do: count}").replace(
                "default: pass\n    rules: []", "default: drop\n    rules: []"))
            self.assertTrue(lab.works(client, server))

    def test_gateways(self):
        """ARP and ND of gateways must pass, unless the kernel has their addresses for good"""
        with GuardLab() as lab:
            for address in (GATEWAY4, GATEWAY6):
                lab.router.ip("route", "add", "default", "via", address)
            bare = {"protect": ""}
            arp = policy("{name: no-arp, match: {ethertype: arp}, do: drop}", **bare)
            nothing = policy(default="drop", **bare)
            gate = lab.gate(policy(**bare)).start()
            self.taken(gate, arp)  # the lab's neighbours are permanent
            self.taken(gate, policy(**bare))
            for address in (GATEWAY4, GATEWAY6):
                lab.router.ip("neighbour", "del", address, "dev", "xg0")
            self.refused(gate, arp, "rule 'no-arp' of policy 'edge' would cut ARP of the "
                         f"neighbour {GATEWAY4} on interface 'transit'")
            self.refused(gate, nothing, "would cut neighbour advertisements (ND) of the "
                         f"neighbour {GATEWAY6}", "neighbour solicitations (ND)")
            self.taken(gate, policy(default="drop"))  # it protects both

    def test_start(self):
        """at start nothing is refused, but what is cut is said"""
        with GuardLab() as lab:
            lab.connect(ROUTER4, 22)
            gate = lab.gate(policy(CUTS4)).start()
            self.assertIn("rule 'cuts' of policy 'edge' would cut the connection", gate.log())

    def test_off(self):
        """an interface that is off cuts nothing"""
        with GuardLab() as lab:
            gate = lab.gate(HARMLESS).start()
            lab.connect(ROUTER4, 22)
            gate.ctl("off")
            self.taken(gate, policy(CUTS4))


class Feeds(Cases):
    """List files that are watched: nobody is there to say --force."""

    POLICY = ("protect: {link: [arp, nd]}\ninterfaces:\n  transit: {port: xg0, policy: edge}\n"
              "sets:\n  feed: {file: feed.txt, watch: true, max-shrink: 100%}\npolicies:\n  edge:\n    default: pass\n"
              "    rules:\n      - {name: blocked, match: {src: $feed}, do: drop}\n")

    def test_feed(self):
        """a stranger cannot veto a feed; a BGP peer is not cut by one"""
        with GuardLab() as lab:
            lab.write("feed.txt", "192.0.2.1\n")
            gate = lab.gate(self.POLICY).start()
            client, server, listener = lab.connect(ROUTER4, 22)
            generation = gate.stats().generation
            lab.write("feed.txt", f"192.0.2.1\n{SENDER4}\n")
            netlab.wait_for(lambda: gate.stats().generation > generation, "the feed is in force")
            self.assertIn("the policy that came in force cuts 1 TCP connection of others: "
                          "the connection from", gate.log())
            self.assertFalse(lab.works(client, server))
            lab.write("feed.txt", "192.0.2.1\n")
            netlab.wait_for(lambda: gate.stats().generation > generation + 1, "it is gone again")
            for end in (client, server, listener):
                end.close()
            lab.connect(ROUTER4, 179)
            generation = gate.stats().generation
            lab.write("feed.txt", f"192.0.2.1\n{SENDER4}\n")
            netlab.wait_for(lambda: "feed.txt is refused" in gate.log(), "it is refused")
            self.assertIn("rule 'blocked' of policy 'edge' would cut", gate.log())
            self.assertEqual(gate.stats().generation, generation)


class LiveSets(Cases):
    """Entries of live sets."""

    POLICY = ("{top}protect: {{link: [arp, nd], bgp: [{{peers: ['192.0.2.77']}}]}}\n"
              "sets:\n  banned: {{live: true}}\n  friends: {{live: true}}\n"
              "interfaces:\n  transit: {{port: xg0, policy: edge}}\npolicies:\n  edge:\n"
              "    default: pass\n    rules:\n"
              "      - {{name: friends, match: {{src: $friends}}, do: pass}}\n"
              "      - {{name: banned, match: {{src: $banned}}, do: drop}}\n")

    def add(self, gate, verb, *arguments, refused):
        done = gate.ctl("set", verb, *arguments, check=False)
        self.assertEqual(done.returncode, 1 if refused else 0, done.stdout + done.stderr)
        return done.stderr

    def test_add(self):
        """set add: one that cuts is refused by itself, with rule and set; by whom it is heeded"""
        with GuardLab() as lab:
            gate = lab.gate(self.POLICY.format(top="")).start()
            client, server, _ = lab.connect(ROUTER4, 22)
            said = self.add(gate, "add", "banned", "192.0.2.9", SENDER4, refused=True)
            self.assertIn(f"{SENDER4}: refused: rule 'banned' of policy 'edge' would cut the "
                          f"connection from {SENDER4}:{client.getsockname()[1]} to {ROUTER4}:22",
                          said)
            self.assertIn("--force has it in 'banned' all the same", said)
            self.assertIn("192.0.2.9", gate.ctl("set", "list", "banned").stdout)
            self.assertTrue(lab.works(client, server))
            self.add(gate, "add", "banned", "198.51.100.0/28", refused=True)
            self.add(gate, "replace", "banned", "192.0.2.8", SENDER4, refused=True)
            self.assertIn("192.0.2.9", gate.ctl("set", "list", "banned").stdout)
            # Neither it nor its end lies in these; and an earlier rule lets friends pass.
            self.add(gate, "add", "banned", "198.51.100.128/25", "2001:db8::/32", refused=False)
            self.add(gate, "add", "friends", SENDER4, refused=False)
            self.add(gate, "add", "banned", SENDER4, refused=False)
            self.assertTrue(lab.works(client, server))
            self.add(gate, "del", "banned", SENDER4, refused=False)
            gate.ctl("set", "flush", "friends")
            self.add(gate, "add", "banned", SENDER4, "--guard", "trusted", refused=False)
            self.assertFalse(lab.works(client, server))
            self.add(gate, "add", "banned", "198.51.100.0/28", refused=False)  # is cut already
            gate.ctl("set", "flush", "banned")
            self.add(gate, "add", "banned", SENDER4, "--force", refused=False)

    def test_levels(self):
        """set add: BGP is trusted; --guard off, and the policy's own level, let it be cut"""
        with GuardLab() as lab:
            gate = lab.gate(self.POLICY.format(top="")).start()
            lab.connect(ROUTER6, 179)
            self.add(gate, "add", "banned", SENDER6, "--guard", "trusted", refused=True)
            self.add(gate, "replace", "banned", SENDER6, "--guard", "trusted", refused=True)
            self.add(gate, "add", "banned", SENDER6, "--guard=off", refused=False)
            gate.ctl("set", "flush", "banned")
            self.taken(gate, self.POLICY.format(top="guard: off\n"))
            self.add(gate, "add", "banned", SENDER6, refused=False)
            wrong = gate.ctl("set", "add", "banned", SENDER6, "--guard", "none", check=False)
            self.assertEqual(wrong.returncode, 2)
            self.assertIn("LEVEL is all, trusted or off", wrong.stderr)

    def test_source_port(self):
        """set add --guard trusted: a stranger who comes from port 179 is no BGP peer"""
        with GuardLab() as lab:
            gate = lab.gate(self.POLICY.format(top="")).start()
            client, server, _ = lab.connect(ROUTER4, 22, source_port=179)
            self.add(gate, "add", "banned", SENDER4, refused=True)
            self.add(gate, "add", "banned", SENDER4, "--guard", "trusted", refused=False)
            self.assertFalse(lab.works(client, server))
            # What the router has opened to port 179 there is one.
            lab.connect(SENDER6, 179, lab.router, lab.sender)
            self.add(gate, "add", "banned", SENDER6, "--guard", "trusted", refused=True)

    def test_undone(self):
        """set add: heeded by what is in force again after another policy was undone, too"""
        with GuardLab() as lab:
            # What is freed is overwritten, so that nobody can go on with it.
            os.environ["MALLOC_PERTURB_"] = "165"
            self.addCleanup(os.environ.pop, "MALLOC_PERTURB_")
            gate = lab.gate(self.POLICY.format(top="")).start()
            lab.connect(ROUTER4, 22)
            self.add(gate, "add", "banned", SENDER4, refused=True)
            generation = gate.stats().generation
            gate.set_policy(self.POLICY.format(top="# another\n"))
            gate.ctl("reload", "--confirm", "1h")
            shutil.rmtree(gate.state_dir / "history")  # so it stays as it was built
            self.assertIn("cannot be made again", gate.ctl("rollback").stderr)
            self.assertEqual(gate.stats().generation, generation)
            self.add(gate, "add", "banned", SENDER4, refused=True)

    def test_protected(self):
        """what `protect` promises comes ahead of every live set, so no entry is refused for it"""
        with GuardLab() as lab:
            text = self.POLICY.format(top="").replace("192.0.2.77", SENDER4)
            gate = lab.gate(text).start()
            client, server, _ = lab.connect(ROUTER4, 179)
            self.add(gate, "add", "banned", SENDER4, refused=False)
            self.assertTrue(lab.works(client, server))

    def test_gateway(self):
        """an entry that holds an IPv6 gateway, and would cut its ND, is refused"""
        with GuardLab() as lab:
            lab.router.ip("neighbour", "del", GATEWAY6, "dev", "xg0")
            lab.router.ip("route", "add", "default", "via", GATEWAY6)
            text = self.POLICY.format(top="").replace("link: [arp, nd], ", "")
            gate = lab.gate(text).start()
            said = self.add(gate, "add", "banned", GATEWAY6, refused=True)
            self.assertIn("(ND) of the neighbour", said)


if __name__ == "__main__":
    tap.main()
