#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate trial: the daemon is made up, but samples come out of a real ring, into which the real
program puts them, and the real programs of both policies judge them."""

import ipaddress
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import threading
import time

from command import Ctl, environment
from harness import BUILD, GATE, XDPGATE, Client, main, wait_for

BPFFS = pathlib.Path("/sys/fs/bpf")
FEEDER = BUILD / "tests/control/sample-feeder"

NOW = """
interfaces:
  lan: {port: lo, policy: p}
policies:
  p:
    default: pass
    rules:
      - {name: bad, match: {src: 192.0.2.0/24}, do: drop}
      - {name: web, match: {proto: tcp, dport: [80, 443]}, do: pass}
"""
ARP = "020000000002" "020000000001" "0806" + "00" * 28
THEN = """
interfaces:
  inside: {port: lo, policy: p}
policies:
  p:
    default: pass
    rules:
      - {name: soon, match: {proto: tcp, dport: 22}, do: drop, shadow: true}
      - {name: all-bad, match: {src: 192.0.2.0/25}, do: drop}
      - {name: web, match: {proto: tcp, dport: 443}, do: pass}
      - {name: old-web, match: {proto: tcp, dport: 80}, do: drop}
      - {name: mac, match: {src-mac: "02:00:00:00:00:99"}, do: drop}
"""


def tcp(src, dport, mac="020000000001"):
    """A frame, in hexadecimal digits."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0,
                       ipaddress.IPv4Address(src).packed,
                       ipaddress.IPv4Address("198.51.100.1").packed)
    upper = struct.pack("!HHIIBBHHH", 40000, dport, 0, 0, 0x50, 0x02, 0, 0, 0)
    return "020000000002" + mac + "0800" + (head + upper).hex()


class Feeder:
    """The ring and the program that fills it, under a pin directory of its own."""

    def __init__(self):
        self.folder = BPFFS / f"xgt-trial-{os.getpid()}-{time.monotonic_ns()}"
        self.process = subprocess.Popen([FEEDER, self.folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def feed(self, *lines):
        for line in lines:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "done\n"

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Trial(Ctl):
    """Against a daemon whose policy is NOW."""

    def setUp(self):
        if subprocess.run(["stat", "-f", "-c", "%T", BPFFS], stdout=subprocess.PIPE, text=True,
                          check=False).stdout.strip() != "bpf_fs":
            self.skipTest("no BPF file system")
        self.feeder = Feeder()
        self.addCleanup(self.feeder.close)
        scenario = self.server.scenario_folder
        (scenario / "policy").write_text(NOW, encoding="ascii")
        (scenario / "ring").write_text(str(self.feeder.folder / "samples"), encoding="ascii")
        self.calls_before = len(self.calls())

    def calls(self):
        path = self.server.scenario_folder / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def new_calls(self):
        return [call for call in self.calls()[self.calls_before:] if "observed" not in call]

    def start(self, text=THEN, *argv):
        """A trial that reads the ring: samples of before it began do not count."""
        process = subprocess.Popen(
            [XDPGATE, "--socket", self.server.path, "--json", "trial", self.temporary(text),
             *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(), text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: any(call.startswith("trial ") for call in self.new_calls()), "Trial")
        time.sleep(1)
        return process

    def finish(self, process, status):
        """Its answer."""
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, status, err)
        return json.loads(out)

    def interrupt(self, process, status):
        process.send_signal(signal.SIGINT)
        return self.finish(process, status)

    def check_sums(self, answer):
        self.assertEqual(answer["samples"], answer["same"] + answer["differ"] + answer["cut"])
        self.assertEqual(answer["differ"], sum(d["packets"] for d in answer["differences"]))

    def test_differences(self):
        """what would fare otherwise is counted by rules, with examples that explain takes"""
        self.feeder.feed(tcp("203.0.113.9", 80))  # of before
        process = self.start()
        self.feeder.feed(*[tcp("203.0.113.9", 80)] * 3, *[tcp("192.0.2.200", 25)] * 2,
                         tcp("192.0.2.1", 25), tcp("203.0.113.1", 22), tcp("203.0.113.1", 443),
                         tcp("203.0.113.2", 25, mac="020000000099"), ARP)
        answer = self.interrupt(process, 1)
        self.check_sums(answer)
        self.assertEqual((answer["samples"], answer["differ"], answer["other_rule"]), (10, 6, 1))
        self.assertEqual(
            [(d["interface"], d["now"]["text"], d["then"]["text"], d["packets"])
             for d in answer["differences"]],
            [("lan", "pass/web", "drop/old-web", 3), ("lan", "drop/bad", "pass/default", 2),
             ("lan", "pass/default", "drop/mac", 1)])
        self.assertEqual(answer["ended"], "interrupted")
        web, bad, mac = (d["examples"] for d in answer["differences"])
        self.assertEqual(web, ["--in inside --src 203.0.113.9 --dst 198.51.100.1 --proto tcp "
                               "--sport 40000 --dport 80 --flags syn --length 40"])
        self.assertIn("--src 192.0.2.200", bad[0])
        self.assertIn("--src-mac 02:00:00:00:00:99", mac[0])
        for line, rule in ((web[0], "old-web"), (mac[0], "mac")):
            said = json.loads(self.good("--json", "explain", self.temporary(THEN), *line.split()))
            self.assertEqual((said["verdict"], said["rule"]), ("drop", rule))
        self.assertEqual(answer["shadows"], [
            {"policy": "candidate", "interface": "inside", "rule": "soon", "action": "drop",
             "packets": 1, "turned": 1}])
        self.assertEqual(self.new_calls(), ["trial 600 1", "trial-end"])

    def test_no_difference(self):
        """the same policy: exit status 0, when its time is over"""
        process = self.start(NOW, "--for", "3s")
        self.feeder.feed(tcp("192.0.2.1", 25), tcp("203.0.113.9", 80))
        began = time.monotonic()
        answer = self.finish(process, 0)
        self.assertLess(time.monotonic() - began, 4)
        self.check_sums(answer)
        self.assertEqual((answer["samples"], answer["same"], answer["differ"]), (2, 2, 0))
        self.assertEqual((answer["ended"], answer["lost"], answer["cut"]), ("time", 0, 0))
        self.assertEqual(self.new_calls(), ["trial 3 1", "trial-end"])

    def test_lost_and_cut(self):
        """what was lost, or is too long to be judged, is counted"""
        process = self.start()
        self.feeder.feed(tcp("203.0.113.9", 443), "lose 7", "cut " + tcp("203.0.113.9", 80),
                         tcp("203.0.113.9", 80))
        answer = self.interrupt(process, 1)
        self.check_sums(answer)
        self.assertEqual((answer["samples"], answer["cut"], answer["lost"]), (3, 1, 7))
        self.assertEqual(answer["differ"], 1)

    def test_malformed(self):
        """a frame that no options can describe is told in bytes"""
        frame = tcp("203.0.113.9", 80)[:28 + 2 * 30]
        process = self.start(THEN.replace("policies:", "fate: {malformed: pass}\npolicies:"))
        self.feeder.feed(frame)
        answer = self.interrupt(process, 1)
        self.assertEqual([d["examples"] for d in answer["differences"]],
                         [["--in inside --hex " + frame]])
        self.assertEqual(answer["differences"][0]["now"]["text"], "drop/ipv4-total-length")

    def test_ports(self):
        """ports that only one of the policies stands on are told"""
        process = self.start(NOW.replace("port: lo", "port: xgt-none"))
        self.feeder.feed(tcp("192.0.2.1", 25), tcp("203.0.113.9", 80))
        answer = self.interrupt(process, 1)
        self.check_sums(answer)
        self.assertEqual([(d["now"]["text"], d["then"]["text"], d["then"]["filtered"])
                          for d in answer["differences"]],
                         [("drop/bad", "pass/not-filtered", False)])
        self.assertIn("--in lan", answer["differences"][0]["examples"][0])
        notes = "\n".join(answer["notes"])
        self.assertIn("does not filter lo any more", notes)
        self.assertIn("there is no device xgt-none", notes)
        # That is a difference even if no packet shows it.
        process = self.start(NOW.replace("port: lo", "port: xgt-none"))
        self.assertEqual(self.interrupt(process, 1)["samples"], 0)

    def test_other_policy(self):
        """another policy that comes in force ends it"""
        process = self.start()
        self.good("reload")
        answer = self.finish(process, 2)
        self.assertEqual(answer["ended"], "policy")
        self.assertNotIn("trial-end", self.new_calls())

    def test_ring_gone(self):
        """so does the end of the sampling"""
        process = self.start()
        os.unlink(self.feeder.folder / "samples")
        self.assertEqual(self.finish(process, 2)["ended"], "stopped")

    def test_one_at_a_time(self):
        """a second trial is refused, and does not end the first"""
        first = self.start()
        self.bad(2, "another 'xdpgate trial' is under way", "trial", self.temporary(THEN))
        self.assertNotIn("trial-end", self.new_calls())
        self.feeder.feed(tcp("203.0.113.9", 80))
        self.assertEqual(self.interrupt(first, 1)["differ"], 1)

    def test_killed(self):
        """kill -9 leaves nothing that keeps another from trying"""
        process = self.start()
        process.kill()
        process.wait()
        process = self.start(NOW)
        self.feeder.feed(tcp("203.0.113.9", 80))
        self.assertEqual(self.interrupt(process, 0)["samples"], 1)

    def test_in(self):
        """other interfaces than that of --in do not count; one that is not there is refused"""
        process = self.start(THEN, "--in", "lan")
        self.feeder.feed(tcp("203.0.113.9", 80))
        self.assertEqual(self.interrupt(process, 1)["samples"], 1)
        self.bad(2, "no interface 'wan'; in the policy in force there are: lan",
                 "trial", self.temporary(THEN), "--in", "wan")

    def test_text(self):
        """the report for people"""
        process = subprocess.Popen(
            [XDPGATE, "--socket", self.server.path, "trial", self.temporary(THEN), "--for", "3s"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(), text=True)
        time.sleep(1.5)
        self.feeder.feed(tcp("203.0.113.9", 80))
        out = process.communicate(timeout=20)[0]
        self.assertEqual(process.returncode, 1)
        self.assertRegex(out, r"3 s, about 1 packet in 1: 1 samples, 1 would fare otherwise\n")
        self.assertRegex(out, r"INTERFACE  NOW       WOULD BE      SAMPLES   SHARE\n"
                              r"lan        pass/web  drop/old-web        1  100.0%\n")
        self.assertRegex(out, r"  xdpgate explain \S+ --in inside --src 203.0.113.9 ")
        self.assertNotIn("\033", out)

    def test_terminal(self):
        """on a terminal, what was seen is shown once a second; Ctrl-C ends it with the report"""
        feed = threading.Timer(1.5, self.feeder.feed, [tcp("203.0.113.9", 80)] * 3)
        feed.start()
        self.addCleanup(feed.join)
        status, output = self.on_terminal("trial", self.temporary(THEN), seconds=4)
        self.assertEqual(status, 1, output)
        *frames, last = output.split("\033[H\033[J")
        self.assertGreaterEqual(len(frames), 3)
        self.assertIn("0 samples, 0 would fare otherwise", frames[1])
        self.assertIn("3 samples, 3 would fare otherwise", frames[-1])
        self.assertIn(" s left; Ctrl-C ends it", frames[-1])
        self.assertNotIn("xdpgate explain", frames[-1])
        self.assertIn("  xdpgate explain ", last)
        self.assertIn("Note: it was interrupted.", last)

    def test_bad(self):
        """bad options, a bad policy, and a daemon that refuses, are told; 1 means a difference"""
        path = self.temporary(THEN)
        self.bad(2, "--for 0s: TIME is from", "trial", path, "--for", "0s")
        self.bad(2, "--for 25h: TIME is from", "trial", path, "--for", "25h")
        self.bad(2, "--rate 0: NUMBER", "trial", path, "--rate", "0")
        self.bad(2, "unknown key 'x'", "trial", self.temporary("x: 1\n"))
        self.bad(2, "takes|usage|Usage", "trial")
        self.bad(3, "no answer", "trial", path, path="/nonexistent/socket")
        self.scenario("fail-trial")
        self.bad(2, "unknown field 'dprot'", "trial", path)
        self.assertNotIn("trial-end", self.new_calls())

    def test_methods(self):
        """Trial and TrialEnd are root's, and check their parameters"""
        with Client(self.server.path) as client:
            good = client.call(GATE + "Trial", {"seconds": 5, "one_in": 100})["parameters"]
            self.assertEqual(good["ring"], str(self.feeder.folder / "samples"))
            self.assertEqual(good["until_usec"], 1700000005000000)
            for parameters, name in (({}, "seconds"), ({"seconds": 0}, "seconds"),
                                     ({"seconds": 86401}, "seconds"),
                                     ({"seconds": 1, "one_in": 0}, "one_in"),
                                     ({"seconds": 1, "one_in": 1 << 31}, "one_in"),
                                     ({"seconds": "1"}, "seconds")):
                bad = client.call(GATE + "Trial", parameters)
                self.assertEqual(bad["error"], "org.varlink.service.InvalidParameter")
                self.assertEqual(bad["parameters"], {"parameter": name})
            self.assertEqual(client.call(GATE + "TrialEnd")["parameters"]["diagnostics"], [])
            self.scenario("fail-trial")
            for method, parameters in (("Trial", {"seconds": 5}), ("TrialEnd", None)):
                bad = client.call(GATE + method, parameters)
                self.assertEqual(bad["error"], GATE + "TrialFailed")
                self.assertIn("dprot", bad["parameters"]["text"])
        self.assertEqual(self.new_calls(), ["trial 5 100", "trial-end", "trial 5 1", "trial-end"])


if __name__ == "__main__":
    main()
