#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Live sets over real wires: in force with the next packet, over with the second, whatever the
daemon does meanwhile. What a crash leaves is the subject of test_live_crash.py."""

import os
import signal
import time
import unittest

import netlab
import tap
from edge import ROUTER4, ROUTER6, SENDER4, SENDER6, VICTIM4
from livelab import LiveLab, RULES, Refused, VICTIM6, entries_of, requests

INTERFACES = """
interfaces:
  transit: {port: xg0, policy: edge}
  lan: {port: xg1, policy: edge}
"""
POLICY = INTERFACES + """
sets:
  fixed: [198.18.0.0/15, "2001:db8:bad::/48"]
  banned: {live: true, size: 1000, timeout: 1h}
  victims: {live: true, persist: true}
  friends: {live: true}
  few: {live: true, size: 3, writers: [nobody]}
""" + RULES + f"""
      - {{name: banned, match: {{src: $banned}}, do: drop}}
      - {{name: mixed, match: {{src: [$fixed, $few]}}, do: drop}}
      - {{name: victims, match: {{dst: $victims}}, do: drop}}
      - {{name: stranger, match: {{dst: [198.51.100.200, "2001:db8:100::c8"], src: {{not: $friends}}}}, do: drop}}
"""
# The same without the sets that are filled.
WITHOUT = INTERFACES + """
sets:
  fixed: [198.18.0.0/15]
""" + RULES + """
      - {name: fixed, match: {src: $fixed}, do: drop}
"""
SWINGING = INTERFACES + """
sets:
  swing: {live: true}
""" + RULES + """
      - {name: from, match: {src: $swing}, do: drop}
      - {name: to, match: {dst: $swing}, do: drop}
"""
CLOSED4, CLOSED6 = "198.51.100.200", "2001:db8:100::c8"  # open to friends
BYSTANDER4, BYSTANDER6 = "198.51.100.8", "2001:db8:100::8"
SLACK = 0.5  # seconds that a busy machine may be late to look

# Entries and what they hold, and after how many seconds a packet from there passes: nested ones,
# too, of which each ends by itself, and none uncovers nor hides another.
CLOCKWORK = [("192.0.2.1/32", 1), ("192.0.2.2/32", 2),
             ("10.0.1.0/24", 2), ("10.0.1.1/32", 1),
             ("10.0.2.0/24", 1), ("10.0.2.1/32", 2),
             ("10.1.0.0/16", 2), ("10.1.1.0/24", 1), ("10.1.1.1/32", 1),
             ("10.2.0.0/16", 1), ("10.2.1.0/24", 2), ("10.2.1.1/32", 1),
             ("2001:db8:1::1/128", 1), ("2001:db8:2::/48", 2), ("2001:db8:2::1/128", 1),
             ("2001:db8:3::/48", 1), ("2001:db8:3:1::/64", 2)]
ENDS = {"192.0.2.1": 1, "192.0.2.2": 2, "10.0.1.1": 2, "10.0.1.2": 2, "10.0.2.1": 2, "10.0.2.2": 1,
        "10.1.1.1": 2, "10.1.1.2": 2, "10.1.2.2": 2, "10.2.1.1": 2, "10.2.1.2": 2, "10.2.2.2": 1,
        "2001:db8:1::1": 1, "2001:db8:2::1": 2, "2001:db8:2::2": 2, "2001:db8:3::1": 1,
        "2001:db8:3:1::1": 2}


def pings(lab, address):
    family = "-6" if ":" in address else "-4"
    return lab.sender.run(["ping", family, "-c1", "-W1", address], check=False).returncode == 0


def to_victim(src):
    return (src, VICTIM6 if ":" in src else VICTIM4)


class Live(unittest.TestCase):
    """One gate with several sets."""

    def test_bans(self):
        """a ban holds from the next packet on, an unban too: each packet counted, on every wire"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            client = lab.client(gate)
            wires = {"transit": lab.probe("up0", "xg0"), "lan": lab.probe("up1", "xg1")}
            dropped = dict.fromkeys(("banned", "mixed", "victims", "stranger"), 0)

            def see(rule, src, dst=None):
                """Dropped by the rule, on each wire; None: passes."""
                for wire in wires.values():
                    self.assertEqual(wire.passes(src, dst), rule is None, (rule, src, dst))
                if rule:
                    dropped[rule] += 1

            for host, net, inside, other in (("192.0.2.7", "10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
                                             ("2001:db8:7::7", "2001:db8:8::/45",
                                              "2001:db8:f:ffff::1", "2001:db8:10::")):
                for entry, address in ((host, host), (net, inside)):
                    see(None, address)
                    self.assertEqual(client.add("banned", entry)["added"], 1)
                    see("banned", address)
                    see(None, other)
                    self.assertEqual(client.delete("banned", entry)["removed"], 1)
                    see(None, address)
            # In one condition with a compiled set, which needs no entry to match.
            for fixed, extra in (("198.19.1.1", "192.0.2.8"), ("2001:db8:bad::1", "2001:db8:7::8")):
                see("mixed", fixed)
                see(None, extra)
                client.add("few", extra)
                see("mixed", extra)
                see("mixed", fixed)
                client.delete("few", extra)
                see(None, extra)
                see("mixed", fixed)
            for victim, source in ((VICTIM4, "192.0.2.9"), (VICTIM6, "2001:db8:7::9")):
                client.add("victims", victim)
                see("victims", source, victim)
                see(None, victim, source)
                client.call("SetFlush", set="victims")
                see(None, source, victim)
            for closed, friend in ((CLOSED4, "192.0.2.10"), (CLOSED6, "2001:db8:7::10")):
                see("stranger", friend, closed)
                client.add("friends", friend)
                see(None, friend, closed)
                see("stranger", "2001:db8:7::11" if ":" in closed else "192.0.2.11", closed)
                client.delete("friends", friend)
                see("stranger", friend, closed)
            stats = gate.stats()
            for rule, n in dropped.items():
                for wire in wires:
                    self.assertEqual(stats.rule(rule, wire)[0], n, rule)
            for wire in wires:
                self.assertEqual(stats.verdict(wire, "drop")[0], sum(dropped.values()))

    def test_ping(self):
        """by `xdpgate set`, against ping: a banned host's pings stop, and go on when it is not"""
        with LiveLab() as lab:
            lab.add_addresses()
            gate = lab.gate(POLICY).start()
            for router, sender in ((ROUTER4, SENDER4), (ROUTER6, SENDER6)):
                self.assertTrue(pings(lab, router))
                gate.ctl("set", "add", "banned", sender, "--comment", "noisy")
                self.assertFalse(pings(lab, router))
                self.assertEqual(gate.ctl("set", "test", "banned", sender).returncode, 0)
                gate.ctl("set", "del", "banned", sender)
                self.assertTrue(pings(lab, router))
            self.assertEqual(gate.stats().rule("banned", "transit"), (2, 2 * 98 + 2 * 20 - 20))

    def wait_ends(self, probe, added, answered, until=None):
        """When packets of each address pass at last: to the second."""
        waiting, late = dict(ENDS), (SLACK * netlab.PATIENCE)
        while waiting:
            sources = list(waiting)
            before = time.monotonic()
            passed = probe.judged(*map(to_victim, sources))
            after = time.monotonic()
            for source, done in zip(sources, passed):
                seconds = waiting[source]
                if done:
                    self.assertGreater(after, added + seconds, f"{source} passes too early")
                    del waiting[source]
                else:
                    self.assertLess(before, answered + seconds + 1 + late, f"{source} lingers")
            time.sleep(0.005)

    def fill_clockwork(self, client):
        added = time.monotonic()
        client.call("SetAdd", set="banned", entries=[{"prefix": prefix, "timeout": seconds}
                                                     for prefix, seconds in CLOCKWORK])
        return added, time.monotonic()

    def test_ends(self):
        """entries end to the second, nested ones by themselves: with the daemon, without it too"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe, client = lab.probe(), lab.client(gate)
            self.wait_ends(probe, *self.fill_clockwork(client))
            netlab.wait_for(lambda: not entries_of(gate, "banned"), "no entry is listed", timeout=2)
            netlab.wait_for(lambda: client.call("SetStats", set="banned")["sets"][0]["ended"] ==
                            len(CLOCKWORK), "all are removed", timeout=2)
            times = self.fill_clockwork(client)
            gate.process.send_signal(signal.SIGSTOP)
            self.wait_ends(probe, *times)
            gate.process.send_signal(signal.SIGCONT)
            self.assertEqual(entries_of(gate, "banned"), {})
            times = self.fill_clockwork(client)
            gate.kill()
            self.wait_ends(probe, *times)
            gate.start()
            self.assertEqual(entries_of(gate, "banned"), {})
            self.assertEqual(set(probe.judged(*map(to_victim, ENDS))), {True})

    def test_change(self):
        """adding again changes the end: shorter, longer, for ever; of what covers others, too"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe, client = lab.probe(), lab.client(gate)
            client.add("banned", "10.0.0.0/24", "10.0.0.1", "10.0.1.1", timeout=0)
            client.add("banned", "10.0.2.1", "10.0.3.0/24", "10.0.3.1", timeout=1)
            before = time.monotonic()
            self.assertEqual(client.add("banned", "10.0.0.0/24", "10.0.1.1", timeout=1)["changed"],
                             2)
            self.assertEqual(client.add("banned", "10.0.2.1", "10.0.3.0/24", timeout=0)["changed"],
                             2)
            netlab.wait_for(lambda: probe.passes("10.0.1.1"), "the shorter one ends", timeout=3)
            self.assertGreater(time.monotonic(), before + 1)
            netlab.wait_for(lambda: "10.0.3.1" not in entries_of(gate, "banned"), "it ends")
            self.assertEqual(probe.judged(*map(to_victim, ("10.0.0.1", "10.0.0.2", "10.0.2.1",
                                                           "10.0.3.1", "10.0.3.2"))),
                             [False, True, False, False, False])
            client.delete("banned", "10.0.3.0/24")
            self.assertTrue(probe.passes("10.0.3.1"))

    def test_life(self):
        """entries outlive reload, restart, kill -9, a policy that does not name their set"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe = lab.probe()
            client = lab.client(gate)
            client.add("banned", "192.0.2.1", "10.0.0.0/8", "2001:db8:1::/48")
            client.call("SetAdd", set="banned", entries=[{"prefix": "192.0.2.2", "timeout": 0,
                                                          "comment": "for good"}])
            client.add("victims", VICTIM4)
            wanted = {name: set(entries_of(gate, name)) for name in ("banned", "victims")}

            def see(drops=True):
                for source in ("192.0.2.1", "192.0.2.2", "10.9.9.9", "2001:db8:1::1"):
                    self.assertEqual(probe.passes(source, BYSTANDER6 if ":" in source else BYSTANDER4),
                                     not drops, source)
                self.assertEqual(probe.passes("192.0.2.3", VICTIM4), not drops)
                self.assertTrue(probe.passes("192.0.2.3", BYSTANDER4))
                for name, prefixes in wanted.items():
                    entries = entries_of(gate, name)
                    self.assertEqual(set(entries), prefixes)
                    for entry in entries.values():
                        self.assertIn(entry["left"], (None, *range(3590, 3601)))
                self.assertEqual(entries_of(gate, "banned")["192.0.2.2"]["comment"], "for good")

            see()
            gate.ctl("reload")
            see()
            gate.kill()
            self.assertFalse(probe.passes("192.0.2.1"))
            gate.start()
            see()
            self.assertEqual(gate.terminate(), 0)
            self.assertTrue(probe.passes("192.0.2.1"), "stopped, it lets everything pass")
            gate.start()
            see()
            gate.set_policy(WITHOUT)
            gate.ctl("reload")
            see(drops=False)
            self.assertRegex(gate.log(), "no policy names the live set 'banned' any more")
            with self.assertRaisesRegex(Refused, "no policy names"):
                lab.client(gate).add("banned", "192.0.2.4")
            gate.kill()
            gate.start()
            see(drops=False)
            self.assertEqual(lab.client(gate).delete("banned", "10.0.0.0/8")["removed"], 1)
            gate.set_policy(POLICY)
            gate.ctl("reload")
            self.assertTrue(probe.passes("10.9.9.9", BYSTANDER4))
            lab.client(gate).add("banned", "10.0.0.0/8")
            see()
            self.assertEqual(gate.status()["failed_reloads"], 0)

    def test_bad_file(self):
        """with a bad policy file at the start, the adopted policy's sets are filled as ever"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe = lab.probe()
            lab.client(gate).add("banned", "192.0.2.1")
            gate.kill()
            gate.set_policy("no: policy\n")
            gate.start()
            client = lab.client(gate)
            self.assertFalse(probe.passes("192.0.2.1"))
            self.assertEqual(client.add("banned", "192.0.2.2")["added"], 1)
            self.assertFalse(probe.passes("192.0.2.2"))
            self.assertEqual(client.add("few", "1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4")["refused"],
                             1)
            client.call("SetFlush", set="banned")
            self.assertEqual(client.add("banned", "192.0.2.1")["added"], 1)
            self.assertFalse(probe.passes("192.0.2.1"))
            gate.set_policy(POLICY)
            gate.ctl("reload")
            self.assertFalse(probe.passes("192.0.2.1"))
            self.assertEqual(set(entries_of(gate, "few")), {"1.0.0.1", "1.0.0.2", "1.0.0.3"})

    def test_replace(self):
        """replace under traffic: each packet meets all of the old content or all of the new"""
        contents = [["192.0.2.7"], ["192.0.2.0/24"], [VICTIM4], ["192.0.0.0/16", VICTIM4],
                    ["198.51.100.0/24"], ["192.0.2.7", "2001:db8::/32"]]
        rounds = int(os.environ.get("ROUNDS", "300"))
        with LiveLab() as lab:
            gate = lab.gate(SWINGING).start()
            client, passed = lab.client(gate), lab.receiver(lab.router, "xg0")
            client.add("swing", *contents[-1])
            self.assertEqual(passed.count(), 0)
            traffic = lab.traffic(lab.sender, "up0", f"src=192.0.2.7,dst={VICTIM4}",
                                  options=["--loop"])
            netlab.wait_for(lambda: gate.stats().seen("transit")[0], "traffic flows")
            for i in range(rounds):
                client.replace("swing", *contents[i % len(contents)])
            sent = traffic.stop()
            stats = gate.stats()
            self.assertEqual(passed.count(), 0, "packets met neither")
            self.assertGreater(sent.packets, rounds)
            self.assertEqual(stats.verdict("transit", "drop"), sent.total)
            for rule in ("from", "to"):
                self.assertGreater(stats.rule(rule, "transit")[0], 0)

    def test_replace_refused(self):
        """a replacement that may not be changes nothing, nor does one that breaks off"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe, client = lab.probe(), lab.client(gate)
            client.add("few", "192.0.2.1", "192.0.2.2")
            with self.assertRaisesRegex(Refused, "more than the live set 'few' may have"):
                client.replace("few", "1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4")
            other = lab.client(gate)
            other.call("SetReplace", set="few", entries=requests(["1.0.0.1"]), final=False)
            other.close()
            self.assertEqual(set(entries_of(gate, "few")), {"192.0.2.1", "192.0.2.2"})
            self.assertEqual(probe.judged(*map(to_victim, ("192.0.2.1", "192.0.2.2", "1.0.0.1"))),
                             [False, False, True])

    def test_full(self):
        """a full set says so: to who asks, in the log, in a counter; what has ended makes room"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe, client = lab.probe(), lab.client(gate)
            self.assertEqual(client.add("few", "10.0.0.1", "10.0.0.0/24")["added"], 2)
            client.add("few", "10.0.0.2", timeout=1)
            done = gate.ctl("set", "add", "few", "10.0.0.3", "10.0.1.1", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("the set is full (3 entries", done.stdout + done.stderr)
            self.assertEqual(gate.log().count("the live set 'few' is full"), 1)
            status = client.call("SetStats", set="few")["sets"][0]
            self.assertEqual((status["full"], status["refused"]), (2, 2))
            self.assertTrue(probe.passes("10.0.1.1"))
            self.assertEqual(client.add("few", "10.0.0.1", timeout=60)["changed"], 1)
            time.sleep(2.05)
            self.assertEqual(client.add("few", "10.0.1.1")["added"], 1)
            self.assertFalse(probe.passes("10.0.1.1"))

    def test_writers(self):
        """a writer without a group fills and reads its set alone, and may do nothing else"""
        with LiveLab() as lab:
            lab.folder.chmod(0o755)
            gate = lab.gate(POLICY).start()
            probe = lab.probe()

            def as_user(user, *argv):
                return lab.router.run(["setpriv", f"--reuid={user}", "--regid=nogroup",
                                       "--clear-groups", netlab.XDPGATE, "--socket", gate.socket,
                                       *argv], check=False)

            done = as_user("nobody", "set", "add", "few", "192.0.2.1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse(probe.passes("192.0.2.1"))
            self.assertEqual(as_user("nobody", "set", "test", "few", "192.0.2.1").returncode, 0)
            self.assertIn("192.0.2.1", as_user("nobody", "set", "list", "few").stdout)
            self.assertEqual(as_user("nobody", "set", "del", "few", "192.0.2.1").returncode, 0)
            self.assertTrue(probe.passes("192.0.2.1"))
            lab.client(gate).add("banned", "192.0.2.2")
            for user, argv in (("nobody", ["set", "add", "banned", "192.0.2.3"]),
                               ("nobody", ["set", "del", "banned", "192.0.2.2"]),
                               ("nobody", ["set", "flush", "banned"]),
                               ("nobody", ["set", "replace", "banned", "192.0.2.3"]),
                               ("nobody", ["reload"]), ("nobody", ["off"]), ("nobody", ["status"]),
                               ("games", ["set", "add", "few", "192.0.2.3"]),
                               ("games", ["set", "list", "few"])):
                done = as_user(user, *argv)
                self.assertNotEqual(done.returncode, 0, (user, argv))
                self.assertRegex(done.stderr, "(?i)permi|may", (user, argv))
            self.assertEqual(probe.judged(*map(to_victim, ("192.0.2.2", "192.0.2.3"))),
                             [False, True])
            self.assertEqual(set(entries_of(gate, "banned")), {"192.0.2.2"})


if __name__ == "__main__":
    tap.main()
