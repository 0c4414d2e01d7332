# SPDX-License-Identifier: GPL-2.0-only
"""A small Debian under its own systemd, in namespaces of its own, with xdpgate installed as
`meson install` does it."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import netlab  # noqa: E402  pylint: disable=wrong-import-position
from netlab import LabError, run, wait_for  # noqa: E402  pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDPGATE_TEST_ROOT", "/var/tmp/xdpgate-test-root"))
SUITE = "bookworm"
PACKAGES = ("systemd", "dbus", "iproute2", "procps", "libbpf1", "libxdp1", "libelf1",
            "libfyaml0", "libjansson4", "libmnl0", "libcap-ng0", "libsystemd0", "libnettle8",
            "libpcap0.8", "zlib1g")
ROOT_SECONDS = 300


def cgroup2():
    """Where the cgroup2 hierarchy is mounted, or None."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, folder, kind, *_ = line.split()
            if kind == "cgroup2":
                return pathlib.Path(folder)
    return None


def missing_requirement():
    """Why no container can be had here, or None."""
    for tool in ("mmdebstrap", "unshare", "meson", "tar"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    folder = cgroup2()
    if not folder:
        return "cgroup2 is not mounted"
    probe = folder / (netlab.name_of(os.getpid()) + "try")
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        return f"cgroups cannot be made here: {error}"
    done = run(["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "true"],
               check=False)
    return f"namespaces are not allowed here: {done.stderr}" if done.returncode else None


def debian_root():
    """The cached root; made when it is missing or the list of packages is another."""
    key = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:16]
    root = CACHE / key
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return root
        for old in CACHE.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
        fresh = CACHE / f"{key}.new"
        sources = [p for p in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
                   if os.path.exists(p) and os.path.getsize(p)][:1]
        run(["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
             SUITE, fresh, *sources], timeout=ROOT_SECONDS)
        fresh.rename(root)
    return root


class Container(netlab.Namespace):
    """Debian under systemd. It is also a network namespace to netlab."""

    def __init__(self, lab):  # pylint: disable=super-init-not-called
        self.name = f"{lab.id}-systemd"
        self.stage = lab.folder / "stage"
        self.work = lab.folder / "work"
        self.cgroup = cgroup2() / self.name
        self.process = self.pid = None
        root = debian_root()
        self.install()
        self.work.mkdir()
        self.cgroup.mkdir()
        lab.callback(self.close)
        self.boot(root)

    def install(self):
        """Stage what `meson install` installs."""
        run(["meson", "install", "-C", netlab.BUILD, "--no-rebuild", "--quiet",
             "--destdir", self.stage], timeout=60)

    def boot(self, root):
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
             "--propagation", "private", HERE / "boot", self.cgroup, root, self.stage,
             self.work], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=netlab.die_with_parent)
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int(wait_for(children.read_text, "process 1 of the container"))
        self.path, self.handle = f"/proc/{self.pid}/ns/net", str(self.pid)
        wait_for(self.is_up, "systemd has booted", timeout=60, pause=0.1)
        self.quieten()

    def is_up(self):
        if self.process.poll() is not None:
            raise LabError(f"the container did not boot: {self.process.stdout.read()}")
        if os.readlink(f"/proc/{self.pid}/exe").rsplit("/", 1)[-1] != "systemd":
            return False
        done = self.shell("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def shell(self, *argv, **options):
        """Run a command inside, as root."""
        return run(["nsenter", "-t", self.pid, "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w",
                    "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv], **options)

    def write(self, path, text):
        """Write a file inside."""
        target = pathlib.Path(f"/proc/{self.pid}/root") / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def close(self):
        """End every process inside; with them go mounts, links and programs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
            self.process.stdout.close()
        with contextlib.suppress(LabError):
            wait_for(self.remove_cgroup, "the container's cgroup is empty")

    def remove_cgroup(self):
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not self.cgroup.exists()
