# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of live sets stand on: single packets, each of which is seen to pass or not; a
client that keeps its connection, so that nothing lies between an answer and the next packet."""

import ipaddress
import json
import socket
import struct
import time

import netlab
from edge import TwoWires, VICTIM4

VICTIM6 = "2001:db8:100::7"
MARKER = "203.0.113.99"  # always passes: what was sent before it has been judged
# How the policies of these tests begin to judge.
RULES = f"""
policies:
  edge:
    default: pass
    rules:
      - {{name: marker, match: {{src: {MARKER}}}, do: pass}}
"""
GATE = "org.xdpgate.gate."


class Refused(Exception):
    """The daemon answered with an error."""


class Client:
    """One connection to the control socket."""

    def __init__(self, gate, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout * netlab.PATIENCE)
        self.socket.connect(str(gate.socket))
        self.buffer = b""

    def send(self, method, **parameters):
        message = {"method": GATE + method, "parameters": parameters}
        self.socket.sendall(json.dumps(message).encode() + b"\0")

    def receive(self):
        """The next answer, or None: the daemon is no more."""
        while b"\0" not in self.buffer:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(text)
        if "error" in reply:
            raise Refused(json.dumps(reply))
        return reply["parameters"]

    def call(self, method, **parameters):
        self.send(method, **parameters)
        return self.receive()

    def add(self, name, *prefixes, timeout=None):
        return self.call("SetAdd", set=name, entries=requests(prefixes, timeout))

    def replace(self, name, *prefixes, timeout=None):
        return self.call("SetReplace", set=name, entries=requests(prefixes, timeout), final=True)

    def delete(self, name, *prefixes):
        return self.call("SetDelete", set=name, prefixes=list(prefixes))

    def close(self):
        self.socket.close()


def requests(prefixes, timeout=None):
    """Entries of SetAdd and SetReplace."""
    return [{"prefix": p} if timeout is None else {"prefix": p, "timeout": timeout}
            for p in prefixes]


def entries_of(gate, name):
    """What a set lists: {prefix: entry}. Each is there once."""
    client, found, after = Client(gate), {}, None
    while True:
        page = client.call("SetList", set=name, after=after)
        for entry in page["entries"]:
            if entry["prefix"] in found:
                raise netlab.LabError(f"{entry['prefix']} is twice in {name}")
            found[entry["prefix"]] = entry
        if not page["more"]:
            client.close()
            return found
        after = page["entries"][-1]["prefix"]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def frame_of(macs, src, dst, port):
    """A UDP packet with no data."""
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    udp = struct.pack("!HHHH", port, 9, 8, 0)
    if src.version == 6:
        return (macs + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) +
                src.packed + dst.packed + udp)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    head += src.packed + dst.packed
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return macs + b"\x08\x00" + head + udp


class Probe:
    """Sends packets over one wire and tells which of them passed."""

    def __init__(self, lab, near="up0", far="xg0"):
        self.receiver = lab.receiver(lab.router, far, keep=True)
        self.sender = lab.sender.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        lab.callback(self.sender.close)
        self.sender.bind((near, 0))
        self.macs = bytes.fromhex((lab.router.mac(far) + lab.sender.mac(near)).replace(":", ""))
        self.round = 0

    def judged(self, *packets):
        """Send (source, destination) pairs; True for each that passed. Packets of a wire are
        judged in the order in which they were sent."""
        self.round = self.round % 200 + 1
        for i, (src, dst) in enumerate(packets):
            self.sender.send(frame_of(self.macs, src, dst, self.round << 8 | i))
        self.sender.send(frame_of(self.macs, MARKER, VICTIM4, self.round << 8 | 255))
        passed, end = set(), time.monotonic() + 10 * netlab.PATIENCE
        while self.round << 8 | 255 not in passed:
            if time.monotonic() > end:
                raise netlab.LabError("the marker does not arrive")
            passed |= {port_of(frame) for frame in self.receiver.frames()}
        return [self.round << 8 | i in passed for i in range(len(packets))]

    def passes(self, src, dst=None):
        """Does a packet from there pass?"""
        return self.judged((src, dst or (VICTIM6 if ":" in src else VICTIM4)))[0]


def port_of(frame):
    """The source port of a packet of ours."""
    at = 54 if frame[12:14] == b"\x86\xdd" else 34
    return int.from_bytes(frame[at:at + 2], "big")


class LiveLab(TwoWires):
    """The scene."""

    def probe(self, *wire):
        return Probe(self, *wire)

    def client(self, gate):
        client = Client(gate)
        self.callback(client.close)
        return client
