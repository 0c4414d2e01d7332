# SPDX-License-Identifier: GPL-2.0-only
"""The control server over a made-up gate, clients of it, and a small TAP reporter: what all
tests of the control socket and of the xdpgate command stand on."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("XDPGATE_BUILD", ROOT / "build")).resolve()
FAKE_SERVER = os.environ.get("XDPGATE_FAKE_SERVER", BUILD / "tests/control/fake-server")
XDPGATE = os.environ.get("XDPGATE_CTL", BUILD / "daemon/ctl/xdpgate")
# Memory and time may be so much more under a sanitizer.
FACTOR = 5 if os.path.exists(FAKE_SERVER) and \
    b"__asan_init" in pathlib.Path(FAKE_SERVER).read_bytes() else 1
GATE = "org.xdpgate.gate."
SERVICE = "org.varlink.service."
GROUP_ID = 64123  # of the group xdpgate in /etc/group as some servers see it


def wait_for(condition, what, seconds=5):
    """Wait until condition() is true, and return what it returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.01)


class Client:
    """One connection. Receives with a time limit, so that no test hangs."""

    def __init__(self, path, timeout=8):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, method, parameters=None, **members):
        message = {"method": method, **members}
        if parameters is not None:
            message["parameters"] = parameters
        self.raw(json.dumps(message).encode() + b"\0")

    def receive(self):
        """The next reply, or None when the server has hung up."""
        while b"\0" not in self.buffer:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.buffer, f"hung up within a reply: {self.buffer[:200]}"
                return None
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, parameters=None, **members):
        self.send(method, parameters, **members)
        return self.receive()


class Server:
    """A server in a folder of its own. with_group: it sees an /etc/group with xdpgate in it."""

    def __init__(self, with_group=False, wrapper=(), socket_path=None, listen_fd=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xdpgate-control-"))
        os.chmod(self.folder, 0o755)
        self.scenario_folder = self.folder / "scenario"
        self.scenario_folder.mkdir()
        self.path = pathlib.Path(socket_path or self.folder / "s")
        self.wrapper = list(wrapper)
        self.listen_fd = listen_fd
        self.process = None
        if with_group:
            self.wrapper = self._group_wrapper() + self.wrapper

    def _group_wrapper(self):
        groups = self.folder / "group"
        lines = pathlib.Path("/etc/group").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if not line.startswith("xdpgate:")]
        groups.write_text("\n".join(lines + [f"xdpgate:x:{GROUP_ID}:", ""]), encoding="utf-8")
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                'mount --bind "$0" /etc/group && exec "$@"', str(groups)]

    def start(self):
        argv = self.wrapper + [str(FAKE_SERVER), str(self.path), str(self.scenario_folder)]
        if self.listen_fd is not None:
            argv.append(str(self.listen_fd))
        with open(self.folder / "stderr", "w", encoding="utf-8") as stderr:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True,
                pass_fds=[] if self.listen_fd is None else [self.listen_fd])
        self.ready = self.process.stdout.readline() == "ready\n"
        return self

    def stderr(self):
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def stop(self):
        """SIGTERM, and the exit status; a sanitizer's finding makes it other than 0."""
        if not self.process:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return status

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        self.start()
        assert self.ready, self.stderr()
        return self

    def __exit__(self, kind, _value, _trace):
        status, stderr = self.stop(), self.stderr()
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None:
            assert status == 0 and not stderr, f"server: exit status {status}\n{stderr}"

    def client(self, **options):
        return Client(self.path, **options)

    def scenario(self, name, on=True):
        path = self.scenario_folder / name
        if on:
            path.touch()
        else:
            path.unlink()

    def calls(self, prefix=""):
        """What was called in the gate since the start, one line each."""
        path = self.scenario_folder / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(prefix)]

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def rss_bytes(self):
        for line in open(f"/proc/{self.process.pid}/status", encoding="utf-8"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def as_user(function, uid=65534, gid=65534, groups=()):
    """Run function() as another user, in a child; its result must be fit for JSON."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            os.setgroups(list(groups))
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(writer, json.dumps(function()).encode())
            status = 0
        except BaseException:  # whatever it is, the child must not run the parent's tests
            os.write(writer, json.dumps(traceback.format_exc()).encode())
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        text = file.read()
    status = os.waitpid(pid, 0)[1]
    result = json.loads(text)
    assert status == 0, result
    return result


class Result(unittest.TestResult):
    """TAP: one line a case."""

    def __init__(self):
        super().__init__()
        self.n = 0
        self.broken = False

    def _line(self, ok, test, note=""):
        self.n += 1
        what = test.shortDescription() or test.id().split(".", 1)[-1]
        print(f"{'ok' if ok else 'not ok'} {self.n} - {what}{note}", flush=True)

    def addSuccess(self, test):
        self._line(True, test)

    def addSkip(self, test, reason):
        self._line(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        self.broken = True
        self._line(False, test)
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print(f"# {line}", flush=True)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            self.addFailure(subtest, err)


def main():
    """Run the calling module's cases; those named on the command line if any are."""
    module = sys.modules["__main__"]
    loader = unittest.defaultTestLoader
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root: it becomes other users, who connect then")
        return
    suite = loader.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else \
        loader.loadTestsFromModule(module)
    result = Result()
    suite.run(result)
    print(f"1..{result.n}")
    sys.exit(1 if result.broken else 0)
