#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`xdpgate trial` under real traffic: what it says adds up, no packet is lost and no counter moves that
would not have; and whatever dies, sampling ends."""

import json
import signal
import subprocess
import time
import unittest

import netlab
import tap
from edge import Edge
from netlab import XDPGATE, wait_for

NOW = """
interfaces:
  transit: {port: xg0, policy: edge}
sets:
  banned: {live: true}
policies:
  edge:
    default: pass
    rules:
      - {name: banned, match: {src: $banned}, do: drop}
      - {name: low, match: {src: 198.18.0.0/16}, do: drop}
      - {name: high, match: {src: 198.19.0.0/16}, do: pass}
"""
THEN = NOW.replace("198.18.0.0/16}, do: drop", "198.18.0.0/17}, do: drop").replace(
    "do: pass}", "do: pass}\n      - {name: rest, match: {src: 203.0.113.0/24}, do: drop}")
STREAMS = ["name=low,count=1,src=198.18.0.0/16,size=60-1400",
           "name=high,count=1,src=198.19.0.0/16,size=60-200"]


class Trial(unittest.TestCase):
    seconds = 240

    def setUp(self):
        self.lab = Edge().__enter__()
        self.addCleanup(self.lab.__exit__, None, None, None)
        self.gate = self.lab.gate(NOW).start()
        self.candidate = self.lab.write("candidate.yaml", THEN)

    def start(self, *argv):
        """A trial that samples."""
        process = self.lab.router.popen(
            [XDPGATE, "--socket", self.gate.socket, "--json", "trial", self.candidate, *argv],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(netlab.end, process)
        wait_for(lambda: (self.gate.pins / "samples").exists() or process.poll() is not None,
                 "the ring")
        time.sleep(0.5 * netlab.PATIENCE)
        return process

    def finish(self, process, status):
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, status, err + self.gate.log())
        answer = json.loads(out)
        self.assertEqual(answer["samples"], answer["same"] + answer["differ"] + answer["cut"])
        self.assertEqual(answer["differ"], sum(d["packets"] for d in answer["differences"]))
        return answer

    def assert_all_judged(self, sent):
        """Each packet once, by the policy in force."""
        stats = self.gate.stats()
        self.assertEqual(stats.seen("transit")[0], sent.packets)
        self.assertEqual(stats.rule("low")[0], sent.sum("low")[0])
        self.assertEqual(stats.rule("high")[0], sent.sum("high")[0])

    def test_differences(self):
        """every packet sampled: the differences are just those of the two policies; --for ends it"""
        process = self.start("--for", "3s", "--rate", "100k")
        sent = self.lab.shoot("name=low,count=500,src=198.18.0.0/16,size=60-1400",
                              "name=near,count=300,src=198.18.128.0/17",
                              "name=high,count=400,src=198.19.0.0/16",
                              "name=rest,count=100,src=203.0.113.0/24")
        answer = self.finish(process, 1)
        self.assertEqual((answer["ended"], answer["lost"], answer["cut"]), ("time", 0, 0))
        self.assertEqual(answer["samples"], sent.packets)
        found = {(d["now"]["text"], d["then"]["text"]): d["packets"] for d in answer["differences"]}
        self.assertEqual(set(found), {("drop/low", "pass/default"), ("pass/default", "drop/rest")})
        self.assertEqual(found["pass/default", "drop/rest"], 100)
        self.assertGreater(found["drop/low", "pass/default"], 300)
        stats = self.gate.stats()
        self.assertEqual(stats.seen("transit")[0], sent.packets)
        self.assertEqual(stats.rule("low")[0], 800)
        # What an example says of the packet is so, by both.
        for row in answer["differences"]:
            for line in row["examples"]:
                now = self.gate.json("explain", *line.split())
                then = self.gate.json("explain", self.candidate, *line.split())
                self.assertEqual((now["verdict"], then["verdict"]),
                                 (row["now"]["verdict"], row["then"]["verdict"]))
        # All of it is over.
        self.assertFalse((self.gate.pins / "samples").exists())

    def test_live(self):
        """what comes into a live set, or goes, is seen by both"""
        process = self.start("--rate", "100k")
        self.lab.shoot("name=a,count=50,src=203.0.113.7")
        self.gate.ctl("set", "add", "banned", "203.0.113.7")
        self.lab.shoot("name=b,count=60,src=203.0.113.7")
        process.send_signal(signal.SIGINT)
        answer = self.finish(process, 1)
        self.assertEqual((answer["samples"], answer["same"], answer["differ"]), (110, 60, 50))

    def test_rate(self):
        """far fewer samples than packets, by --rate; no packet is lost"""
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS,
                                   options=["--loop", "--rate", 20000])
        time.sleep(0.5)
        process = self.start("--for", "5s", "--rate", "500")
        answer = self.finish(process, 1)
        sent = traffic.stop()
        self.assert_all_judged(sent)
        self.assertGreater(answer["one_in"], 5)
        self.assertTrue(500 < answer["samples"] < 2 * 5 * 500, answer["samples"])
        self.assertTrue(0.15 < answer["differ"] / answer["samples"] < 0.35, answer)

    def test_command_killed(self):
        """kill -9 of the command: sampling ends at its time, and another can be tried meanwhile"""
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS,
                                   options=["--loop", "--rate", 5000])
        process = self.start("--for", "60s")
        process.kill()
        process.wait()
        process = self.start("--for", "2s")
        answer = self.finish(process, 1)
        self.assertGreater(answer["samples"], 500)
        self.assert_all_judged(traffic.stop())
        self.assertFalse((self.gate.pins / "samples").exists())

    def test_daemon_killed(self):
        """kill -9 of the daemon: the report until then, and nothing else changes"""
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS,
                                   options=["--loop", "--rate", 5000])
        process = self.start("--for", "60s")
        time.sleep(1)
        self.gate.kill()
        answer = self.finish(process, 1)
        self.assertEqual(answer["ended"], "daemon")
        self.assertGreater(answer["samples"], 500)
        self.gate.start()
        self.assert_all_judged(traffic.stop())

    def test_reload(self):
        """another policy comes in force: the report until then"""
        traffic = self.lab.traffic(self.lab.sender, "up0", *STREAMS,
                                   options=["--loop", "--rate", 5000])
        process = self.start("--for", "60s")
        time.sleep(1)
        self.gate.set_policy(NOW.replace("default: pass", "default: drop"))
        self.gate.ctl("reload")
        answer = self.finish(process, 1)
        self.assertEqual(answer["ended"], "policy")
        self.assertGreater(answer["samples"], 500)
        self.assert_all_judged(traffic.stop())

    def test_vlans(self):
        """where interfaces share a port, the frame's VLAN says which of each policy judges"""
        self.gate.set_policy(NOW.replace(
            "interfaces:", "interfaces:\n  guests: {port: xg0, vlan: 7, policy: guests}").replace(
                "policies:", "policies:\n  guests: {default: drop}"))
        self.gate.ctl("reload")
        process = self.start("--in", "guests", "--rate", "100k")
        self.lab.shoot("name=a,count=50,src=192.0.2.9,vlan=7", "name=b,count=60,src=192.0.2.9")
        process.send_signal(signal.SIGINT)
        answer = self.finish(process, 1)
        self.assertEqual((answer["samples"], answer["elsewhere"]), (50, 60))
        self.assertEqual([(d["interface"], d["now"]["text"], d["then"]["interface"],
                           d["then"]["text"]) for d in answer["differences"]],
                         [("guests", "drop/default", "transit", "pass/default")])


if __name__ == "__main__":
    tap.main()
