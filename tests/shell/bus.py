# SPDX-License-Identifier: GPL-2.0-only
"""A D-Bus server with as much of systemd behind it as the daemon asks for: which unit am I,
which job runs on it, of what type is that."""

import os
import socket
import struct
import threading

UNIT, JOB = "/org/freedesktop/systemd1/unit/xdpgated", "/org/freedesktop/systemd1/job/7"


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def signature(value):
    return bytes([len(value)]) + value.encode() + b"\0"


def align(data, to):
    return data + b"\0" * (-len(data) % to)


def variant(kind, data):
    """As the whole body of a reply: the value begins at an alignment of 8 at most."""
    head = signature(kind)
    return align(head, 8 if kind[0] == "(" else 4) + data


class Bus:
    """job: its type; "" for no job; None: silence after the handshake; "refuse": errors."""

    def __init__(self, path, job, handshake=True):
        self.path, self.job, self.handshake = path, job, handshake
        self.asked = []
        self.serial = 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                try:
                    self.converse(client)
                except (EOFError, ConnectionError):
                    pass

    def read(self, client, n):
        while len(self.buffer) < n:
            more = client.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def converse(self, client):
        self.buffer = b""
        if not self.handshake:
            client.recv(65536)
            while client.recv(65536):
                pass
            return
        line = b""
        while line != b"BEGIN\r\n":
            line = self.read(client, 1).lstrip(b"\0")
            while not line.endswith(b"\r\n"):
                line += self.read(client, 1)
            answer = {b"AUTH": b"DATA\r\n", b"DATA": b"OK " + b"ab" * 16 + b"\r\n",
                      b"NEGO": b"AGREE_UNIX_FD\r\n"}.get(line[:4], b"")
            client.sendall(answer)
        while True:
            self.message(client)

    def message(self, client):
        head = self.read(client, 16)
        body_length, serial, fields_length = struct.unpack("<4xIII", head)
        fields = self.read(client, fields_length + -fields_length % 8)
        body = self.read(client, body_length)
        kind, data = self.answer(fields, body)
        if kind is None:
            return
        self.asked.append(kind)
        self.reply(client, serial, *data)

    def answer(self, fields, body):
        if b"Hello" in fields:
            return "Hello", (2, "s", text(":1.7"))
        if self.job is None:
            return None, None
        if self.job == "refuse":
            return "refused", (3, "s", text("no"))
        if b"GetUnitByPID" in fields:
            return "unit", (2, "o", text(UNIT))
        if b"JobType" in body and JOB.encode() in fields:
            return "type", (2, "v", variant("s", text(self.job)))
        if b"Job\0" in body and UNIT.encode() in fields:
            number, path = (7, JOB) if self.job else (0, "/")
            return "job", (2, "v", variant("(uo)", struct.pack("<I", number) + text(path)))
        return "unknown", (3, "s", text("unknown"))

    def reply(self, client, serial, kind, sig, body):
        fields = b"\5\1u\0" + struct.pack("<I", serial)
        fields = align(fields, 8) + b"\10\1g\0" + signature(sig)
        if kind == 3:
            fields = align(fields, 8) + b"\4\1s\0" + text("org.xdpgate.Refused")
        self.serial += 1
        client.sendall(align(struct.pack("<cBBBIII", b"l", kind, 1, 1, len(body), self.serial,
                                         len(fields)) + fields, 8) + body)


def address(folder):
    return os.path.join(folder, "bus")
