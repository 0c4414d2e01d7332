#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""xdpgate set: entries of live sets from the command line and from files."""

import json
import re
import signal
import subprocess
import tempfile
import time

import command
from command import environment
from harness import GATE, GROUP_ID, XDPGATE, Server, main


class Sets(command.Ctl):
    """xdpgate set."""

    def setUp(self):
        for name in "few", "banned":
            self.run_ctl("set", "flush", name)

    def lines(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".txt", dir=self.server.folder)
        file.write(text)
        file.flush()
        self.addCleanup(file.close)
        return file.name

    def entries(self, name):
        return json.loads(self.good("--json", "set", "list", name))["entries"]

    def test_few(self):
        """add, list, test, del, flush: tables, sums, exit status"""
        done = self.run_ctl("set", "add", "few", "192.0.2.1", "2001:db8::/32", "0.0.0.0/1",
                            "--timeout", "1h30m", "--comment", 'a "b" \u00e9')
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (1, "few: 2 added, 1 refused\n", "0.0.0.0/1: refused: wider than /8\n"))
        self.assertEqual(self.good("set", "list", "few").split("\n"), [
            "PREFIX                   ENDS IN  SINCE                COMMENT",
            '192.0.2.1                  1h30m  2023-11-14 22:13:20  a "b" \u00e9',
            '2001:db8::/32              1h30m  2023-11-14 22:13:20  a "b" \u00e9', ""])
        self.assertEqual(self.good("set", "test", "few", "2001:db8::1"),
                         "2001:db8::1 is in set 'few': by 2001:db8::/32, which ends in 1h30m "
                         '(a "b" \u00e9)\n')
        self.assertEqual(self.good("set", "add", "few", "192.0.2.1", "--timeout=never"),
                         "few: 1 changed\n")
        self.assertIn("does not end", self.good("set", "test", "few", "192.0.2.1"))
        self.assertEqual(self.good("set", "del", "few", "192.0.2.1", "192.0.2.9"),
                         "few: 1 removed, 1 not there\n")
        self.assertEqual(self.good("set", "replace", "few", "::1", "::2"),
                         "few: 2 added, 1 removed\n")
        self.assertEqual(self.good("set", "del", "few", "-q", "::1"), "")
        self.assertEqual(self.good("set", "flush", "few"), "few: 1 removed\n")
        self.assertEqual(self.good("set", "flush", "few"), "few: nothing to change\n")
        self.assertEqual(self.good("set", "list", "few"), "set 'few' is empty\n")
        self.assertEqual(self.entries("few"), [])

    def test_test(self):
        """test: 0 in, 1 out, more than 1: that could not be told"""
        self.good("set", "add", "few", "192.0.2.0/24")
        self.good("set", "test", "-q", "few", "192.0.2.7")
        self.assertEqual(self.bad(1, "^$", "set", "test", "few", "192.0.3.7"),
                         "192.0.3.7 is not in set 'few'\n")
        self.assertIs(json.loads(self.bad(1, "^$", "--json", "set", "test", "few", "::"))["found"],
                      False)
        self.bad(2, "no live set 'fwe'; there are", "set", "test", "fwe", "192.0.2.7")
        self.bad(2, "write 192.0.2.0/24", "set", "test", "few", "192.0.2.7/24")
        self.bad(3, "No such file", "set", "test", "few", "::1", path="/nonexistent")

    def test_file(self):
        """--file: settings, comments, blank lines, any end of line; and from standard input"""
        text = ("# a list\r\n\n 192.0.2.1\t# why \r\n192.0.2.2 timeout=2h ; SBL1 #2\n"
                "::1 timeout=never\n; end\n192.0.2.3#\n192.0.2.4")
        self.assertEqual(self.good("set", "add", "banned", "-f", self.lines(text), "--timeout=5m",
                                   "--comment=default"), "banned: 5 added\n")
        wanted = [("192.0.2.1", 300, "why"), ("192.0.2.2", 7200, "SBL1 #2"),
                  ("192.0.2.3", 300, "default"), ("192.0.2.4", 300, "default"),
                  ("::1", None, "default")]
        self.assertEqual([(e["prefix"], e["left"], e["comment"]) for e in self.entries("banned")],
                         wanted)
        done = subprocess.run([XDPGATE, "--socket", self.server.path, "set", "del", "banned",
                               "--file", "-", "192.0.2.4"], input=text, stdout=subprocess.PIPE,
                              text=True, check=True, timeout=10)
        self.assertEqual(done.stdout, "banned: 5 removed, 1 not there\n")

    def test_bad_file(self):
        """all lines are checked, with line, column and caret, before anything is sent"""
        path = self.lines("192.0.2.1\n1.2.3.4/8 # x\n  1.2.3.5 timeout=2x\n5.5.5.5 foo\n"
                          "1.1.1.1 timeout=0s\n1.1.1.1 timeout=11y\n1.1.1.1 timeout=600w\n"
                          "1.1.1.1 # " + "c" * 96 + "\n1.1.1.1 # \x07\n")
        before = self.server.calls("set-")
        done = self.run_ctl("set", "add", "few", "--file", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        said = re.findall(rf"(?m)^{path}:(\d+:\d+): error: (.*)$", done.stderr)
        self.assertEqual([place for place, _ in said],
                         ["2:1", "3:19", "4:9", "5:17", "6:17", "7:17", "8:11", "9:11"])
        for (_, text), word in zip(said, ["write 1.0.0.0/8", "1h30m", "one prefix on the line",
                                          "never", "1h30m", "ten years", "95 bytes", "control"]):
            self.assertIn(word, text)
        self.assertIn("    3 |   1.2.3.5 timeout=2x\n      |                   ^~\n", done.stderr)
        self.assertIn("nothing was sent", done.stderr)
        for text, word in [("<html>\nx\n", ":1:1: error: this is a web page"),
                           ("x" * 5000, "more than 4096 bytes"), ("", "no entries in it"),
                           ("# none\n", "no entries in it"), ("1.1.1.1\0\n", ":1:8: error: a NUL byte"),
                           ("1.1.1.1 # a\0b\n", ":1:12: error: a NUL")]:
            self.bad(1, word, "set", "replace", "few", "--file", self.lines(text))
        self.bad(1, "No such file", "set", "add", "few", "--file", "/nonexistent/x")
        self.bad(1, "Is a directory", "set", "add", "few", "--file", "/")
        self.assertEqual(self.server.calls("set-"), before)

    def test_bulk(self):
        """100,000 lines in few calls, replaced at once; refusals say their line"""
        path = self.lines("".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255} # n {i}\n"
                                  for i in range(100000)))
        start = len(self.server.calls("set-add"))
        self.assertEqual(self.good("set", "add", "banned", "--file", path),
                         "banned: 100000 added\n")
        self.assertLess(len(self.server.calls("set-add")) - start, 400)
        self.assertEqual(self.good("set", "replace", "banned", "--file", path),
                         "banned: 100000 added, 100000 removed\n")
        self.assertEqual(self.server.calls("set-replace")[-1], "set-replace banned 100000")
        done = self.run_ctl("set", "add", "few", "--file", path)
        self.assertEqual((done.returncode, done.stdout), (1, "few: 5 added, 99995 refused\n"))
        lines = done.stderr.split("\n")
        self.assertEqual(lines[0], f"{path}:6: 10.0.0.5: refused: the set is full")
        self.assertEqual(lines[-2], "xdpgate: ... and 99895 others were refused")
        done = self.run_ctl("--json", "set", "add", "few", "--file", path)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["changed"], answer["refused"]), (5, 99995))
        self.assertEqual([r["index"] for r in answer["refusals"]], list(range(5, 105)))
        self.bad(1, "(?s)more entries than.*as it was|see 'xdpgate set list'", "set", "replace",
                 "few", "--file", path)

    def test_progress(self):
        """a bar on a terminal, gone at the end; none with --quiet, nor for a few"""
        path = self.lines("".join(f"10.{i >> 8}.{i & 255}.0/24\n" for i in range(20000)))
        status, text = self.on_terminal("set", "add", "banned", "--file", path)
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\r\[#{40}\] 100%  20000 of 20000")
        self.assertTrue(text.endswith("\r\x1b[Kbanned: 20000 added\n"), text[-80:])
        status, text = self.on_terminal("set", "add", "banned", "-q", "--file", path)
        self.assertEqual((status, text), (0, ""))
        self.assertEqual(self.on_terminal("set", "add", "few", "::1"),
                         (0, "few: 1 added\n"))

    def test_list(self):
        """list of a million entries: all of them, in little memory, as table and as JSON"""
        for argv, check in ((["set", "list", "huge"], lambda text: text.count("\n") == 1000001),
                            (["--json", "set", "list", "huge"],
                             lambda text: len(json.loads(text)["entries"]) == 1000000)):
            with tempfile.TemporaryFile("w+", dir=self.server.folder) as file:
                done = subprocess.run(["/usr/bin/env", "bash", "-c", "ulimit -v 150000; exec \"$@\"",
                                       "-", XDPGATE, "--socket", self.server.path, *argv],
                                      stdout=file, stderr=subprocess.PIPE, text=True, timeout=100,
                                      check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                file.seek(0)
                self.assertTrue(check(file.read()))
        done = subprocess.run(f"{XDPGATE} --socket {self.server.path} set list huge | head -n 2",
                              shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=10, check=True)
        self.assertEqual((done.stdout.count("\n"), done.stderr), (2, ""))
        self.scenario("fail-list")
        self.bad(1, "dprot", "set", "list", "huge")

    def test_sets(self):
        """list without a name, and stats: tables, JSON, nothing that a terminal obeys"""
        (self.server.scenario_folder / "writers").write_text("few nobody\nfew daemon\n")
        self.addCleanup((self.server.scenario_folder / "writers").unlink)
        self.scenario("no-disk")
        text = self.good("set", "list")
        self.assertRegex(text, r"(?m)^SET +IPV4 +IPV6 +SIZE +TIMEOUT +NEXT END +NOTES$")
        self.assertRegex(text, r"(?m)^banned +0 +0 +1000000 +1h +never +persist")
        self.assertRegex(text, r"(?m)^few +0 +0 +5 +never +never +writers: nobody,daemon$")
        self.assertIn("few: changes do not reach the disk: disk\\x1b[31m full\n", text)
        text = self.good("set", "stats", "few")
        self.assertRegex(text, r"^SET +ENTRIES +ADDED +CHANGED +REMOVED +ENDED +REFUSED +FULL +BYTES\n"
                         r"few +0 +\d+ .* 4096\n")
        self.assertNotIn("\nhuge", text)
        with self.server.client() as client:
            self.assertEqual(json.loads(self.good("--json", "set", "stats")),
                             client.call(GATE + "SetStats")["parameters"])
        self.bad(1, "no live set 'x", "set", "stats", "x")

    def test_usage(self):
        """set alone explains itself; wrong use is 2, with a hint"""
        text = self.good("set")
        self.assertEqual(self.good("help", "set"), text)
        for name in "add", "del", "test", "list", "flush", "replace", "stats":
            self.assertRegex(text, rf"(?m)^  set {name} ")
        before = self.server.calls("set-")
        for message, *argv in [
                ("did you mean 'set add'", "ad", "few", "::1"), ("see 'xdpgate help set'", "xyzzy"),
                ("usage: xdpgate set add NAME", "add"), ("usage: .*--file FILE", "add", "few"),
                ("usage: xdpgate set flush NAME", "flush"), ("usage", "flush", "few", "few"),
                ("usage", "test", "few"), ("'set list' has no option --timeout", "list", "few",
                                           "--timeout=1h"),
                ("'set del' has no option --comment", "del", "few", "::1", "--comment=x"),
                ("'set flush' has no option --file", "flush", "few", "--file=x"),
                ("'set stats' has no option --quiet", "stats", "-q"),
                ("not an IPv4 or IPv6", "add", "few", "::1", "::x"),
                ("write 192.0.2.0/24", "add", "few", "192.0.2.1/24"),
                ("--timeout '1': a time is like", "add", "few", "::1", "--timeout", "1"),
                ("--timeout '0s'.*never", "add", "few", "::1", "--timeout", "0s"),
                ("ten years", "add", "few", "::1", "--timeout", "9999999999w"),
                ("--comment: .*95", "add", "few", "::1", "--comment", "x" * 96),
                ("--comment: .*control", "add", "few", "::1", "--comment", "a\nb"),
                ("--comment: .*UTF-8", "add", "few", "::1", "--comment", b"\xff")]:
            with self.subTest(argv=argv):
                self.assertEqual(self.bad(2, message, "set", *argv), "")
        self.assertEqual(self.server.calls("set-"), before)

    def test_denied(self):
        """a writer adds; others are told who may"""
        self.bad(4, "only root may change set 'few', and users whom", "set", "add", "few", "::1",
                 user=65534, group=65534, extra_groups=[GROUP_ID])
        self.assertIn("few", self.good("set", "list", user=65534, group=65534,
                                       extra_groups=[GROUP_ID]))
        self.bad(4, "live sets name", "set", "list", user=65534, group=65534, extra_groups=[])

    def test_dies(self):
        """a daemon that dies within a bulk: 3, and how much was done"""
        path = self.lines("".join(f"10.{i >> 8}.{i & 255}.0/24\n" for i in range(60000)))
        for command, text in (("add", "of 60000 entries, the first [1-9][0-9]* were done"),
                              # Behind the last part nobody can tell whether it was still read.
                              ("replace", "the set is as it was|see 'xdpgate set list' for what")):
            with Server() as server:
                process = subprocess.Popen([XDPGATE, "--socket", server.path, "set", command,
                                            "banned", "--file", path], stderr=subprocess.PIPE,
                                           stdout=subprocess.PIPE, text=True, env=environment())
                if command == "add":
                    while not server.calls("set-add"):
                        pass
                else:
                    time.sleep(0.15)
                server.process.send_signal(signal.SIGSTOP)
                server.process.send_signal(signal.SIGTERM)
                server.process.send_signal(signal.SIGCONT)
                output = process.communicate(timeout=20)
                if process.returncode == 0:
                    continue  # it was done before
                self.assertEqual((process.returncode, output[0]), (3, ""))
                self.assertRegex(output[1], text)


if __name__ == "__main__":
    main()
