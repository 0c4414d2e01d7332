#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Live sets over the socket: who may call what, and what the log is told of it."""

import os
import pwd
import socket
import threading
import time
import unittest

import sets
from harness import FACTOR, GATE, GROUP_ID, SERVICE, Client, Server, as_user, main, wait_for
from sets import ALL_METHODS, LOOK_METHODS, NOBODY

DAEMON = pwd.getpwnam("daemon")


class Rights(sets.Sets):
    """Who may what."""

    def test_writer(self):
        """a writer may all on its set, and nothing else"""
        self.writers(f"few {NOBODY}")
        replies = self.as_nobody(*ALL_METHODS)
        self.assertEqual([r.get("error") for r in replies], [None] * len(ALL_METHODS))
        other = [(method, {**parameters, "set": "banned"}) for method, parameters in ALL_METHODS]
        for (method, _), reply in zip(other, self.as_nobody(*other)):
            self.refused(reply, "PermissionDenied", "only root .* 'banned', and users whom its "
                         "'writers' names", )
        rest = [(m, {}) for m in ("Status", "Stats", "Rules", "Check", "Reload", "Off", "On",
                                  "Detach")]
        for reply in self.as_nobody(*rest):
            self.refused(reply, "PermissionDenied", "only root")
        self.assertEqual([c for c in self.server.calls() if c.split()[0] in ("off", "on", "detach")],
                         [])

        def describe():
            with Client(self.server.path) as client:
                return client.call(SERVICE + "GetInterfaceDescription",
                                   {"interface": "org.xdpgate.gate"})
        self.assertIn("SetAdd", as_user(describe, gid=65534)["parameters"]["description"])

    def test_writer_stats(self):
        """SetStats without a set shows a writer its sets only"""
        self.writers(f"few {NOBODY}", "huge root")
        reply = self.as_nobody(("SetStats", {}))[0]
        self.assertEqual([s["name"] for s in reply["parameters"]["sets"]], ["few"])

    def test_member(self):
        """the group may look; a member who is a writer, too, may write as well"""
        replies = self.as_nobody(*ALL_METHODS, groups=[GROUP_ID])
        for (method, _), reply in zip(ALL_METHODS, replies):
            if method in LOOK_METHODS:
                self.assertIn("parameters", reply)
                self.assertNotIn("error", reply)
            else:
                self.refused(reply, "PermissionDenied", "only root may change set 'few', and users "
                             "whom its 'writers' names")
        self.assertEqual(self.server.calls("set-"), [])
        self.writers(f"few {NOBODY}")
        replies = self.as_nobody(*ALL_METHODS, ("Status", {}), groups=[GROUP_ID])
        self.assertEqual([r.get("error") for r in replies], [None] * 8)

    def assert_kept_out(self):
        with self.assertRaisesRegex(AssertionError, "PermissionError"):
            self.as_nobody(("SetStats", {}))

    def acl(self):
        return os.getxattr(self.server.path, "system.posix_acl_access")

    def test_socket(self):
        """writers come and go with the policy, strangers stay out, the group's right stays"""
        self.assert_kept_out()
        mode = os.stat(self.server.path).st_mode & 0o777
        self.writers(f"few {NOBODY}", f"few {DAEMON.pw_name}", f"banned {NOBODY}")
        self.assertIn("parameters", self.as_nobody(("SetStats", {}))[0])
        self.assertEqual(len(self.acl()), 4 + 8 * 6)  # two users, owner, group, mask, others
        self.assertEqual(os.stat(self.server.path).st_mode & 0o007, 0)

        def status(**who):
            def ask():
                with Client(self.server.path) as client:
                    return client.call(GATE + "Status").get("error")
            return as_user(ask, uid=60001, gid=60001, **who)
        self.assertIsNone(status(groups=[GROUP_ID]))
        with self.assertRaisesRegex(AssertionError, "PermissionError"):
            status()
        self.writers(f"few {DAEMON.pw_name}")
        self.assert_kept_out()
        self.writers()
        self.assertEqual(os.stat(self.server.path).st_mode & 0o777, mode)
        with self.assertRaises(OSError):
            self.acl()
        self.assertIsNone(status(groups=[GROUP_ID]))

    def test_loses_right(self):
        """a connection that was there keeps no right that the policy took away"""
        self.writers(f"few {NOBODY}")
        told, tell = os.pipe()
        go_on, end = os.pipe()

        def ask():
            with Client(self.server.path) as client:
                first = client.call(GATE + "SetReplace", {"set": "few", "entries": [],
                                                          "final": False})
                os.write(tell, b"x")
                os.read(go_on, 1)
                return [first, client.call(GATE + "SetFlush", {"set": "few"}),
                        client.call(GATE + "SetReplace", {"set": "few", "entries": [],
                                                          "final": True})]
        result = []
        thread = threading.Thread(target=lambda: result.extend(as_user(ask, gid=65534)))
        thread.start()
        os.read(told, 1)
        self.writers()
        os.write(end, b"x")
        thread.join()
        for fd in told, tell, go_on, end:
            os.close(fd)
        self.assertIn("staged", result[0]["parameters"])
        for reply in result[1:]:
            self.refused(reply, "PermissionDenied")

    def test_unknown_user(self):
        """a writer who is no user is a warning that says so; others are let in"""
        self.writers("few no-such-user", f"few {NOBODY}")
        self.assertRegex(self.server.calls("warning")[-1],
                         "set 'few': its writer 'no-such-user' is no user of this machine")
        self.assertIn("parameters", self.as_nobody(("SetStats", {}))[0])

    def test_many_connections(self):
        """a writer has the places of one user, no more"""
        self.writers(f"few {NOBODY}")

        def fill():
            clients = [Client(self.server.path) for _ in range(17)]
            return [c.call(GATE + "SetStats").get("error") for c in clients[:16]] + \
                [clients[16].receive()["error"]]
        self.assertEqual(as_user(fill, gid=65534), [None] * 16 + [GATE + "TooManyClients"])


class Activation(unittest.TestCase):
    def test_activation(self):
        """a socket of socket activation lets writers in as well; what a former daemon left goes"""
        server = Server()
        self.addCleanup(server.remove)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(server.path))
            os.chmod(server.path, 0o660)
            listener.listen()
            server.listen_fd = listener.fileno()
            writers = server.scenario_folder / "writers"

            def ask():
                with Client(server.path) as client:
                    return client.call(GATE + "SetStats").get("error")
            for name in NOBODY, DAEMON.pw_name:
                writers.write_text(f"few {name}\n", encoding="utf-8")
                server.start()
                self.assertTrue(server.ready, server.stderr())
                self.assertIsNone(as_user(ask, uid=pwd.getpwnam(name).pw_uid))
                server.stop()
            with self.assertRaisesRegex(AssertionError, "PermissionError"):
                as_user(ask, uid=65534)


class Observed(sets.Sets):
    """What the observer, which is to say the log, is told."""

    def observed(self):
        return self.server.calls("observed set")

    def test_bulk(self):
        """two hundred calls are one line: after a pause, or when the client leaves"""
        for turn in range(200):
            self.call("SetAdd", set="banned", entries=[{"prefix": f"10.{turn}.0.{i}"}
                                                       for i in range(5)])
        self.assertLessEqual(len(self.observed()), 1)  # a slow machine pauses by itself
        wait_for(lambda: sum(int(line.split("+")[1].split()[0]) for line in self.observed()) == 1000,
                 "the line")
        with self.server.client() as client:
            self.call("SetDelete", client, set="banned", prefixes=["10.0.0.0", "10.0.0.9"])
            self.call("SetAdd", client, set="few", entries=[{"prefix": "::/0"}])
        wait_for(lambda: "set few" in self.observed()[-1], "lines of a client that left", 0.5 * FACTOR)
        self.assertEqual(self.observed()[-2:], [
            "observed set banned of uid 0: 1 calls, 0 failed; +0 ~0 -1 missing 1 refused 0",
            "observed set few of uid 0: 1 calls, 0 failed; +0 ~0 -0 missing 0 refused 1"])

    def test_failed(self):
        """calls that fail are told with the reason of the first"""
        self.server.scenario("fail-set")
        with self.server.client() as client:
            for _ in range(3):
                self.call("SetFlush", client, set="few")
        wait_for(self.observed, "the line")
        self.assertEqual(self.observed(), [
            "observed set few of uid 0: 3 calls, 3 failed: unknown field 'dprot'; did you mean "
            "'dport'?; +0 ~0 -0 missing 0 refused 0"])

    def test_silent(self):
        """looking, staging, and what was refused before it came to the set are not told"""
        self.call("SetList", set="few")
        self.call("SetAdd", set="few", entries=[{}])
        self.call("SetReplace", set="few", entries=[], final=False)
        time.sleep(1.5)
        self.assertEqual(self.observed(), [])


if __name__ == "__main__":
    main()
