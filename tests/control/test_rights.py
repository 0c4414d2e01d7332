#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Rights: root may change, the group xdpgate may look, everybody else is refused."""

import json
import os
import threading
import time
import unittest

from harness import GATE, GROUP_ID, SERVICE, Client, Server, as_user, main

LOOK = [SERVICE + "GetInfo", GATE + "Status", GATE + "Stats", GATE + "Rules", GATE + "Check",
        GATE + "History"]
CHANGE = [GATE + "Reload", GATE + "Confirm", GATE + "Rollback", GATE + "Off",
          GATE + "On", GATE + "Detach", GATE + "Policy", GATE + "Trial", GATE + "TrialEnd"]


class Rights(unittest.TestCase):
    def setUp(self):
        self.server = Server(with_group=True).__enter__()
        self.addCleanup(lambda: self.server.__exit__(None, None, None))

    def answers(self):
        """Errors, or None, of all methods, in one connection."""
        with Client(self.server.path) as client:
            return [client.call(method).get("error") for method in LOOK + CHANGE]

    def check_member(self, **who):
        denied = GATE + "PermissionDenied"
        self.assertEqual(as_user(self.answers, **who),
                         [None] * len(LOOK) + [denied] * len(CHANGE))

    def test_socket_mode(self):
        """the socket is for root and the group alone"""
        status = os.stat(self.server.path)
        self.assertEqual((status.st_mode & 0o777, status.st_uid, status.st_gid),
                         (0o660, 0, GROUP_ID))
        with self.assertRaisesRegex(AssertionError, "PermissionError"):
            as_user(self.answers)

    def test_primary_group(self):
        """a user whose primary group it is"""
        self.check_member(gid=GROUP_ID)

    def test_supplementary_group(self):
        """a user who has it among many supplementary groups"""
        self.check_member(groups=[GROUP_ID])
        self.check_member(groups=list(range(50000, 50200)) + [GROUP_ID])
        self.assertEqual(self.server.calls("reload"), [])

    def test_member_check_path(self):
        """a member may not have files read by the daemon"""
        def check():
            with Client(self.server.path) as client:
                return client.call(GATE + "Check", {"path": "/etc/shadow"})
        reply = as_user(check, groups=[GROUP_ID])
        self.assertEqual(reply["error"], GATE + "PermissionDenied")
        self.assertEqual(self.server.calls("check"), [])

    def test_stranger(self):
        """if the socket lets a stranger in, the stranger gets an answer, then the door"""
        os.chmod(self.server.path, 0o666)

        def ask():
            answers = []
            for method in LOOK + CHANGE + ["x.y"]:
                with Client(self.server.path) as client:
                    client.raw((json.dumps({"method": method}) + "\0").encode() * 2)
                    answers.append(client.receive()["error"])
                    answers.append(client.receive())
            return answers
        self.assertEqual(as_user(ask),
                         [GATE + "PermissionDenied", None] * (len(LOOK + CHANGE) + 1))
        # nor may one stay who asks nothing
        def stay():
            with Client(self.server.path, timeout=15) as client:
                start = time.monotonic()
                return [client.receive(), time.monotonic() - start]
        reply, seconds = as_user(stay)
        self.assertIsNone(reply)
        self.assertTrue(9 < seconds < 13)

    def test_unread_answers(self):
        """answers that members do not read are bounded together; who waits for that is served
        as soon as there is room; root does not wait"""
        self.server.scenario("big")
        told, tell = os.pipe()
        go_on, end = os.pipe()

        def starve():
            stuck = [Client(self.server.path) for _ in range(15)]
            for client in stuck:
                client.send(GATE + "Stats")
            late = Client(self.server.path, timeout=2)
            late.send(GATE + "Status")
            try:
                late.receive()
                return "not starved"
            except TimeoutError:
                pass
            finally:
                os.write(tell, b"x")
            os.read(go_on, 1)
            while len(stuck) > 1:
                stuck.pop().close()
            return "error" if "error" in late.receive() else "served"

        result = []
        thread = threading.Thread(target=lambda: result.append(as_user(starve, gid=GROUP_ID)))
        thread.start()
        try:
            os.read(told, 1)
            with self.server.client() as client:
                self.assertIn("parameters", client.call(GATE + "Status"))
        finally:
            os.write(end, b"x")
            thread.join()
            for fd in told, tell, go_on, end:
                os.close(fd)
        self.assertEqual(result, ["served"])

    def test_places(self):
        """16 places for a user, 48 for all that are not root; root still finds one"""
        def fill(n):
            def connect():
                clients = [Client(self.server.path) for _ in range(n)]
                return [answer(client) for client in clients]

            def answer(client):
                try:
                    client.send(GATE + "Status")
                except BrokenPipeError:
                    pass  # refused already; the answer says so
                return client.receive().get("error")
            return connect
        too_many = GATE + "TooManyClients"
        self.assertEqual(as_user(fill(18), gid=GROUP_ID), [None] * 16 + [too_many] * 2)

        def fill_all():
            # three users keep 16 each while a fourth and root try
            children = []
            for uid in 60001, 60002, 60003:
                ready, tell = os.pipe()
                stop, end = os.pipe()
                pid = os.fork()
                if pid == 0:
                    os.setgroups([])
                    os.setresgid(GROUP_ID, GROUP_ID, GROUP_ID)
                    os.setresuid(uid, uid, uid)
                    kept = [Client(self.server.path) for _ in range(16)]
                    good = all("error" not in c.call(GATE + "Status") for c in kept)
                    os.write(tell, b"1" if good else b"0")
                    for fd in [end] + [other for _, other in children]:
                        os.close(fd)
                    os.read(stop, 1)  # until the parent closes the other end
                    os._exit(0)
                os.close(stop)
                self.assertEqual(os.read(ready, 1), b"1")
                os.close(ready)
                os.close(tell)
                children.append((pid, end))
            return children
        children = fill_all()
        try:
            self.assertEqual(as_user(fill(1), gid=GROUP_ID), [too_many])
            with self.server.client() as client:
                self.assertIn("parameters", client.call(GATE + "Reload"))
        finally:
            for pid, end in children:
                os.close(end)
                os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
