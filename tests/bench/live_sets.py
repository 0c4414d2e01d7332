#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What live sets cost whoever fills them, with the real daemon: how many entries a second, one by
one and in bulk; how long an answer takes; memory; a replacement; and what packets and other clients
notice when 100,000 entries end in one second. Nothing is asserted.

Packets: the program as it is attached, by BPF_PROG_TEST_RUN, one packet a run, the time as the
kernel takes it, which is 60 ns or so by itself. Sources are drawn from the set. It is a process of
its own on the last CPU, so that what shows is what the daemon does to packets, not the scheduler.

  tests/bench/live_sets.py [--entries N]     XDPGATE_BUILD names the build folder
"""

import argparse
import ctypes
import ipaddress
import json
import multiprocessing
import os
import pathlib
import random
import signal
import struct
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "bench")]
sys.dont_write_bytecode = True
import netlab  # noqa: E402  pylint: disable=wrong-import-position
from livelab import Client, LiveLab, frame_of, requests  # noqa: E402  pylint: disable=wrong-import-position

SYS_BPF, PROG_TEST_RUN, PROG_GET_FD_BY_ID = 321, 10, 13
SINGLES = 5000
ENDING = 100000
MACS = bytes(12)


def policy(persist):
    return f"""
interfaces: {{transit: {{port: xg0, policy: edge}}}}
sets: {{banned: {{live: true, size: 1M, persist: {str(persist).lower()}}}}}
policies: {{edge: {{default: pass, rules: [{{name: banned, match: {{src: $banned}}, do: drop}}]}}}}
"""


def draw_prefixes(n, seed):
    """Three quarters are hosts, one in ten is IPv6, as lists of attackers are. None is twice."""
    draw, found = random.Random(seed), set()
    while len(found) < n:
        if draw.random() < 0.1:
            found.add(str(ipaddress.ip_network((draw.getrandbits(61) << 64 | 1 << 125,
                                                64 if draw.random() < 0.5 else 56), strict=False)))
        elif draw.random() < 0.8:
            found.add(str(ipaddress.ip_address(draw.randrange(1 << 24, 0xe0 << 24))))
        else:
            found.add(str(ipaddress.ip_network((draw.randrange(1 << 24, 0xe0 << 24) & ~0xff, 24))))
    return sorted(found, key=lambda p: draw.random())


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


# --- packets ------------------------------------------------------------------------------


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = netlab.libc.syscall(SYS_BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result, buffer.raw


class Runs:
    """Runs of an attached program: nanoseconds, each with the moment when it began."""

    def __init__(self, program, sources):
        self.fd, _ = bpf(PROG_GET_FD_BY_ID, struct.pack("I", program))
        frames = [frame_of(MACS, s, "198.51.100.7", 4242).ljust(64, b"\0") for s in sources]
        self.buffers = [ctypes.create_string_buffer(f, len(f)) for f in frames]

    def one(self, i):
        data = self.buffers[i % len(self.buffers)]
        _, raw = bpf(PROG_TEST_RUN, struct.pack("IIIIQQII", self.fd, 0, len(data), 0,
                                                ctypes.addressof(data), 0, 1, 0))
        return struct.unpack_from("I", raw, 36)[0]


def run_packets(program, sources, stop, result):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    runs, times, i = Runs(program, sources), [], 0
    while not stop.is_set():
        for _ in range(200):
            times.append((time.monotonic(), runs.one(i)))
            i += 1
    result.send(times)


def run_status(gate, stop, result):
    """How long the daemon takes to answer somebody else."""
    client, times = Client(gate), []
    while not stop.is_set():
        start = time.monotonic()
        client.call("SetStats", set="banned")
        times.append((start, (time.monotonic() - start) * 1000))
        time.sleep(0.001)
    result.send(times)


class Beside:
    """Something that runs in a process of its own until it is stopped."""

    def __init__(self, function, *arguments):
        self.end = multiprocessing.Event()
        self.result, there = multiprocessing.Pipe(False)
        self.process = multiprocessing.Process(target=function,
                                               args=(*arguments, self.end, there), daemon=True)
        self.process.start()

    def stop(self):
        self.end.set()
        result = self.result.recv()
        self.process.join()
        return result


# --- memory -------------------------------------------------------------------------------


def resident_mib(gate):
    text = pathlib.Path(f"/proc/{gate.process.pid}/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def maps_mib(gate):
    """What the kernel says of the maps that the daemon has open."""
    total, seen = 0, set()
    for path in pathlib.Path(f"/proc/{gate.process.pid}/fdinfo").iterdir():
        fields = dict(line.split(":\t", 1) for line in path.read_text(encoding="ascii").splitlines()
                      if ":\t" in line)
        if "map_id" in fields and fields["map_id"] not in seen:
            seen.add(fields["map_id"])
            total += int(fields["memlock"])
    return total / (1 << 20)


# --- the parts ----------------------------------------------------------------------------


def say(what, value=""):
    print(f"  {what:66} {value}", flush=True)


def timed(function):
    start = time.monotonic()
    function()
    return time.monotonic() - start


def bulk(gate, lab, verb, prefixes, timeout="never"):
    """By the command, as a person would; seconds, and how long others waited meanwhile."""
    path = lab.write("entries", "".join(f"{p}\n" for p in prefixes))
    status = Beside(run_status, gate)
    time.sleep(0.2)
    seconds = timed(lambda: gate.ctl("set", verb, "banned", "--file", path, "--timeout", timeout,
                                     timeout=600))
    return seconds, [ms for _, ms in status.stop()]


def waits(values):
    return f"{quantile(values, 0.5):.1f} / {quantile(values, 0.99):.1f} / {max(values):.1f} ms"


def measure_filling(lab, persist, n):
    gate = lab.gate(policy(persist), name=f"gate-{persist}").start()
    before = resident_mib(gate), maps_mib(gate)
    prefixes, fresh = draw_prefixes(n, 1), draw_prefixes(n + SINGLES, 2)
    seconds, others = bulk(gate, lab, "add", prefixes)
    say(f"bulk: {n:,} entries by `xdpgate set add`", f"{n / seconds:,.0f} a second ({seconds:.2f} s)")
    say("  another client's answer meanwhile, median / p99 / max", waits(others))
    say("memory of the daemon, before and after", f"{before[0]:.1f} {resident_mib(gate):.1f} MiB")
    say("memory of maps in the kernel, before and after",
        f"{before[1]:.1f} {maps_mib(gate):.1f} MiB")
    client, times = Client(gate), []
    start = time.monotonic()
    for prefix in fresh[:SINGLES]:
        times.append(timed(lambda p=prefix: client.call("SetAdd", set="banned", entries=requests([p]))))
    say(f"single: {SINGLES:,} calls of one entry, one after the other",
        f"{SINGLES / (time.monotonic() - start):,.0f} a second")
    say("  from call to answer, in force: median / p99 / max", waits([t * 1000 for t in times]))
    seconds, others = bulk(gate, lab, "replace", fresh[SINGLES:])
    say(f"replace by {n:,} others", f"{seconds:.2f} s")
    say("  another client's answer meanwhile, median / p99 / max", waits(others))
    client.close()
    return gate


def measure_ending(lab, gate, n):
    """The set holds n for ever; as many as ENDING end in one moment."""
    stay = draw_prefixes(n - ENDING, 3)
    bulk(gate, lab, "replace", stay)
    client = Client(gate)
    ending = draw_prefixes(ENDING, 4)
    end = int(time.monotonic()) + 1 + 12
    for i in range(0, ENDING, 500):  # calls that all ask for the same second
        client.call("SetAdd", set="banned", entries=requests(
            ending[i:i + 500], end - int(time.monotonic()) - 1))
    left = end - time.monotonic()
    draw = random.Random(5)
    sources = [p for p in draw.sample(stay + ending, 4000) if "/" not in p and ":" not in p]
    packets = Beside(run_packets, netlab.attached_program(lab.router, "xg0"), sources)
    status = Beside(run_status, gate)
    while client.call("SetStats", set="banned")["sets"][0]["ended"] < ENDING:
        time.sleep(0.01)
    over = time.monotonic()
    time.sleep(1)
    packets, status = packets.stop(), status.stop()
    say(f"{ENDING:,} of {n:,} entries end in one second; all removed after",
        f"{(over - end) * 1000:.0f} ms")
    if left < 1:
        say("  (adding them took too long: nothing was measured before)")
    for what, first, last in (("before", end - min(left, 2), end), ("during", end, over),
                              ("after", over, over + 1)):
        costs = [ns for at, ns in packets if first <= at < last]
        others = [ms for at, ms in status if first <= at < last]
        if costs and others:
            say(f"  {what}: a packet, median / p99 / p99.9 ({len(costs):,} runs)",
                f"{quantile(costs, 0.5)} / {quantile(costs, 0.99)} / {quantile(costs, 0.999)} ns")
            say(f"  {what}: another client's answer, median / p99 / max", waits(others))
    client.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--entries", type=int, default=200000)
    options = parser.parse_args()
    reason = netlab.missing_requirement()
    if reason:
        sys.exit(f"bench: {reason}")
    for persist in (False, True):
        print(f"live set, persist: {json.dumps(persist)}", flush=True)
        with LiveLab() as lab:
            gate = measure_filling(lab, persist, options.entries)
            measure_ending(lab, gate, options.entries)


if __name__ == "__main__":
    try:
        main()
    except netlab.LabError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
