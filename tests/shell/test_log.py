#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The two shapes of the log: records with fields in the journal, lines on stderr."""

import os
import re
import signal
import socket
import struct

import shell

MOUNT = ("mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
         'mount --bind "$JOURNAL_FOLDER" /run/systemd/journal && exec "$@"')


def parse(datagram):
    """Fields of a record in the journal's native protocol."""
    fields = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        if b"=" in line:
            name, value = line.split(b"=", 1)
        else:
            name = line
            length = struct.unpack("<Q", datagram[:8])[0]
            value, datagram = datagram[8:8 + length], datagram[9 + length:]
        fields.setdefault(name.decode(), []).append(value.decode())
    return {name: values[-1] for name, values in fields.items()}


class Journal(shell.Case):
    def start_in_journal(self, script="", redirected=False):
        folder = self.enterContext(shell.tempfile.TemporaryDirectory())
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.journal.close)
        self.journal.bind(folder + "/socket")
        self.journal.setblocking(False)
        self.records = []
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        st = os.fstat(read if redirected else write)
        inode = st.st_ino + 1 if redirected else st.st_ino
        self.stderr = read
        daemon = self.started(script, stderr=write,
                              env={"JOURNAL_STREAM": f"{st.st_dev}:{inode}",
                                   "JOURNAL_FOLDER": folder},
                              wrapper=["unshare", "--mount", "sh", "-c", MOUNT, "sh"])
        return daemon

    def wait_record(self, pattern):
        def find():
            while True:
                try:
                    self.records.append(parse(self.journal.recv(65536)))
                except BlockingIOError:
                    break
            return next((r for r in self.records if re.search(pattern, r["MESSAGE"])), None)
        return shell.wait_for(find, f"record {pattern}")

    def test_fields(self):
        """messages are records with level, place in the code and generation"""
        daemon = self.start_in_journal()
        record = self.wait_record("^ready$")
        self.assertEqual(record["PRIORITY"], "5")
        self.assertEqual(record["SYSLOG_IDENTIFIER"], shell.NAME)
        self.assertEqual(record["XDPGATE_GENERATION"], "1")
        self.assertTrue(record["CODE_FILE"].endswith("notify.c"))
        self.assertEqual(record["CODE_FUNC"], "notify_state")
        self.assertRegex(record["CODE_LINE"], r"^\d+$")
        daemon.kill(signal.SIGHUP)
        self.assertEqual(self.wait_record("^reloaded")["XDPGATE_GENERATION"], "2")
        daemon.stop()
        os.set_blocking(self.stderr, False)
        self.assertRaises(BlockingIOError, os.read, self.stderr, 1)  # nothing was said twice

    def test_diagnostic(self):
        """a diagnostic is one record with its place in the policy"""
        daemon = self.start_in_journal("reload 22\nplace 3")
        daemon.kill(signal.SIGHUP)
        record = self.wait_record("reload fails by order")
        lines = record["MESSAGE"].split("\n")
        self.assertEqual(lines[0], f"{daemon.config}:3:6: error: reload fails by order")
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[2].rstrip().endswith("^~~~"))
        self.assertEqual(record["PRIORITY"], "3")
        self.assertEqual((record["XDPGATE_FILE"], record["XDPGATE_LINE"],
                          record["XDPGATE_COLUMN"]), (str(daemon.config), "3", "6"))

    def test_redirected(self):
        """stderr that no longer leads to the journal is written to"""
        self.start_in_journal(redirected=True)

        def ready():
            return f"{shell.NAME}: notice: ready\n".encode() in os.read(self.stderr, 65536)
        shell.wait_for(ready, "the line on stderr")


class Stderr(shell.Case):
    def test_lines(self):
        """one line a message: program, level, text"""
        daemon = self.started()
        daemon.stop()
        for line in daemon.log().splitlines():
            self.assertRegex(line, rf"^{shell.NAME}: (error|warning|notice|info|debug): \S")

    def test_level(self):
        """--log-level holds back what is below"""
        for level, expected in (("error", set()), ("notice", {"notice"}),
                                ("info", {"notice", "info"})):
            daemon = self.started(arguments=["--log-level", level])
            daemon.stop()
            levels = set(re.findall(rf"(?m)^{shell.NAME}: (\w+):", daemon.log()))
            self.assertEqual(levels, expected)

    def test_hostile_text(self):
        """what comes from outside cannot forge a line or command a terminal"""
        daemon = self.start("failed \x1b[2J\x07 evil\r\x9b\u202e ü €")
        daemon.wait_call("links", timeout=3)
        daemon.wait_log("error: interface wan")
        daemon.stop()
        self.assertNotRegex(daemon.log(), "[\x00-\x08\x0b-\x1f\x7f-\x9f]")
        self.assertIn("ü €", daemon.log())
        self.assertNotIn("\u202e", daemon.log() + daemon.notifications()[0])
        for message in daemon.notifications():
            self.assertNotRegex(message, "[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    def test_long_text(self):
        """a status longer than its room is cut at a character, and says so"""
        daemon = self.start("failed " + "ü" * 1500)
        daemon.wait_notification("STATUS=")
        status = daemon.notifications()[0]
        self.assertLess(len(status.encode()), 1100)
        self.assertTrue(status.endswith("ü..."), status[-10:])


if __name__ == "__main__":
    shell.main()
