#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""kill -9 while live sets change: what was acknowledged is there afterwards, once, and until its
end; what was not is there or is not, but whole. Of a set with `persist: true` after a reboot, too,
which here is: every pin is gone, the state folder is not.

  CRASH_ALL=1 tests/e2e/test_live_crash.py       every system call, not a sample: minutes
  CRASH_SECONDS=300 tests/e2e/test_live_crash.py Random
"""

import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "datapath"))

import netlab
import tap
from crashlab import Strace, spread, started_under_strace, calls_of
from livelab import Client, LiveLab, RULES, entries_of

EVERYTHING = bool(os.environ.get("CRASH_ALL"))
SECONDS = float(os.environ.get("CRASH_SECONDS", "3"))  # of each test that samples
SETS = """
  banned: {live: true, size: 100k}
  kept: {live: true, size: 100k, persist: true}
"""
INTERFACES = "interfaces: {transit: {port: xg0, policy: edge}}\n"
POLICY = INTERFACES + "sets:" + SETS + RULES + """
      - {name: banned, match: {src: [$banned, $kept]}, do: drop}
"""
WITHOUT = INTERFACES + RULES
CHANGING = ("bpf", "pwrite64", "fdatasync", "fsync", "renameat", "unlinkat", "ftruncate")
HOUR = 3600


class Timed:
    """An entry as somebody wanted it: its comment, and between which moments it must end."""

    def __init__(self, comment, timeout, sent):
        self.comment, self.timeout = comment, timeout
        self.first = sent + timeout if timeout else None
        self.last = None  # until it is acknowledged

    def acknowledge(self, now):
        if self.timeout:
            self.last = now + self.timeout + 1

    def fits(self, entry, now):
        """Is it what is listed? Listed are whole seconds."""
        if entry["comment"] != self.comment or (entry["left"] is None) != (not self.timeout):
            return False
        if not self.timeout:
            return True
        end = now + entry["left"]
        return self.first - 1.5 <= end <= (self.last or now + self.timeout) + 1.5


class Model:
    """What a set must hold: `sure`, and of the call that was not acknowledged all, nothing, or for
    an addition and a removal some."""

    def __init__(self):
        self.sure, self.verb, self.wanted = {}, None, {}

    def send(self, client, name, verb, prefixes, comment="", timeout=HOUR):
        """A call; it is acknowledged when this returns True."""
        self.verb = verb
        # Without a comment, an entry keeps the one that it has.
        self.wanted = {p: Timed(comment or (self.sure[p].comment if p in self.sure else None),
                                timeout, time.monotonic()) for p in prefixes}
        entries = [{"prefix": p, "timeout": timeout, "comment": comment} for p in prefixes]
        if verb == "del":
            reply = client.call("SetDelete", set=name, prefixes=prefixes)
        elif verb == "flush":
            reply = client.call("SetFlush", set=name)
        elif verb == "replace":
            reply = client.call("SetReplace", set=name, entries=entries, final=True)
        else:
            reply = client.call("SetAdd", set=name, entries=entries)
        if reply is None:
            return False
        for timed in self.wanted.values():
            timed.acknowledge(time.monotonic())
        self.sure, self.verb, self.wanted = self.after(), None, {}
        return True

    def after(self):
        """What the set holds when the call is done."""
        if self.verb in ("replace", "flush"):
            return dict(self.wanted)
        if self.verb == "del":
            return {p: t for p, t in self.sure.items() if p not in self.wanted}
        return {**self.sure, **self.wanted}

    def check(self, test, found):
        """Of what was found, all must be wanted, and what is sure must be there. Henceforth it is
        what was found that counts."""
        now, after = time.monotonic(), self.after() if self.verb else self.sure
        if self.verb in ("replace", "flush"):
            test.assertIn(set(found), [set(self.sure), set(after)])
        must = set(self.sure) & set(after)
        test.assertEqual(must - set(found), set(), f"lost ({self.verb})")
        kept = {}
        for prefix, entry in found.items():
            fitting = [content[prefix] for content in (after, self.sure)
                       if prefix in content and content[prefix].fits(entry, now)]
            test.assertTrue(fitting, (self.verb, prefix, entry))
            kept[prefix] = fitting[0]
            if kept[prefix].timeout and not kept[prefix].last:
                kept[prefix].last = now + entry["left"] + 1
        self.sure, self.verb, self.wanted = kept, None, {}


def some(draw, n):
    """Prefixes, some of which cover others."""
    return sorted({f"10.{draw.randrange(4)}.{draw.randrange(256)}.{draw.randrange(256)}"
                   if draw.random() < 0.8 else f"2001:db8:{draw.randrange(1, 0x10000):x}::/48"
                   if draw.random() < 0.5 else f"10.{draw.randrange(4)}.{draw.randrange(256)}.0/24"
                   for _ in range(n)})


class CrashCase(unittest.TestCase):
    """Helpers of all."""

    seconds = 7200 if EVERYTHING else 120 + SECONDS

    def reboot(self, gate):
        """As the machine would: nothing in the kernel, all on disk."""
        gate.ctl("detach")
        self.assertFalse(gate.pins.exists())

    def check(self, gate, models, rebooted=False):
        """What the sets hold, and that packets are judged by it."""
        if rebooted:
            models["banned"] = Model()
        for name, model in models.items():
            model.check(self, entries_of(gate, name))

    def wait_killed(self, gate, call):
        def ended():
            gate.read_notified()
            return gate.process.poll() is not None
        netlab.wait_for(ended, f"xdpgated dies at {call}")
        self.assertEqual(gate.process.returncode, -signal.SIGKILL, call + gate.log())


class Random(CrashCase):
    """kill -9 out of the blue."""

    def work(self, draw, gate, models):
        """Change sets until the daemon is no more; how many calls were acknowledged."""
        client, done = Client(gate), 0
        try:
            while True:
                name = draw.choice(list(models))
                model = models[name]
                verb = draw.choices(("add", "del", "replace", "flush"), (10, 3, 1, 1))[0]
                prefixes = some(draw, draw.randrange(1, 400))
                if verb == "del" and model.sure:
                    prefixes = draw.sample(sorted(model.sure), len(model.sure) // 2 + 1)[:400]
                if not model.send(client, name, verb, [] if verb == "flush" else prefixes,
                                  draw.choice(("", "noisy", "scan of 10.0.0.0/8")),
                                  draw.choice((0, HOUR, 2 * HOUR))):
                    return done
                done += 1
        except (BrokenPipeError, ConnectionResetError):
            return done
        finally:
            client.close()

    def test_kill(self):
        """kill -9 in the middle of bulks: nothing acknowledged is lost, twice, or without end"""
        draw = random.Random(2026)
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe = lab.probe()
            models = {"banned": Model(), "kept": Model()}
            end, kills, acknowledged = time.monotonic() + SECONDS, 0, 0
            while kills < 4 or time.monotonic() < end:
                killer = threading.Timer(draw.uniform(0.02, 0.5), gate.process.kill)
                killer.start()
                acknowledged += self.work(draw, gate, models)
                killer.join()
                gate.process.wait()
                rebooted = kills % 2 == 1
                if rebooted:
                    self.reboot(gate)
                gate.start()
                self.check(gate, models, rebooted)
                held = sorted(p for m in models.values() for p in m.sure if "/" not in p)
                sources = draw.sample(held, min(len(held), 20)) + ["192.0.2.1", "10.9.9.9"]
                self.assertEqual(probe.judged(*((s, "198.51.100.8") for s in sources)),
                                 [False] * (len(sources) - 2) + [True] * 2)
                kills += 1
            print(f"# {kills} kills, {acknowledged} calls acknowledged", flush=True)
            self.assertGreater(acknowledged, kills)


class Steps(CrashCase):
    """kill -9 at the N-th system call of a kind."""

    def setUp(self):
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")

    def kill_at_each(self, prepare, verb, name="kept", timeout=HOUR):
        """prepare(gate, model) fills the set and returns the prefixes of the call that is killed."""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            models = {"banned": Model(), "kept": Model()}
            prefixes = prepare(gate, models[name])
            strace = Strace(lab, gate, kinds=CHANGING)
            client = lab.client(gate)
            models[name].send(client, name, verb, prefixes, "last", timeout)
            calls = strace.stop()
            self.assertTrue({"fdatasync", "renameat"} & {c[0] for c in calls} or name == "banned")
            # What makes the change, and is on the disk, is at the end.
            order = [calls[i] for i in spread(len(calls))]
            rare = [c for c in calls if c[0] != "bpf"]
            chosen = rare + [c for c in order if c not in rare]
            end, done = time.monotonic() + SECONDS, 0
            for kind, number, text in chosen:
                if not EVERYTHING and done >= 4 and time.monotonic() > end:
                    break
                with self.subTest(call=text):
                    prefixes = prepare(gate, models[name])
                    client = Client(gate)
                    strace = Strace(lab, gate, f"inject={kind}:signal=KILL:when={number}",
                                    kinds=CHANGING)
                    models[name].send(client, name, verb, prefixes, f"try {done}", timeout)
                    client.close()
                    self.wait_killed(gate, text)
                    strace.stop()
                    if done % 2 and name == "kept":
                        self.reboot(gate)
                    gate.start()
                    self.check(gate, models)
                done += 1
            print(f"# {done} of {len(chosen)} system calls", flush=True)

    def test_add(self):
        """killed at each step of an addition, nested and in a table that grows"""
        draw = random.Random(1)

        def prepare(gate, model):
            if len(model.sure) > 2000:
                model.send(Client(gate), "kept", "replace", some(draw, 200))
            return some(draw, 300) + ["10.0.0.0/16"]
        self.kill_at_each(prepare, "add")

    def test_replace(self):
        """killed at each step of a replacement: all of the old, or all of the new"""
        draw = random.Random(2)

        def prepare(gate, model):
            model.send(Client(gate), "kept", "replace", some(draw, 30), "before")
            return some(draw, 30)
        self.kill_at_each(prepare, "replace")

    def test_flush(self):
        """killed at each step of a flush: all of it, or nothing"""
        draw = random.Random(3)

        def prepare(gate, model):
            model.send(Client(gate), "kept", "add", some(draw, 30), "before")
            return []
        self.kill_at_each(prepare, "flush")

    def test_compaction(self):
        """killed in the middle of a compaction of the journal"""
        draw, prefixes = random.Random(4), [f"10.0.{i % 256}.{i // 256}" for i in range(300)]

        def prepare(gate, model):
            client = Client(gate)
            for comment in ("one", "two", "three"):
                model.send(client, "kept", "add", prefixes, comment, draw.choice((0, HOUR)))
            client.close()
            return prefixes
        self.kill_at_each(prepare, "add")

    def test_restore(self):
        """killed at each step of the first start after a reboot: the next one has it all"""
        draw = random.Random(5)
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            models = {"banned": Model(), "kept": Model()}
            models["kept"].send(Client(gate), "kept", "add", some(draw, 40), "kept")
            gate.kill()
            self.reboot(gate)
            with started_under_strace(lab, None) as log:
                gate.start()
                gate.kill()
                calls = calls_of(log)
            # From the set's tables on.
            first = next(i for i, c in enumerate(calls) if "xdpgate_live" in c[2])
            calls = calls[first:]
            calls = calls[:next(i for i, c in enumerate(calls) if "BPF_PROG_LOAD" in c[2] and
                                i > 50)]
            end, done = time.monotonic() + SECONDS, 0
            for i in spread(len(calls)):
                if not EVERYTHING and done >= 4 and time.monotonic() > end:
                    break
                kind, number, text = calls[i]
                self.reboot(gate)
                fault = "signal=KILL" if done % 2 else "error=ENOMEM"
                with self.subTest(call=text, fault=fault):
                    with started_under_strace(lab, f"inject={kind}:{fault}:when={number}"):
                        gate.start(wait=False)
                        if done % 2:
                            self.wait_killed(gate, text)
                        else:
                            netlab.wait_for(lambda: gate.read_notified() or
                                            gate.process.poll() is not None or
                                            any(m.get("READY") == "1" for m in gate.notified),
                                            "it is ready, or ends")
                            if gate.process.poll() is None:
                                gate.kill()
                    gate.start()
                    self.check(gate, models)
                    gate.kill()
                done += 1
            print(f"# {done} of {len(calls)} system calls", flush=True)

    def test_nested(self):
        """killed between an entry and those within it: none outlives its time, without a daemon"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe, client = lab.probe(), lab.client(gate)
            client.add("banned", "10.0.0.0/24", timeout=HOUR)
            client.add("banned", "10.0.0.1", "10.0.0.2", timeout=3)
            end = time.monotonic() + 3 + 1
            strace = Strace(lab, gate, "inject=bpf:signal=KILL:when=2", kinds=("bpf",))
            self.assertIsNone(client.add("banned", "10.0.0.0/24", timeout=1))
            self.wait_killed(gate, "bpf")
            strace.stop()
            gate.start()
            gate.process.send_signal(signal.SIGSTOP)
            netlab.wait_for(lambda: time.monotonic() > end, "their end")
            self.assertEqual(probe.judged(("10.0.0.1", "198.51.100.8"),
                                          ("10.0.0.2", "198.51.100.8")), [True, True])
            gate.process.send_signal(signal.SIGCONT)


class Reboots(CrashCase):
    """What is on disk, and when it ends."""

    def test_ends(self):
        """after a reboot entries end when they would have ended, to the second"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            probe, client = lab.probe(), lab.client(gate)
            added = time.monotonic()
            client.add("kept", "10.0.0.1", timeout=1)
            client.add("kept", "10.0.0.2", timeout=4)
            client.add("kept", "10.0.0.3", timeout=0)
            answered = time.monotonic()
            gate.kill()
            self.reboot(gate)
            time.sleep(max(0, answered + 2.1 - time.monotonic()))
            gate.start()
            self.assertNotIn("10.0.0.1", entries_of(gate, "kept"))
            netlab.wait_for(lambda: probe.passes("10.0.0.2", "198.51.100.8"), "it ends", 10, 0.005)
            ended = time.monotonic()
            self.assertGreater(ended, added + 4)
            self.assertLess(ended, answered + 5 + 0.5 * netlab.PATIENCE)
            self.assertEqual(probe.judged(("10.0.0.1", "198.51.100.8"),
                                          ("10.0.0.3", "198.51.100.8")), [True, False])

    def test_parked(self):
        """what is removed from a set that no policy names is not back after a reboot"""
        with LiveLab() as lab:
            gate = lab.gate(POLICY).start()
            client = lab.client(gate)
            client.add("kept", "10.0.0.1", "10.0.0.2", "10.0.0.3")
            gate.set_policy(WITHOUT)
            gate.ctl("reload")
            self.assertEqual(client.delete("kept", "10.0.0.1")["removed"], 1)
            gate.kill()
            gate.start()
            self.assertEqual(lab.client(gate).delete("kept", "10.0.0.2")["removed"], 1)
            gate.kill()
            self.reboot(gate)
            gate.start()
            gate.set_policy(POLICY)
            gate.ctl("reload")
            self.assertEqual(set(entries_of(gate, "kept")), {"10.0.0.3"})


if __name__ == "__main__":
    tap.main()
