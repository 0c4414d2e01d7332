#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""How soon `$self` follows: from the start of `ip address add` to the first packet that is judged
with the new address, as the prefixes of the policy grow. Packets to the address arrive every 0.1
ms; as long as it is not ours they pass, and the kernel's timestamp of the last one that did tells
the moment. CPU is what the daemon uses for a change. Nothing that is timed is asserted.

  tests/bench/follow.py [--rounds N]     XDPGATE_BUILD names the build folder
"""

import argparse
import os
import pathlib
import signal
import socket
import statistics
import struct
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "bench")]
sys.dont_write_bytecode = True
import netlab  # noqa: E402  pylint: disable=wrong-import-position
import peers  # noqa: E402  pylint: disable=wrong-import-position
from edge import Edge, SENDER4  # noqa: E402  pylint: disable=wrong-import-position

FRESH = "203.0.113.9"
RATE = 10000
GOAL_MS = 100
ALL_COUNTRIES = 243000  # prefixes, about
SO_TIMESTAMPNS = 35


class Stamps:
    """When packets to the address passed the filter, in seconds since 1970."""

    def __init__(self, lab):
        self.socket = lab.receiver(lab.router, "xg0", keep=True).socket
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def take(self):
        """Those since the last call."""
        stamps = []
        try:
            while True:
                frame, told, _, _ = self.socket.recvmsg(64, 64, socket.MSG_DONTWAIT)
                if frame[30:34] == socket.inet_aton(FRESH):
                    seconds, nanoseconds = struct.unpack("qq", told[0][2])
                    stamps.append(seconds + nanoseconds / 1e9)
        except BlockingIOError:
            return stamps

    def wait(self, passing, what):
        """Wait until packets pass, or none does any more; returns the last one's time."""
        last, end = None, time.monotonic() + 10 * netlab.PATIENCE
        while time.monotonic() < end:
            time.sleep(0.15)
            stamps = self.take()
            if bool(stamps) == passing:
                return last
            last = stamps[-1] if stamps else last
        raise netlab.LabError(f"waited in vain: {what}")


def policy(sets):
    """Names of list files to a policy with a set and a rule of each, and one about $self."""
    named = "".join(f'  s{i}: {{file: "{path}"}}\n' for i, path in enumerate(sets))
    rules = "".join(f"      - {{name: r{i}, match: {{src: $s{i}}}, do: drop}}\n"
                    for i in range(len(sets)))
    return ("interfaces:\n  outside: {port: xg0, policy: edge}\n" +
            (f"sets:\n{named}" if sets else "") +
            f"policies:\n  edge:\n    default: pass\n    rules:\n{rules}"
            "      - {name: self, match: {dst: $self, proto: udp}, do: drop}\n")


def lists_of(lab, n, apart):
    """List files of so many prefixes in all: one, or one of each country, if these are at hand."""
    countries = sorted((netlab.DATA / "geo").glob("*.txt"))
    if apart:
        return countries
    if not n:
        return []
    if n == ALL_COUNTRIES and countries:
        return [lab.write("list.txt", "".join(path.read_text() for path in countries))]
    return [lab.write("list.txt", netlab.run([peers.LIVE, "list", "v4-routes", n]).stdout)]


def cpu_ms(process):
    """What a process has used so far."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure(n, apart, rounds):
    """What the policy holds, milliseconds of each round, and what a change takes of a CPU; None:
    there is no such policy."""
    with Edge() as lab:
        lists = lists_of(lab, n, apart)
        if apart and not lists:
            return None
        gate = lab.gate(policy(lists)).start(timeout=60)
        prefixes = gate.status()["prefixes"] - gate.status()["self"]["addresses"]
        stamps = Stamps(lab)
        # No source that a list might hold.
        traffic = lab.traffic(lab.sender, "up0", f"src={SENDER4},dst={FRESH}",
                              options=["--loop", "--rate", RATE])
        times, used = [], cpu_ms(gate.process)
        for _ in range(rounds):
            stamps.wait(True, "packets pass")
            gate.read_notified()  # or the daemon would wait for room
            start = time.time()
            lab.router.ip("address", "add", f"{FRESH}/32", "dev", "lo")
            last = stamps.wait(False, "the new address is in force")
            times.append((last - start) * 1000)
            lab.router.ip("address", "del", f"{FRESH}/32", "dev", "lo")
        stamps.wait(True, "the address is no more")
        traffic.stop()
        title = f"{prefixes:,} prefixes" + (f", {len(lists)} sets and rules" if apart else "")
        return title, times, (cpu_ms(gate.process) - used) / gate.status()["self"]["changes"]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    reason = netlab.missing_requirement()
    if reason:
        sys.exit(f"bench: {reason}")
    print(f"{'$self: milliseconds until in force':44}{'median':>8}{'max':>8}{'CPU':>8}")
    for n, apart in ((0, False), (1000, False), (ALL_COUNTRIES, False), (ALL_COUNTRIES, True)):
        measured = measure(n, apart, options.rounds)
        if not measured:
            print(f"  {'a set for each country':42}{'-':>8}{'-':>8}{'-':>8}   no lists in {netlab.DATA}")
            continue
        title, times, cpu = measured
        print(f"  {title:42}{statistics.median(times):8.1f}{max(times):8.1f}{cpu:8.1f}   goal <= {GOAL_MS}: "
              f"{'met' if max(times) <= GOAL_MS else 'MISSED'}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except netlab.LabError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
