#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The daemon comes and goes; the gate does not. Kill, adopt, stop, off, on, detach."""

import os
import unittest

import netlab
import tap
from edge import Edge

POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
policies:
  edge:
    default: pass
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
      - {name: good, match: {src: 203.0.113.0/24}, do: count}
"""
BAD = "name=bad,count=1000,src=198.18.0.0/15,size=60-300"
GOOD = "name=good,count=500,src=203.0.113.0/24,size=60-300"


def plus(*counters):
    return tuple(map(sum, zip(*counters)))


class Life(unittest.TestCase):
    """One gate through all that may happen to its daemon."""

    def shoot(self, lab, passed, filters):
        """Send bad and good packets, and see at the receiver whether the gate filters."""
        passed.count()
        sent = lab.shoot(BAD, GOOD)
        expected = sent.streams["good"][0] if filters else sent.packets
        self.assertEqual(passed.count(), expected)
        return sent

    def test_kill(self):
        """kill -9 under traffic: filtering goes on, the next daemon adopts, no count is lost"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            first = self.shoot(lab, passed, filters=True)
            entry = netlab.attached_program(lab.router, "xg0")
            generation = gate.stats().generation
            traffic = lab.traffic(lab.sender, "up0", "name=bad,src=198.18.0.0/15",
                                  options=["--loop"])
            for _ in range(3):
                gate.kill()
                second = self.shoot(lab, passed, filters=True)
                first = netlab.Sent({"packets": first.packets + second.packets,
                                     "bytes": first.bytes + second.bytes, "streams": [
                                         {"name": n, "packets": c[0], "bytes": c[1]}
                                         for n in ("bad", "good")
                                         for c in [plus(first.streams[n], second.streams[n])]]})
                self.assertEqual(netlab.attached_program(lab.router, "xg0"), entry)
                gate.start()
                self.assertEqual(netlab.attached_program(lab.router, "xg0"), entry)
            third = traffic.stop()
            stats = gate.stats()
            self.assertEqual(passed.count(), 0)
            self.assertEqual(stats.rule("bad"), plus(first.streams["bad"], third.total))
            self.assertEqual(stats.rule("good"), first.streams["good"])
            self.assertEqual(stats.verdict("transit", "drop"), stats.rule("bad"))
            self.assertEqual(stats.verdict("transit", "pass"), stats.rule("good"))
            self.assertGreaterEqual(stats.generation, generation)
            self.assertEqual(gate.status()["interfaces"][0]["state"], "filtering")

    def test_adopt_despite_bad_file(self):
        """started with a bad policy file, the daemon goes on with what it adopts"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            gate.kill()
            gate.set_policy(POLICY.replace("drop", "drpo"))
            gate.start()
            sent = self.shoot(lab, passed, filters=True)
            self.assertEqual(gate.stats().rule("bad"), sent.streams["bad"])
            status = gate.status()
            self.assertTrue(status["last_reload_failed"])
            self.assertIn("gate.yaml:8:", status["last_reload_error"])

    def test_bad_file_at_first_start(self):
        """a bad policy at the very first start: an error with its place, nothing attached"""
        with Edge() as lab:
            gate = lab.gate(POLICY.replace("drop", "drpo"))
            gate.start(wait=False)
            self.assertEqual(gate.process.wait(20), 78)
            self.assertRegex(gate.log(), r"gate\.yaml:8:\d+: error: .*drpo")
            self.assertIsNone(netlab.attached_program(lab.router, "xg0"))

    def test_stop(self):
        """SIGTERM disarms and leaves the entry attached; the next start filters and counts on"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            first = self.shoot(lab, passed, filters=True)
            entry = netlab.attached_program(lab.router, "xg0")
            self.assertEqual(gate.terminate(), 0)
            self.assertFalse(gate.socket.exists())
            self.shoot(lab, passed, filters=False)
            self.assertEqual(netlab.attached_program(lab.router, "xg0"), entry)
            gate.start()
            self.assertEqual(netlab.attached_program(lab.router, "xg0"), entry)
            second = self.shoot(lab, passed, filters=True)
            self.assertEqual(gate.stats().rule("bad"),
                             plus(first.streams["bad"], second.streams["bad"]))

    def test_detach(self):
        """`xdpgate detach`, with a daemon and without: no program, pin or map is left"""
        for alive in (True, False):
            with self.subTest(alive=alive), Edge() as lab:
                maps = len(netlab.bpf_objects("map"))
                programs = len(netlab.bpf_objects("prog"))
                gate = lab.gate(POLICY).start()
                passed = lab.receiver(lab.router, "xg0")
                self.shoot(lab, passed, filters=True)
                if not alive:
                    gate.terminate()
                gate.ctl("detach")
                self.assertIsNone(netlab.attached_program(lab.router, "xg0"))
                self.assertFalse(gate.pins.exists(), "pins are left")
                self.shoot(lab, passed, filters=False)
                if alive:
                    self.assertEqual(gate.process.wait(20), 0)
                # The kernel frees a little later; others may load and free at any time.
                netlab.wait_for(lambda m=maps: len(netlab.bpf_objects("map")) <= m, "no maps")
                netlab.wait_for(lambda p=programs: len(netlab.bpf_objects("prog")) <= p,
                                "no programs")

    def test_off_and_on(self):
        """`xdpgate off` lets everything pass and holds over reload, stop and kill until `on`"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            gate.ctl("off")
            self.assertEqual(gate.status()["interfaces"][0]["state"], "off")
            self.shoot(lab, passed, filters=False)
            gate.ctl("reload")
            self.shoot(lab, passed, filters=False)
            gate.terminate()
            gate.start()
            self.shoot(lab, passed, filters=False)
            gate.kill()
            gate.start()
            self.shoot(lab, passed, filters=False)
            self.assertEqual(gate.status()["interfaces"][0]["state"], "off")
            gate.ctl("on", "transit")
            self.assertEqual(gate.status()["interfaces"][0]["state"], "filtering")
            self.shoot(lab, passed, filters=True)
            gate.ctl("off", "xg0")  # by port
            self.shoot(lab, passed, filters=False)
            gate.ctl("on", "xg0")
            self.shoot(lab, passed, filters=True)
            self.assertNotEqual(gate.ctl("off", "nowhere", check=False).returncode, 0)

    def test_off_and_on_without_daemon(self):
        """off and on work from the pins alone"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            gate.kill()
            gate.ctl("off")
            self.shoot(lab, passed, filters=False)
            gate.ctl("on")
            self.shoot(lab, passed, filters=True)
            gate.ctl("off")
            gate.start()
            self.shoot(lab, passed, filters=False)
            gate.ctl("on")
            self.shoot(lab, passed, filters=True)
            gate.terminate()
            gate.ctl("on")  # the last generation filters again, without a daemon
            self.shoot(lab, passed, filters=True)

    def test_second_daemon(self):
        """a second daemon on the same state is refused and changes nothing"""
        with Edge() as lab:
            gate = lab.gate(POLICY).start()
            passed = lab.receiver(lab.router, "xg0")
            entry = netlab.attached_program(lab.router, "xg0")
            second = lab.gate(POLICY, name="second")
            second.pins = gate.pins
            second.start(wait=False)
            self.assertNotEqual(second.process.wait(20), 0)
            self.assertIn("in use by another xdpgated", second.log())
            self.assertEqual(netlab.attached_program(lab.router, "xg0"), entry)
            self.shoot(lab, passed, filters=True)
            self.assertTrue(os.path.exists(gate.socket))
            second.pins = second.pins / "none"  # for its cleanup: the state is the first's


if __name__ == "__main__":
    tap.main()
