#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The daemon's death, at any moment and at every step, and system calls that fail: packets
are judged by the old or the new policy, the next daemon finds its way, nothing is left over.

  CRASH_ALL=1 tests/datapath/test_crash.py       every system call, not a sample: minutes
  ROUNDS=500 tests/datapath/test_crash.py Random
"""

import os
import random
import shutil
import signal
import time
import unittest

from crashlab import (CrashLab, EVERYTHING, POLICY_A, POLICY_B, SECONDS, SHARED_A, SHARED_B, Strace,
                      assert_nothing_left, assert_tidy, calls_of, netlab, objects_of, sample,
                      started_under_strace)

import tap

ROUNDS = int(os.environ.get("ROUNDS", "0"))  # 0: for SECONDS


def require_strace(test):
    if not shutil.which("strace"):
        test.skipTest("strace is not installed")


class Random(unittest.TestCase):
    """kill -9 out of the blue."""

    seconds = 120 + 4 * ROUNDS

    def test_kill(self):
        """kill -9 at random moments of reloads under traffic: judged right to the packet"""
        draw = random.Random(2025)
        with CrashLab() as lab:
            gate = lab.gate(POLICY_A).start()
            lab.start_traffic()
            end, done = time.monotonic() + SECONDS, 0
            while done < ROUNDS or (not ROUNDS and time.monotonic() < end):
                gate.set_policy(POLICY_B if done % 2 == 0 else POLICY_A)
                gate.process.send_signal(signal.SIGHUP)
                if done % 3:  # some reloads come in a row
                    gate.process.send_signal(signal.SIGHUP)
                time.sleep(draw.uniform(0, 0.4))
                gate.kill()
                gate.start()
                if done % 4 == 0:
                    assert_tidy(self, gate)
                done += 1
            print(f"# {done} kills", flush=True)
            assert_tidy(self, gate)
            lab.judge_traffic(self, gate)
            maps = objects_of(gate)["map"]
            gate.ctl("detach")
            assert_nothing_left(self, gate, maps)


class Steps(unittest.TestCase):
    """kill -9 at the N-th system call of its kind."""

    seconds = 7200 if EVERYTHING else 120
    shared, policy_a, policy_b = False, POLICY_A, POLICY_B

    def setUp(self):
        require_strace(self)

    def assert_killed(self, gate, call):
        """It dies of strace. Meanwhile its notifications must be read: systemd does, too."""
        def ended():
            gate.read_notified()
            return gate.process.poll() is not None
        netlab.wait_for(ended, f"xdpgated dies at {call}")
        self.assertEqual(gate.process.returncode, -signal.SIGKILL, call + gate.log())

    def start_with_bad_policy(self, gate):
        """What is adopted must be whole by itself: one generation on both interfaces."""
        good = gate.config.read_text()
        gate.set_policy("no: policy\n")
        gate.start()
        states = {i["name"]: i["state"] for i in gate.status()["interfaces"]}
        wanted = {"transit", "lan"} | ({"transit-7"} if self.shared else set())
        self.assertEqual(states, dict.fromkeys(wanted, "filtering"), gate.log())
        self.assertFalse((gate.pins / "intent").exists())
        gate.kill()
        gate.set_policy(good)

    def test_reload(self):
        """killed at every step of a reload: the next start finds a whole policy in force"""
        with CrashLab(self.shared) as lab:
            gate = lab.gate(self.policy_a).start()
            strace = Strace(lab, gate)
            gate.hangup()
            calls = strace.stop()
            lab.start_traffic()
            baseline = objects_of(gate)
            for i, (kind, number, text) in enumerate(sample(calls)):
                gate.set_policy(self.policy_b if i % 2 == 0 else self.policy_a)
                strace = Strace(lab, gate, f"inject={kind}:signal=KILL:when={number}")
                gate.process.send_signal(signal.SIGHUP)
                self.assert_killed(gate, text)
                strace.stop()
                with self.subTest(call=text):
                    self.start_with_bad_policy(gate)
                    gate.start()
                    assert_tidy(self, gate)
                    after = objects_of(gate)
                    for what in ("map", "prog"):
                        self.assertEqual(len(after[what]), len(baseline[what]), what)
            lab.judge_traffic(self, gate)
            maps = objects_of(gate)["map"]
            gate.ctl("detach")
            assert_nothing_left(self, gate, maps)

    def test_adoption(self):
        """killed at every step of a start that adopts: the adopted policy goes on"""
        with CrashLab(self.shared) as lab:
            gate = lab.gate(self.policy_a).start()
            gate.kill()
            with started_under_strace(lab, None) as log:
                gate.start()
                gate.kill()
                calls = calls_of(log)
            lab.start_traffic()
            for i, (kind, number, text) in enumerate(sample(calls)):
                gate.set_policy(self.policy_b if i % 2 == 0 else self.policy_a)
                with started_under_strace(lab, f"inject={kind}:signal=KILL:when={number}"):
                    gate.start(wait=False)
                    self.assert_killed(gate, text)
                if i % 4 == 0:  # else the next finds what several have left
                    gate.start()
                    with self.subTest(call=text):
                        assert_tidy(self, gate)
                    gate.kill()
            gate.start()
            assert_tidy(self, gate)
            lab.judge_traffic(self, gate)

    def test_first_start(self):
        """killed at every step of the first start: the next one starts, and detach cleans up"""
        with CrashLab(self.shared) as lab:
            gate = lab.gate(self.policy_a)
            with started_under_strace(lab, None) as log:
                gate.start()
                calls = calls_of(log)
            gate.ctl("detach")
            gate.process.wait(20)
            for i, (kind, number, text) in enumerate(sample(calls)):
                with self.subTest(call=text):
                    with started_under_strace(lab, f"inject={kind}:signal=KILL:when={number}"):
                        gate.start(wait=False)
                        self.assert_killed(gate, text)
                    maps = []
                    if i % 2 == 0:
                        gate.start()
                        assert_tidy(self, gate)
                        maps = objects_of(gate)["map"]
                        gate.kill()
                    if gate.pins.exists():
                        gate.ctl("detach")
                    assert_nothing_left(self, gate, maps)


class SharedPort(Steps):
    """The same where one port has two interfaces."""

    shared, policy_a, policy_b = True, SHARED_A, SHARED_B


class Waiting(unittest.TestCase):
    """kill -9 at the N-th system call of what brings a policy that must be confirmed, confirms it, undoes
    it, goes back to another, or stops: A or B judges, whole, and the next start finds which."""

    seconds = 7200 if EVERYTHING else 120
    turn = 0

    def setUp(self):
        require_strace(self)

    def edit(self, gate):
        """The other policy, in a text that nobody has undone."""
        self.turn += 1
        gate.set_policy(f"# {self.turn}\n" + (POLICY_B if self.turn % 2 else POLICY_A))

    def bring(self, gate):
        self.edit(gate)
        gate.ctl("reload", "--confirm", "600s")

    def reload(self, gate):
        self.edit(gate)
        gate.ctl("reload")

    @staticmethod
    def settle(gate):
        """Whatever waits is confirmed, or undone: by turns."""
        status = gate.status()
        if status["deadline_usec"]:
            gate.ctl("confirm" if status["generation"] % 2 else "rollback")
        states = [entry["state"] for entry in gate.json("history")["policies"]]
        assert "pending" not in states, states

    def kill_at_each(self, prepare, ask):
        with CrashLab() as lab:
            gate = lab.gate(POLICY_A).start()
            prepare(gate)
            strace = Strace(lab, gate)
            ask(gate, True)
            calls = strace.stop()
            if gate.process.poll() is not None:
                gate.start()
            self.settle(gate)
            lab.start_traffic()
            baseline = objects_of(gate)
            for kind, number, text in sample(calls):
                prepare(gate)
                strace = Strace(lab, gate, f"inject={kind}:signal=KILL:when={number}")
                ask(gate, False)
                netlab.wait_for(lambda: gate.process.poll() is not None, f"xdpgated dies at {text}")
                strace.stop()
                with self.subTest(call=text):
                    gate.start()
                    self.settle(gate)
                    assert_tidy(self, gate)
                    after = objects_of(gate)
                    for what in ("map", "prog"):
                        self.assertLessEqual(len(after[what]), len(baseline[what]), what)
            lab.judge_traffic(self, gate)
            maps = objects_of(gate)["map"]
            gate.ctl("detach")
            assert_nothing_left(self, gate, maps)

    def test_bring(self):
        """killed at every step of a reload that must be confirmed"""
        self.kill_at_each(self.edit, lambda gate, whole: gate.ctl("reload", "--confirm", "600s",
                                                                  check=whole))

    def test_confirm(self):
        """killed at every step of confirming"""
        self.kill_at_each(self.bring, lambda gate, whole: gate.ctl("confirm", check=whole))

    def test_undo(self):
        """killed at every step of undoing what waits"""
        self.kill_at_each(self.bring, lambda gate, whole: gate.ctl("rollback", check=whole))

    def test_rollback(self):
        """killed at every step of going back to what was in force before"""
        self.kill_at_each(self.reload, lambda gate, whole: gate.ctl("rollback", check=whole))


class Stops(Waiting):
    """The same of a clean stop, which lets packets pass: so there are none to be judged here."""

    test_bring = test_confirm = test_undo = test_rollback = None

    def test_stop(self):
        """killed at every step of a stop: the next start filters again, and nothing is left"""
        with CrashLab() as lab:
            gate = lab.gate(POLICY_A).start()
            strace = Strace(lab, gate)
            gate.process.terminate()
            gate.process.wait(20)
            for kind, number, text in sample(strace.stop()):
                gate.start()
                strace = Strace(lab, gate, f"inject={kind}:signal=KILL:when={number}")
                gate.process.terminate()
                gate.process.wait(20)
                strace.stop()
                with self.subTest(call=text):
                    self.assertEqual(gate.process.returncode, -signal.SIGKILL)
                    gate.start()
                    assert_tidy(self, gate)
                    gate.terminate()
            gate.start()
            maps = objects_of(gate)["map"]
            gate.ctl("detach")
            assert_nothing_left(self, gate, maps)


class Refusals(unittest.TestCase):
    """System calls that fail, as they do when memory is short."""

    seconds = 7200 if EVERYTHING else 120

    def setUp(self):
        require_strace(self)

    def test_reload(self):
        """a system call of a reload fails: the reload says so, or succeeds; nothing leaks"""
        with CrashLab() as lab:
            gate = lab.gate(POLICY_A).start()
            strace = Strace(lab, gate)
            gate.ctl("reload")
            calls = [call for call in strace.stop() if call[0] == "bpf"]
            lab.start_traffic()
            baseline = objects_of(gate)
            generation, failed = gate.stats().generation, 0
            for i, (kind, number, text) in enumerate(sample(calls)):
                with self.subTest(call=text):
                    gate.set_policy(POLICY_B if i % 2 == 0 else POLICY_A)
                    strace = Strace(lab, gate, f"inject={kind}:error=ENOMEM:when={number}")
                    done = gate.ctl("reload", check=False)
                    strace.stop()
                    gate.read_notified()
                    now = gate.stats().generation
                    if done.returncode == 0:
                        self.assertEqual(now, generation + 1)
                    else:
                        failed += 1
                        self.assertEqual(now, generation)
                        self.check_message(done.stdout + done.stderr)
                    self.check_state(gate, baseline)
                    if done.returncode != 0:
                        gate.ctl("reload")
                        self.assertEqual(gate.stats().generation, generation + 1)
                        self.check_state(gate, baseline)
                generation = gate.stats().generation
            self.assertGreater(failed, 0)
            lab.judge_traffic(self, gate)

    def test_adoption(self):
        """a system call of a start that adopts fails: what cannot be told is not believed gone"""
        with CrashLab() as lab:
            gate = lab.gate(POLICY_A).start()
            gate.kill()
            with started_under_strace(lab, None) as log:
                gate.start()
                gate.kill()
                calls = [call for call in calls_of(log) if call[0] == "bpf"]
            lab.start_traffic()
            failed = 0
            for i, (kind, number, text) in enumerate(sample(calls)):
                with self.subTest(call=text):
                    gate.set_policy(POLICY_B if i % 2 == 0 else POLICY_A)
                    with started_under_strace(lab, f"inject={kind}:error=ENOMEM:when={number}"):
                        gate.start(wait=False)
                        self.wait_started(gate)
                    if gate.process.returncode is None:
                        gate.kill()
                    else:
                        failed += 1
                        self.assertNotEqual(gate.process.returncode, 0)
                        self.assertIn("error: ", gate.log())
                    gate.start()
                    assert_tidy(self, gate)
                    gate.kill()
            gate.start()
            self.assertGreater(failed, 0)
            lab.judge_traffic(self, gate)

    @staticmethod
    def wait_started(gate):
        """Until it is ready, or has ended."""
        def done():
            gate.read_notified()
            return (gate.process.poll() is not None or
                    any(m.get("READY") == "1" for m in gate.notified))
        netlab.wait_for(done, "xdpgated is ready, or ends")

    def check_message(self, text):
        """It names what failed and why."""
        if os.environ.get("CRASH_VERBOSE"):
            print("#", text.strip().replace("\n", "\n# "))
        self.assertRegex(text, "error: ")
        self.assertRegex(text, "(?i)cannot allocate memory|out of memory")
        self.assertNotRegex(text, "cannot load the policy: Cannot allocate memory")

    def check_state(self, gate, baseline):
        assert_tidy(self, gate)
        after = objects_of(gate)
        self.assertEqual({k: len(after[k]) for k in ("map", "prog")},
                         {k: len(baseline[k]) for k in ("map", "prog")})


if __name__ == "__main__":
    tap.main()
