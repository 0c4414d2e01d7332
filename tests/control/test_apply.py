#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate apply: idempotent, all or nothing, one at a time."""

import json
import os
import pathlib
import signal
import subprocess
import time

from command import OwnServer, environment
from harness import GROUP_ID, XDPGATE, main, wait_for

POLICY = """interfaces: {{a: {{port: eth0, policy: p}}}}
sets: {{s: {{file: list.txt}}}}
policies: {{p: {{rules: [{{name: {}, match: {{src: $s}}, do: drop}}]}}}}
"""


class Apply(OwnServer):
    def setUp(self):
        super().setUp()
        (self.folder / "list.txt").write_text("192.0.2.0/24\n")
        self.config.write_text(POLICY.format("first"))
        os.chmod(self.config, 0o640)
        os.chown(self.config, 1234, GROUP_ID)
        self.good("reload")
        self.file = self.server.folder / "new.yaml"
        self.file.write_text(POLICY.format("second"))

    def changed(self, *argv, **options):
        """Standard output of an apply that must change something, and say nothing else."""
        done = self.run_ctl("apply", *argv, **options)
        self.assertEqual((done.returncode, done.stderr), (5, ""))
        return done.stdout

    def names(self):
        return sorted(os.listdir(self.folder))

    def is_as_before(self, before):
        self.assertEqual(self.config.read_text(), before)
        self.assertEqual(self.names(), ["list.txt", "xdpgate.yaml"])

    def look(self):
        """The daemon's file, but when it was read."""
        found = self.config.stat()
        return (found.st_mode & 0o7777, found.st_uid, found.st_gid, found.st_ino, found.st_size,
                found.st_mtime_ns, found.st_ctime_ns)

    def test_idempotent(self):
        """5 when something was changed, 0 when nothing had to; mode and owner stay"""
        self.assertEqual(self.changed(self.file), "changed: generation 3 is in force\n")
        self.is_as_before(self.file.read_text())
        state = self.look()
        self.assertEqual(state[:3], (0o640, 1234, GROUP_ID))
        self.assertEqual(self.good("apply", self.file), "unchanged: generation 3 is in force\n")
        self.assertEqual(self.look(), state)
        self.assertEqual(self.good("apply", self.config), "unchanged: generation 3 is in force\n")
        self.assertEqual(self.server.calls("reload"), ["reload"] + ["reload only-changed"] * 3)

    def test_own_file(self):
        """without FILE: what the daemon's file holds is put in force, nothing is written"""
        self.assertEqual(self.good("apply"), "unchanged: generation 2 is in force\n")
        self.config.write_text(POLICY.format("edited"))
        before = self.look()
        self.assertEqual(self.changed(), "changed: generation 3 is in force\n")
        self.assertEqual(self.look(), before)

    def test_written_only(self):
        """the file was another one, but just FILE's text is in force: that is a change, too"""
        self.changed(self.file)
        self.config.write_text("edited, and never in force")
        self.assertEqual(self.changed(self.file), "changed: generation 3 is in force\n")
        self.is_as_before(self.file.read_text())

    def test_options(self):
        """what is asked for is passed on; with --confirm, what to type is said"""
        text = self.changed(self.file, "--confirm", "1h", "--message", "by Ansible", "--force",
                            "--accept-shrink")
        self.assertRegex(text, "^changed: generation 3 is in force\nunconfirmed: in ")
        self.assertEqual(self.server.calls("reload")[-1],
                         "reload accept-shrink confirm 3600 force only-changed: by Ansible")

    def test_json(self):
        """--json: changed or not, and which of both was"""
        for argv, code, changed in (([self.file], 5, (True, True, True)),
                                    ([self.file], 0, (False, False, False))):
            done = self.run_ctl("--json", "apply", *argv)
            self.assertEqual((done.returncode, done.stderr), (code, ""))
            answer = json.loads(done.stdout)
            self.assertEqual((answer["changed"], answer["file_changed"],
                              answer["policy_changed"]), changed)
            self.assertEqual((answer["config"], answer["history"]), (str(self.config), 2))
        self.file.write_text("rubbish: 1\n")
        answer = json.loads(self.bad(1, "rubbish", "--json", "apply", self.file))
        self.assertIs(answer["changed"], False)
        self.assertEqual(answer["diagnostics"][0]["file"], str(self.file))

    def test_bad_file(self):
        """what is wrong is shown in FILE, before anything is touched"""
        before = self.config.read_text()
        self.file.write_text(POLICY.format("second").replace("src", "scr"))
        self.bad(1, rf"^{self.file}:3:\d+: error: .*'scr'.*\n .*\n +\| +\^~*\n"
                 "xdpgate: nothing was changed\n$", "apply", self.file)
        self.file.write_text(POLICY.format("second") +
                             "tests: [{in: a, src: 192.0.2.7, expect: pass}]\n")
        self.bad(1, rf"^{self.file}:4:9: error: this test failed.* the rule at {self.file}:3 ",
                 "apply", self.file)
        for path, text in (("/nonexistent/x", "cannot read /nonexistent/x: No such file"),
                           (self.folder, "cannot read .*: .*director")):
            self.bad(1, text, "apply", path)
        self.is_as_before(before)
        self.assertEqual(self.server.calls("reload"), ["reload"])

    def test_refused(self):
        """what the daemon refuses is undone, byte for byte; the same file is there again"""
        (self.server.scenario_folder / "refuse-text").write_text("second\n")
        before, state = self.config.read_text(), self.config.stat()
        self.bad(1, rf"^{self.file}:7:3: error: refused; see also {self.file}:9\n"
                 "xdpgate: the policy was not put in force; the old one stays\n"
                 rf"xdpgate: {self.config} is what it was before, byte for byte\n$",
                 "apply", self.file)
        self.is_as_before(before)
        now = self.config.stat()
        self.assertEqual((now.st_ino, now.st_mode, now.st_mtime_ns, now.st_nlink),
                         (state.st_ino, state.st_mode, state.st_mtime_ns, 1))
        done = self.run_ctl("--json", "apply", self.file)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["parameters"]["diagnostics"][0]["file"],
                         str(self.file))
        os.unlink(self.config)
        self.bad(1, "byte for byte", "apply", self.file)
        self.assertEqual(self.names(), ["list.txt"])

    def test_pending(self):
        """while another waits to be confirmed it is refused, and undone; not with --confirm"""
        self.changed(self.file, "--confirm", "1h")
        before = self.config.read_text()
        self.file.write_text(POLICY.format("third"))
        self.bad(1, "waits to be confirmed", "apply", self.file)
        self.is_as_before(before)
        self.changed(self.file, "--confirm", "1h")

    def test_standard_input(self):
        """-: standard input, in messages too; relative names are those of the daemon's folder"""
        def run(text):
            return subprocess.run([XDPGATE, "--socket", self.server.path, "apply", "-"],
                                  input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=30, check=False, env=environment())
        self.assertEqual(run(POLICY.format("piped")).returncode, 5)
        self.is_as_before(POLICY.format("piped"))
        done = run(POLICY.format("piped").replace("src", "scr"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^\(standard input\):3:")
        self.assertEqual(run("").returncode, 1)
        self.assertEqual(run("#" * (16 << 20 | 1)).returncode, 1)

    def test_symbolic_link(self):
        """a policy file behind a symbolic link is replaced there; a link to nothing is refused"""
        real = self.server.folder / "real"
        real.mkdir()
        os.rename(self.config, real / "policy")
        os.symlink(real / "policy", self.config)
        self.changed(self.file)
        self.assertTrue(self.config.is_symlink())
        self.assertEqual((real / "policy").read_text(), self.file.read_text())
        self.assertEqual(os.listdir(real), ["policy"])
        os.unlink(real / "policy")
        self.bad(1, "cannot find .*xdpgate.yaml: No such file", "apply", self.file)

    def test_no_file_yet(self):
        """the first policy file ever"""
        os.unlink(self.config)
        self.changed(self.file)
        self.is_as_before(self.file.read_text())
        self.assertEqual(self.config.stat().st_mode & 0o7777, 0o644)

    def test_rights(self):
        """4 for those who may only look; nothing is touched"""
        before = self.config.read_text()
        os.chmod(self.config, 0o644)
        member = {"user": 65534, "group": 65534, "extra_groups": [GROUP_ID]}
        self.bad(4, "Permission denied", "apply", self.file, **member)
        self.bad(4, "only root may", "apply", **member)
        self.is_as_before(before)

    def test_unreachable(self):
        """3 without a daemon; one that goes away in the middle leaves the old file"""
        self.bad(3, "No such file", "apply", self.file, path="/nonexistent")
        before = self.config.read_text()
        self.server.scenario("slow")
        process = self.start("apply", self.file)
        wait_for(lambda: self.server.calls("reload only-changed"), "the reload")
        self.server.process.kill()
        self.server.process.wait()
        _, err = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 3)
        self.assertIn("whether the policy was put in force is not known", err)
        self.is_as_before(before)
        self.server.process.stdout.close()
        self.server.start()

    def test_concurrent(self):
        """two at a time take turns: each file is put in force or put back by itself"""
        self.server.scenario("slow")
        (self.server.scenario_folder / "refuse-text").write_text("bad\n")
        processes = []
        for i in range(8):
            file = self.server.folder / f"{i}.yaml"
            file.write_text(POLICY.format(f"{'bad' if i % 2 else 'good'}-{i}"))
            processes.append(self.start("apply", file))
        codes = []
        for process in processes:
            process.communicate(timeout=60)
            codes.append(process.returncode)
        self.assertEqual(codes, [5, 1] * 4)
        self.assertIn("good", self.config.read_text())
        self.assertEqual(self.names(), ["list.txt", "xdpgate.yaml"])
        self.assertEqual(self.good("apply"), "unchanged: generation 6 is in force\n")

    def test_interrupted(self):
        """Ctrl-C, or an SSH connection that breaks, in the middle: it is carried through"""
        (self.server.scenario_folder / "refuse-text").write_text("second\n")
        self.server.scenario("slow")
        before = self.config.read_text()
        for number in signal.SIGINT, signal.SIGHUP, signal.SIGTERM:
            n = len(self.server.calls("reload only-changed"))
            process = self.start("apply", self.file)
            wait_for(lambda n=n: len(self.server.calls("reload only-changed")) > n, "the reload")
            process.send_signal(number)
            process.communicate(timeout=10)
            self.assertEqual(process.returncode, -number)
            self.is_as_before(before)

    def test_interrupted_and_done(self):
        """what was carried through is told"""
        self.server.scenario("slow")
        process = self.start("apply", self.file)
        wait_for(lambda: self.server.calls("reload only-changed"), "the reload")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=10),
                         ("changed: generation 3 is in force\n", ""))
        self.is_as_before(self.file.read_text())

    def test_killed(self):
        """killed at any moment, the file is whole; the next one takes up what is left"""
        texts = {POLICY.format("first"), POLICY.format("second")}
        self.server.scenario("slow")
        for delay in range(0, 24, 2):
            process = self.start("apply", self.file)
            time.sleep(delay / 1000)
            process.kill()
            process.communicate()
            self.assertIn(self.config.read_text(), texts)
        n = len(self.server.calls("reload only-changed"))
        process = self.start("apply", self.file)
        wait_for(lambda: len(self.server.calls("reload only-changed")) > n, "the reload")
        process.kill()
        process.communicate()
        self.assertEqual(self.config.read_text(), self.file.read_text())
        self.assertGreater(len(self.names()), 2)
        self.file.write_text(POLICY.format("third"))
        self.changed(self.file)
        self.is_as_before(POLICY.format("third"))

    def test_folder(self):
        """a folder that cannot be written to: said by name, nothing is changed"""
        before = pathlib.Path(self.config).read_text()
        wrapper = ["unshare", "--mount", "sh", "-c", f"mount --bind -o ro {self.folder} {self.folder}"
                   f" && mount -o remount,bind,ro {self.folder} && exec \"$@\"", "sh"]
        for argv, code, text in ((["apply", self.file], 1, "Read-only file system"),
                                 (["apply"], 0, "")):
            done = subprocess.run([*wrapper, XDPGATE, "--socket", self.server.path, *argv],
                                  stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  timeout=30, check=False, env=environment())
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)
        self.is_as_before(before)


if __name__ == "__main__":
    main()
