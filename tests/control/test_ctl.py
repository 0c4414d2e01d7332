#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The xdpgate command: what it prints, what it exits with, and what its documents say of it."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock

from harness import GATE, GROUP_ID, ROOT, XDPGATE, Server, main

POLICY = """interfaces:
  a: {port: eth0, policy: p}
policies:
  p:
    default: pass
    rules:
      - {name: x, match: {src: 192.0.2.0/24}, do: drop}
"""


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "XDPGATE_SOCKET")}
    return {**clean, "TERM": "xterm", "TZ": "UTC", **more}


class Ctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(with_group=True).__enter__()
        cls.server.scenario("frozen")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def scenario(self, name):
        self.server.scenario(name)
        self.addCleanup(self.server.scenario, name, False)

    def run_ctl(self, *argv, path=None, **options):
        options.setdefault("env", environment())
        return subprocess.run([XDPGATE, "--socket", path or self.server.path, *argv],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30, check=False, text=True,
                              **options)

    def good(self, *argv, **options):
        """Standard output of a command that must succeed and say nothing else."""
        done = self.run_ctl(*argv, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def bad(self, status, text, *argv, **options):
        """A command that must fail; its standard output."""
        done = self.run_ctl(*argv, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, text)
        return done.stdout

    def temporary(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.server.folder)
        file.write(text)
        file.flush()
        self.addCleanup(file.close)
        return file.name


class Output(Ctl):
    """Tables and JSON."""

    def test_stats(self):
        """stats: aligned tables, only reasons that counted"""
        first, *lines = self.good("stats").split("\n")
        self.assertRegex(first, "^generation [0-9]+$")
        self.assertEqual(lines, [
            "",
            "INTERFACE  VERDICT               PACKETS  BYTES",
            "transit-a  drop                     1000  60000",
            "transit-a  pass      9223372036854775807      1",
            "transit-a  redirect                    0      0",
            "lan        drop                        0      0",
            "lan        pass                        0      0",
            "lan        redirect                    0      0",
            "",
            "INTERFACE  REASON   PACKETS  BYTES",
            "transit-a  default        5    300",
            "",
            "POLICY    RULE    INTERFACE  PACKETS  BYTES",
            "internet  rule-0  transit-a     1000  64000",
            "internet  rule-1  transit-a     1001  64064",
            "customer  rule-2  lan           1002  64128",
            ""])

    def test_json(self):
        """--json prints the reply's parameters, before and after the command"""
        with self.server.client() as client:
            for command in "Status", "Stats", "Rules":
                expected = client.call(GATE + command)["parameters"]
                self.assertEqual(json.loads(self.good("--json", command.lower())), expected)
                self.assertEqual(json.loads(self.good(command.lower(), "--json")), expected)
        self.assertEqual(set(json.loads(self.good("--json", "reload"))),
                         {"generation", "diagnostics", "text"})

    def test_interface(self):
        """stats --interface: only that one, as tables and as JSON"""
        text = self.good("stats", "--interface", "lan")
        self.assertNotIn("transit-a", text)
        self.assertIn("customer  rule-2  lan", text)
        stats = json.loads(self.good("--json", "stats", "--interface=lan"))
        self.assertEqual([i["name"] for i in stats["interfaces"]], ["lan"])
        self.assertEqual([r["interface"] for r in stats["rules"]], ["lan"])
        self.bad(1, "no interface 'eth\\\\x0a9'", "stats", "--interface", "eth\n9")

    def test_status(self):
        """status: what matters, and nothing that a terminal obeys"""
        self.scenario("ugly")
        text = self.good("status")
        self.assertIn("/etc/\\x1b]0;title\\x07x.yaml", text)
        self.assertIn("lan: cannot attach to enp2s0: \\x1b[31mNot red\\x1b[0m", text)
        self.assertRegex(text, r"\nList +/etc/xdpgate/feeds/\\x1b\[31mred.*\.txt cannot be used; "
                         r"a copy kept 2022-04-1\d .* stands for it\n")
        self.assertRegex(text, "transit-a  bond0   internet  (filtering|off      )  native ")
        self.assertIn("required frags dispatcher", text)
        self.assertNotIn("\x1b", text)
        stats = self.good("stats")
        self.assertIn("internet  \\x1b[2Jr\N{LATIN SMALL LETTER E WITH ACUTE}gle"
                      "\\xe2\\x80\\xae  transit-a", stats)
        self.assertTrue(self.good("--json", "status").isascii())
        widths = {line.index(" transit-a") for line in stats.split("\n")
                  if line.startswith("internet")}
        self.assertEqual(len(widths), 1)

    def test_self(self):
        """status: how many addresses $self has, and that it could not follow"""
        self.assertNotIn("Self", self.good("status"))
        self.scenario("self")
        text = self.good("status")
        self.assertRegex(text, r"(?m)^Self        3 local addresses; 2 changes, the last 2022-04-1")
        self.assertIn("$self is not what the addresses are now; trying again:\n"
                      "the kernel\\x1b[31m refused\n", text)

    def test_rules(self):
        """rules: numbered in each policy"""
        self.assertEqual(self.good("rules").split("\n"), [
            "#  POLICY    RULE    ACTION  MATCH",
            "1  internet  rule-0  pass    src: $block",
            "2  internet  rule-1  drop    src: $block",
            "1  customer  rule-2  drop    src: $block",
            ""])
        self.scenario("notes")
        self.assertEqual(self.good("rules").split("\n"), [
            "#  POLICY    RULE    ACTION  MATCH        TAGS           COMMENT",
            "1  internet  rule-0  pass    src: $block  -              -",
            "2  internet  rule-1  drop    src: $block  feed,external  "
            "NOC-4711, since \\x1b[31mMonday",
            "1  customer  rule-2  drop    src: $block  -              -",
            ""])

    def on_terminal(self, *argv, seconds=None, size=(24, 80), **more):
        """What a terminal gets from the command; seconds: then Ctrl-C is typed."""
        leader, follower = pty.openpty()
        os.system(f"stty rows {size[0]} cols {size[1]} <{os.ttyname(follower)}")
        process = subprocess.Popen(["setsid", "-c", XDPGATE, "--socket", self.server.path, *argv],
                                   stdin=follower, stdout=follower, stderr=follower,
                                   env=environment(**more))
        os.close(follower)
        output, start, typed = b"", time.monotonic(), False
        while time.monotonic() < start + 20:
            if seconds and not typed and time.monotonic() > start + seconds:
                os.write(leader, b"\x03")
                typed = True
            if not select.select([leader], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(leader, 65536)
            except OSError:
                break
            output += data
        os.close(leader)
        return process.wait(5), output.decode().replace("\r\n", "\n")

    def test_color(self):
        """colour: on a terminal only, not with NO_COLOR, --no-color, TERM=dumb"""
        self.assertIn("\x1b[1mINTERFACE\x1b[0m", self.on_terminal("status")[1])
        for argv, more in [(["status"], {"NO_COLOR": "1"}), (["status", "--no-color"], {}),
                           (["status"], {"TERM": "dumb"})]:
            status, text = self.on_terminal(*argv, **more)
            self.assertEqual(status, 0)
            self.assertIn("INTERFACE", text)
            self.assertNotIn("\x1b", text)
        self.assertIn("\x1b[1m", self.on_terminal("status", NO_COLOR="")[1])

    def test_watch_terminal(self):
        """stats --watch on a terminal: redraws, fits, and Ctrl-C ends it with 0"""
        status, text = self.on_terminal("stats", "--watch=0.2", seconds=1, size=(12, 80))
        self.assertEqual(status, 0)
        frames = text.split("\x1b[H\x1b[J")[1:]
        self.assertGreater(len(frames), 2)
        self.assertTrue(all(frame.count("\n") < 12 for frame in frames))
        self.assertIn("more lines", frames[0])
        self.assertIn("PACKETS/S", frames[1])

    def test_watch_rates(self):
        """stats --watch: rates out of what counted in between"""
        with Server() as server:
            process = subprocess.Popen([XDPGATE, "--socket", server.path, "stats", "--watch", "0.5"],
                                       stdout=subprocess.PIPE, text=True, env=environment())
            lines = [process.stdout.readline() for _ in range(45)]
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=5)
            self.assertEqual(process.returncode, 0)
        rates = [float(line.split()[-2]) for line in lines
                 if line.startswith("internet  rule-0") and len(line.split()) == 7]
        self.assertTrue(rates)
        for rate in rates:  # 10 packets in 0.5 s, or a little more if the machine is busy
            self.assertTrue(5 < rate <= 25, rates)

    def test_watch_json(self):
        """stats --watch --json: one object a line; a reader who goes ends it quietly"""
        process = subprocess.Popen([XDPGATE, "--socket", self.server.path, "--json", "stats",
                                    "--watch=0.1"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment())
        for _ in range(3):
            self.assertEqual(set(json.loads(process.stdout.readline())),
                             {"generation", "interfaces", "rules", "unjudged"})
        process.stdout.close()
        self.assertEqual(process.wait(5), 0)
        self.assertEqual(process.stderr.read(), "")
        process.stderr.close()

    def test_full_disk(self):
        """output that cannot be written is an error"""
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([XDPGATE, "--socket", self.server.path, "status"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=10)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)


class Outcomes(Ctl):
    """What can go wrong, and the exit status."""

    def test_reload(self):
        """reload: done, with warnings, refused with lines and carets; --result tells later"""
        self.assertRegex(self.good("reload"), "^generation [0-9]+ is in force\n$")
        self.assertRegex(self.good("reload", "--result"), "^generation [0-9]+ is in force\n$")
        self.server.scenario("warn")
        done = self.run_ctl("reload")
        self.server.scenario("warn", False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("edge.yaml:12:29: warning: ", done.stderr)
        self.scenario("fail-reload")
        done = self.run_ctl("reload")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        lines = done.stderr.split("\n")
        self.assertEqual(lines[0],
                         "edge.yaml:12:29: error: unknown field 'dprot'; did you mean 'dport'?")
        self.assertEqual(lines[2].index("^"), lines[1].index("dprot"))
        self.assertIn("the old one stays", done.stderr)
        before = len(self.server.calls("reload"))
        self.bad(1, "edge.yaml:12:29: error: .*\n.*dprot\n.*\n.*the last reload failed", "reload",
                 "--result")
        self.assertEqual(len(self.server.calls("reload")), before)
        reply = json.loads(self.bad(1, "dprot", "--json", "reload"))
        self.assertEqual(reply["error"], GATE + "ReloadFailed")
        self.assertEqual(reply["parameters"]["diagnostics"][0]["column"], 29)

    def test_switch(self):
        """off, on, detach by the daemon"""
        self.assertRegex(self.good("off", "lan"), "^lan: off: .* \\(by the daemon\\)\n$")
        self.assertRegex(self.good("on"), "^all interfaces: on: .* \\(by the daemon\\)\n$")
        self.assertRegex(self.good("detach"), "by the daemon")
        self.assertEqual(self.server.calls()[-8], "off lan")
        answer = json.loads(self.good("--json", "off"))
        self.assertEqual(answer, {"done": "Off", "interface": None, "way": "daemon",
                                  "diagnostics": []})
        self.bad(1, "error: no interface 'eth9'\n", "off", "eth9")
        self.scenario("fail-switch")
        self.bad(1, "dprot", "on", "lan")

    def test_offline(self):
        """off, on, detach without a daemon go to the pins, and say so"""
        missing = self.server.folder / "no-socket"
        for command in "off", "on", "detach":
            self.bad(1, "trying without it\n.*error: .*/nonexistent/pins", command,
                     "--pin-dir", "/nonexistent/pins", path=missing)

    def test_unreachable(self):
        """3: nobody there; nobody listening; no answer; hangs up"""
        self.bad(3, "no answer from xdpgated at .*/none: No such file.*\nFiltering does not need",
                 "status", path=self.server.folder / "none")
        dead = self.server.folder / "dead"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(dead))
            self.bad(3, "Connection refused", "rules", path=dead)
            listener.listen()

            def answer(data):
                connection = listener.accept()[0]
                connection.recv(1000)
                connection.sendall(data)
                connection.close()

            for data, text in [(b"", "reset"), (b"nonsense\0", "Bad message"),
                               (b"{}\0", "Bad message"), (b'{"parameters":{}', "reset")]:
                thread = threading.Thread(target=answer, args=[data])
                thread.start()
                self.bad(3, text, "status", path=dead)
                thread.join()

    def test_full(self):
        """3: the daemon has too many clients"""
        clients = [self.server.client() for _ in range(64)]
        self.bad(3, "serves 64 clients already", "status")
        for client in clients:
            client.close()

    def test_denied(self):
        """4: no right to connect; a member of the group may look, not touch"""
        self.bad(4, "no permission for the control socket", "status", user=65534, group=65534,
                 extra_groups=[])
        member = {"user": 65534, "group": 65534, "extra_groups": [GROUP_ID]}
        self.assertIn("internet", self.good("stats", **member))
        for command in "reload", "off", "on", "detach":
            self.bad(4, "only root may", command, **member)

    def test_usage(self):
        """2: wrong use, with a hint"""
        for text, *argv in [
                ("which command", ), ("did you mean 'status'", "statsu"),
                ("unknown command 'xyzzy'; see", "xyzzy"), ("usage: xdpgate check FILE", "check"),
                ("usage: xdpgate check FILE", "check", "a", "b"),
                ("usage: xdpgate status", "status", "x"), ("no option --watch", "status", "--watch"),
                ("no option --pin-dir", "stats", "--pin-dir", "/x"),
                ("no option --result", "off", "--result"), ("SECONDS", "stats", "--watch=0"),
                ("SECONDS", "stats", "--watch=nan"), ("SECONDS", "stats", "--watch=1x"),
                ("SECONDS", "stats", "--watch", "3601"), ("SECONDS", "stats", "5"),
                ("nonsense", "status", "--nonsense"), ("requires an argument", "--socket"),
                ("unknown command", "help", "xyzzy")]:
            with self.subTest(argv=argv):
                self.assertEqual(self.bad(2, text, *argv), "")

    def test_environment(self):
        """XDPGATE_SOCKET names the socket, --socket wins"""
        env = environment(XDPGATE_SOCKET=str(self.server.path))
        done = subprocess.run([XDPGATE, "rules"], env=env, stdout=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0)
        self.bad(3, "/nonexistent", "rules", path="/nonexistent", env=env)

    def test_check(self):
        """check: here, without daemon or privileges"""
        good = self.temporary(POLICY)
        os.chmod(good, 0o644)
        self.assertEqual(self.good("check", good, path="/nonexistent"),
                         f"{good}: ok: 1 interface, 1 rule, 1 prefix\n")
        self.good("check", good, user=65534, group=65534, extra_groups=[])
        bad = self.temporary(POLICY.replace("src:", "scr:"))
        self.bad(1, f"{bad}:7:27: error: .*'scr'.*'src'", "check", bad)
        answer = json.loads(self.run_ctl("--json", "check", bad).stdout)
        self.assertIs(answer["ok"], False)
        self.assertEqual(answer["errors"], 1)
        diagnostic = answer["diagnostics"][0]
        self.assertEqual((diagnostic["file"], diagnostic["line"], diagnostic["column"]),
                         (bad, 7, 27))
        answer = json.loads(self.good("--json", "check", good))
        self.assertEqual(answer, {"file": good, "ok": True, "errors": 0, "warnings": 0,
                                  "diagnostics": []})
        self.bad(1, "No such file", "check", "/nonexistent/policy.yaml")

    def test_builtin(self):
        """check --builtin lists and shows what can be included; each loads by itself"""
        listed = self.good("check", "--builtin").splitlines()[1:]
        files = sorted((ROOT / "config/builtin").glob("*.yaml"))
        self.assertEqual(len(listed), len(files))
        answer = json.loads(self.good("--json", "check", "--builtin"))
        for line, item, file in zip(listed, answer, files):
            name, version = file.stem.split("@")
            self.assertRegex(line, rf"^builtin:{name} +{version} +\w")
            self.assertEqual((item["name"], item["version"]), (name, int(version)))
            text = file.read_text(encoding="utf-8")
            self.assertEqual(self.good("check", f"--builtin={file.stem}"), text)
            self.assertEqual(self.good("check", f"--builtin=builtin:{name}"), text)
            self.assertEqual(json.loads(self.good("--json", "check", f"--builtin={name}"))["text"],
                             text)
            policy = self.temporary(f"include: builtin:{file.stem}\n{POLICY}")
            self.assertIn("ok", self.good("check", policy))
        self.bad(1, "no builtin 'icpm'; there are: .*builtin:icmp", "check", "--builtin=icpm")
        self.bad(2, "usage", "check", "--builtin", "file.yaml")
        self.bad(2, "no option --builtin", "reload", "--builtin")

    def test_check_tests(self):
        """check runs the policy's tests: how many passed, or which failed and why"""
        test = "tests: [{in: a, src: 192.0.2.7, expect: %s}]\n"
        good = self.temporary(POLICY + test % "drop/x")
        self.assertEqual(self.good("check", good),
                         f"{good}: ok: 1 interface, 1 rule, 1 prefix, 1 test passed\n")
        bad = self.temporary(POLICY + test % "pass")
        self.assertEqual(self.bad(1, f"{bad}:8:9: error: this test failed: expected pass, got drop/x: "
                                  f"in policy 'p' the rule at {bad}:7 decided\n    8 | tests",
                                  "check", bad), "")

    def test_check_verbose(self):
        """check --verbose: how large the tables are, and what was folded"""
        few = self.temporary(POLICY)
        self.assertRegex(self.good("check", "--verbose", few),
                         r"\ntables: \d+ rows of 1 word, rows [\d.]+ KiB, IPv4 [\d.]+ KiB\n"
                         r"a: 1 rule; a packet is looked up by src \(IPv4: tree\), interface\n$")
        rules = "".join(f"      - {{name: r{i}, match: {{proto: tcp, dport: {i}}}, do: drop}}\n"
                        for i in range(1, 70))
        many = self.temporary("interfaces: {a: {policy: p}}\npolicies:\n  p:\n    rules:\n" + rules)
        self.assertRegex(self.good("check", "--verbose", many),
                         r"a: 69 rules; a packet is looked up by proto \* dport, interface\n$")
        self.assertNotIn("tables", self.good("check", many))

    def test_check_print(self):
        """check --print, -n: the policy alone, which loads and prints as itself; else errors alone"""
        path = self.temporary(POLICY + "  unused: {}\n")
        done = self.run_ctl("check", "--print", path)
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: policy 'unused' is on no interface", done.stderr)
        self.assertIn("          src: 192.0.2.0/24\n", done.stdout)
        self.assertEqual(self.run_ctl("check", path, "-n").stdout, done.stdout)
        again = self.temporary(done.stdout)
        self.assertEqual(self.run_ctl("-n", "check", again).stdout, done.stdout)
        answer = json.loads(self.run_ctl("check", "-n", "--json", path).stdout)
        self.assertEqual((answer["ok"], answer["policy"]), (True, done.stdout))
        bad = self.temporary(POLICY.replace("src:", "scr:"))
        self.assertEqual(self.bad(1, "'scr'", "check", "--print", bad), "")
        self.assertNotIn("policy", json.loads(self.run_ctl("check", "-n", "--json", bad).stdout))
        self.bad(2, "'status' has no option --print", "status", "-n")

    def test_check_self(self):
        """check: $self holds the addresses of here, or those of --self; which, is said"""
        policy = self.temporary("interfaces: {eth0: {policy: p}}\npolicies: {p: {rules: "
                                "[{name: r, match: {dst: $self}, do: drop}]}}\n")
        self.assertRegex(self.good("check", policy),
                         r"\n  \$self: [1-9]\d* address(es)?, those of this machine's network "
                         "namespace, as they are now\n$")
        for given, n in (("192.0.2.1,2001:db8::1,::1", "3 addresses"), ("192.0.2.1", "1 address"),
                         ("", "0 addresses")):
            self.assertIn(f"\n  $self: {n}, those of --self\n",
                          self.good("check", "--self", given, policy))
        for given in ("192.0.2.0/24", "192.0.2.1,,::1", "here", "192.0.2.1, ::1"):
            self.bad(2, "is not an IPv4 or IPv6 address", "check", "--self", given, policy)
        self.bad(2, "'status' has no option --self", "status", "--self", "::1")


class Sets(Ctl):
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
        status, text = Output.on_terminal(self, "set", "add", "banned", "--file", path)
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\r\[#{40}\] 100%  20000 of 20000")
        self.assertTrue(text.endswith("\r\x1b[Kbanned: 20000 added\n"), text[-80:])
        status, text = Output.on_terminal(self, "set", "add", "banned", "-q", "--file", path)
        self.assertEqual((status, text), (0, ""))
        self.assertEqual(Output.on_terminal(self, "set", "add", "few", "::1"),
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
                              ("replace", "the set is as it was")):
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


class Documents(Ctl):
    """--help, completion and the manual page know the same commands and options."""

    def words(self):
        """Commands with their options, and the options of all, out of --help."""
        text = self.good("--help")
        commands, general, section = {}, [], ""
        for line in text.split("\n"):
            if line and not line.startswith(" "):
                section = line
            option = re.match(r" +--([a-z-]+)", line)
            command = re.match(r"  ([a-z]+)", line)
            if section.startswith("Commands"):
                if option:
                    commands[list(commands)[-1]].append(option[1])
                elif command:
                    commands[command[1]] = []
            elif section.startswith("Options") and option:
                general.append(option[1])
        return commands, general

    def complete(self, program, *words):
        script = f"""
            source {ROOT}/config/completion/{program}
            COMP_WORDS=({program} {' '.join(f"'{word}'" for word in words)})
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _{program} && printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, check=True,
                              stderr=subprocess.PIPE, text=True, timeout=10)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_help(self):
        """help of all and of each command, by each way to ask"""
        text = self.good("--help")
        commands, general = self.words()
        self.assertEqual(self.good("help"), text)
        self.assertEqual(self.good("-h"), text)
        self.assertGreaterEqual(set(commands), {"status", "stats", "rules", "reload", "check",
                                                "off", "on", "detach", "help"})
        self.assertIn("socket", general)
        for command in commands:
            text = self.good("help", command)
            self.assertEqual(self.good(command, "--help"), text)
            self.assertEqual(set(re.findall(r"^  --([a-z-]+)", text, re.M)),
                             set(commands[command]))
        self.assertRegex(self.good("--version"), r"^xdpgate \d+\.\d+")

    def test_completion(self):
        """completion offers just the commands and options of --help"""
        commands, general = self.words()
        dashed = {f"--{name}" for name in general}
        self.assertEqual(self.complete("xdpgate", ""), set(commands))
        self.assertEqual(self.complete("xdpgate", "st"), {"status", "stats"})
        self.assertEqual(self.complete("xdpgate", "--"), dashed)
        for command, own in commands.items():
            self.assertEqual(self.complete("xdpgate", command, "--"),
                             dashed | {f"--{name}" for name in own})
            self.assertEqual(self.complete("xdpgate", "--socket", "x", "--json", command, "--"),
                             dashed | {f"--{name}" for name in own})
        self.assertEqual(self.complete("xdpgate", "help", "rel"), {"reload"})
        self.assertIn("lo", self.complete("xdpgate", "off", "l"))
        self.assertEqual(self.complete("xdpgate", "set", ""), set(re.findall(
            r"(?m)^  set (\w+)", self.good("help", "set"))))
        path = f"{os.path.dirname(XDPGATE)}:{os.environ['PATH']}"
        with unittest.mock.patch.dict(os.environ, PATH=path):
            for words in ([], ["--timeout", "1h", "--json"]):
                self.assertEqual(self.complete("xdpgate", "--socket", str(self.server.path), "set",
                                               *words, "add", ""), {"banned", "few", "huge"})
            self.assertEqual(self.complete("xdpgate", "--socket", str(self.server.path), "set",
                                           "list", "f"), {"few"})

    def test_completion_daemon(self):
        """the daemon's completion offers just the options of its --help"""
        program = os.path.join(os.path.dirname(XDPGATE), "..", "xdpgated")
        if not os.path.exists(program):
            self.skipTest("xdpgated is not built")
        text = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=10).stdout
        self.assertEqual(self.complete("xdpgated", "--"),
                         set(re.findall(r"--[a-z-]+", text)))

    def test_manual(self):
        """the manual page explains each command, option and exit status"""
        text = (ROOT / "docs/xdpgate.8").read_text(encoding="utf-8")
        commands, general = self.words()
        for command, own in commands.items():
            self.assertRegex(text, rf"(?m)^\.It Cm {command}\b")
            for name in own:
                self.assertRegex(text, rf"Fl -{name}\b")
        for name in general:
            self.assertRegex(text, rf"Fl -{name}\b")
        for number in re.findall(r"^  (\d)  ", self.good("--help"), re.M):
            self.assertRegex(text, rf"(?m)^\.It {number}$")


if __name__ == "__main__":
    main()
