#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate doctor: it names the cause of what keeps XDP off a device, in the kernel's words, and a
command; with the command done, the cause is gone, and so is what doctor says of it."""

import json
import os
import unittest

import netlab
import tap
from edge import Edge
from netlab import BPFFS, BUILD, XDPGATE, LabError, run

POLICY = """
interfaces:
  it: {port: xg0, policy: edge, mode: native}
policies:
  edge:
    rules:
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
"""
NO_NATIVE = "Underlying driver does not support XDP in native mode"
# Programs as other tools load them: without frags.
FOREIGN = BUILD / "xdp" / "pass.bpf.o"


class Case(unittest.TestCase):
    """A lab, and a doctor in it who reads a policy file."""

    policy = POLICY

    def setUp(self):
        self.lab = self.enterContext(Edge())
        self.router = self.lab.router
        self.config = self.lab.write("doctor.yaml", self.policy)
        self.socket = self.lab.folder / "none.sock"
        self.pins = BPFFS / f"{self.lab.id}-gate"
        # What remedies call as commands, and an editor that does what their comments say.
        tools = self.lab.folder / "tools"
        tools.mkdir()
        (tools / "xdpgate").symlink_to(XDPGATE)
        self.environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")

    def doctor(self, *argv, **options):
        return self.router.run([XDPGATE, "--socket", self.socket, "doctor", "--config", self.config,
                                "--pin-dir", self.pins, *argv], check=False, **options)

    def diagnose(self, *argv):
        """All findings, and the exit status is right."""
        done = self.doctor("--json", *argv)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        report = json.loads(done.stdout)
        problems = [f for f in report["findings"] if f["level"] == "problem"]
        self.assertEqual(report["problems"], len(problems))
        self.assertEqual(done.returncode, 1 if problems else 0, problems)
        return report["findings"]

    def find(self, check, *argv, levels=("warning", "problem")):
        """What one check has to complain of."""
        return [f for f in self.diagnose(*argv) if f["check"] == check and f["level"] in levels]

    def finding(self, check, *argv, level="problem"):
        found = self.find(check, *argv)
        self.assertEqual(len(found), 1, found)
        self.assertEqual(found[0]["level"], level, found)
        return found[0]

    def cure(self, finding, **environment):
        """Paste the command."""
        self.assertTrue(finding["remedy"], finding)
        self.router.run(["sh", "-c", finding["remedy"]],
                        env=dict(self.environment, **environment))

    def cured(self, check, *argv):
        self.assertEqual(self.find(check, *argv), [])

    def editor(self, expression):
        """An editor that changes the line it is told to, as $EDITOR."""
        path = self.lab.write("editor", '#!/bin/sh\nexec sed -i "${1#+}' + expression + '" "$2"\n')
        path.chmod(0o755)
        return {"EDITOR": str(path)}

    def attach(self, device, mode, object_file=FOREIGN):
        """Attach a program as a tool does that knows nothing of libxdp; what it said if it could
        not, else None."""
        pin = BPFFS / f"{self.lab.id}-foreign"
        if not pin.exists():
            run(["bpftool", "prog", "load", object_file, pin, "type", "xdp"])
            self.addCleanup(os.unlink, pin)
        done = self.router.ip("link", "set", "dev", device, mode, "pinned", pin, check=False)
        return done.stderr if done.returncode else None

    def add_device(self, *argv):
        self.router.ip("link", "add", *argv)


class Native(Case):
    """Why native attach would fail."""

    def test_well(self):
        """nothing is wrong: exit status 0, and --try attaches and detaches"""
        self.assertEqual([f for f in self.diagnose() if f["level"] == "problem"], [])
        done = self.doctor("--try")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("may reset the link", done.stderr)
        self.assertRegex(done.stdout, r"(?m)^  ok +try +a program could be attached in native mode")
        self.assertIsNone(netlab.attached_program(self.router, "xg0"))

    def test_mtu(self):
        """veth, MTU 9000: no program without frags; the remedy lowers both ends"""
        self.lab.sender.ip("link", "set", "dev", "up0", "mtu", 9000)
        self.router.ip("link", "set", "dev", "xg0", "mtu", 9000)
        finding = self.finding("mtu", level="warning")
        self.assertEqual(finding["kernel"], "veth: Peer MTU is too large to set XDP")
        self.assertIn(f"/run/netns/{self.lab.sender.name} ", finding["remedy"])
        self.assertIn(finding["kernel"], self.attach("xg0", "xdpdrv"))
        tried = self.finding("try", "--try", level="warning")
        self.assertEqual((tried["kernel"], tried["remedy"]), (finding["kernel"], finding["remedy"]))
        self.cure(finding)
        self.assertEqual({self.router.link("xg0")["mtu"], self.lab.sender.link("up0")["mtu"]},
                         {3498})
        self.cured("mtu")
        self.cured("try", "--try")
        self.assertIsNone(self.attach("xg0", "xdpdrv"))

    def queues(self, mine, peers):
        run(["ip", "link", "add", "vq0", "netns", self.router.name, "numrxqueues", mine,
             "numtxqueues", 1, "type", "veth", "peer", "name", "vq1", "netns",
             self.lab.sender.name, "numrxqueues", 4, "numtxqueues", 4])
        self.lab.sender.run(["ethtool", "-L", "vq1", "tx", peers])
        self.router.run(["ethtool", "-L", "vq0", "rx", 1], check=False)
        self.router.ip("link", "set", "vq0", "up")
        self.lab.sender.ip("link", "set", "vq1", "up")

    def test_queues(self):
        """veth, fewer receive queues than the peer's transmit queues: more here, or fewer there"""
        for mine, command in ((4, "ethtool -L vq0 rx 4"),
                              (1, f"nsenter --net=/run/netns/{self.lab.sender.name} "
                                  "ethtool -L vq1 tx 1")):
            with self.subTest(command):
                self.queues(mine, 4)
                tried = self.find("try", "--try", "vq0")[0]
                finding = self.finding("queues", "vq0")
                self.assertEqual(
                    finding["kernel"],
                    "veth: XDP expects number of rx queues not less than peer tx queues")
                self.assertEqual(finding["remedy"], command)
                self.assertEqual((tried["kernel"].rstrip("."), tried["remedy"]),
                                 (finding["kernel"], command))
                self.cure(finding)
                self.cured("queues", "vq0")
                self.cured("try", "--try", "vq0")
                self.router.ip("link", "del", "vq0")

    def test_drivers(self):
        """devices without native XDP: bridge, macvlan, tun, lo; the policy says generic then"""
        self.add_device("br7", "type", "bridge")
        self.add_device("link", "xg0", "name", "mv7", "type", "macvlan")
        self.router.ip("tuntap", "add", "dev", "tun7", "mode", "tun")
        for device in ("br7", "mv7", "tun7", "lo"):
            with self.subTest(device):
                self.config = self.lab.write("doctor.yaml", POLICY.replace("xg0", device))
                finding = self.finding("driver")
                self.assertEqual((finding["device"], finding["kernel"]), (device, NO_NATIVE))
                self.assertIn("mode: generic", finding["remedy"])
                tried = self.finding("try", "--try")
                self.assertEqual((tried["kernel"], tried["remedy"]), (NO_NATIVE, finding["remedy"]))
                self.cure(finding, **self.editor("s/native/generic/"))
                self.cured("driver")
                self.cured("try", "--try")

    def test_tap(self):
        """a tun device for Ethernet frames has native XDP"""
        self.router.ip("tuntap", "add", "dev", "tap7", "mode", "tap")
        self.cured("driver", "tap7")

    def test_foreign(self):
        """a program of others, native or generic, alone: named, and its remedy takes it off"""
        for how in ("xdpdrv", "xdpgeneric"):
            with self.subTest(how):
                self.assertIsNone(self.attach("xg0", how))
                identifier = netlab.attached_program(self.router, "xg0")
                finding = self.finding("programs")
                self.assertIn(f"'xdpgate_pass' (id {identifier})", finding["text"])
                if how == "xdpgeneric":
                    self.assertEqual(finding["kernel"],
                                     "Native and generic XDP can't be active at the same time.")
                self.assertEqual(self.find("try", "--try"), [])  # and nothing is tried
                self.assertEqual(netlab.attached_program(self.router, "xg0"), identifier)
                self.cure(finding)
                self.cured("programs")
                self.assertIsNone(netlab.attached_program(self.router, "xg0"))

    def test_generic_beside_native(self):
        """the policy wants generic mode while a native program is there"""
        self.config = self.lab.write("doctor.yaml", POLICY.replace("native", "generic"))
        self.assertIsNone(self.attach("xg0", "xdpdrv"))
        finding = self.finding("programs")
        self.assertEqual(finding["kernel"],
                         "Native and generic XDP can't be active at the same time.")
        self.assertIn(finding["kernel"].split(".")[0], self.attach("xg0", "xdpgeneric"))
        self.cure(finding)
        self.cured("programs")
        self.assertIsNone(self.attach("xg0", "xdpgeneric"))


class Judging(Case):
    """What goes wrong once it is attached."""

    def test_tags(self):
        """VLAN tags that the driver, or the peer, keeps out of the frame, while the policy looks"""
        self.router.run(["ethtool", "-K", "xg0", "rxvlan", "on"])
        self.cured("tags")  # nobody looks
        self.config = self.lab.write("doctor.yaml", POLICY.replace("port: xg0,",
                                                                   "port: xg0, vlan: 7,"))
        finding = self.finding("tags")
        self.assertRegex(finding["remedy"], r"^ethtool -K xg0 rxvlan off")
        self.cure(finding)
        self.cured("tags")
        self.lab.sender.run(["ethtool", "-K", "up0", "txvlan", "on"])
        finding = self.finding("tags")
        self.cure(finding)
        self.cured("tags")

    def test_redirect(self):
        """redirect into a veth whose peer has no NAPI"""
        self.config = self.lab.write("doctor.yaml", POLICY + "      - {name: scrub, match: "
                                     "{dst: 198.51.100.7}, do: {redirect: xg-scrub}}\n")
        self.cured("redirects")
        self.lab.scrubber.run(["ethtool", "-K", "sc0", "gro", "off"])
        finding = self.finding("redirects")
        self.assertIn("sc0", finding["text"])
        self.cure(finding)
        self.cured("redirects")
        self.lab.scrubber.ip("link", "set", "sc0", "down")
        finding = self.finding("redirects")
        self.cure(finding)
        self.cured("redirects")

    def test_ports(self):
        """the policy names a port that is not here: the device meant gets that name, too"""
        self.config = self.lab.write("doctor.yaml", POLICY.replace("port: xg0", "port: xgg0"))
        finding = self.finding("ports")
        self.assertIn("did you mean 'xg0'", finding["text"])
        self.cure(finding)
        self.cured("ports")
        self.config = self.lab.write("doctor.yaml", POLICY.replace("port: xg0", "port: transit"))
        self.assertEqual(self.finding("ports")["remedy"], "ip -brief link")

    def test_arguments(self):
        """a device by an interface's name, by its own; one that is not here"""
        self.assertEqual({f["device"] for f in self.diagnose("it")}, {None, "xg0"})
        self.assertEqual({f["device"] for f in self.diagnose("xg-scrub", "xg0")},
                         {None, "xg0", "xg-scrub"})
        self.assertIn("'nonesuch'", self.finding("ports", "nonesuch")["text"])
        self.assertEqual(self.doctor("--watch").returncode, 2)

    def test_hostile_name(self):
        """a device's name is quoted in commands"""
        self.add_device("a;$(id)'b", "type", "bridge")
        self.add_device("v;0", "type", "veth", "peer", "name", "$w")
        self.router.ip("link", "set", "v;0", "mtu", 9000)
        finding = self.finding("mtu", "v;0", level="warning")
        self.cure(finding)
        self.cured("mtu", "v;0")

    def test_losses(self):
        """a counter of losses that rises while doctor looks, and one that does not"""
        self.cured("drops")
        traffic = self.lab.traffic(self.lab.sender, "up0", "name=x,count=1,raw=" + "ff" * 12 +
                                   "88b5" + "00" * 46, options=["--loop", "--rate", 1000])
        finding = self.finding("drops", level="warning")
        self.assertRegex(finding["text"], r"^rx_dropped rises: by \d+ in \d")
        traffic.stop()
        self.cured("drops")


class Machine(Case):
    """Daemon, pins, mounts."""

    def in_mounts(self, command, prepare):
        """Run doctor and then, maybe, its remedy, in a mount namespace of their own."""
        script = (f"{prepare}\n{XDPGATE} --socket {self.socket} doctor --config {self.config} "
                  f"--pin-dir {self.pins} --json xg0\n{command}\n"
                  f"{XDPGATE} --socket {self.socket} doctor --config {self.config} "
                  f"--pin-dir {self.pins} --json xg0\ntrue")
        done = self.router.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                script])
        return [[f for f in json.loads(line)["findings"] if f["check"] == "bpffs"]
                for line in done.stdout.splitlines() if line.startswith("{")]

    def test_bpffs(self):
        """no BPF file system, or one that is read-only: mounting cures it"""
        for prepare, cure in (("while umount /sys/fs/bpf 2>/dev/null; do :; done",
                               "mount -t bpf bpf /sys/fs/bpf"),
                              ("mount --bind /sys/fs/bpf /sys/fs/bpf; "
                               "mount -o remount,ro,bind /sys/fs/bpf",
                               "mount -o remount,rw /sys/fs/bpf")):
            with self.subTest(cure):
                before, after = self.in_mounts(cure, prepare)
                self.assertEqual([(f["level"], f["remedy"]) for f in before], [("problem", cure)])
                self.assertEqual([f["level"] for f in after], ["ok"])

    def test_pins(self):
        """pins of another's, or that others may write"""
        gate = self.lab.gate(POLICY).start()
        gate.terminate()
        self.assertEqual(gate.pins, self.pins)
        self.cured("pins")
        os.chmod(self.pins / "ports", 0o777)
        os.chown(self.pins / "counters" / "registry", 65534, 65534)
        finding = self.finding("pins")
        self.assertIn(" 2 of ", finding["text"])
        self.cure(finding)
        self.cured("pins")

    def test_daemon(self):
        """what the daemon met stands there until the cause is gone and it has tried again"""
        self.assertIsNone(self.attach("xg0", "xdpdrv"))
        gate = self.lab.gate(POLICY).start(wait=False)
        self.socket, self.config = gate.socket, gate.config
        netlab.wait_for(lambda: gate.ctl("status", check=False).returncode == 0, "the daemon")
        finding = self.finding("attached")
        self.assertIn("another XDP program", finding["text"])
        self.cure(self.finding("programs"))
        self.cure(finding)
        self.assertEqual([f for f in self.diagnose() if f["level"] == "problem"], [])
        self.assertIn("filtering", self.doctor().stdout)
        gate.ctl("off", "it")
        finding = self.finding("attached", level="warning")
        self.cure(finding)
        self.cured("attached")
        # A policy that changes its mode takes a detach, as doctor says.
        self.config = self.lab.write("other.yaml", POLICY.replace("native", "generic"))
        finding = self.finding("programs")
        self.assertIn("detach", finding["remedy"])
        self.cure(finding)
        self.cured("programs")

    def test_policy(self):
        """a policy that does not load is said with its place; the rest is looked at still"""
        self.config = self.lab.write("doctor.yaml", POLICY.replace("do: drop", "do: dorp"))
        finding = self.finding("policy")
        self.assertRegex(finding["text"], r"doctor\.yaml:7:\d+: error: ")
        with self.assertRaises(LabError):
            self.cure(finding)  # it shows the error
        self.lab.write("doctor.yaml", POLICY)
        self.cure(finding)
        self.cured("policy")

    def test_user(self):
        """without privileges it tells what it can, and --try is refused"""
        os.chmod(self.lab.folder, 0o755)
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", XDPGATE, "--socket",
                self.socket, "doctor", "--config", self.config]
        if self.router.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "test",
                            "-x", XDPGATE], check=False).returncode:
            self.skipTest("the build folder is closed to others")
        done = self.router.run([*argv, "xg0"], check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Root is told more", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^  ok +driver +veth has native XDP")
        self.assertEqual(self.router.run([*argv, "--try"], check=False).returncode, 4)


if __name__ == "__main__":
    tap.main()
