#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The live part of `make bench`: what a packet costs with everything on one core: a generator
inside the kernel, a veth pair, and a filter that drops all of it. Each filter has a veth pair
and a network namespace of its own; those of one case take turns, and the median of the rounds
counts. Times are of this machine and moment: compare them with the bare XDP_DROP beside them.

  tests/bench/live.py [--quick] [--json FILE] [CASE...]     XDPGATE_BUILD names the build folder
"""

import argparse
import json
import pathlib
import signal
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "bench")]
sys.dont_write_bytecode = True
import netlab  # noqa: E402  pylint: disable=wrong-import-position
import peers  # noqa: E402  pylint: disable=wrong-import-position

KINDS = ("v4-routes", "v4-hosts", "v6-routes", "v6-hosts")  # of made-up lists
BARE_OF_GOALS = 168  # ns; what a bare XDP_DROP took in the run that the goals come from


def say(text=""):
    print(text, flush=True)


class Case:
    """Traffic, a policy that drops all of it, and who is measured."""

    def __init__(self, title, traffic, policy, subjects, **more):
        self.title, self.traffic, self.policy = title, traffic, policy
        self.subjects = [peers.Bare, peers.Xdpgate, *subjects]
        self.flows = more.get("flows", 0)  # 0: every frame another
        self.rules = more.get("rules")     # (prefix, port), for those that scan
        self.exact = more.get("exact", False)
        self.goal = more.get("goal")
        self.missing = more.get("missing", [])  # (name, why) of whom is not measured


# --- policies -----------------------------------------------------------------------------

def list_policy(path):
    return lambda device: f"""
interfaces:
  outside: {{port: {device}, policy: edge}}
sets:
  listed: {{file: "{path}"}}
policies:
  edge:
    default: pass
    rules:
      - {{name: listed, match: {{src: $listed}}, do: drop}}
"""


def rules_policy(rules):
    lines = "\n".join(f"      - {{name: r{i}, match: {{src: {prefix}, proto: udp, dport: "
                      f"{port}}}, do: drop}}" for i, (prefix, port) in enumerate(rules))
    return lambda device: f"""
interfaces:
  outside: {{port: {device}, policy: edge}}
policies:
  edge:
    default: pass
    rules:
{lines}
"""


def edge_policy(path):
    """What an edge router typically wants; the traffic is dropped by `blocked`."""
    return lambda device: f"""
interfaces:
  outside: {{port: {device}, policy: internet}}
sets:
  own:    [198.51.100.0/24, 203.0.113.0/24, 2001:db8:100::/40]
  ebgp:   [192.0.2.1, 192.0.2.5, 2001:db8:ffff::1]
  mgmt:   [192.0.2.128/25, 2001:db8:1::/48]
  bogons: [0.0.0.0/8, 10.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16,
           224.0.0.0/3, fc00::/7, 3fff::/20]
  block:  {{file: "{path}"}}
policies:
  internet:
    default: pass
    rules:
      - {{name: bgp, match: {{src: $ebgp, proto: tcp, dport: 179}}, do: pass}}
      - {{name: bgp-back, match: {{src: $ebgp, proto: tcp, sport: 179}}, do: pass}}
      - {{name: icmp, match: {{icmp: [destination-unreachable, packet-too-big, time-exceeded]}}, do: pass}}
      - {{name: ssh, match: {{src: $mgmt, dst: $own, proto: tcp, dport: 22}}, do: pass}}
      - {{name: spoofed, match: {{src: $own}}, do: drop}}
      - {{name: bogons, match: {{src: $bogons}}, do: drop}}
      - {{name: blocked, match: {{src: $block}}, do: drop}}
      - name: amp
        match: {{proto: udp, sport: [19, 123, 389, 1900, 11211], length: 468-65535}}
        do: drop
      - {{name: late-frag, match: {{dst: $own, fragment: later}}, do: count}}
      - {{name: syn, match: {{dst: $own, tcp-flags: {{set: syn, clear: ack}}}}, do: count}}
      - {{name: customer, match: {{dst: 203.0.113.0/26}}, do: count}}
"""


# --- cases --------------------------------------------------------------------------------

def make_list(lab, kind, n):
    return lab.write(f"{kind}-{n}.txt", netlab.run([peers.LIVE, "list", kind, n]).stdout)


def country_list(lab):
    """All IPv4 prefixes of all countries, or as many made up."""
    files = sorted((netlab.DATA / "geo").glob("*.txt"))
    lines = [line for path in files for line in path.read_text().split() if ":" not in line]
    if not lines:
        return make_list(lab, "v4-routes", 175000), "175,000 prefixes, made up"
    path = lab.write("countries.txt", "\n".join(lines) + "\n")
    return path, f"{len(lines):,} prefixes, all countries"


def rules_case(lab, n, goal):
    lines = netlab.run([peers.LIVE, "list", "v4-routes", n]).stdout.split()
    rules = [(prefix, 1 + 7 * i % 65535) for i, prefix in enumerate(lines)]
    path = lab.write(f"rules-{n}.txt", "".join(f"{p} {port}\n" for p, port in rules))
    return Case(f"{n:,} rules (prefix and port)", path, rules_policy(rules), [peers.Nftables],
                rules=rules, goal=goal, missing=[("ipset", "has no rules of several fields")])


def make_cases(lab, quick):
    """Name and maker of each case."""
    trie, nft, ipset = peers.Trie, peers.Nftables, peers.Ipset

    def of_list(path, title, subjects, **more):
        return Case(title, path, list_policy(path), subjects, **more)

    cases = {
        "10k": lambda: of_list(make_list(lab, "v4-routes", 10000), "10,000 prefixes",
                               [trie, nft, ipset], goal=200),
        "countries": lambda: of_list(*country_list(lab), [trie, nft, ipset], goal=230),
        "1m": lambda: of_list(make_list(lab, "v4-routes", 1000000), "1,000,000 prefixes", [trie],
                              goal=250, missing=[("nftables, ipset", "minutes to load")]),
        "exact": lambda: of_list(make_list(lab, "v4-hosts", 1000), "1,000 exact addresses",
                                 [peers.XdpFilter, nft, ipset], exact=True, goal=200),
        "rules100": lambda: rules_case(lab, 100, 215),
        "rules1000": lambda: rules_case(lab, 1000, 230),
        "edge": lambda: edge_case(lab),
    }
    if quick:
        del cases["1m"], cases["countries"], cases["rules1000"]
    return cases


def edge_case(lab):
    path = make_list(lab, "v4-hosts", 10000)
    return Case("typical edge policy, 1,000 hot sources", path, edge_policy(path), [], flows=1000,
                goal=190)


# --- measuring ----------------------------------------------------------------------------

def open_subjects(lab, namespace, case):
    subjects, missing = [], list(case.missing)
    for kind in case.subjects:
        try:
            subjects.append(kind(lab, namespace, case))
        except peers.Unavailable as error:
            missing.append((kind.name, str(error)))
    return subjects, missing


def measure(sender, subjects, rounds, packets):
    for n in range(rounds + 1):
        for subject in subjects:
            time_ns = sender.ask("send", subject.near, packets)
            subject.sent += packets + 1  # one to end the last interval
            if n:  # the first round warms up
                subject.times.append(time_ns)


def report(case, subjects, missing, sender):
    """Print a case's rows; returns them for the JSON."""
    bare = statistics.median(subjects[0].times)
    row = {"title": case.title, "goal": case.goal, "bare_of_goals": BARE_OF_GOALS,
           "subjects": [], "missing": [list(m) for m in missing]}
    say(f"\n  {case.title}")
    for subject in subjects:
        median = statistics.median(subject.times)
        leaked, lost = subject.leaked(), sender.lost(subject.near)
        text = f"    {subject.name:24}{median:8.0f}{median - bare:+10.0f}{median / bare:8.2f}x"
        if case.goal and isinstance(subject, peers.Xdpgate):
            limit = case.goal / BARE_OF_GOALS
            met = median / bare <= limit
            text += (f"   goal <= {case.goal} of {BARE_OF_GOALS}, that is {limit:.2f}x: "
                     f"{'met' if met else 'MISSED'}")
        if leaked:
            text += f"   NOT DROPPED: {leaked} of {subject.sent}"
        if lost > subject.sent / 1000:
            text += f"   LOST on the way: {lost} of {subject.sent}"
        say(text)
        row["subjects"].append({"name": subject.name, "ns": median, "low": min(subject.times),
                                "high": max(subject.times), "sent": subject.sent,
                                "not_dropped": leaked, "lost": lost})
    for name, why in missing:
        say(f"    {name:24}       -   {why}")
    return row


def run_case(make, quick):
    rounds, packets = (3, 1 << 16) if quick else (7, 1 << 17)
    with netlab.Lab() as lab:
        case = make(lab)
        namespace = lab.namespace("sender")
        subjects, missing = open_subjects(lab, namespace, case)
        sender = peers.Sender(lab, namespace, 1 << 17 if quick else 1 << 20)
        sender.ask("traffic", case.traffic, case.flows)
        measure(sender, subjects, rounds, packets)
        return report(case, subjects, missing, sender)


# --- the daemon's reload ------------------------------------------------------------------

RELOAD_GOALS = {"changed_ms": 1000, "unchanged_ms": 300, "peak_mb": 300, "kernel_mb": 64}
KEPT_MB = 32  # what may remain: the lists as they were read last, and the allocator's rounding


def memory_of(process):
    """Resident memory now and at its peak, in MiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return [int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def map_bytes(map_id):
    told = netlab.run(["bpftool", "-j", "map", "show", "id", map_id]).stdout
    return int(json.loads(told)["bytes_memlock"])


def kernel_memory(gate):
    """What the program in force uses, in MiB, by the kernel's own account: tables and counters."""
    program = gate.status()["interfaces"][0]["program_id"]
    told = netlab.run(["bpftool", "-j", "prog", "show", "id", program]).stdout
    return sum(map_bytes(m) for m in json.loads(told)["map_ids"]) / 2**20


def time_reload(gate):
    """`xdpgate reload`, from the command to its answer, in milliseconds."""
    gate.read_notified()  # or the daemon would wait for room
    start = time.monotonic()
    gate.ctl("reload", timeout=300)
    return (time.monotonic() - start) * 1000


def measure_reload(kind, n):
    """A list of n prefixes in the place of one of ten; the same again, three times, of which
    the median counts; then the ten."""
    with netlab.Lab() as lab:
        namespace, other = lab.namespace("router"), lab.namespace("other")
        lab.veth(other, "up0", namespace, "xg0")
        path = make_list(lab, "v4-routes", 10)
        few, many = path.read_text(), make_list(lab, kind, n).read_text()
        gate = lab.daemon(namespace, list_policy(path)("xg0")).start()
        row = {"list": kind, "prefixes": n, "before_mb": memory_of(gate.process)[0]}
        path.write_text(many)
        row["changed_ms"] = time_reload(gate)
        row["unchanged_ms"] = statistics.median(time_reload(gate) for _ in range(3))
        row["kernel_mb"] = kernel_memory(gate)
        row["after_mb"], row["peak_mb"] = memory_of(gate.process)
        path.write_text(few)
        time_reload(gate)
        row["empty_mb"] = memory_of(gate.process)[0]
    return row


def missed_goals(row):
    """Names of the goals for a million prefixes that the row does not meet."""
    missed = [name for name, goal in RELOAD_GOALS.items() if row[name] > goal]
    if row["after_mb"] > row["before_mb"] + KEPT_MB:
        missed.append("after_mb")
    return missed


def bench_reload(quick):
    """Each kind of list, through the real daemon."""
    n = 100000 if quick else 1000000
    goals = "" if quick else " (goals <= 1000, <= 300, <= 64, <= 300, and back after)"
    say(f"\n  xdpgate reload, {n:,} prefixes: milliseconds; memory in the kernel, and of the "
        f"daemon, in MiB{goals}\n{'':28}{'changed':>8}{'unchanged':>10}{'kernel':>9}{'before':>9}"
        f"{'peak':>7}{'after':>7}{'emptied':>9}")
    rows = []
    for kind in ("v4-routes", "v6-hosts") if quick else KINDS:
        row = measure_reload(kind, n)
        row["missed"] = [] if quick else missed_goals(row)
        text = (f"    {kind:24}{row['changed_ms']:8.0f}{row['unchanged_ms']:10.0f}"
                f"{row['kernel_mb']:9.1f}{row['before_mb']:9.1f}{row['peak_mb']:7.0f}"
                f"{row['after_mb']:7.1f}{row['empty_mb']:9.1f}")
        if not quick:
            text += f"   MISSED: {', '.join(row['missed'])}" if row["missed"] else "   met"
        say(text)
        rows.append(row)
    return rows


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    reason = netlab.missing_requirement()
    if reason:
        sys.exit(f"bench: {reason}")
    say("\nLive: generator, veth and filter on one core, everything dropped"
        f"\n{'':28}{'ns':>8}{'above':>10}{'ratio':>9}")
    known = make_cases(None, options.quick)
    unknown = set(options.cases) - set(known) - {"reload"}
    if unknown:
        sys.exit(f"bench: no case {', '.join(unknown)}; there are: {', '.join(known)}, reload")
    wanted = options.cases or [*known, "reload"]
    result = {"live": [run_case(lambda lab, c=case: make_cases(lab, options.quick)[c](),
                                options.quick) for case in wanted if case != "reload"]}
    say("\n  bpfilter is not measured: Debian 12 has no package of it")
    if "reload" in wanted:
        result["live_reload"] = bench_reload(options.quick)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    leaks = [s for case in result["live"] for s in case["subjects"] if s["not_dropped"]]
    return 1 if leaks else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netlab.LabError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
