# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces, the daemon in one of them, and exact traffic: what every end-to-end
test and scripts/lab stand on. All that a Lab makes it also removes, whatever happens; what
an earlier one could not remove because it was killed outright is removed at the next start."""

import contextlib
import ctypes
import ipaddress
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("XDPGATE_BUILD", ROOT / "build")).resolve()
XDPGATED = BUILD / "daemon" / "xdpgated"
XDPGATE = BUILD / "daemon" / "ctl" / "xdpgate"
TRAFFIC = BUILD / "tests" / "traffic" / "xg-traffic"
# All waiting is multiplied by it: a machine that is emulated, or busy, is slower, not wrong.
PATIENCE = float(os.environ.get("XDPGATE_TEST_PATIENCE", "1"))
DATA = pathlib.Path(os.environ.get("XDPGATE_DATA", ROOT.parent / "shared" / "data"))
BPFFS = pathlib.Path("/sys/fs/bpf")

# All that we make is called xgt-PIDNS-PID-…: of which process it is, and in which PID namespace
# that number holds, so that what a dead one left behind can be told from a living one's.
PID_NAMESPACE = os.stat("/proc/self/ns/pid").st_ino


def name_of(pid):
    """How the names of everything that a process makes begin."""
    return f"xgt-{PID_NAMESPACE}-{pid}-"


libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1


class LabError(Exception):
    """Something that the lab itself needs did not work."""


def run(argv, check=True, timeout=30, **options):
    """Run a command to its end; its output is in the result, and in the error if it fails."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout * PATIENCE,
                          check=False, **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit status {done.returncode}\n"
                       f"{done.stdout}{done.stderr}")
    return done


def wait_for(condition, what, timeout=10, pause=0.02):
    """Wait until condition() is true, and return what it returned."""
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {timeout} s in vain: {what}")
        time.sleep(pause)


def missing_requirement():
    """Why nothing can be tested here, or None."""
    if os.geteuid() != 0:
        return "needs root (for network namespaces and BPF): try again with sudo"
    for tool in ("ip", "nsenter", "ethtool", "bpftool"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not XDPGATED.exists() or not TRAFFIC.exists():
        return f"{BUILD} holds no built xdpgate"
    try:
        mount_bpffs()
        run(["ip", "netns", "add", name_of(os.getpid()) + "try"])
        run(["ip", "netns", "del", name_of(os.getpid()) + "try"])
    except LabError as error:
        return f"no network namespaces or bpffs here: {error}"
    return None


def mount_bpffs():
    """Make sure that a BPF file system is at its usual place."""
    if run(["stat", "-f", "-c", "%T", BPFFS], check=False).stdout.strip() != "bpf_fs":
        run(["mount", "-t", "bpf", "bpf", BPFFS])


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end(process):
    """Make sure that a process of ours is no more."""
    if process.poll() is None:
        process.kill()
    process.communicate()


def remove_tree_of_pins(path):
    """Unlink every pin under a folder of bpffs: the last resort of a cleanup."""
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def remove_leftovers():
    """Remove what labs of processes that are no more have left behind."""
    pattern = re.compile(name_of(r"(\d+)"))

    def is_leftover(name):
        match = pattern.match(name)
        return match and not os.path.exists(f"/proc/{match.group(1)}")

    for folder in ("/run/netns", BPFFS, tempfile.gettempdir()):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if not is_leftover(name):
                continue
            if folder == "/run/netns":
                run(["ip", "netns", "del", name], check=False)
            elif folder == BPFFS:
                remove_tree_of_pins(BPFFS / name)
            else:
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


class Namespace:
    """A network namespace. Commands run in it keep the host's mounts, so they see bpffs."""

    def __init__(self, name):
        self.name = name
        self.handle = name  # what `ip link … netns` calls it
        self.path = f"/run/netns/{name}"
        run(["ip", "netns", "add", name])
        self.quieten()
        self.ip("link", "set", "lo", "up")

    def quieten(self):
        """The namespace shall speak only when spoken to: counters are compared exactly."""
        self.sysctl(**{
            "net.ipv6.conf.all.disable_ipv6": 1,
            "net.ipv6.conf.default.disable_ipv6": 1,
            "net.ipv6.conf.default.accept_dad": 0,
            "net.ipv6.conf.default.accept_ra": 0,
            "net.ipv6.conf.default.router_solicitations": 0,
            "net.ipv6.conf.default.addr_gen_mode": 1,
        })

    def argv(self, argv):
        return ["nsenter", f"--net={self.path}", *[str(a) for a in argv]]

    def run(self, argv, **options):
        return run(self.argv(argv), **options)

    def ip(self, *argv, **options):
        return self.run(["ip", *argv], **options)

    def sysctl(self, **settings):
        self.run(["sysctl", "-q", *[f"{key}={value}" for key, value in settings.items()]])

    def popen(self, argv, **options):
        """Start a command. Ctrl-C on the terminal is for us alone; if we die, it does."""
        return subprocess.Popen(self.argv(argv), stdin=subprocess.DEVNULL,
                                preexec_fn=die_with_parent, start_new_session=True, **options)

    def socket(self, *args):
        """A socket that lives in this namespace."""
        with open("/proc/self/ns/net") as home, open(self.path) as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                return socket.socket(*args)
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    def link(self, name):
        """What `ip` knows of an interface, or None."""
        done = self.ip("-j", "-d", "link", "show", "dev", name, check=False)
        return json.loads(done.stdout)[0] if done.returncode == 0 else None

    def mac(self, name):
        return self.link(name)["address"]

    def add_address(self, device, *addresses):
        for address in addresses:
            if ":" in address:
                self.sysctl(**{f"net.ipv6.conf.{device}.disable_ipv6": 0})
                self.ip("address", "add", address, "dev", device, "nodad")
            else:
                self.ip("address", "add", address, "dev", device)

    def delete(self):
        run(["ip", "netns", "del", self.name], check=False)


class Receiver:
    """Counts what reaches an interface behind the XDP hook: what the filter let pass."""

    PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 6, 23
    SOL_PACKET, ETH_P_ALL, SO_RCVBUFFORCE = 263, 3, 33

    def __init__(self, namespace, device, keep=False):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(self.SOL_PACKET, self.PACKET_IGNORE_OUTGOING, 1)
        if keep:
            self.socket.setsockopt(socket.SOL_SOCKET, self.SO_RCVBUFFORCE, 64 << 20)
        # Names are resolved in the socket's own namespace.
        self.socket.bind((device, self.ETH_P_ALL))

    def count(self):
        """Packets since the last call. Those that did not fit the buffer count too."""
        packets, _ = struct.unpack("II", self.socket.getsockopt(
            self.SOL_PACKET, self.PACKET_STATISTICS, 8))
        return packets

    def frames(self):
        """The frames in the buffer, as bytes."""
        frames = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frames.append(self.socket.recv(65535, socket.MSG_DONTWAIT))
        return frames

    def close(self):
        self.socket.close()


class Traffic:
    """xg-traffic while it runs."""

    def __init__(self, namespace, device, streams, options=()):
        self.process = namespace.popen([TRAFFIC, *options, device, *streams],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self, timeout=60):
        """Let it send what it has in hand; returns what it sent."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout=60):
        out, err = self.process.communicate(timeout=timeout * PATIENCE)
        if self.process.returncode != 0:
            raise LabError(f"xg-traffic: {err}")
        return Sent(json.loads(out))

    def close(self):
        if self.process.returncode is None:
            end(self.process)


class Sent:
    """How many packets and bytes went out, in all and by stream."""

    def __init__(self, report):
        self.packets, self.bytes = report["packets"], report["bytes"]
        self.streams = {}
        for s in report["streams"]:  # streams of one name count together
            packets, octets = self.streams.get(s["name"], (0, 0))
            self.streams[s["name"]] = (packets + s["packets"], octets + s["bytes"])

    @property
    def total(self):
        return (self.packets, self.bytes)

    def sum(self, *names):
        return tuple(map(sum, zip(*[self.streams[n] for n in names])))


class Lab(contextlib.ExitStack):
    """Namespaces, veth pairs, daemons, files: all gone when the block is left."""

    serial = 0

    def __init__(self):
        super().__init__()
        Lab.serial += 1
        self.id = name_of(os.getpid()) + str(Lab.serial)
        self.namespaces = {}

    def __enter__(self):
        super().__enter__()
        try:
            mount_bpffs()
            remove_leftovers()
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.id}-"))
            self.callback(shutil.rmtree, self.folder, ignore_errors=True)
        except BaseException:
            self.close()
            raise
        return self

    def namespace(self, label):
        namespace = Namespace(f"{self.id}-{label}")
        self.callback(namespace.delete)
        self.namespaces[label] = namespace
        return namespace

    def veth(self, near, near_name, far, far_name, mtu=1500):
        """A veth pair whose ends lie in two namespaces. Tags stay in the frame and
        checksums are complete, as they would be on a wire."""
        run(["ip", "link", "add", near_name, "netns", near.handle, "mtu", mtu, "type", "veth",
             "peer", "name", far_name, "netns", far.handle, "mtu", mtu])
        ends = ((near, near_name), (far, far_name))
        for namespace, name in ends:
            namespace.run(["ethtool", "-K", name, "rxvlan", "off", "txvlan", "off", "tx", "off",
                           "rx-vlan-stag-hw-parse", "off"])
            namespace.ip("link", "set", name, "up")
            # NAPI at this end, without which frames redirected to the other are lost. It takes
            # only while the link is up.
            namespace.run(["ethtool", "-K", name, "gro", "on"])
        for namespace, name in ends:
            wait_for(lambda n=namespace, d=name: n.link(d)["operstate"] == "UP", f"{name} is up")

    def neighbour(self, namespace, device, address, other, other_device):
        """Tell a namespace a neighbour's MAC, so that no ARP or ND is needed."""
        namespace.ip("neighbour", "replace", address, "lladdr", other.mac(other_device),
                     "dev", device, "nud", "permanent")

    def write(self, name, text):
        """Write a file of the lab at once, as careful editors do."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text)
        fresh.rename(path)
        return path

    def send(self, namespace, device, *streams, options=()):
        """Send streams to their end; returns what was sent."""
        traffic = Traffic(namespace, device, streams, options)
        try:
            return traffic.wait()
        finally:
            traffic.close()

    def traffic(self, namespace, device, *streams, options=()):
        traffic = Traffic(namespace, device, streams, options)
        self.callback(traffic.close)
        return traffic

    @staticmethod
    def write_capture(path, *streams):
        """Write streams to a capture file; returns what is in it."""
        return Sent(json.loads(run([TRAFFIC, "--write", path, *streams]).stdout))

    def receiver(self, namespace, device, **options):
        receiver = Receiver(namespace, device, **options)
        self.callback(receiver.close)
        return receiver

    def daemon(self, namespace, policy, name="gate", **options):
        daemon = Daemon(self, namespace, policy, name, **options)
        self.callback(daemon.close)
        return daemon


class Daemon:
    """xdpgated in a namespace, and its xdpgate."""

    def __init__(self, lab, namespace, policy, name):
        self.lab, self.namespace, self.name = lab, namespace, name
        self.config = lab.write(f"{name}.yaml", policy)
        self.socket = lab.folder / f"{name}.sock"
        self.pins = BPFFS / f"{lab.id}-{name}"
        self.log_path = lab.folder / f"{name}.log"
        self.process = None
        self.notified = []  # messages of sd_notify, each a dict
        self.notify_path = lab.folder / f"{name}.notify"
        self.state_dir = lab.folder / f"{name}.state"
        self.notify = None

    def start(self, wait=True, timeout=30):
        """Start it; wait until it says that it is ready."""
        if self.notify:
            self.notify.close()
            self.notify_path.unlink()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.notify_path))
        self.notified = []
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.notify_path))
        environment.pop("JOURNAL_STREAM", None)
        with open(self.log_path, "ab") as log:
            self.process = self.namespace.popen(
                [XDPGATED, "--config", self.config, "--socket", self.socket,
                 "--pin-dir", self.pins, "--state-dir", self.state_dir], stdout=log, stderr=log, env=environment)
        if wait:
            self.wait_notified(lambda m: m.get("READY") == "1", "READY=1", timeout)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def read_notified(self, timeout=0.0):
        """Take in the messages that have arrived, waiting for the first at most timeout."""
        while select.select([self.notify], [], [], timeout)[0]:
            text = self.notify.recv(65536).decode(errors="replace")
            self.notified.append(dict(line.split("=", 1) for line in text.splitlines()
                                      if "=" in line))
            timeout = 0.0

    def wait_notified(self, condition, what, timeout=20, since=0):
        """Wait for a message that fulfils the condition, from the since-th on; returns the
        number of messages up to and with it."""
        timeout *= PATIENCE
        end = time.monotonic() + timeout
        while True:
            for i in range(since, len(self.notified)):
                if condition(self.notified[i]):
                    return i + 1
            if self.process.poll() is not None:
                raise LabError(f"xdpgated ended with status {self.process.returncode} before "
                               f"{what}:\n{self.log()}")
            if time.monotonic() > end:
                raise LabError(f"xdpgated did not say {what} in {timeout} s; it said "
                               f"{self.notified[since:]}:\n{self.log()}")
            self.read_notified(0.05)

    def ctl(self, *argv, check=True, **options):
        """Run xdpgate with this daemon's paths, in its namespace."""
        if self.notify and self.notify.fileno() >= 0:  # who is not read waits
            self.read_notified()
        if {"off", "on", "detach"} & set(argv):  # these work without a daemon, too
            argv = (*argv, "--pin-dir", self.pins)
        done = self.namespace.run([XDPGATE, "--socket", self.socket, *argv], check=False,
                                  **options)
        if check and done.returncode != 0:
            raise LabError(f"xdpgate {' '.join(map(str, argv))}: exit status "
                           f"{done.returncode}\n{done.stdout}{done.stderr}{self.log()}")
        return done

    def json(self, *argv):
        return json.loads(self.ctl("--json", *argv).stdout)

    def stats(self):
        return Stats(self.json("stats"))

    def status(self):
        return self.json("status")

    def set_policy(self, text):
        self.config = self.lab.write(f"{self.name}.yaml", text)

    def hangup(self, timeout=20):
        """Reload by SIGHUP; wait until it is done, well or badly."""
        self.read_notified()
        since = len(self.notified)
        self.process.send_signal(signal.SIGHUP)
        since = self.wait_notified(lambda m: m.get("RELOADING") == "1", "RELOADING=1", timeout,
                                   since)
        self.wait_notified(lambda m: m.get("READY") == "1", "READY=1 after RELOADING=1", timeout,
                           since)

    def terminate(self, timeout=20):
        """A clean stop; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout * PATIENCE)
        self.process = None
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def close(self):
        """Leave nothing: no process, no attached program, no pin."""
        if self.notify:
            self.notify.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.pins.exists():
            self.ctl("detach", check=False)
        if self.pins.exists():
            remove_tree_of_pins(self.pins)


class Stats:
    """Counters as `xdpgate --json stats` gives them; each value is (packets, bytes)."""

    def __init__(self, report):
        self.report = report
        self.generation = report["generation"]
        self.interfaces = {i["name"]: i for i in report["interfaces"]}
        self.rules = {(r["name"], r["interface"]): (r["packets"], r["bytes"])
                      for r in report["rules"]}

    def rule(self, name, interface=None):
        """A rule's counter on one interface, or summed over all."""
        values = [v for (n, i), v in self.rules.items()
                  if n == name and interface in (None, i)]
        if not values:
            raise LabError(f"no rule {name} on {interface} in {self.rules}")
        return tuple(map(sum, zip(*values)))

    def _of(self, interface, kind, name):
        counter = self.interfaces[interface][kind].get(name, {"packets": 0, "bytes": 0})
        return (counter["packets"], counter["bytes"])

    def verdict(self, interface, name):
        return self._of(interface, "verdicts", name)

    def reason(self, interface, name):
        return self._of(interface, "reasons", name)

    def reasons(self, interface):
        """Reasons that are not 0."""
        return {name: (c["packets"], c["bytes"])
                for name, c in self.interfaces[interface]["reasons"].items() if c["packets"]}

    def seen(self, interface):
        """All packets of an interface: the sum of its verdicts."""
        verdicts = self.interfaces[interface]["verdicts"].values()
        return (sum(v["packets"] for v in verdicts), sum(v["bytes"] for v in verdicts))


def captured(path):
    """The frames of a capture file that xg-traffic wrote."""
    data, frames, at = path.read_bytes(), [], 24
    while at < len(data):
        length, = struct.unpack_from("I", data, at + 8)
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def bpf_objects(kind):
    """Identifiers of all loaded BPF programs (prog) or maps (map)."""
    return {o["id"] for o in json.loads(run(["bpftool", "-j", kind, "list"]).stdout or "[]")}


def attached_program(namespace, device):
    """Identifier of the XDP program attached to an interface, or None."""
    xdp = (namespace.link(device) or {}).get("xdp")
    return xdp["prog"]["id"] if xdp else None


def prefixes_of(text, version):
    """The prefixes of one IP version in the text of a list file."""
    networks = (ipaddress.ip_network(line.split("#")[0].strip()) for line in text.splitlines()
                if line.split("#")[0].strip())
    return [n for n in networks if n.version == version]
