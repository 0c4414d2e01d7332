# SPDX-License-Identifier: GPL-2.0-only
"""A virtual machine with Debian's own kernel, booted for one job.

Its root is image.py's, under an overlay that lives in the guest's memory, so every boot is the
first one. The job is a second squashfs, made for each run: tests, a build made on this machine,
and what `meson install` installs. The guest is the same Debian release as this machine, so what
was built here runs there. The guest's first serial line is its console; the second carries what
the job prints, and at the end its status."""

import contextlib
import glob
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time

from image import HERE, MachineError, machine, run, squash

ROOT = HERE.parents[1]
MEMORY = "2G"
# KVM is faster where there is one that works; a machine inside a machine often has none.
ACCELERATION = os.environ.get("XDPGATE_VM_ACCEL", "tcg,thread=multi")
STATUS = re.compile(r"^xdpgate-vm: status (\d+)$")


# --- the job ------------------------------------------------------------------------------

def make_job(folder, build, steps):
    """Lay out and squash what the guest shall run; returns the image."""
    job = folder / "job"
    ignore = shutil.ignore_patterns("__pycache__", "*.p")
    shutil.copytree(ROOT / "tests", job / "tests", ignore=ignore)
    shutil.copytree(ROOT / "config" / "examples", job / "config" / "examples")
    for name in ("daemon/xdpgated", "daemon/ctl/xdpgate", "tests/traffic/xg-traffic",
                 "tests/program/test_*", "tests/differential/test_*"):
        for path in glob.glob(str(build / name)):
            if not path.endswith(".p"):
                target = job / "build" / os.path.relpath(path, build)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    shutil.copytree(build / "xdp", job / "build" / "xdp", ignore=ignore)
    run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", job / "stage"])
    (job / "steps").write_text("".join(f"{s}\n" for s in steps), encoding="utf-8")
    squash(job, folder / "job.squashfs")
    shutil.rmtree(job)
    return folder / "job.squashfs"


def command(kept, image, console):
    """How qemu is called. Two network cards, wired to each other; no way out."""
    argv = ["qemu-system-x86_64", "-accel", ACCELERATION, "-cpu", "Nehalem", "-M", "q35",
            "-m", MEMORY, "-smp", "2", "-nographic", "-nodefaults", "-no-user-config",
            "-no-reboot", "-kernel", kept / "vmlinuz", "-initrd", kept / "initramfs.gz",
            "-append", "console=ttyS0 quiet loglevel=5 panic=-1 net.ifnames=0",
            "-serial", f"file:{console}", "-serial", "stdio"]
    for name, path in (("root", kept / "root.squashfs"), ("job", image)):
        argv += ["-drive", f"file={path},format=raw,if=none,id={name},readonly=on",
                 "-device", f"virtio-blk-pci,drive={name}"]
    for i in range(2):
        argv += ["-netdev", f"hubport,hubid=0,id=net{i}",
                 "-device", f"virtio-net-pci,netdev=net{i},romfile="]
    return [str(a) for a in argv]


def lines_of(process, seconds):
    """What the process prints, line by line, until it ends or its time is over."""
    lines = queue.SimpleQueue()

    def read():
        for line in process.stdout:
            lines.put(line.rstrip("\r\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    end = time.monotonic() + seconds
    while True:
        try:
            line = lines.get(timeout=max(0, end - time.monotonic()))
        except queue.Empty:
            raise MachineError(f"the job took longer than {seconds} s") from None
        if line is None:
            return
        yield line


def boot(build, steps, seconds, say):
    """Run the job to its end. Yields each line that it prints, and at last its exit status."""
    kept = machine(say)
    with tempfile.TemporaryDirectory(prefix="xdpgate-vm-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        console = folder / "console"
        process = subprocess.Popen(command(kept, make_job(folder, build, steps), console),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="replace")
        try:
            for line in lines_of(process, seconds):
                status = STATUS.match(line)
                if status:
                    yield int(status.group(1))
                    return
                yield line
            raise MachineError(f"the machine ended before the job did\n{process.stderr.read()}")
        except MachineError as error:
            told = console.read_text(errors="replace") if console.exists() else ""
            tail = "\n".join(told.splitlines()[-40:])
            raise MachineError(f"{error}\nits console's last words:\n{tail}") from None
        finally:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
