# SPDX-License-Identifier: GPL-2.0-only
"""A fail2ban of our own in the router of a lab: Debian's program and filters, our action and
example, every path of it in the lab's folder. The system's own is neither asked nor touched."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import netlab

SHIPPED = pathlib.Path("/etc/fail2ban")
OURS = netlab.ROOT / "config" / "fail2ban"

# What the log of a service has to do with, not what is banned and how.
LOCAL = """
[DEFAULT]
ignoreself = false
usedns = no
maxretry = 3
findtime = 10m
{defaults}

[sshd]
enabled = true
backend = polling
logpath = {log}
bantime = {bantime}
{more}
"""


def missing():
    """Why there is no fail2ban to test with, or None."""
    if not shutil.which("fail2ban-server") or not (SHIPPED / "filter.d" / "sshd.conf").exists():
        return "fail2ban is not installed"
    return None


class Fail2ban:
    """fail2ban-server in the foreground, and its client."""

    def __init__(self, lab, namespace, gate, bantime="10m", defaults="", more=""):
        self.namespace = namespace
        self.config = lab.folder / "fail2ban"
        self.auth = lab.write("auth.log", "")  # where sshd would write
        self.log_path = lab.folder / "fail2ban.log"
        self.process, self.connections = None, 0
        self.paths = ["-c", self.config, "-s", lab.folder / "fail2ban.sock",
                      "-p", lab.folder / "fail2ban.pid"]
        self.environment = dict(os.environ, XDPGATE_SOCKET=str(gate.socket),
                                PATH=f"{netlab.XDPGATE.parent}:{os.environ['PATH']}")
        shutil.copytree(SHIPPED, self.config, ignore=lambda folder, _: [
            name for name in os.listdir(folder)
            if pathlib.Path(folder).name == "jail.d" or name.endswith(".local")])
        shutil.copy(OURS / "action.d" / "xdpgate.conf", self.config / "action.d")
        shutil.copy(OURS / "jail.d" / "xdpgate.conf.example",
                    self.config / "jail.d" / "xdpgate.conf")
        lab.write("fail2ban/fail2ban.local", f"""
[Definition]
logtarget = {self.log_path}
dbfile = {lab.folder}/fail2ban.sqlite3
""")
        self.local = lab.write("fail2ban/jail.local", LOCAL.format(
            log=self.auth, bantime=bantime, defaults=defaults, more=more))
        lab.callback(self.close)

    def start(self):
        self.process = self.namespace.popen(["fail2ban-server", "-f", *self.paths, "start"],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            env=self.environment)
        before = self.log().count("Jail 'sshd' started")
        netlab.wait_for(lambda: self.log().count("Jail 'sshd' started") > before,
                        "the jail has started", timeout=40, pause=0.1)
        return self

    def ask(self, *words):
        """What fail2ban-client answers."""
        return self.namespace.run(["fail2ban-client", *self.paths, *words]).stdout

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, text, count=1, timeout=30):
        """Until a text stands in the log for the count-th time."""
        try:
            netlab.wait_for(lambda: self.log().count(text) >= count, f"'{text}' in the log",
                            timeout=timeout, pause=0.1)
        except netlab.LabError as error:
            raise netlab.LabError(f"{error}\n{self.log()}") from error

    def fail_login(self, *addresses, times=3):
        """What sshd logs of somebody who guesses passwords, by the clock of now."""
        stamp = time.strftime("%b %e %H:%M:%S")
        with open(self.auth, "a", encoding="ascii") as file:
            for address in [*addresses] * times:
                self.connections += 1  # each a process of its own, by which the filter tells them
                file.write(f"{stamp} router sshd[{4000 + self.connections}]: Failed password for "
                           f"root from {address} port {40000 + self.connections} ssh2\n")

    def stop(self):
        """As its service is stopped."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30 * netlab.PATIENCE)
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        for path in (self.paths[3], self.paths[5]):
            path.unlink(missing_ok=True)

    def close(self):
        if self.process:
            netlab.end(self.process)
