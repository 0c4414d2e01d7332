# SPDX-License-Identifier: GPL-2.0-only
"""Live sets over the socket: what their tests have in common."""

import pwd
import signal
import unittest

from harness import GATE, SERVICE, Client, Server, as_user, wait_for

NOBODY = pwd.getpwuid(65534).pw_name
COUNTS = ("added", "changed", "removed", "missing", "refused")

# Each method, with parameters that are right.
ALL_METHODS = [("SetAdd", {"set": "few", "entries": [{"prefix": "::1"}]}),
               ("SetDelete", {"set": "few", "prefixes": ["::1"]}),
               ("SetReplace", {"set": "few", "entries": [{"prefix": "::1"}], "final": True}),
               ("SetFlush", {"set": "few"}), ("SetTest", {"set": "few", "prefix": "::1"}),
               ("SetList", {"set": "few"}), ("SetStats", {"set": "few"})]
LOOK_METHODS = ("SetTest", "SetList", "SetStats")


class Sets(unittest.TestCase):
    def setUp(self):
        self.server = Server(with_group=True).__enter__()
        self.addCleanup(lambda: self.server.__exit__(None, None, None))
        self.root = self.client()

    def client(self, **options):
        client = self.server.client(**options)
        self.addCleanup(client.close)
        return client

    def call(self, method, client=None, **parameters):
        return (client or self.root).call(GATE + method, parameters)

    def counts(self, reply):
        """(added, changed, removed, missing, refused)"""
        self.assertIn("parameters", reply)
        self.assertNotIn("error", reply)
        return tuple(reply["parameters"][name] for name in COUNTS)

    def refused(self, reply, error, text=".", **parameters):
        self.assertEqual(reply.get("error"), GATE + error, reply)
        self.assertRegex(reply["parameters"]["text"], text)
        for name, value in parameters.items():
            self.assertEqual(reply["parameters"][name], value)

    def invalid(self, reply, parameter):
        self.assertEqual(reply, {"error": SERVICE + "InvalidParameter",
                                 "parameters": {"parameter": parameter}})

    def prefixes(self, name):
        return [e["prefix"] for e in self.call("SetList", set=name)["parameters"]["entries"]]

    def writers(self, *lines):
        """Have these lines of "SET USER" in force, as after a reload."""
        path = self.server.scenario_folder / "writers"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        before = len(self.server.calls("reload"))
        self.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.server.calls("reload")) > before, "the reload")
        self.call("Status")  # served after the reload is over

    def as_nobody(self, *calls, groups=()):
        """Replies to (method, parameters) of one connection of the user nobody; None: hung up."""
        def ask():
            with Client(self.server.path) as client:
                return [client.call(GATE + method, parameters) for method, parameters in calls]
        return as_user(ask, gid=65534, groups=groups)
