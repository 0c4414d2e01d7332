#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The shipped unit under systemd as process 1: start, reload, restart, kill, stop, and what
its hardening really takes away. The cases share one container and run in order of name."""

import json
import re
import unittest

import container
import netlab
import tap
from netlab import LabError, run, wait_for

HEAD = """
interfaces:
  transit: {port: xg0, policy: edge, required: true}
policies:
  edge:
    default: pass
    rules:
"""
POLICY = HEAD + """
      - {name: bad, match: {src: 198.18.0.0/15}, do: drop}
      - {name: good, match: {src: 203.0.113.0/24}, do: count}
"""
BAD = "name=bad,count=1000,src=198.18.0.0/15,size=60-300"
GOOD = "name=good,count=500,src=203.0.113.0/24,size=60-300"
CAPABILITIES = ("chown", "dac_read_search", "net_admin", "sys_admin", "perfmon", "bpf")
CAPABILITY_NUMBERS = {"chown": 0, "dac_read_search": 2, "net_admin": 12, "sys_admin": 21,
                      "perfmon": 38, "bpf": 39}


class Unit(unittest.TestCase):
    """One boot, from the first start to the last."""

    @classmethod
    def setUpClass(cls):
        reason = container.missing_requirement()
        if reason:
            raise unittest.SkipTest(reason)
        cls.lab = cls.enterClassContext(netlab.Lab())
        try:
            container.debian_root()
        except LabError as error:
            lines = str(error).splitlines()
            why = next((line for line in lines if line.startswith("E: ")), lines[0])
            raise unittest.SkipTest(f"no Debian root can be made: {why}") from error
        cls.box = container.Container(cls.lab)
        cls.sender = cls.lab.namespace("sender")
        cls.lab.veth(cls.sender, "up0", cls.box, "xg0")
        cls.passed = cls.lab.receiver(cls.box, "xg0")
        cls.box.shell("systemd-sysusers")
        cls.box.shell("systemd-tmpfiles", "--create", "xdpgate.conf")
        cls.box.shell("systemctl", "daemon-reload")

    def systemctl(self, *argv, **options):
        return self.box.shell("systemctl", *argv, **options)

    def show(self, name):
        return self.systemctl("show", "--value", "-p", name, "xdpgated").stdout.strip()

    def journal(self, *argv):
        return self.box.shell("journalctl", "--no-pager", "-u", "xdpgated", *argv).stdout

    def stats(self):
        return netlab.Stats(json.loads(self.box.shell("xdpgate", "--json", "stats").stdout))

    def shoot(self, filters=True):
        """Send bad and good packets and see at the receiver whether the gate filters."""
        self.passed.count()
        sent = self.lab.send(self.sender, "up0", BAD, GOOD)
        self.assertEqual(self.passed.count(),
                         sent.streams["good"][0] if filters else sent.packets)
        return sent

    def assert_counts_on(self, before, sent):
        after = self.stats()
        for rule in ("bad", "good"):
            old, new = before.rule(rule), after.rule(rule)
            self.assertEqual((new[0] - old[0], new[1] - old[1]), sent.streams[rule])

    def start(self):
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("start", "xdpgated", timeout=100)
        self.assertEqual(self.show("ActiveState"), "active", self.journal())

    def test_01_start(self):
        """systemctl start returns when the interface filters"""
        self.start()
        sent = self.shoot()
        self.assertEqual(self.stats().rule("bad"), sent.streams["bad"])
        self.assertNotEqual(self.show("StatusText"), "")

    def test_02_reload(self):
        """systemctl reload puts a new policy in force"""
        self.start()
        self.box.write("/etc/xdpgate/xdpgate.yaml",
                       HEAD + "      - {name: all, match: {proto: udp}, do: drop}\n")
        self.systemctl("reload", "xdpgated")
        self.passed.count()
        sent = self.lab.send(self.sender, "up0", BAD, GOOD)
        self.assertEqual(self.passed.count(), 0)
        self.assertEqual(self.stats().rule("all"), sent.total)
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("reload", "xdpgated")
        self.shoot()

    def test_03_bad_reload(self):
        """systemctl reload of a bad policy fails, the journal says why, the old one filters"""
        self.start()
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY.replace("drop", "drpo"))
        done = self.systemctl("reload", "xdpgated", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(self.journal(), r"xdpgate\.yaml:9:\d+: error: .*drpo")
        self.assertEqual(self.show("ActiveState"), "active")
        before = self.stats()
        self.assert_counts_on(before, self.shoot())
        self.assertIn("fail", self.show("StatusText").lower())
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("reload", "xdpgated")

    def test_03_copies(self):
        """the unit may write its state folder: a list that is gone after a restart is not missed"""
        self.start()
        self.box.write("/etc/xdpgate/bad.txt", "198.18.0.0/15\n2001:db8:a::/48\n")
        kept = HEAD + "      - {name: bad, match: {src: $bad}, do: drop}\n"
        kept += "sets:\n  bad: {file: bad.txt, keep: true}\n"
        self.box.write("/etc/xdpgate/xdpgate.yaml", kept)
        self.systemctl("reload", "xdpgated")
        self.box.shell("rm", "/etc/xdpgate/bad.txt")
        self.systemctl("restart", "xdpgated")
        self.assertIn("stands for it", self.box.shell("xdpgate", "status").stdout)
        self.assertIn("stands for it", self.journal())
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("reload", "xdpgated")

    def test_03_feeds(self):
        """the unit may watch a folder of another user, as xdpgate-feeds.service leaves it"""
        self.start()
        shell = self.box.shell
        shell("install", "-d", "-m", "0700", "/var/lib/private")
        shell("install", "-d", "-m", "0700", "-o", "nobody", "/var/lib/private/xdpgate-feeds")
        shell("ln", "-sfn", "private/xdpgate-feeds", "/var/lib/xdpgate-feeds")
        self.box.write("/var/lib/private/xdpgate-feeds/bad.txt", "198.18.0.0/15\n")
        shell("chown", "nobody", "/var/lib/private/xdpgate-feeds/bad.txt")
        shell("chmod", "0600", "/var/lib/private/xdpgate-feeds/bad.txt")
        watched = HEAD + "      - {name: bad, match: {src: $bad}, do: drop}\n"
        watched += "sets:\n  bad: {glob: /var/lib/xdpgate-feeds/*.txt, watch: true}\n"
        self.box.write("/etc/xdpgate/xdpgate.yaml", watched)
        self.systemctl("reload", "xdpgated")

        def prefixes():
            return [feed["prefixes"] for feed in
                    json.loads(shell("xdpgate", "--json", "status").stdout)["feeds"]]
        self.assertEqual(prefixes(), [1])
        shell("sh", "-c", "printf '198.18.0.0/15\n2001:db8:a::/48\n' >/var/lib/bad.new &&"
              "chown nobody /var/lib/bad.new && chmod 0600 /var/lib/bad.new &&"
              "mv /var/lib/bad.new /var/lib/private/xdpgate-feeds/bad.txt")
        wait_for(lambda: prefixes() == [2], "the list is read again")
        self.assertNotIn("each minute", self.journal())
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("reload", "xdpgated")

    def under_traffic(self, action):
        """Nothing that is to be dropped passes while action() runs; nothing goes uncounted."""
        self.start()
        before = self.stats().rule("bad")
        self.passed.count()
        traffic = self.lab.traffic(self.sender, "up0", "name=bad,src=198.18.0.0/15",
                                   options=["--loop"])
        action()
        sent = traffic.stop()
        after = self.stats().rule("bad")
        self.assertEqual(self.passed.count(), 0, "packets have passed")
        self.assertEqual((after[0] - before[0], after[1] - before[1]), sent.total)

    def test_04_restart(self):
        """systemctl restart under traffic: no gap, no count lost"""
        def restart():
            for _ in range(3):
                self.systemctl("restart", "xdpgated")
        self.under_traffic(restart)

    def test_05_kill(self):
        """kill -9 under traffic: systemd starts another, which adopts; no gap"""
        def kill():
            pid = self.show("MainPID")
            self.systemctl("kill", "-s", "KILL", "xdpgated")
            wait_for(lambda: self.show("MainPID") not in ("0", pid) and
                     self.show("ActiveState") == "active", "another daemon", timeout=30)
        self.under_traffic(kill)
        self.assertEqual(self.show("NRestarts"), "1")

    def test_06_stop(self):
        """systemctl stop disarms: all passes, the entry stays; a start filters and counts on"""
        self.start()
        before = self.stats()
        entry = netlab.attached_program(self.box, "xg0")
        self.systemctl("stop", "xdpgated")
        self.assertEqual(self.show("Result"), "success")
        self.shoot(filters=False)
        self.assertEqual(netlab.attached_program(self.box, "xg0"), entry)
        self.start()
        self.assertEqual(netlab.attached_program(self.box, "xg0"), entry)
        self.assert_counts_on(before, self.shoot())

    def test_07_journal(self):
        """the journal has structured messages"""
        self.start()
        self.systemctl("reload", "xdpgated")
        records = [json.loads(line) for line in self.journal("-o", "json").splitlines()]
        self.assertTrue(any("XDPGATE_GENERATION" in r and r.get("PRIORITY") == "5"
                            for r in records), records[-5:])
        bad = [r for r in records if r.get("XDPGATE_LINE") == "9"]
        self.assertTrue(bad, "test_03's error with its place")
        self.assertTrue(bad[0]["XDPGATE_FILE"].endswith("xdpgate.yaml"))
        self.assertEqual(bad[0]["PRIORITY"], "3")

    def test_08_hardening(self):
        """the hardening is in force: capabilities, seccomp, a read-only system"""
        self.start()
        inside = self.show("MainPID")
        status = self.box.shell("cat", f"/proc/{inside}/status").stdout
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        bounding = sum(1 << CAPABILITY_NUMBERS[c] for c in CAPABILITIES)
        self.assertEqual(int(fields["CapBnd"], 16) & ~bounding, 0)
        self.assertEqual(int(fields["CapEff"], 16) & ~bounding, 0)
        self.assertEqual(int(fields["CapAmb"], 16), 0)
        self.assertEqual(fields["NoNewPrivs"], "1")
        self.assertEqual(fields["Seccomp"], "2")
        for path, writable in (("/usr/x", False), ("/etc/x", False), ("/home/x", False),
                               ("/run/xdpgate/x", True), ("/sys/fs/bpf/xdpgate", True)):
            tool = "mkdir" if path.startswith("/sys") else "touch"
            done = self.box.shell("nsenter", "-t", inside, "-m", tool, path + "-try",
                                  check=False)
            self.assertEqual(done.returncode == 0, writable, f"{path}: {done.stderr}")
            if writable:
                self.box.shell("nsenter", "-t", inside, "-m", "rm", "-r", path + "-try")

    def test_09_group(self):
        """members of the group xdpgate may look but not change; others may not even look"""
        self.start()
        gid = self.box.shell("getent", "group", "xdpgate").stdout.split(":")[2]

        def as_nobody(group, *argv):
            return self.box.shell("setpriv", "--reuid", 65534, "--regid", 65534, "--groups",
                                  group, "xdpgate", *argv, check=False)
        self.assertEqual(as_nobody(gid, "stats").returncode, 0)
        self.assertNotEqual(as_nobody(gid, "reload").returncode, 0)
        self.assertNotEqual(as_nobody(gid, "off").returncode, 0)
        self.assertNotEqual(as_nobody(65534, "stats").returncode, 0)
        self.shoot()

    def test_10_required(self):
        """a required interface that is absent keeps the unit from being up, until it appears"""
        self.systemctl("stop", "xdpgated")
        policy = POLICY.replace("policies:", "  late: {port: xg1, policy: edge, required: true}\n"
                                "policies:")
        self.box.write("/etc/xdpgate/xdpgate.yaml", policy)
        self.systemctl("start", "--no-block", "xdpgated")
        wait_for(lambda: self.box.shell("xdpgate", "status", check=False).returncode == 0,
                 "the daemon answers")
        self.assertEqual(self.show("ActiveState"), "activating")
        self.shoot()  # what is there filters already
        self.lab.veth(self.sender, "up1", self.box, "xg1")
        wait_for(lambda: self.show("ActiveState") == "active", "the unit is up")
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("reload", "xdpgated")

    def test_11_socket(self):
        """the optional socket unit: the first question starts the daemon"""
        self.systemctl("stop", "xdpgated")
        self.box.write("/etc/xdpgate/xdpgate.yaml", POLICY)
        self.systemctl("start", "xdpgated.socket")
        try:
            self.box.shell("xdpgate", "status")
            self.assertIn(self.show("ActiveState"), ("active", "activating"))
            wait_for(lambda: self.show("ActiveState") == "active", "the daemon is up")
            self.shoot()
        finally:
            self.systemctl("stop", "xdpgated.socket", "xdpgated", check=False)
        self.assertEqual(self.show("Result"), "success")

    def test_12_detach(self):
        """detach by the client: the daemon ends, systemd takes it for success"""
        self.start()
        self.box.shell("xdpgate", "detach")
        wait_for(lambda: self.show("ActiveState") == "inactive", "the unit has ended")
        self.assertEqual(self.show("Result"), "success")
        self.assertIsNone(netlab.attached_program(self.box, "xg0"))
        self.assertNotEqual(0, self.box.shell("test", "-e", "/sys/fs/bpf/xdpgate",
                                              check=False).returncode)
        self.start()
        self.shoot()


class Files(unittest.TestCase):
    """What systemd's own tools say of the files."""

    def test_verify(self):
        """systemd-analyze verify has nothing to say, security at most 2.6, of feeds 1.6"""
        with netlab.Lab() as lab:
            stage = lab.folder / "stage"
            run(["meson", "install", "-C", netlab.BUILD, "--no-rebuild", "--quiet",
                 "--destdir", stage], timeout=60)
            units = [next(stage.rglob(name)) for name in
                     ("xdpgated.service", "xdpgated.socket", "xdpgate-feeds.service",
                      "xdpgate-feeds.timer")]
            # The programs are not installed here; that alone may be said.
            done = run(["systemd-analyze", "verify", "--man=no", *units], check=False)
            told = [line for line in (done.stdout + done.stderr).splitlines()
                    if "xdpgate" in line and "is not executable" not in line]
            self.assertEqual(told, [])
            for unit, most in ((units[0], 2.6), (units[2], 1.6)):
                text = run(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                            unit], check=False).stdout
                level = float(re.search(r"exposure level for .*: ([0-9.]+)", text).group(1))
                self.assertLessEqual(level, most, unit.name)
            script = next(stage.rglob("xdpgate-fetch-lists"))
            self.assertEqual(script.stat().st_mode & 0o777, 0o755)
            self.assertIn(f"ExecStart=/{script.relative_to(stage)}\n", units[2].read_text())
            self.assertTrue((stage / "etc/xdpgate/feeds.conf").exists())


if __name__ == "__main__":
    tap.main()
