# SPDX-License-Identifier: GPL-2.0-only
"""Starts xdpgated-fake (the real daemon around a gate and a control socket without a kernel;
see fake-gate.c) and watches all that it says: to systemd, to the log, to the gate."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import tap  # pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("XDPGATE_BUILD", ROOT / "build")).resolve()
DAEMON = os.environ.get("XDPGATED_FAKE", str(BUILD / "tests" / "shell" / "xdpgated-fake"))
NAME = pathlib.Path(DAEMON).name  # as the log calls it


def wait_for(condition, what, timeout=5):
    """Wait until condition() is true, and return what it returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain: {what}")
        time.sleep(0.005)


class Daemon:
    """One run of the daemon in a folder of its own."""

    def __init__(self, script="", env=None, wrapper=(), arguments=(), notify=True, **popen):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xdpgate-shell-"))
        self.config = self.folder / "policy"
        self.socket = self.folder / "socket"
        self.script(script)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.folder / "notify"))
        self.notify.setblocking(False)
        self.messages = []
        environment = {"PATH": os.environ["PATH"], "XDPGATE_FAKE_LOG": str(self.folder / "calls")}
        if notify:
            environment["NOTIFY_SOCKET"] = str(self.folder / "notify")
        environment.update(env or {})
        self.errors = open(self.folder / "stderr", "wb")
        options = {"stderr": self.errors, "stdout": subprocess.DEVNULL,
                   "stdin": subprocess.DEVNULL, "cwd": self.folder}
        options.update(popen)
        self.process = subprocess.Popen(
            [*wrapper, DAEMON, "--config", "policy", "--socket", "socket", "--pin-dir", "pins",
             "--log-level", "debug", *arguments], env=environment, **options)
        self.pid = self.process.pid

    def script(self, text):
        """Replace the orders to the fake gate at once."""
        new = self.folder / "policy.new"
        new.write_text(text)
        new.rename(self.config)

    def calls(self, name=None):
        """What the gate was asked to do so far: [(time, call), ...]."""
        try:
            lines = (self.folder / "calls").read_text().splitlines()
        except FileNotFoundError:
            return []
        pairs = [(float(line.split()[0]), line.split(" ", 1)[1]) for line in lines]
        return [p for p in pairs if name in (None, p[1].split()[0])]

    def names(self):
        return [call.split()[0] for _, call in self.calls()]

    def log(self):
        return (self.folder / "stderr").read_text(errors="surrogateescape")

    def notifications(self):
        """All messages to the service manager so far."""
        while True:
            try:
                self.messages.append(self.notify.recv(8192).decode())
            except BlockingIOError:
                return self.messages

    def wait_call(self, name, n=1, timeout=5):
        wait_for(lambda: len(self.calls(name)) >= n, f"call {name} ({n}); {self.names()}", timeout)

    def wait_notification(self, pattern, timeout=5):
        def found():
            return any(re.search(pattern, m) for m in self.notifications())
        wait_for(found, f"notification {pattern}", timeout)

    def wait_log(self, text, timeout=5):
        wait_for(lambda: text in self.log(), f"in the log: {text}", timeout)

    def kill(self, number):
        os.kill(self.pid, number)

    def wait_exit(self, timeout=10):
        return self.process.wait(timeout)

    def stop(self, number=signal.SIGTERM):
        self.kill(number)
        return self.wait_exit()

    def proc(self, key):
        """A line of /proc/PID/status."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return line.split(":", 1)[1].strip()
        return None

    def fds(self):
        folder = f"/proc/{self.pid}/fd"
        return {fd: os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}

    def say(self, word, wait=True):
        """One word over the control socket; its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(str(self.socket))
            client.sendall(word.encode())
            return client.recv(16).decode() if wait else None

    def clean(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        self.notify.close()
        shutil.rmtree(self.folder)


class Case(unittest.TestCase):
    """Removes what it started."""
    seconds = 60

    def start(self, *args, **kwargs):
        daemon = Daemon(*args, **kwargs)
        self.addCleanup(daemon.clean)
        return daemon

    def started(self, *args, **kwargs):
        daemon = self.start(*args, **kwargs)
        daemon.wait_notification("READY=1")
        return daemon

    def outcome(self, *args, **kwargs):
        """Exit status and log of a daemon that ends by itself."""
        daemon = self.start(*args, **kwargs)
        status = daemon.wait_exit()
        return status, daemon.log()


def run(*argv, check=True):
    return subprocess.run([str(a) for a in argv], check=check, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30)


def main():
    """Run the calling module's cases as TAP."""
    if os.geteuid() != 0 or not os.path.exists(DAEMON):
        print("1..0 # SKIP needs root, and", DAEMON)
        return
    signal.signal(signal.SIGALRM, tap.on_alarm)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, tap.on_signal)
    loader, module = unittest.defaultTestLoader, sys.modules["__main__"]
    suite = loader.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else \
        loader.loadTestsFromModule(module)
    result = tap.Result()
    suite.run(result)
    print(f"1..{result.n}")
    sys.exit(1 if result.broken else 0)
