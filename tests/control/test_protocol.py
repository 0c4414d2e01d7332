#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The protocol: what a client that keeps to it, or does not, gets for an answer."""

import json
import re
import signal
import time
import unittest

from harness import GATE, ROOT, SERVICE, Server, main, wait_for

INVALID = GATE + "InvalidMessage"


class Protocol(unittest.TestCase):
    """One server for all cases of a class, watched for leaks."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server().__enter__()
        cls.fds = cls.server.n_fds()

    @classmethod
    def tearDownClass(cls):
        wait_for(lambda: cls.server.n_fds() == cls.fds, "all connections are closed")
        cls.server.__exit__(None, None, None)

    def client(self):
        client = self.server.client()
        self.addCleanup(client.close)
        return client

    def scenario(self, name):
        self.server.scenario(name)
        self.addCleanup(self.server.scenario, name, False)

    def refused(self, reply, error, **parameters):
        self.assertEqual(reply, {"error": error, "parameters": parameters})


class Calls(Protocol):
    """Calls, and calls that are none."""

    def test_info(self):
        """GetInfo, with parameters absent, null and empty"""
        client = self.client()
        first = client.call(SERVICE + "GetInfo")
        self.assertEqual(set(first), {"parameters"})
        self.assertEqual(first["parameters"]["product"], "xdpgated")
        self.assertEqual(first["parameters"]["interfaces"],
                         ["org.varlink.service", "org.xdpgate.gate"])
        client.raw(b'{"method":"org.varlink.service.GetInfo","parameters":null,"more":null}\0')
        self.assertEqual(client.receive(), first)
        self.assertEqual(client.call(SERVICE + "GetInfo", {}), first)
        self.assertEqual(client.call(SERVICE + "GetInfo", extension={"x": 1}), first)

    def test_description(self):
        """GetInterfaceDescription gives the very text of the source tree"""
        client = self.client()
        for name in "org.varlink.service", "org.xdpgate.gate":
            reply = client.call(SERVICE + "GetInterfaceDescription", {"interface": name})
            text = (ROOT / f"daemon/control/{name}.varlink").read_text(encoding="utf-8")
            self.assertEqual(reply, {"parameters": {"description": text}})
        self.refused(client.call(SERVICE + "GetInterfaceDescription", {"interface": "a.b"}),
                     SERVICE + "InterfaceNotFound", interface="a.b")
        self.refused(client.call(SERVICE + "GetInterfaceDescription"),
                     SERVICE + "InvalidParameter", parameter="interface")

    def test_unknown(self):
        """unknown interfaces and methods are named"""
        client = self.client()
        self.refused(client.call("org.example.Foo"), SERVICE + "InterfaceNotFound",
                     interface="org.example")
        self.refused(client.call(GATE + "stats"), SERVICE + "MethodNotFound", method="stats")
        self.refused(client.call(SERVICE + "Stats"), SERVICE + "MethodNotFound", method="Stats")
        for name in "", "Stats", ".Stats", GATE:
            self.refused(client.call(name), SERVICE + "InvalidParameter", parameter="method")
        self.assertIn("parameters", client.call(SERVICE + "GetInfo"))

    def test_parameters(self):
        """bad parameters are named, unknown ones too; the connection lives on"""
        client = self.client()
        for method, parameters, name in [
                ("Stats", {"interval_ms": 99}, "interval_ms"),
                ("Stats", {"interval_ms": 3600001}, "interval_ms"),
                ("Stats", {"interval_ms": -(1 << 63)}, "interval_ms"),
                ("Stats", {"interval_ms": (1 << 63) - 1}, "interval_ms"),
                ("Stats", {"interval_ms": "1000"}, "interval_ms"),
                ("Stats", {"interval_ms": 1000.0}, "interval_ms"),
                ("Stats", {"interval_ms": True}, "interval_ms"),
                ("Stats", {"interval": 1000}, "interval"),
                ("Off", {"interfacee": "lan"}, "interfacee"),
                ("Off", {"interface": ["lan"]}, "interface"),
                ("Off", {"": None}, ""),
                ("Check", {"path": "relative.yaml"}, "path"),
                ("Check", {"path": ""}, "path"),
                ("Check", {"path": "/" + "x" * 5000}, "path"),
                *(("Reload", {"confirm_sec": value}, "confirm_sec") for value in
                  (0, -1, 86401, 1 << 62, -(1 << 63), "60", 1.5, True)),
                *(("Reload", {"message": value}, "message") for value in
                  ("x" * 501, "\N{EURO SIGN}" * 167, "a\nb", "\x1b[31m", "\x7f", 7, ["x"])),
                ("Reload", {"force": 1}, "force"),
                ("Reload", {"only_changed": "yes"}, "only_changed"),
                ("Reload", {"confirm": 60}, "confirm"),
                ("Reload", {"history": 1}, "history"),
                *(("Rollback", {"history": value}, "history") for value in
                  (0, -1, -(1 << 63), "1", 1.0, False)),
                ("Rollback", {"confirm_sec": 0}, "confirm_sec"),
                ("Rollback", {"message": "\t"}, "message"),
                ("Rollback", {"only_changed": True}, "only_changed"),
                ("Confirm", {"history": 1}, "history"),
                ("History", {"limit": 1}, "limit"),
                ("Status", {"x": None}, "x"),
                ("Status", [], "parameters"),
                ("Status", "x", "parameters")]:
            with self.subTest(method=method, parameters=str(parameters)[:40]):
                self.refused(client.call(GATE + method, parameters),
                             SERVICE + "InvalidParameter", parameter=name)
        for member in "oneway", "more":
            self.refused(client.call(GATE + "Status", **{member: "yes"}),
                         SERVICE + "InvalidParameter", parameter=member)
        self.refused(client.call(GATE + "Status", upgrade=True),
                     SERVICE + "InvalidParameter", parameter="upgrade")
        self.assertIn("parameters", client.call(GATE + "Status", upgrade=False, more=False))
        for call in "off", "reload", "rollback", "confirm":
            self.assertFalse(self.server.calls(call))

    def test_no_call(self):
        """what is no call gets a clear answer, then the connection is closed"""
        for text, word in [
                (b"", "not JSON"),
                (b"hello", "not JSON"),
                (b"[1]", "object"),
                (b"null", "object"),
                (b'"x"', "object"),
                (b"{}", "method"),
                (b'{"method":7}', "method"),
                (b'{"method":null}', "method"),
                (b'{"method":"a.b","method":"a.c"}', "duplicate"),
                (b'{"method":"a.b","parameters":{"x":1,"x":2}}', "duplicate"),
                (b'{"method":"a\xff.b"}', "decode byte"),
                (b'{"method":"a\xed\xa0\x80.b"}', "decode byte"),
                (b'{"method":"a\xc0\x80.b"}', "decode byte"),
                (b'{"method":"a\\u0000.b"}', "NUL"),
                (b'{"method":"a\\ud800.b"}', "not JSON"),
                (b'{"method":"a.b","x":' + b"9" * 400 + b"}", "too big"),
                (b'{"method":"a.b","x":1e99999}', "too big|overflow"),
                (b'{"method":"a.b","x":' + b"[" * 30000 + b"]" * 30000 + b"}", "depth"),
                (b'{"method":"a.b"} x', "not JSON")]:
            with self.subTest(text=text[:40]):
                client = self.client()
                client.raw(text + b"\0")
                reply = client.receive()
                self.assertEqual(reply["error"], INVALID)
                self.assertRegex(reply["parameters"]["text"], word)
                self.assertIsNone(client.receive())

    def test_size(self):
        """a message of 65536 bytes is answered, one more is too many"""
        def padded(size):
            start = b'{"method":"org.varlink.service.GetInfo","pad":"'
            return start + b"x" * (size - len(start) - 2) + b'"}'

        client = self.client()
        client.raw(padded(65536) + b"\0" + padded(65536) + b"\0")
        self.assertIn("parameters", client.receive())
        self.assertIn("parameters", client.receive())
        for text in padded(65537) + b"\0", b"x" * 65537, b"x" * 200000:
            client = self.client()
            try:
                client.raw(text)
            except (BrokenPipeError, ConnectionResetError):
                pass
            reply = client.receive()
            self.assertEqual(reply["error"], INVALID)
            self.assertIn("65536", reply["parameters"]["text"])
            self.assertIsNone(client.receive())

    def test_pieces(self):
        """a message that comes byte by byte is one message"""
        client = self.client()
        for byte in b'{"method":"org.varlink.service.GetInfo"}\0':
            client.raw(bytes([byte]))
            time.sleep(0.001)
        self.assertIn("parameters", client.receive())

    def test_pipelining(self):
        """pipelined calls are answered in order, after a half-close too, good and bad mixed"""
        client = self.client()
        n = 2000
        text = b"".join(json.dumps({"method": f"{GATE}M{i}"} if i % 2 else
                                   {"method": GATE + "Stats"}).encode() + b"\0"
                        for i in range(n))
        client.socket.settimeout(20)
        sent = 0
        got = []
        client.socket.setblocking(False)
        end = time.monotonic() + 20
        while len(got) < n and time.monotonic() < end:
            try:
                sent += client.socket.send(text[sent:])
                if sent == len(text):
                    client.socket.shutdown(1)
                    sent += 1
            except (BlockingIOError, BrokenPipeError):
                pass
            try:
                client.buffer += client.socket.recv(1 << 20)
            except BlockingIOError:
                time.sleep(0.001)
            *whole, client.buffer = client.buffer.split(b"\0")
            got += map(json.loads, whole)
        self.assertEqual(len(got), n)
        for i, reply in enumerate(got):
            if i % 2:
                self.refused(reply, SERVICE + "MethodNotFound", method=f"M{i}")
            else:
                self.assertIn("rules", reply["parameters"])
        client.socket.setblocking(True)
        client.socket.settimeout(5)
        self.assertIsNone(client.receive())

    def test_oneway(self):
        """oneway calls run, and are never answered, not even by an error"""
        client = self.client()
        before = len(self.server.calls("on lan"))
        client.send(GATE + "On", {"interface": "lan"}, oneway=True)
        client.send(GATE + "On", {"interface": "nonsense"}, oneway=True)
        client.send(GATE + "Nonsense", oneway=True)
        client.send("nonsense", oneway=True)
        client.send(GATE + "Status", {"x": 1}, oneway=True)
        client.send(GATE + "Status", oneway=True, upgrade=True)
        client.send(GATE + "Stats", oneway=True, more=True)
        client.send(GATE + "Status", [], oneway=True)
        self.assertIn("product", client.call(SERVICE + "GetInfo")["parameters"])
        self.assertEqual(len(self.server.calls("on lan")), before + 1)

    def test_hang_up(self):
        """a change that was asked for is done, even if nobody waits for the answer"""
        before = len(self.server.calls("on lan"))
        for _ in range(50):
            with self.server.client() as client:
                for _ in range(10):
                    client.send(GATE + "Stats")
                client.send(GATE + "On", {"interface": "lan"})
                client.send(GATE + "Stats", more=True)
                client.raw(b'{"meth')
        wait_for(lambda: len(self.server.calls("on lan")) == before + 50, "50 calls")

    def test_closed_for_reading(self):
        """a client that shuts its reading side down, and lives, costs no time and no place"""
        client = self.client()
        client.socket.shutdown(0)
        client.send(GATE + "Stats")
        time.sleep(0.2)
        before = self.server.cpu_seconds()
        time.sleep(0.5)
        self.assertLess(self.server.cpu_seconds() - before, 0.1)


class Methods(Protocol):
    """What the methods of org.xdpgate.gate do."""

    def test_status(self):
        """Status: every member that the description names, strings of any bytes"""
        status = self.client().call(GATE + "Status")["parameters"]
        text = (ROOT / "daemon/control/org.xdpgate.gate.varlink").read_text(encoding="utf-8")
        for start, value in [("method Status() -> (", status),
                             ("type InterfaceStatus (", status["interfaces"][0])]:
            body = text.split(start)[1].split("\n)")[0]
            self.assertEqual(re.findall(r"^  (\w+):", body, re.M), list(value))
        self.assertEqual(status["policy_hash"], "a" * 64)
        self.assertIs(status["ready"], True)
        self.assertEqual(status["interfaces"][0]["state"], "filtering")
        self.assertEqual(status["interfaces"][0]["mode"], "native")
        self.assertIsNone(status["interfaces"][0]["error"])
        self.assertEqual(status["interfaces"][1]["mode"], "generic")
        self.assertTrue(status["interfaces"][1]["error"].endswith("\N{REPLACEMENT CHARACTER}"))

    def test_stats(self):
        """Stats: the documented shape, all verdicts and reasons of common/verdict.h"""
        self.scenario("frozen")
        stats = self.client().call(GATE + "Stats", {"interval_ms": None})
        self.assertEqual(list(stats), ["parameters"])
        stats = stats["parameters"]
        table = (ROOT / "common/verdict.h").read_text(encoding="utf-8")
        zero = {"packets": 0, "bytes": 0}
        self.assertEqual(list(stats), ["generation", "interfaces", "rules", "unjudged"])
        transit, lan = stats["interfaces"]
        self.assertEqual(list(transit), ["name", "verdicts", "reasons"])
        self.assertEqual(list(lan["verdicts"]), re.findall(r'X\(VERDICT_\w+, "([^"]+)"', table))
        self.assertEqual(list(lan["reasons"]), re.findall(r'X\(REASON_\w+, "([^"]+)"', table))
        self.assertTrue(all(value == zero for value in lan["reasons"].values()))
        self.assertEqual(transit["verdicts"]["drop"], {"packets": 1000, "bytes": 60000})
        self.assertEqual(transit["verdicts"]["pass"], {"packets": (1 << 63) - 1, "bytes": 1})
        self.assertEqual(transit["reasons"]["default"], {"packets": 5, "bytes": 300})
        self.assertEqual(stats["rules"][1], {"policy": "internet", "name": "rule-1",
                                             "interface": "transit-a", "packets": 1001,
                                             "bytes": 64064})

    def test_rules(self):
        """Rules: in order; a text beyond all measure is cut"""
        rules = self.client().call(GATE + "Rules")["parameters"]
        self.assertEqual(rules["rules"][1], {"policy": "internet", "name": "rule-1",
                                             "match": "src: $block", "action": "drop",
                                             "comment": None, "tags": []})
        self.scenario("notes")
        rules = self.client().call(GATE + "Rules")["parameters"]["rules"]
        self.assertEqual([(r["comment"], r["tags"]) for r in rules],
                         [(None, []), ("NOC-4711,\n  since \x1b[31mMonday\n",
                                       ["feed", "external"]), (None, [])])
        self.scenario("big")
        rules = self.client().call(GATE + "Rules")["parameters"]
        self.assertEqual(rules["rules"][0]["match"], "m" * 4096 + " ...")

    def test_read_failed(self):
        """counters, status or rules that cannot be read: an error with the reason"""
        self.scenario("fail-read")
        client = self.client()
        for method in "Status", "Stats", "Rules":
            reply = client.call(GATE + method)
            self.assertEqual(reply["error"], GATE + "ReadFailed")
            self.assertIn("Input/output error", reply["parameters"]["text"])

    def check_failure(self, method, what, error, parameters=None):
        """A failing call says why, even if the gate does not."""
        client = self.client()
        self.server.scenario("fail-" + what)
        reply = client.call(GATE + method, parameters)
        self.server.scenario("fail-" + what, False)
        self.assertEqual(reply["error"], GATE + error)
        first, second = reply["parameters"]["diagnostics"]
        source = "      - {name: ssh, match: {dprot: 22}, do: pass}"
        self.assertEqual(first, {
            "severity": "error", "file": "edge.yaml", "line": 12, "column": 29, "width": 5,
            "message": "unknown field 'dprot'; did you mean 'dport'?", "source": source})
        self.assertEqual(second["severity"], "warning")
        self.assertIsNone(second["file"])
        self.assertIsNone(second["source"])
        self.assertIn("edge.yaml:12:29: error: unknown field 'dprot'",
                      reply["parameters"]["text"])
        self.assertIn("^~~~~", reply["parameters"]["text"])
        self.server.scenario(f"fail-{what}-silently")
        reply = client.call(GATE + method, parameters)
        self.server.scenario(f"fail-{what}-silently", False)
        self.assertEqual(reply["error"], GATE + error)
        self.assertIn("Cannot allocate memory", reply["parameters"]["diagnostics"][0]["message"])

    def test_reload(self):
        """Reload: done, done with warnings, failed with diagnostics; the observer is told"""
        client = self.client()
        before = client.call(GATE + "Status")["parameters"]["generation"]
        reply = client.call(GATE + "Reload")
        history = client.call(GATE + "Status")["parameters"]["history"]
        self.assertEqual(reply, {"parameters": {
            "changed": True, "generation": before + 1, "history": history, "deadline_usec": None,
            "diagnostics": [], "text": ""}})
        self.assertEqual(self.server.calls()[-3:], [
            "observed Reload - of uid 0: begins 0 0", "reload",
            "observed Reload - of uid 0: done 0 0"])
        for accept, call in ((True, "reload accept-shrink"), (False, "reload"), (None, "reload")):
            client.call(GATE + "Reload", {"accept_shrink": accept})
            self.assertEqual(self.server.calls()[-2], call)
        for wrong in (1, "true", []):
            reply = client.call(GATE + "Reload", {"accept_shrink": wrong})
            self.assertEqual(reply["error"], "org.varlink.service.InvalidParameter")
        self.scenario("warn")
        reply = client.call(GATE + "Reload")["parameters"]
        self.assertEqual(reply["diagnostics"][0]["severity"], "warning")
        self.assertIn("warning: ", reply["text"])
        self.check_failure("Reload", "reload", "ReloadFailed")
        self.assertEqual(self.server.calls()[-1],
                         "observed Reload - of uid 0: done -12 1")
        status = client.call(GATE + "Status")["parameters"]
        self.assertIs(status["last_reload_failed"], True)
        self.assertIn("edge.yaml:12", status["last_reload_error"])

    def test_check(self):
        """Check: the daemon's file, or one at a path"""
        client = self.client()
        self.assertEqual(client.call(GATE + "Check")["parameters"]["text"], "")
        client.call(GATE + "Check", {"path": "/etc/other.yaml"})
        self.assertEqual(self.server.calls("check")[-2:], ["check -", "check /etc/other.yaml"])
        self.check_failure("Check", "check", "CheckFailed")

    def test_switch(self):
        """Off and On: one interface, all of them, one that there is not"""
        client = self.client()
        client.call(GATE + "Off", {"interface": "lan"})
        client.call(GATE + "Off", {"interface": None})
        client.call(GATE + "On")
        self.assertEqual(self.server.calls("o")[-9:], [
            "observed Off lan of uid 0: begins 0 0", "off lan",
            "observed Off lan of uid 0: done 0 0",
            "observed Off - of uid 0: begins 0 0", "off -", "observed Off - of uid 0: done 0 0",
            "observed On - of uid 0: begins 0 0", "on -", "observed On - of uid 0: done 0 0"])
        self.refused(client.call(GATE + "Off", {"interface": "eth9"}),
                     GATE + "NoSuchInterface", interface="eth9",
                     text="error: no interface 'eth9'\n", diagnostics=[
                         {"severity": "error", "file": None, "line": 0, "column": 0, "width": 0,
                          "message": "no interface 'eth9'", "source": None}])
        self.check_failure("Off", "switch", "SwitchFailed")
        self.check_failure("On", "switch", "SwitchFailed", {"interface": "lan"})

    def test_detach(self):
        """Detach"""
        self.assertIn("diagnostics", self.client().call(GATE + "Detach")["parameters"])
        self.assertEqual(self.server.calls("detach"), ["detach"])
        self.check_failure("Detach", "detach", "DetachFailed")

    def test_hangup_order(self):
        """a request sent after SIGHUP sees that reload, whether its connection is old or new"""
        old = self.client()
        before = old.call(GATE + "Status")["parameters"]["reloads"]
        for i in range(100):
            client = self.server.client() if i % 2 else old
            # stopped, so that it finds both at once when it goes on
            self.server.process.send_signal(signal.SIGSTOP)
            self.server.process.send_signal(signal.SIGHUP)
            client.send(GATE + "Status")
            self.server.process.send_signal(signal.SIGCONT)
            reloads = client.receive()["parameters"]["reloads"]
            self.assertEqual(reloads, before + i + 1)
            if client is not old:
                client.close()


class Streams(Protocol):
    """Stats with "more"."""

    def test_interval(self):
        """a stream answers at once, then at its interval, each reply continues"""
        client = self.client()
        start = time.monotonic()
        client.send(GATE + "Stats", {"interval_ms": 100}, more=True)
        packets = []
        for _ in range(6):
            reply = client.receive()
            self.assertIs(reply["continues"], True)
            packets.append(reply["parameters"]["rules"][0]["packets"])
        self.assertTrue(0.45 < time.monotonic() - start < 1.5)
        self.assertEqual(packets, sorted(set(packets)))

    def test_default_interval(self):
        """without interval_ms it is a second"""
        client = self.client()
        client.send(GATE + "Stats", more=True)
        client.receive()
        start = time.monotonic()
        client.receive()
        self.assertTrue(0.8 < time.monotonic() - start < 2)

    def test_others_answer_once(self):
        """other methods answer once, whatever "more" says"""
        reply = self.client().call(GATE + "Rules", more=True)
        self.assertNotIn("continues", reply)

    def test_behind_a_stream(self):
        """calls behind a stream wait; an error ends the stream, then they are answered"""
        client = self.client()
        client.send(GATE + "Stats", {"interval_ms": 100}, more=True)
        client.send(SERVICE + "GetInfo")
        for _ in range(3):
            self.assertIn("rules", client.receive()["parameters"])
        self.scenario("fail-read")
        while True:
            reply = client.receive()
            if "error" in reply:
                break
            self.assertIn("rules", reply["parameters"])
        self.assertEqual(reply["error"], GATE + "ReadFailed")
        self.assertNotIn("continues", reply)
        self.assertIn("product", client.receive()["parameters"])

    def test_hang_up(self):
        """clients that vanish within a stream leave nothing"""
        before = self.server.n_fds()
        for turn in range(3):
            clients = [self.server.client() for _ in range(40)]
            for client in clients:
                client.send(GATE + "Stats", {"interval_ms": 100}, more=True)
                client.send(GATE + "Stats", {"interval_ms": 100}, more=True)
            if turn:
                self.assertIn("rules", clients[0].receive()["parameters"])
            for client in clients:
                client.close()
            wait_for(lambda: self.server.n_fds() <= before, "all are closed")

    def test_half_close(self):
        """a client that only sends no more goes on receiving"""
        client = self.client()
        client.send(GATE + "Stats", {"interval_ms": 100}, more=True)
        client.socket.shutdown(1)
        for _ in range(3):
            self.assertIn("rules", client.receive()["parameters"])


if __name__ == "__main__":
    main()
