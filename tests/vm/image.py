# SPDX-License-Identifier: GPL-2.0-only
"""What a virtual machine boots from: Debian's kernel, a small initramfs, a small Debian in a
squashfs. Made once and kept in a folder; made anew when this file, init or the kernel's
version is another. Fetching goes through apt alone, from the sources that this machine has."""

import fcntl
import glob
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDPGATE_VM_CACHE", "/var/tmp/xdpgate-vm"))
SUITE = "bookworm"
KERNEL = "linux-image-amd64"
PACKAGES = (
    "systemd", "dbus", "kmod", "iproute2", "procps", "ethtool", "iputils-ping", "netcat-openbsd",
    "tcpreplay", "python3", "bpftool", "xdp-tools",
    # what our programs and tests are linked with
    "libbpf1", "libxdp1", "libelf1", "libfyaml0", "libjansson4", "libmnl0", "libcap-ng0",
    "libsystemd0", "libnettle8", "libpcap0.8", "zlib1g", "libcmocka0",
)
# What the guest needs to find its root, and the parts of the kernel that the tests touch.
BOOT_MODULES = ("virtio_pci", "virtio_blk", "squashfs", "overlay")
MODULE_FOLDERS = ("net", "crypto", "lib", "fs/squashfs", "fs/overlayfs", "drivers/virtio",
                  "drivers/net/bonding", "drivers/net/ethernet/intel/e1000")
MODULE_FILES = ("drivers/block/virtio_blk.ko", "drivers/net/*.ko")
TOOLS = ("qemu-system-x86_64", "mmdebstrap", "mksquashfs", "depmod", "cpio", "dpkg-deb",
         "apt-get", "apt-cache", "meson")
BUSYBOX = pathlib.Path("/bin/busybox")


class MachineError(Exception):
    """The machine cannot be made or did not do what it should."""


def run(argv, **options):
    """Run a command to its end; its output, or an error that shows it."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise MachineError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def missing_requirement():
    """Why no machine can be had here, or None."""
    for tool in TOOLS:
        if not shutil.which(tool):
            return f"{tool} is not installed (scripts/install-dependencies vm)"
    if not BUSYBOX.exists():
        return "busybox-static is not installed (scripts/install-dependencies vm)"
    release = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    if f"VERSION_CODENAME={SUITE}" not in release:
        return f"this is not Debian {SUITE}: what is built here need not run in the guest"
    return "needs root (to make a Debian root)" if os.geteuid() != 0 else None


# --- what is kept -------------------------------------------------------------------------

def kernel_package():
    """Name and version of the newest kernel's package, such as linux-image-6.1.0-1-amd64."""
    for attempt in range(2):
        depends = subprocess.run(["apt-cache", "depends", KERNEL], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=False).stdout
        name = re.search(r"Depends: (linux-image-\S+)", depends)
        if name:
            policy = run(["apt-cache", "policy", name.group(1)])
            return name.group(1), re.search(r"Candidate: (\S+)", policy).group(1)
        if attempt == 0:
            run(["apt-get", "update", "-q"])
    raise MachineError(f"apt knows no {KERNEL}: is Debian {SUITE} among its sources?")


def make_kernel(folder, package):
    """Fetch and unpack the kernel: folder/vmlinuz and folder/modules."""
    run(["apt-get", "download", "-q", package], cwd=folder)
    deb, = folder.glob("*.deb")
    run(["dpkg-deb", "-x", deb, folder / "kernel"])
    deb.unlink()
    vmlinuz, = (folder / "kernel" / "boot").glob("vmlinuz-*")
    vmlinuz.rename(folder / "vmlinuz")
    release = vmlinuz.name.split("-", 1)[1]
    whole = folder / "kernel" / "lib" / "modules" / release
    some = folder / "modules" / "lib" / "modules" / release
    some.mkdir(parents=True)
    for name in MODULE_FOLDERS:
        shutil.copytree(whole / "kernel" / name, some / "kernel" / name)
    for pattern in MODULE_FILES:
        for module in glob.glob(str(whole / "kernel" / pattern)):
            target = some / "kernel" / os.path.relpath(module, whole / "kernel")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, target)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(whole / name, some / name)
    run(["depmod", "-b", folder / "modules", release])
    shutil.rmtree(folder / "kernel")
    return some


def make_initramfs(folder, modules):
    """busybox, the modules that lead to the root, and init: folder/initramfs.gz."""
    stage = folder / "initramfs"
    for name in ("bin", "dev", "proc", "sys", "modules"):
        (stage / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, stage / "bin" / "busybox")
    shutil.copy(HERE / "init", stage / "init")
    (stage / "init").chmod(0o755)
    needs = {}
    for line in (modules / "modules.dep").read_text(encoding="ascii").splitlines():
        path, _, rest = line.partition(":")
        needs[pathlib.Path(path).stem] = [path, *rest.split()]
    order = []
    for name in BOOT_MODULES:
        for path in reversed(needs[name]):  # what it needs comes first
            if path not in order:
                order.append(path)
    for path in order:
        shutil.copy(modules / path, stage / "modules")
    (stage / "modules" / "order").write_text(
        "".join(f"{os.path.basename(path)}\n" for path in order), encoding="ascii")
    names = "\n".join(str(p.relative_to(stage)) for p in sorted(stage.rglob("*")))
    done = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], input=names.encode(),
                          stdout=subprocess.PIPE, cwd=stage, check=True)
    with gzip.open(folder / "initramfs.gz", "wb", compresslevel=1) as out:
        out.write(done.stdout)
    shutil.rmtree(stage)


def make_root(folder):
    """A small Debian with the modules in it: folder/root.squashfs."""
    tree = folder / "root"
    sources = [p for p in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
               if os.path.exists(p) and os.path.getsize(p)][:1]
    run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE,
         tree, *sources])
    shutil.copytree(folder / "modules" / "lib" / "modules", tree / "lib" / "modules")
    shutil.rmtree(folder / "modules")
    shutil.rmtree(tree / "var" / "cache" / "apt")
    squash(tree, folder / "root.squashfs")
    shutil.rmtree(tree)


def squash(tree, image):
    """Pack a tree; in the image everything belongs to root."""
    run(["mksquashfs", tree, image, "-comp", "lz4", "-noappend", "-no-progress", "-quiet",
         "-all-root"])


def machine(say):
    """The folder that holds vmlinuz, initramfs.gz and root.squashfs; made when it is missing,
    or another kernel or another list of packages is wanted."""
    package, version = kernel_package()
    made_by = [package, version, *(path.read_text(encoding="utf-8")
                                   for path in (pathlib.Path(__file__), HERE / "init"))]
    key = hashlib.sha256("\n".join(made_by).encode())
    kept = CACHE / key.hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return kept
        say(f"# making a machine with {package} {version} in {CACHE} (once)")
        for old in CACHE.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
        fresh = CACHE / "new"
        fresh.mkdir()
        make_initramfs(fresh, make_kernel(fresh, package))
        make_root(fresh)
        fresh.rename(kept)
    return kept
