#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The xdpgate command: what it prints, what it exits with, and what its documents say of it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
import unittest.mock

from command import Ctl, environment
from harness import GATE, GROUP_ID, ROOT, XDPGATE, Server, main

POLICY = """interfaces:
  a: {port: eth0, policy: p}
policies:
  p:
    default: pass
    rules:
      - {name: x, match: {src: 192.0.2.0/24}, do: drop}
"""


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
                         {"changed", "generation", "history", "deadline_usec", "diagnostics",
                          "text"})

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
        self.assertRegex(text, r"\nFeed +/etc/xdpgate/feeds/a.txt: 1 prefix, changed 2022-04-15 ")
        self.assertRegex(text, r"\nFeed +/etc/xdpgate/feeds/\\x1b\[31mb.*\.txt: 20000 prefixes, "
                         r"changed never\nWhat it holds now is refused.*\nb.txt: error: it is ")
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
        self.good("reload", "--accept-shrink")
        self.assertEqual(self.server.calls("reload")[-1], "reload accept-shrink")
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
        for command in "reload", "confirm", "rollback", "off", "on", "detach":
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
