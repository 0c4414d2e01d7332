# SPDX-License-Identifier: GPL-2.0-only
"""What the tests in the guest share: the guest as a namespace of netlab, what the kernel knows
of a program, and what libxdp has put on an interface."""

import ctypes
import os
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import netlab  # noqa: E402  pylint: disable=wrong-import-position

libc = ctypes.CDLL(None, use_errno=True)
SYS_BPF = 321  # x86-64
BPF_MAP_CREATE, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 0, 13, 15
VERIFIED_INSTRUCTIONS = 216  # offset in struct bpf_prog_info
OURS = "xdpgate_entry"


def note(text):
    """Tell a figure, beside the results."""
    for line in text.rstrip().splitlines():
        print(f"# {line}", flush=True)


def bpf(command, attributes):
    """The system call; its result."""
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def program_cost(program_id):
    """Instructions that the verifier walked, and bytes of machine code."""
    info = ctypes.create_string_buffer(256)
    fd = bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("I", program_id))
    try:
        bpf(BPF_OBJ_GET_INFO_BY_FD, struct.pack("IIQ", fd, len(info), ctypes.addressof(info)))
    finally:
        os.close(fd)
    return (struct.unpack_from("I", info, VERIFIED_INSTRUCTIONS)[0],
            struct.unpack_from("I", info, 16)[0])


def components(namespace, device):
    """Names of the programs behind libxdp's dispatcher, in order of priority; None if there is
    no dispatcher."""
    told = namespace.run(["xdp-loader", "status", device]).stdout
    if "xdp_dispatcher" not in told:
        return None
    return re.findall(r"^ *=> +\d+ +(\S+)", told, re.MULTILINE)


class Guest(netlab.Namespace):
    """The machine itself, as the namespace that it is."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.name, self.handle, self.path = "guest", "1", "/proc/1/ns/net"

    def shell(self, *argv, **options):
        """Run a command."""
        return netlab.run(argv, **options)

    def write(self, path, text):
        """Write a file."""
        target = pathlib.Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


class Cards:
    """For a case with a router and a sender: devices that only the machine has."""

    def card(self, device="eth0", namespace=None):
        """Move one of the machine's two cards to where it is wanted, and up."""
        netlab.run(["modprobe", "virtio_net"])
        namespace = namespace or self.router
        Guest().ip("link", "set", device, "netns", namespace.name)
        self.addCleanup(namespace.ip, "link", "set", device, "mtu", 1500, "netns", "1",
                        check=False)
        namespace.ip("link", "set", device, "up")
        netlab.wait_for(lambda: namespace.link(device)["operstate"] == "UP", f"{device} is up")

    def bond(self, mode, slaves=("xg0",)):
        self.router.ip("link", "add", "bond7", "type", "bond", "mode", mode, "miimon", 100)
        for slave in slaves:
            self.router.ip("link", "set", slave, "down")
            self.router.ip("link", "set", slave, "master", "bond7")
        self.router.ip("link", "set", "bond7", "up")
        if not slaves:  # then it has no carrier
            return
        netlab.wait_for(lambda: self.router.link("bond7")["operstate"] == "UP", "bond7 is up")
