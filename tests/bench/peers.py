# SPDX-License-Identifier: GPL-2.0-only
"""What stands at the filtering end of a veth pair: xdpgate, plain XDP programs, and the other
filters that Debian has. Each drops all that it is sent; each says how many packets it let
through, so that a filter that does not filter wins nothing."""

import ipaddress
import os
import re
import shutil
import subprocess
import sys

import netlab

LIVE = netlab.BUILD / "tests" / "bench" / "xg-bench-live"


class Unavailable(Exception):
    """Why a peer cannot be measured."""


class Subject:
    """A filter at one end of a veth pair of its own; the sender has the other."""

    name = "?"
    serial = 0

    def __init__(self, lab, sender, case):
        Subject.serial += 1
        self.lab, self.case = lab, case
        self.near, self.far = f"up{Subject.serial}", f"xg{Subject.serial}"
        self.namespace = lab.namespace(f"b{Subject.serial}")
        lab.veth(sender, self.near, self.namespace, self.far)
        self.namespace.ip("link", "set", self.far, "address", "02:00:00:00:00:02")
        self.times, self.sent = [], 0
        self.before = self.received()
        self.set_up()

    def set_up(self):
        """Make it filter."""

    def received(self):
        """IP packets that reached the namespace's IP layer."""
        text = self.namespace.run(["cat", "/proc/net/snmp"]).stdout
        keys, values = [line.split() for line in text.splitlines() if line.startswith("Ip:")]
        return int(dict(zip(keys, values))["InReceives"])

    def leaked(self):
        """Packets that were not dropped."""
        return self.received() - self.before

    def run(self, *argv, **options):
        return self.namespace.run(argv, timeout=600, **options)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed (scripts/install-dependencies bench)")


class Held(Subject):
    """A plain XDP program, attached as long as a process holds it."""

    def hold(self, *argv):
        # Its standard input ends with us, and so does it.
        process = subprocess.Popen(
            self.namespace.argv([LIVE, "hold", self.far, *argv]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.lab.callback(netlab.end, process)
        if process.stdout.readline() != "ready\n":
            raise Unavailable(process.communicate()[1].strip())


class Bare(Held):
    name = "bare XDP_DROP"

    def set_up(self):
        self.hold("drop")


class Trie(Held):
    name = "LPM_TRIE program"

    def set_up(self):
        self.hold("lpm", str(self.case.traffic))


class Xdpgate(Subject):
    name = "xdpgate"

    def set_up(self):
        self.gate = self.lab.daemon(self.namespace, self.case.policy(self.far),
                                    name=f"gate{self.serial}")
        try:
            self.gate.start(timeout=300)
        except netlab.LabError as error:
            lines = [line for line in str(error).splitlines() if "error" in line]
            raise Unavailable("refused: " + (lines or [str(error)])[0]) from error

    def leaked(self):
        return super().leaked() + self.gate.stats().verdict("outside", "pass")[0]


class XdpFilter(Subject):
    """Debian's xdp-filter: a hash of exact addresses. It pins its maps, in a bpffs of its own
    here; the program stays attached when that is gone."""

    name = "xdp-filter"

    def set_up(self):
        need("xdp-filter", "unshare")
        script = ["set -e", "mount -t bpf bpf /sys/fs/bpf",
                  f"xdp-filter load {self.far} --mode native --policy allow --features ipv4"]
        script += [f"xdp-filter ip {address} --mode src" for address in ipv4_of(self.case)]
        path = self.lab.write(f"xdp-filter-{self.serial}.sh", "\n".join(script))
        done = self.run("unshare", "--mount", "sh", path, check=False)
        if done.returncode != 0:
            raise Unavailable(f"it fails here: {done.stderr.strip().splitlines()[-1:]}")


class Nftables(Subject):
    """A netdev table: its ingress hook is the earliest that nftables has."""

    name = "nftables"

    def ruleset(self):
        if self.case.rules:
            sets = ""
            rules = "\n".join(f"ip saddr {prefix} udp dport {port} drop"
                              for prefix, port in self.case.rules)
        else:
            elements = ", ".join(ipv4_of(self.case))
            kind = "" if self.case.exact else "flags interval; auto-merge;"
            sets = f"set s {{ type ipv4_addr; {kind} elements = {{ {elements} }}; }}"
            rules = "ip saddr @s drop"
        return (f"table netdev f {{\n{sets}\nchain c {{\ntype filter hook ingress device "
                f'"{self.far}" priority 0; policy accept;\n{rules}\n}}\n}}\n')

    def set_up(self):
        need("nft")
        path = self.lab.write(f"nft-{self.serial}.nft", self.ruleset())
        done = self.run("nft", "-f", path, check=False)
        if done.returncode != 0:
            raise Unavailable(f"it fails here: {done.stderr.strip().splitlines()[:1]}")


class Ipset(Subject):
    """A set in iptables' raw table: the earliest hook that iptables has."""

    name = "ipset"

    def set_up(self):
        need("ipset", "iptables")
        elements = ipv4_of(self.case)
        kind = "hash:ip" if self.case.exact else "hash:net"
        lines = [f"create s {kind} family inet maxelem {len(elements) + 1}"]
        lines += [f"add s {element}" for element in elements]
        path = self.lab.write(f"ipset-{self.serial}.txt", "\n".join(lines) + "\n")
        for argv in (["ipset", "restore", "-file", path],
                     ["iptables", "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set",
                      "s", "src", "-j", "DROP"]):
            done = self.run(*argv, check=False)
            if done.returncode != 0:
                raise Unavailable(f"it fails here: {done.stderr.strip().splitlines()[:1]}")

    def leaked(self):
        """Its hook comes after the counter that the others are judged by."""
        text = self.run("iptables", "-t", "raw", "-L", "PREROUTING", "-v", "-x", "-n").stdout
        dropped = re.search(r"^\s*(\d+)\s+\d+\s+DROP", text, re.MULTILINE)
        return super().leaked() - int(dropped.group(1))


def ipv4_of(case):
    """A case's addresses, or its prefixes aggregated: what sets of intervals want."""
    lines = case.traffic.read_text().splitlines()
    if case.exact:
        return [line.split("/")[0] for line in lines]
    return list(map(str, ipaddress.collapse_addresses(
        ipaddress.IPv4Network(line.split()[0]) for line in lines)))


class Sender:
    """xg-bench-live, ready to send out of any interface of its namespace."""

    def __init__(self, lab, namespace, n_frames):
        self.process = subprocess.Popen(
            namespace.argv([LIVE, "send", n_frames]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=None, text=True, start_new_session=True)
        self.namespace = namespace
        lab.callback(netlab.end, self.process)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise netlab.LabError(f"xg-bench-live ended at: {' '.join(map(str, words))}")
        return float(answer)

    def lost(self, device):
        """Frames that found no room at the other end, so far."""
        link = netlab.json.loads(self.namespace.ip("-j", "-s", "link", "show", "dev",
                                                   device).stdout)[0]
        return link["stats64"]["tx"]["dropped"]


if __name__ == "__main__":
    sys.exit(f"{os.path.basename(__file__)} is a part of live.py")
