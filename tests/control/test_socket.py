#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The socket's name in the file system, and sockets that come from socket activation."""

import os
import pathlib
import signal
import socket
import stat
import tempfile
import unittest

from harness import SERVICE, Server, main


class Socket(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.remove)
        self.path = self.server.path

    def assert_serves(self):
        with self.server.client() as client:
            self.assertIn("parameters", client.call(SERVICE + "GetInfo"))

    def start(self):
        self.server.start()
        self.assertTrue(self.server.ready, self.server.stderr())

    def assert_refuses(self, text):
        self.server.start()
        self.assertFalse(self.server.ready)
        self.assertEqual(self.server.process.wait(5), 1)
        self.server.process.stdout.close()
        self.server.process = None
        self.assertRegex(self.server.stderr(), text)

    def test_fresh(self):
        """made with its folder, for root alone if there is no group; gone at the end"""
        self.path = self.server.path = self.server.folder / "new" / "s"
        os.umask(0o077)
        self.addCleanup(os.umask, 0o022)
        self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.path.parent).st_mode), 0o755)
        try:
            expected = 0o660 if __import__("grp").getgrnam("xdpgate") else 0
        except KeyError:
            expected = 0o600
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), expected)
        self.assert_serves()
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(list(self.path.parent.iterdir()), [])

    def test_stale(self):
        """a socket that a killed daemon left is replaced"""
        self.start()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        self.server.process.stdout.close()
        self.assertTrue(self.path.is_socket())
        self.start()
        self.assert_serves()

    def test_in_use(self):
        """a socket that somebody serves is left alone, even if its queue is full"""
        for backlog in 5, 0:
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(self.path))
                other.listen(backlog)
                waiting = []
                while backlog == 0:
                    client = socket.socket(socket.AF_UNIX)
                    client.setblocking(False)
                    waiting.append(client)
                    try:
                        client.connect(str(self.path))
                    except BlockingIOError:
                        break
                inode = os.stat(self.path).st_ino
                self.assert_refuses("another process serves the control socket")
                self.assertEqual(os.stat(self.path).st_ino, inode)
                for client in waiting:
                    client.close()
            self.path.unlink()

    def test_no_socket(self):
        """what is no socket is never removed: a file, a folder, a link"""
        self.path.write_text("precious", encoding="utf-8")
        self.assert_refuses("is not a socket")
        self.assertEqual(self.path.read_text(encoding="utf-8"), "precious")
        self.path.unlink()
        self.path.mkdir()
        self.assert_refuses("is not a socket")
        self.path.rmdir()
        self.path.symlink_to("/nonexistent")
        self.assert_refuses("is not a socket")
        self.assertTrue(self.path.is_symlink())

    def test_replaced(self):
        """at the end, a socket that is not ours any more stays"""
        self.start()
        self.path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.path))
            self.assertEqual(self.server.stop(), 0)
            self.assertTrue(self.path.is_socket())

    def test_bad_paths(self):
        """paths that cannot be: too long, no such folder, a folder that is a file"""
        folder = self.server.folder
        for path, text in [
                (folder / ("x" * 120), "too long: at most 107 bytes"),
                (folder / "a" / "b" / "s", "cannot make the folder .*: No such file"),
                (folder / "stderr" / "s", "Not a directory")]:
            self.server.path = path
            self.assert_refuses(text)

    def test_activation(self):
        """a socket from socket activation is served, and its name left"""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.path))
            listener.listen()
            self.server.listen_fd = listener.fileno()
            self.start()
            self.assert_serves()
            self.assertEqual(self.server.stop(), 0)
            self.assertTrue(self.path.is_socket())

    def test_bad_activation(self):
        """what is no listening UNIX stream socket is refused"""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.server.folder))
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(folder / "bound"))
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        internet = socket.socket(socket.AF_INET)
        internet.listen()
        file = open(folder / "file", "w", encoding="utf-8")
        for wrong in bound, datagram, internet, file:
            with wrong:
                self.server.listen_fd = wrong.fileno()
                self.assert_refuses("not a listening UNIX stream socket")


if __name__ == "__main__":
    main()
