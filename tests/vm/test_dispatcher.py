#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Beside other programs on one interface, behind libxdp's dispatcher: where a kernel allows it,
nobody takes the other's place, whoever comes and goes first."""

import time
import unittest

import guest  # first: it knows where the others are
import netlab
import tap
from edge import Edge
from guest import OURS, components

HEAD = """
interfaces:
  transit: {port: xg0, policy: edge}
policies:
  edge:
    default: pass
    rules:
"""
POLICY = HEAD + """
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
      - {name: good, match: {src: 203.0.113.0/24}, do: count}
"""
BAD = "name=bad,count=300,src=198.18.0.0/15,size=60-300"
GOOD = "name=good,count=200,src=203.0.113.0/24,size=60-300"
THEIRS = "name=theirs,count=100,src=100.64.0.1,size=60-300"  # what xdp-filter drops, we count
OTHER = "xdpfilt_alw_all"  # xdp-filter's program when it is told to allow what is not denied


def plus(*counters):
    return tuple(map(sum, zip(*counters)))


class Dispatcher(unittest.TestCase):
    """One gate, and xdp-filter."""

    def setUp(self):
        self.lab = self.enterContext(Edge())
        self.passed = self.lab.receiver(self.lab.router, "xg0")
        self.gate = self.lab.gate(POLICY)
        self.bad = self.good = (0, 0)
        self.addCleanup(self.filter, "unload", "xg0", check=False)

    def filter(self, *argv, **options):
        """xdp-filter, a program of somebody else."""
        return self.lab.router.run(["xdp-filter", *argv], **options)

    def filter_load(self):
        self.filter("load", "-m", "native", "-p", "allow", "-f", "ipv4,ethernet,tcp,udp,ipv6",
                    "xg0")
        self.filter("ip", "-m", "src", "100.64.0.1")

    def on_interface(self):
        return components(self.lab.router, "xg0")

    def shoot(self, ours=True, theirs=False):
        """Send, and see at the receiver who filters."""
        self.passed.count()
        sent = self.lab.shoot(BAD, GOOD, THEIRS)
        expected = sent.packets - (sent.streams["bad"][0] if ours else 0) - \
            (sent.streams["theirs"][0] if theirs else 0)
        self.assertEqual(self.passed.count(), expected)
        if ours:
            self.bad = plus(self.bad, sent.streams["bad"])
            self.good = plus(self.good, sent.streams["good"])
        return sent

    def assert_counted(self):
        stats = self.gate.stats()
        self.assertEqual(stats.rule("bad"), self.bad)
        self.assertEqual(stats.rule("good"), self.good)
        self.assertEqual(stats.verdict("transit", "drop"), self.bad)

    def interface(self):
        return self.gate.status()["interfaces"][0]

    def test_status(self):
        """attached natively through the dispatcher, and status says so"""
        self.gate.start()
        interface = self.interface()
        self.assertEqual(self.on_interface(), [OURS])
        self.assertEqual((interface["mode"], interface["dispatcher"], interface["frags"]),
                         ("native", True, True))
        self.assertIn("dispatcher", self.gate.ctl("status").stdout)
        self.shoot()
        self.assert_counted()

    def test_adopt(self):
        """killed or stopped and started again: still the one component, nothing lost"""
        self.gate.start()
        self.shoot()
        for end in (self.gate.kill, self.gate.terminate, self.gate.kill):
            end()
            self.assertEqual(self.on_interface(), [OURS])
            self.gate.start()
            self.assertEqual(self.on_interface(), [OURS])
            self.assertTrue(self.interface()["dispatcher"])
            self.shoot()
        self.assert_counted()
        self.gate.ctl("reload")
        self.shoot()
        self.gate.ctl("off")
        self.shoot(ours=False)
        self.gate.ctl("on")
        self.shoot()
        self.gate.ctl("detach")
        self.assertIsNone(self.on_interface())
        self.shoot(ours=False)

    def test_waiting(self):
        """a policy that waits to be confirmed, and one that is sampled, behind the dispatcher, too"""
        self.gate.start()
        self.gate.set_policy(POLICY.replace("do: drop", "do: pass"))
        answer = self.gate.json("reload", "--confirm", "20s")
        self.assertEqual(self.interface()["state"], "filtering")
        self.shoot(ours=False)
        self.gate.kill()
        time.sleep(max(0, answer["deadline_usec"] / 1e6 - time.time()) + 0.5)
        self.passed.count()
        sent = self.lab.shoot(BAD)
        self.assertEqual((self.passed.count(), sent.packets > 0), (0, True))
        self.gate.start()
        self.assertEqual(self.on_interface(), [OURS])
        self.assertEqual(self.gate.json("history")["policies"][0]["state"], "reverted")
        trial = self.gate.ctl("--json", "trial", self.gate.config, "--for", "3s", check=False)
        self.assertIn(trial.returncode, (0, 1), trial.stderr)
        self.passed.count()
        sent = self.lab.shoot(BAD)
        self.assertEqual(self.passed.count(), 0)

    def test_after_us(self):
        """another program comes beside us and goes again: we filter all the while"""
        self.gate.start()
        self.shoot()
        self.filter_load()
        self.assertEqual(self.on_interface(), [OURS, OTHER])
        self.shoot(theirs=True)
        self.assertEqual(self.interface()["state"], "filtering")
        self.assertFalse(self.interface()["frags"])  # xdp-filter does not take them
        self.gate.ctl("reload")
        self.shoot(theirs=True)
        self.gate.kill()
        self.gate.start()
        self.assertEqual(self.on_interface(), [OURS, OTHER])
        self.shoot(theirs=True)
        self.filter("unload", "xg0")
        self.assertEqual(self.on_interface(), [OURS])
        self.shoot()
        self.assert_counted()

    def test_before_us(self):
        """another program is there first: we come beside it, and detach leaves it alone"""
        self.filter_load()
        self.gate.start()
        self.assertEqual(self.on_interface(), [OURS, OTHER])
        self.shoot(theirs=True)
        self.assert_counted()
        self.gate.ctl("detach")
        self.assertEqual(self.on_interface(), [OTHER])
        self.assertFalse(self.gate.pins.exists())
        self.shoot(ours=False, theirs=True)

    def test_detach_without_daemon(self):
        """detach without a daemon leaves the other alone, too"""
        self.gate.start()
        self.filter_load()
        self.gate.terminate()
        self.shoot(ours=False, theirs=True)
        self.gate.ctl("detach")
        self.assertEqual(self.on_interface(), [OTHER])
        self.shoot(ours=False, theirs=True)

    def test_changes_while_dead(self):
        """the other comes and goes while no daemon of ours runs: the next one adopts"""
        self.gate.start()
        self.gate.kill()
        self.filter_load()
        self.gate.start()
        self.shoot(theirs=True)
        self.gate.kill()
        self.filter("unload", "xg0")
        self.gate.start()
        self.assertEqual(self.on_interface(), [OURS])
        self.shoot()
        self.assert_counted()

    def test_under_traffic(self):
        """the other comes and goes under traffic: not one packet leaks"""
        self.gate.start()
        self.passed.count()
        traffic = self.lab.traffic(self.lab.sender, "up0", "name=bad,src=198.18.0.0/15",
                                   options=["--loop", "--rate", 2000])
        for _ in range(4):
            self.filter_load()
            self.filter("unload", "xg0")
        sent = traffic.stop()
        self.assertEqual(self.passed.count(), 0)
        self.assertEqual(self.gate.stats().rule("bad"), sent.total)
        guest.note(f"{sent.packets} packets while the dispatcher was swapped 8 times")

    def test_unloaded_all(self):
        """somebody unloads everything, us too: the daemon says so and attaches again"""
        self.gate.start()
        self.shoot()
        self.lab.router.run(["xdp-loader", "unload", "--all", "xg0"])
        netlab.wait_for(lambda: "no longer attached to xg0" in self.gate.log(), "a warning")
        netlab.wait_for(lambda: self.on_interface() == [OURS], "we are there again")
        netlab.wait_for(lambda: self.interface()["state"] == "filtering", "it filters")
        self.shoot()
        self.assert_counted()


if __name__ == "__main__":
    tap.main()
