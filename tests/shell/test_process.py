#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The command line, exit statuses, privileges, and what a daemon owes to its surroundings."""

import os
import pathlib
import signal
import socket
import subprocess

import shell


def run(*arguments, **options):
    return subprocess.run([shell.DAEMON, *arguments], stdin=subprocess.DEVNULL, timeout=10,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          **options)


class CommandLine(shell.Case):
    OPTIONS = ("--config", "--socket", "--pin-dir", "--state-dir", "--log-level", "--help", "--version")

    def test_help(self):
        """--help names every option and ends with 0"""
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        for option in self.OPTIONS:
            self.assertIn(f"  {option} ", done.stdout)
        for default in ("/etc/xdpgate/xdpgate.yaml", "/run/xdpgate/xdpgate.sock",
                        "/sys/fs/bpf/xdpgate"):
            self.assertIn(default, done.stdout)

    def test_manual(self):
        """xdpgated(8) has every option, default and exit status"""
        page = (shell.ROOT / "docs" / "xdpgated.8").read_text()
        for option in self.OPTIONS:
            self.assertRegex(page, rf"(?m)^\.It Fl {option[1:]}\b")
        for line in run("--help").stdout.splitlines():
            if line.strip().startswith("["):
                self.assertIn(line.strip().strip("[]"), page)
        for status in ("0", "1", "2", "77", "78"):
            self.assertRegex(page, rf"(?m)^\.It {status}$")

    def test_version(self):
        """--version"""
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^xdpgated \d+\.\d+\.\d+\n$")

    def test_unwritable_help(self):
        """--help that nobody can read is a failure"""
        with open("/dev/full", "w") as full:
            done = subprocess.run([shell.DAEMON, "--help"], stdout=full, check=False,
                                  stderr=subprocess.DEVNULL, timeout=10)
        self.assertEqual(done.returncode, 1)

    def test_usage_errors(self):
        """usage errors end with 2 and say what to do"""
        for arguments, words in (
                (["--pindir", "x"], "unknown option '--pindir'; did you mean '--pin-dir'?"),
                (["--conf", "x"], "unknown option '--conf'"),
                (["--config=x", "stray"], "unexpected argument 'stray'"),
                (["-c", "x"], "unexpected argument '-c'"),
                (["--"], "unknown option '--'"),
                (["--=x"], "unknown option '--=x'"),
                ([""], "unexpected argument ''"),
                (["--config"], "option '--config' needs a value: --config FILE"),
                (["--config="], "option '--config' needs a value"),
                (["--config", "--socket", "x"], "option '--config' needs a value"),
                (["--help=yes"], "option '--help' takes no value"),
                (["--log-level", "loud"], "unknown level 'loud'; known are error"),
                (["--socket", "/" + "x" * 107], "a UNIX socket's may have 107"),
                (["--x\x1b[31m" + "y" * 5000], "unknown option '--x\\x1b[31my"),
        ):
            done = run(*arguments)
            with self.subTest(arguments=arguments):
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
                self.assertNotIn("\x1b", done.stderr)

    def test_paths(self):
        """relative paths hold, although the daemon goes to /; the last of a kind counts"""
        daemon = self.started(arguments=["--pin-dir=a/b"])
        self.assertEqual(os.readlink(f"/proc/{daemon.pid}/cwd"), "/")
        self.assertEqual(daemon.calls("new")[0][1],
                         f"new {daemon.folder}/policy {daemon.folder}/a/b")
        self.assertTrue(daemon.socket.is_socket())


class ExitStatus(shell.Case):
    def test_statuses(self):
        """1, 78, and which is which"""
        for script, expected, words in (
                ("new 16", 1, "error: new fails by order"),
                ("start 95", 1, "error: start fails by order"),
                ("start 22", 1, "error: start fails by order"),
                ("start 22\nplace 3", 78, "policy:3:6: error: start fails by order"),
                ("new 22\nplace 3", 78, "policy:3:6: error: new fails by order"),
        ):
            status, log = self.outcome(script)
            with self.subTest(script=script):
                self.assertEqual(status, expected, log)
                self.assertIn(words, log)

    def test_failed_start_leaves_gate(self):
        """a start that fails disarms nothing"""
        daemon = self.start("start 22\nplace 1")
        daemon.wait_exit()
        self.assertEqual(daemon.names(), ["new", "start", "free"])


class Surroundings(shell.Case):
    def test_closed_standard_fds(self):
        """works with stdin, stdout and stderr closed"""
        daemon = self.start(wrapper=["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"])
        daemon.wait_notification("READY=1")
        fds = daemon.fds()
        for fd in "012":
            self.assertEqual(fds[fd], "/dev/null")
        self.assertEqual(daemon.stop(), 0)

    def test_fds(self):
        """every fd is close-on-exec"""
        daemon = self.started()
        for fd, target in daemon.fds().items():
            info = pathlib.Path(f"/proc/{daemon.pid}/fdinfo/{fd}").read_text()
            flags = int(info.split("flags:")[1].split()[0], 8)
            if int(fd) > 2:
                self.assertTrue(flags & os.O_CLOEXEC, f"{fd}: {target}")

    def test_fds_after_reloads(self):
        """a hundred good and bad reloads leave the same fds"""
        daemon = self.started()
        before = sorted(daemon.fds().values())
        for n in range(1, 101):
            daemon.script("" if n % 2 else "reload 22\nplace 1")
            daemon.kill(signal.SIGHUP)
            shell.wait_for(lambda n=n: sum("READY=1" in m for m in daemon.notifications()) > n,
                           "the end of the reload")
        self.assertEqual(len(daemon.calls("reload")), 100)
        self.assertEqual(sorted(daemon.fds().values()), before)

    def test_broken_stderr(self):
        """nobody who reads the log: SIGPIPE does not kill"""
        read, write = os.pipe()
        daemon = self.start(stderr=write)
        os.close(write)
        daemon.wait_notification("READY=1")
        os.close(read)
        daemon.kill(signal.SIGHUP)
        daemon.wait_notification("RELOADING=1")
        daemon.wait_notification("READY=1\nSTATUS=generation 2")
        self.assertEqual(daemon.stop(), 0)


class SocketActivation(shell.Case):
    def listener(self, folder, name):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(f"{folder}/{name}")
        listener.listen()
        return listener

    def activate(self, n):
        folder = self.enterContext(shell.tempfile.TemporaryDirectory())
        passed = self.listener(folder, "passed")
        fd = passed.fileno()
        script = f'export LISTEN_PID=$$; exec "$@" 3<&{fd}' + (f" 4<&{fd}" if n > 1 else "")
        daemon = self.start(env={"LISTEN_FDS": str(n)}, pass_fds=[fd],
                            wrapper=["sh", "-c", script, "sh"])
        return daemon, f"{folder}/passed"

    def test_one(self):
        """a socket that was passed is served; none is made"""
        daemon, path = self.activate(1)
        daemon.wait_notification("READY=1")
        self.assertFalse(daemon.socket.exists())
        daemon.socket = path
        self.assertEqual(daemon.say("Reload"), "done")
        self.assertEqual(daemon.stop(), 0)

    def test_two(self):
        """two sockets are an error"""
        daemon, _ = self.activate(2)
        self.assertEqual(daemon.wait_exit(), 1)
        self.assertIn("2 sockets were passed, one is expected", daemon.log())

    def test_not_ours(self):
        """sockets meant for another process are left alone"""
        daemon = self.started(env={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
        self.assertTrue(daemon.socket.is_socket())


class Privileges(shell.Case):
    KEPT = {39: "bpf", 12: "net_admin", 38: "perfmon", 21: "sys_admin", 2: "dac_read_search"}

    def test_reduced(self):
        """keeps five capabilities, no new privileges, umask 0077"""
        daemon = self.started()
        kept = sum(1 << bit for bit in self.KEPT)
        for key, value in (("CapEff", kept), ("CapPrm", kept), ("CapBnd", kept), ("CapInh", 0),
                           ("CapAmb", 0)):
            self.assertEqual(int(daemon.proc(key), 16), value, key)
        self.assertEqual(daemon.proc("NoNewPrivs"), "1")
        self.assertEqual(daemon.proc("Umask"), "0077")

    def test_bounded(self):
        """a bounding set like the unit's suffices, CAP_SETPCAP or not"""
        for extra in ("", ",+setpcap"):
            daemon = self.started(wrapper=[
                "setpriv", "--bounding-set",
                "-all,+bpf,+net_admin,+perfmon,+sys_admin" + extra])
            self.assertEqual(int(daemon.proc("CapEff"), 16), sum(1 << bit for bit in self.KEPT
                                                                 if bit != 2))
            self.assertEqual(daemon.stop(), 0)

    def test_missing(self):
        """says which capability is missing, and ends with 77"""
        for name in ("bpf", "net_admin", "perfmon", "sys_admin"):
            status, log = self.outcome(wrapper=["setpriv", "--bounding-set", "-" + name])
            self.assertEqual(status, 77, log)
            self.assertIn(f"missing cap_{name} (to ", log)
            self.assertIn("CapabilityBoundingSet=", log)

    def test_not_root(self):
        """an ordinary user hears that root is needed"""
        daemon = self.start(wrapper=["sh", "-c", 'chmod 755 . && exec setpriv --reuid 65534 '
                                     '--regid 65534 --clear-groups "$@"', "sh"])
        self.assertEqual(daemon.wait_exit(), 77)
        self.assertIn("must run as root: missing cap_bpf", daemon.log())
        self.assertEqual(daemon.calls(), [])


class KernelCommandLine(shell.Case):
    def boot(self, line, script=""):
        folder = self.enterContext(shell.tempfile.TemporaryDirectory())
        (pathlib.Path(folder) / "cmdline").write_text(line)
        return self.started(script, wrapper=[
            "unshare", "--mount", "sh", "-c",
            f'mount --bind {folder}/cmdline /proc/cmdline && exec "$@"', "sh"])

    def test_off(self):
        """xdpgate=off on the kernel command line: off before anything starts"""
        daemon = self.boot("quiet xdpgate=off ro\n")
        self.assertEqual(daemon.names()[:3], ["new", "set-off", "start"])
        self.assertEqual(daemon.calls("set-off")[0][1], "set-off all 1")
        self.assertIn("warning: xdpgate=off on the kernel command line", daemon.log())
        daemon.wait_notification("STATUS=generation 1; OFF, every packet passes, on wan")

    def test_exact(self):
        """only the exact word counts"""
        for line in ("xdpgate=offline", "noxdpgate=off", "xdpgate=off,x", "xdpgate", ""):
            daemon = self.boot(line)
            self.assertEqual(daemon.calls("set-off"), [], line)

    def test_once(self):
        """a later start of the same boot keeps what the operator chose since"""
        daemon = self.boot("xdpgate=off", "generation 3")
        self.assertEqual(daemon.calls("set-off"), [])


if __name__ == "__main__":
    shell.main()
