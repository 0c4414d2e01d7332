# SPDX-License-Identifier: GPL-2.0-only
"""What the crash tests stand on: two interfaces under traffic, two policies that both drop
most of it, and strace, which kills the daemon at its N-th system call of a kind, or makes that
call fail. So every step of a swap can be its last, with no hook in the daemon's code."""

import contextlib
import itertools
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import netlab  # pylint: disable=wrong-import-position
from edge import TwoWires  # pylint: disable=wrong-import-position

EVERYTHING = bool(os.environ.get("CRASH_ALL"))
SECONDS = float(os.environ.get("CRASH_SECONDS", "7"))  # of each test that samples

HEAD = """
interfaces:
  transit: {port: xg0, policy: edge}
  lan: {port: xg1, policy: edge}
policies:
  edge:
    default: pass
    rules:
      - {name: good, match: {src: 203.0.113.0/24}, do: pass}
"""
# Both drop all that is bad, each by a rule of its own, and pass all that is good; and both
# take the same system calls to load.
POLICY_A = HEAD + """
      - {name: by-a, match: {src: [198.18.0.0/15, 2001:db8:a::/48]}, do: drop}
      - {name: by-b, match: {src: 192.0.2.99}, do: drop}
"""
POLICY_B = HEAD + """
      - {name: by-a, match: {src: [192.0.2.98, 2001:db8:c::/48]}, do: pass}
      - {name: by-b, match: {proto: udp}, do: drop}
"""
STREAMS = ["name=bad,count=5,src=198.18.0.0/15,size=60-200",
           "name=bad,count=2,src=2001:db8:a::/48,dst=2001:db8:b::1",
           "name=good,count=1,src=203.0.113.0/24,size=60-200"]
# The same with a VLAN of the transit port as an interface of its own.
VLAN = "  transit-7: {port: xg0, vlan: 7, policy: edge}\n"
SHARED_A, SHARED_B = (policy.replace("  lan:", VLAN + "  lan:") for policy in (POLICY_A, POLICY_B))
VLAN_STREAMS = ["name=bad,count=4,vlan=7,src=198.18.0.0/15,size=64-200",
                "name=good,count=1,vlan=7,src=203.0.113.0/24,size=64-200"]
RATE = 5000  # frames a second on each interface: enough to hit every moment, not to hog a CPU
WIRES = {"transit": ("up0", "xg0"), "lan": ("up1", "xg1")}


class CrashLab(TwoWires):
    """Two wires with steady traffic, judged to the packet at the end.

    shared: one port has two interfaces."""

    def __init__(self, shared=False):
        super().__init__()
        self.shared = shared

    def __enter__(self):
        self.running = {}
        return super().__enter__()

    def start_traffic(self):
        for name, (near, far) in WIRES.items():
            receiver = self.receiver(self.router, far)
            streams = STREAMS + (VLAN_STREAMS if self.shared and name == "transit" else [])
            traffic = self.traffic(self.sender, near, *streams,
                                   options=["--loop", "--rate", RATE])
            self.running[name] = (traffic, receiver)

    def judge_traffic(self, test, gate):
        """All that was bad was dropped by a rule of A or B, all that was good arrived."""
        for name, (traffic, receiver) in self.running.items():
            sent, stats = traffic.stop(), gate.stats()
            test.assertGreater(sent.packets, 0)
            bad, good = sent.streams["bad"], sent.streams["good"]
            parts = [name] + (["transit-7"] if self.shared and name == "transit" else [])

            def total(read):
                return tuple(map(sum, zip(*(read(part) for part in parts))))

            test.assertEqual(total(lambda part: map(sum, zip(stats.rule("by-a", part),
                                                             stats.rule("by-b", part)))),
                             bad, name)
            test.assertEqual(total(lambda part: stats.rule("good", part)), good, name)
            test.assertEqual(total(lambda part: stats.verdict(part, "drop")), bad, name)
            test.assertEqual([stats.reasons(part) for part in parts], [{}] * len(parts), name)
            test.assertEqual(receiver.count(), good[0], f"packets behind {name}")
        self.running = {}


def pins_of(gate):
    """Every pin, as a path below the pin directory."""
    return sorted(os.path.relpath(os.path.join(folder, name), gate.pins)
                  for folder, _, files in os.walk(gate.pins) for name in files)


def assert_tidy(test, gate, n_ports=2):
    """One generation, complete, and nothing else that a crash could have left."""
    ports = sorted(p.name for p in (gate.pins / "ports").iterdir())
    test.assertEqual(len(ports), n_ports, ports)
    generation = gate.stats().generation
    wanted = ["counters/base-0", "counters/page-0", "counters/pages", "counters/registry",
              "live/comments", "live/live_hosts_v4", "live/live_hosts_v6", "live/live_nets_v4",
              "live/live_nets_v6", "live/live_sites_v6", "live/registry", "live/state",
              f"generations/{generation}/manifest"]
    interfaces = gate.status()["interfaces"]
    for port in ports:
        wanted += [f"generations/{generation}/{port}", f"ports/{port}/fall_through",
                   f"ports/{port}/slot"]
        members = [n for n, i in enumerate(interfaces) if port.endswith(f"-i{i['ifindex']}")]
        if len(members) > 1:
            wanted += [f"generations/{generation}/{port}-{what}" for what in ["vlans", *members]]
    test.assertEqual(pins_of(gate), sorted(wanted))
    folders = [p.name for p in (gate.pins / "generations").iterdir()]
    test.assertEqual(folders, [str(generation)])
    for interface in interfaces:
        test.assertEqual(interface["state"], "filtering", interface)


def objects_of(gate):
    """The daemon's BPF objects and other descriptors: {"map": ids, "prog": ids, "fds": n}."""
    found = {"map": [], "prog": [], "fds": 0}
    base = pathlib.Path(f"/proc/{gate.process.pid}/fdinfo")
    for path in base.iterdir():
        with contextlib.suppress(FileNotFoundError):
            text = path.read_text(encoding="ascii")
            found["fds"] += 1
            for kind in ("map", "prog"):
                match = re.search(rf"^{kind}_id:\t(\d+)$", text, re.M)
                if match:
                    found[kind].append(int(match.group(1)))
    return found


def assert_nothing_left(test, gate, maps):
    """After a detach: no program on the wires, no pin, none of these maps."""
    for _, port in WIRES.values():
        if gate.namespace.link(port):
            test.assertIsNone(netlab.attached_program(gate.namespace, port))
    test.assertFalse(gate.pins.exists(), "pins are left")
    # The kernel frees a little later.
    netlab.wait_for(lambda: not netlab.bpf_objects("map") & set(maps), "its maps are gone")


# --- system calls ---------------------------------------------------------------------------

KINDS = ("bpf", "unlinkat", "mkdir", "membarrier")  # those that change what a crash leaves behind


class Strace:
    """strace on a daemon that runs; what it recorded is in .calls() after stop()."""

    def __init__(self, lab, gate, inject=None, kinds=KINDS):
        self.path, self.kinds = lab.folder / "strace", kinds
        argv = ["strace", "-p", str(gate.process.pid), "-o", str(self.path),
                "-e", "trace=" + ",".join(kinds), *(["-e", inject] if inject else [])]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, text=True,
                                        stderr=subprocess.PIPE,
                                        preexec_fn=netlab.die_with_parent)
        lab.callback(netlab.end, self.process)
        line = self.process.stderr.readline()
        if "attached" not in line:
            netlab.end(self.process)
            raise netlab.LabError(f"strace: {line}")

    def stop(self):
        """Let go of the daemon, if it lives; returns the calls."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=20)
        return calls_of(self.path, self.kinds)


@contextlib.contextmanager
def started_under_strace(lab, inject):
    """Daemons that are started meanwhile run under strace from their first instruction on;
    it is the daemon that we are the parent of (-D)."""
    path = lab.folder / "strace-start"
    script = lab.write("xdpgated", "#!/bin/sh\n"
                       f"exec strace -D -o {path} -e trace={','.join(KINDS)} "
                       f"{'-e ' + inject if inject else ''} {netlab.XDPGATED} \"$@\"\n")
    script.chmod(0o755)
    real, netlab.XDPGATED = netlab.XDPGATED, script
    try:
        yield path
    finally:
        netlab.XDPGATED = real


def calls_of(path, kinds=KINDS):
    """The system calls in strace's log, in order, as (kind, number of its kind, text)."""
    numbers, calls = {}, []
    for line in path.read_text(errors="replace").splitlines():
        kind = line.split("(", 1)[0]
        if kind in kinds:
            numbers[kind] = numbers.get(kind, 0) + 1
            calls.append((kind, numbers[kind], line))
    return calls


def spread(n):
    """0 .. n-1 in such an order that any beginning of it is spread evenly over the whole."""
    bits = max(n - 1, 1).bit_length()
    order = (int(format(i, f"0{bits}b")[::-1], 2) for i in range(1 << bits))
    return [i for i in order if i < n]


def take_turns(one, other):
    """The elements of two lists, one of each in turn."""
    pairs = itertools.zip_longest(one, other)
    return [item for pair in pairs for item in pair if item is not None]


def sample(calls, seconds=SECONDS):
    """Yield calls for as long as there is time: first those of the swap itself, from the
    intent on, and the first, where counters are assigned; then of the rest, spread evenly,
    one from the first pin on for one before. All of them with CRASH_ALL=1."""
    def first(text):
        return next((i for i, c in enumerate(calls) if "BPF_OBJ_PIN" in c[2] and text in c[2]),
                    len(calls))
    pin, intent = first(""), first("/intent")
    start = calls[:min(24, pin)]
    middle, late = calls[len(start):pin], calls[pin:intent]
    middle, late = ([group[i] for i in spread(len(group))] for group in (middle, late))
    chosen = take_turns(calls[intent:], start) + take_turns(late, middle)
    end = time.monotonic() + seconds
    done = 0
    for call in chosen:
        if not EVERYTHING and done >= 8 and time.monotonic() > end:
            break
        done += 1
        yield call
    print(f"# {done} of {len(chosen)} system calls", flush=True)
