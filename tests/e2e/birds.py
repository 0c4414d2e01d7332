# SPDX-License-Identifier: GPL-2.0-only
"""BIRDs in the namespaces of a lab: their BGP sessions, with BFD, and whether something cut
them off."""

import re
import subprocess
import unittest

import netlab

HEAD = """
log "{log}" all;
router id {id};
protocol device {{}}
protocol bfd {{ interface "*" {{ interval 300 ms; multiplier 10; }}; }}
"""
EBGP = """
protocol bgp {name} {{
  local {local} as {our_as}; neighbor {peer} as {their_as};
  bfd on; ttl security on; hold time 9; connect retry time 1; error wait time 1, 2;
  {family} {{ import all; export none; }};
}}
"""
PLAIN = """
protocol bgp {name} {{
  local {local} as {our_as}; neighbor {peer} as {their_as};
  {hops} hold time 9; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export none; }};
}}
"""


def ebgp(name, local, our_as, peer, their_as):
    """A session with a neighbour, with GTSM and BFD."""
    return EBGP.format(name=name, local=local, our_as=our_as, peer=peer, their_as=their_as,
                       family="ipv6" if ":" in local else "ipv4")


def plain(name, local, our_as, peer, their_as, hops=""):
    """One without either."""
    return PLAIN.format(name=name, local=local, our_as=our_as, peer=peer, their_as=their_as,
                        hops=hops)


def seconds(clock):
    """hh:mm:ss.sss in seconds."""
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


class Bird:
    """A BIRD in a namespace."""

    def __init__(self, lab, namespace, label, router_id, protocols):
        self.socket, self.log = lab.folder / f"{label}.ctl", lab.folder / f"{label}.log"
        config = lab.write(f"{label}.conf", HEAD.format(log=self.log, id=router_id) +
                           "".join(protocols))
        self.process = namespace.popen(["bird", "-f", "-c", config, "-s", self.socket],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        lab.callback(netlab.end, self.process)
        netlab.wait_for(self.socket.exists, f"BIRD of {label} has started")

    def ask(self, *words):
        return netlab.run(["birdc", "-s", self.socket, *words]).stdout

    def sessions(self):
        """Name of each BGP session and since when it is established, in seconds of the day; None:
        it is not."""
        rows = re.findall(r"(?m)^(\w+) +BGP +\S+ +(\S+) +(\S+) +(.*)$",
                          self.ask("show", "protocols"))
        return {name: seconds(since) if state == "up" and "Established" in info else None
                for name, state, since, info in rows}

    def bfd(self):
        """States of the BFD sessions."""
        return re.findall(r"(?m)^[\da-f.:]+ +\S+ +(\w+) ", self.ask("show", "bfd", "sessions"))


class Lab(netlab.Lab):
    """A lab that is built when it is entered, and has BIRDs, the router's first."""

    def __init__(self):
        super().__init__()
        self.birds = []

    def __enter__(self):
        super().__enter__()
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def build(self):
        """Namespaces, links, addresses."""
        raise NotImplementedError

    def sessions(self):
        return [bird.sessions() for bird in self.birds]

    def wait_established(self, bfd):
        """Wait until all sessions are up, and so many of BFD; returns since when they are."""
        netlab.wait_for(lambda: all(None not in s.values() for s in self.sessions()) and
                        self.birds[0].bfd() == ["Up"] * bfd, "all sessions are up", timeout=60,
                        pause=0.2)
        return self.sessions()


class Case(unittest.TestCase):
    """A case about sessions."""

    def assert_as_before(self, lab, before):
        """Each session is the same one as before, BFD is up: nothing was cut off meanwhile."""
        for now, then in zip(lab.sessions(), before):
            self.assertEqual(now.keys(), then.keys())
            for name, since in now.items():
                self.assertIsNotNone(since, f"{name} is down")
                # BIRD's clock is not that of the day: they drift by a millisecond.
                self.assertAlmostEqual(since, then[name], delta=0.1, msg=f"{name} is another")
        for bird in lab.birds:
            self.assertLessEqual(set(bird.bfd()), {"Up"})
