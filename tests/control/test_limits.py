#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Limits: what clients who are many, slow, silent or hostile can do to the daemon, and to
each other."""

import json
import random
import socket
import threading
import time
import unittest

from harness import FACTOR, GATE, SERVICE, Client, Server, main, wait_for


class Limits(unittest.TestCase):
    def setUp(self):
        self.server = Server().__enter__()
        self.addCleanup(self.stop)

    def stop(self):
        self.server.__exit__(None, None, None)

    def client(self, **options):
        client = self.server.client(**options)
        self.addCleanup(client.close)
        return client

    def assert_alive(self):
        with self.server.client(timeout=15 * FACTOR) as client:
            self.assertIn("product", client.call(SERVICE + "GetInfo")["parameters"])

    def is_idle(self):
        before = self.server.cpu_seconds()
        time.sleep(0.3)
        return self.server.cpu_seconds() - before < 0.03

    def test_clients(self):
        """64 clients are served; the next is told so; one that leaves makes a place"""
        clients = [self.client() for _ in range(64)]
        for client in clients:
            self.assertIn("parameters", client.call(GATE + "Status"))
        for _ in range(10):
            with self.server.client() as late:
                reply = late.receive()
                self.assertEqual(reply["error"], GATE + "TooManyClients")
                self.assertIn("64", reply["parameters"]["text"])
                self.assertIsNone(late.receive())
        clients.pop().close()
        self.assert_alive()
        self.assertIn("parameters", clients[0].call(GATE + "Status"))

    def test_time(self):
        """10 s: half a message is given up, so is a reader who stands still; an idle client
        and a slow but steady reader are not"""
        self.server.scenario("big")
        idle, half, drip = self.client(), self.client(timeout=15), self.client(timeout=15)
        stuck, steady = self.client(timeout=30), self.client(timeout=30)
        start = time.monotonic()
        half.raw(b'{"method":')
        for client in stuck, steady:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(8):
                client.send(GATE + "Stats")
        taken = []

        def read_steadily():
            # 64 KiB at least within 10 s, or all there is
            while time.monotonic() < start + 14:
                taken.append(steady.socket.recv(65536))
                time.sleep(0.1)

        reader = threading.Thread(target=read_steadily)
        reader.start()
        for _ in range(9):
            drip.raw(b" ")
            time.sleep(1)
        for client in half, drip:
            reply = client.receive()
            self.assertEqual(reply["error"], GATE + "InvalidMessage")
            self.assertIn("10 seconds", reply["parameters"]["text"])
            self.assertIsNone(client.receive())
            self.assertTrue(9 < time.monotonic() - start < 13)
        reader.join()
        self.assertTrue(all(taken))
        self.assertGreater(len(taken), 50)
        # the stuck one finds what fitted into the socket's buffer, and then the end
        with self.assertRaises(AssertionError):
            while stuck.receive():
                pass
        self.assertIn("parameters", idle.call(GATE + "Status"))

    def test_memory(self):
        """clients who ask and ask and never read cost little memory, and nobody else's time"""
        self.server.scenario("big")
        self.assertGreater(len(json.dumps(self.client().call(GATE + "Stats"))), 1 << 20)
        before = self.server.rss_bytes()
        call = json.dumps({"method": GATE + "Stats"}).encode() + b"\0"
        stream = json.dumps({"method": GATE + "Stats", "more": True,
                             "parameters": {"interval_ms": 100}}).encode() + b"\0"
        for i in range(40):
            client = self.client()
            client.socket.setblocking(False)
            try:
                for _ in range(100):
                    client.socket.send((stream if i % 2 else call) * 20)
            except BlockingIOError:
                pass
        self.assert_alive()  # behind one answer to each of the others
        wait_for(self.is_idle, "nothing more is done for who does not read", 8 * FACTOR)
        start = time.monotonic()
        self.assert_alive()
        self.assertLess(time.monotonic() - start, 1)
        # one answer each, of 2 MB or so
        self.assertLess(self.server.rss_bytes() - before, (160 << 20) * FACTOR)

    def test_fair(self):
        """a client that pipelines without end does not keep others waiting"""
        call = json.dumps({"method": GATE + "Rules"}).encode() + b"\0"
        greedy = self.client()
        done = threading.Event()

        answers = 0

        def pour():
            nonlocal answers
            rest = b""
            while not done.is_set():
                rest = rest or call * 50
                try:
                    rest = rest[greedy.socket.send(rest):]
                except BlockingIOError:
                    pass
                try:
                    while not done.is_set():
                        answers += greedy.socket.recv(1 << 16).count(b"\0")
                except BlockingIOError:
                    pass

        greedy.socket.setblocking(False)
        thread = threading.Thread(target=pour)
        thread.start()
        try:
            time.sleep(0.3)
            for _ in range(50):
                start = time.monotonic()
                self.assert_alive()
                self.assertLess(time.monotonic() - start, 1)
        finally:
            done.set()
            thread.join()
        self.assertGreater(answers, 1000)

    def test_hostile(self):
        """random bytes, mutated calls and half calls by the thousand: alive, and no fd lost"""
        before = self.server.n_fds()
        rng = random.Random(2)
        seeds = [json.dumps(message).encode() + b"\0" for message in [
            {"method": GATE + "Stats", "parameters": {"interval_ms": 1000}, "more": True},
            {"method": GATE + "Off", "parameters": {"interface": "lan"}, "oneway": True},
            {"method": SERVICE + "GetInterfaceDescription",
             "parameters": {"interface": "org.xdpgate.gate"}},
            {"method": GATE + "Check", "parameters": {"path": "/x"}},
            {"method": GATE + "Status", "parameters": None, "x": [[{}], 1e300, -1, "\u20ac"]}]]
        for turn in range(1500):
            kind = turn % 4
            data = bytearray(rng.choice(seeds) * rng.randint(1, 3))
            if kind == 0:
                data = bytearray(rng.randbytes(rng.randint(1, 3000)))
            elif kind == 1:
                for _ in range(rng.randint(1, 8)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            elif kind == 2:
                start = rng.randrange(len(data))
                del data[start:start + rng.randint(1, 20)]
            else:
                at = rng.randrange(len(data))
                data[at:at] = rng.choice([b"[" * 5000, b"9" * 500, b'"', b"\\u0000", b"{}", b"\xff",
                                          b"-0", b"1e999", b",", b"\0\0\0"])
            client = Client(self.server.path)
            try:
                client.raw(bytes(data))
                if rng.random() < 0.5:
                    client.socket.shutdown(socket.SHUT_WR)
                    client.socket.settimeout(0.02)
                    client.socket.recv(1 << 20)
            except (BrokenPipeError, ConnectionResetError, socket.timeout):
                pass
            client.close()
        wait_for(lambda: self.server.n_fds() == before, "all connections are closed")
        self.assert_alive()


class OutOfFds(unittest.TestCase):
    def test_out_of_fds(self):
        """out of fds: no spinning; those who wait are served when there are fds again"""
        with Server(wrapper=["prlimit", "--nofile=24"]) as server:
            clients = [server.client() for _ in range(40)]
            time.sleep(0.5)
            before = server.cpu_seconds()
            time.sleep(1)
            self.assertLess(server.cpu_seconds() - before, 0.2)
            for client in clients[:30]:
                client.close()
            self.assertIn("product",
                          clients[-1].call(SERVICE + "GetInfo")["parameters"])
            for client in clients:
                client.close()


if __name__ == "__main__":
    main()
