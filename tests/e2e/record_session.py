#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Records docs/session.md: record_session.py FILE. An operator, in a lab of network namespaces, finds a
bad rule by trial, explain and diff, mends it, and puts it in force so that it would undo itself. All
output is as it came, but for the lab's folder, which is called /etc/xdpgate."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
import time

import netlab
from edge import Edge

NOW = """interfaces:
  transit: {port: xg0, policy: internet}
sets:
  own: [198.51.100.0/24]
policies:
  internet:
    default: pass
    rules:
      - {name: spoofed, match: {src: $own}, do: drop}
      - {name: resolver, match: {proto: udp, sport: 53, dst: 198.51.100.53}, do: pass}
      - {name: web, match: {proto: tcp, dport: [80, 443], dst: $own}, do: pass}
"""
AMP = ("      - {name: amp, match: {proto: udp, sport: [53, 123, 1900, 11211], "
       "length: 100-65535}, do: drop}\n")
BAD = NOW.replace("      - {name: resolver", AMP + "      - {name: resolver")
GOOD = NOW + AMP
STREAMS = ["name=ntp,count=12,src=203.0.113.0/24,dst=198.51.100.7,proto=udp,sport=123,size=482",
           "name=dns,count=1,src=192.0.2.53,dst=198.51.100.53,proto=udp,sport=53,dport=40000,size=150",
           "name=web,count=6,src=198.18.0.0/16,dst=198.51.100.80,proto=tcp,dport=443,size=60-1400"]

HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-only -->
<!-- Made by tests/e2e/record_session.py; the prose is there, too. -->
# A change at 3 a.m.

A host of ours, 198.51.100.7, is under an attack of reflected NTP answers. The operator is logged in
through the very router, and has written a rule. This session was recorded in a lab of network
namespaces, with real traffic; nothing of the output was edited, but the lab's folder is called
`/etc/xdpgate` in it.
"""


class Session:
    """A shell of the operator, and what stood on the terminal."""

    def __init__(self, lab, gate, out):
        self.lab, self.gate, self.out = lab, gate, out
        self.folder = str(lab.folder)
        self.environment = dict(os.environ, XDPGATE_SOCKET=str(gate.socket), NO_COLOR="1",
                                PATH=f"{netlab.XDPGATE.parent}:{os.environ['PATH']}")

    def clean(self, text):
        """The folder under its usual name; tables stay aligned."""
        for there, here in ((f"{self.folder}/gate.yaml", "/etc/xdpgate/xdpgate.yaml"),
                            (self.folder, "/etc/xdpgate")):
            padding = " " * (len(there) - len(here))
            text = re.sub(re.escape(there) + r"(:\d+)?(  +)", lambda m, here=here, padding=padding:
                          here + (m[1] or "") + padding + m[2], text).replace(there, here)
        return text

    def say(self, text):
        self.out.write("\n" + textwrap.fill(text, 100) + "\n")

    def type(self, *lines):
        """Commands, one terminal; returns the output of the last."""
        self.out.write("\n```console\n")
        for line in lines:
            real = line.replace("xdpgate.yaml", "gate.yaml")
            done = subprocess.run(self.lab.router.argv(["sh", "-c", real]), cwd=self.folder,
                                  env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            self.out.write(f"# {line}\n{self.clean(done.stdout)}")
        self.out.write("```\n")
        return done.stdout


def play(lab, gate, out):
    session = Session(lab, gate, out)
    lab.write("amp.yaml", BAD)
    session.say("The new policy is well-formed. Would it do what it should? Ten seconds of real packets "
                "tell, and no packet notices.")
    report = session.type("xdpgate check amp.yaml", "xdpgate trial --for 10s amp.yaml")
    example = next(line for line in re.findall("--in .*", report) if "--sport 53 " in line)
    session.say("The attack would be dropped, but so would what `resolver` lets in: the answers to our own "
                "resolver. One of them, pasted from the report, by the file and by what is in force:")
    session.type(f"xdpgate explain amp.yaml {example}",
                 f"xdpgate explain {example} | tail -n 8")
    session.say("`amp` stands ahead of `resolver`. Is there anything else in the file that was not meant?")
    session.type("xdpgate diff amp.yaml")
    lab.write("mended.yaml", GOOD)
    session.say("No. So the rule goes behind the others, and is tried again:")
    session.type("diff -u amp.yaml mended.yaml | tail -n +3", "xdpgate trial --for 10s mended.yaml")
    session.say("Just the attack. It comes in force for a minute: if it should cut off the operator, "
                "it is undone by itself, even if the daemon dies.")
    session.type("cp mended.yaml xdpgate.yaml",
                 "xdpgate reload --confirm 60s --message 'NOC-4711: NTP reflection'")
    time.sleep(3)
    session.say("The session is still there, and the counters say what was hoped for.")
    session.type("xdpgate stats")
    session.say("It stays, and the history says why.")
    session.type("xdpgate confirm", "xdpgate history")


def main():
    reason = netlab.missing_requirement()
    if len(sys.argv) != 2 or reason:
        sys.exit(reason or f"usage: {shlex.quote(sys.argv[0])} FILE")
    with Edge() as lab, open(sys.argv[1], "w", encoding="utf-8") as out:
        gate = lab.gate(NOW).start()
        lab.traffic(lab.sender, "up0", *STREAMS, options=["--loop", "--rate", 4000])
        time.sleep(1)
        out.write(HEAD)
        play(lab, gate, out)


if __name__ == "__main__":
    main()
