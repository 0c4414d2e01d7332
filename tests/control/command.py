# SPDX-License-Identifier: GPL-2.0-only
"""The xdpgate command against the made-up gate: what its tests have in common."""

import os
import pty
import select
import subprocess
import tempfile
import time
import unittest

from harness import XDPGATE, Server


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "XDPGATE_SOCKET")}
    return {**clean, "TERM": "xterm", "TZ": "UTC", **more}


class Ctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(with_group=True).__enter__()
        cls.server.scenario("frozen")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def scenario(self, name):
        self.server.scenario(name)
        self.addCleanup(self.server.scenario, name, False)

    def run_ctl(self, *argv, path=None, **options):
        options.setdefault("env", environment())
        return subprocess.run([XDPGATE, "--socket", path or self.server.path, *argv],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30, check=False, text=True,
                              **options)

    def good(self, *argv, **options):
        """Standard output of a command that must succeed and say nothing else."""
        done = self.run_ctl(*argv, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def bad(self, status, text, *argv, **options):
        """A command that must fail; its standard output."""
        done = self.run_ctl(*argv, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, text)
        return done.stdout

    def temporary(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.server.folder)
        file.write(text)
        file.flush()
        self.addCleanup(file.close)
        return file.name

    def on_terminal(self, *argv, seconds=None, size=(24, 80), **more):
        """What a terminal gets from the command; seconds: then Ctrl-C is typed."""
        leader, follower = pty.openpty()
        os.system(f"stty rows {size[0]} cols {size[1]} <{os.ttyname(follower)}")
        process = subprocess.Popen(["setsid", "-c", XDPGATE, "--socket", self.server.path, *argv],
                                   stdin=follower, stdout=follower, stderr=follower,
                                   env=environment(**more))
        os.close(follower)
        output, start, typed = b"", time.monotonic(), False
        while time.monotonic() < start + 20:
            if seconds and not typed and time.monotonic() > start + seconds:
                os.write(leader, b"\x03")
                typed = True
            if not select.select([leader], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(leader, 65536)
            except OSError:
                break
            output += data
        os.close(leader)
        return process.wait(5), output.decode().replace("\r\n", "\n")


class OwnServer(Ctl):
    """A server for each case, with a policy file of its own: as /etc/xdpgate would have it."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.server = Server(with_group=True).__enter__()
        self.addCleanup(lambda: self.server.__exit__(None, None, None))
        self.folder = self.server.folder / "etc"
        self.folder.mkdir()
        self.config = self.folder / "xdpgate.yaml"
        (self.server.scenario_folder / "config").write_text(f"{self.config}\n")

    def start(self, *argv, **options):
        """The command, running."""
        process = subprocess.Popen([XDPGATE, "--socket", self.server.path, *argv], text=True,
                                   env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process
