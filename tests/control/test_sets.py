#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Live sets over the socket: every method, and what the hostile and the hasty do."""

import json
import random
import socket
import time

import sets
from harness import FACTOR, GATE, SERVICE, Client, as_user, main, wait_for
from sets import ALL_METHODS, NOBODY


class Methods(sets.Sets):
    """What the methods do."""

    def test_add_list(self):
        """SetAdd and SetList: order, timeouts, comments; the same again is a change"""
        reply = self.call("SetAdd", set="banned", entries=[
            {"prefix": "2001:db8::/32", "timeout": 0, "comment": "caf\u00e9 \"1\""},
            {"prefix": "192.0.2.0/24", "timeout": 60}, {"prefix": "192.0.2.1"},
            {"prefix": "192.0.2.1", "timeout": None, "comment": None}])
        self.assertEqual(self.counts(reply), (3, 1, 0, 0, 0))
        self.assertEqual(reply["parameters"]["refusals"], [])
        listed = self.call("SetList", set="banned")["parameters"]
        since = 1700000000
        self.assertEqual(listed, {"more": False, "entries": [
            {"prefix": "192.0.2.0/24", "left": 60, "since": since, "comment": None},
            {"prefix": "192.0.2.1", "left": 3600, "since": since, "comment": None},
            {"prefix": "2001:db8::/32", "left": None, "since": since,
             "comment": "caf\u00e9 \"1\""}]})
        self.assertEqual(self.counts(self.call("SetAdd", set="banned", entries=[])), (0,) * 5)

    def test_refusals(self):
        """entries that the set refuses are told one by one, the others are in force"""
        entries = [{"prefix": f"10.0.0.{i}"} for i in range(4)] + [{"prefix": "0.0.0.0/7"}]
        reply = self.call("SetAdd", set="few", entries=entries)
        self.assertEqual(self.counts(reply), (4, 0, 0, 0, 1))
        self.assertEqual(reply["parameters"]["refusals"],
                         [{"index": 4, "prefix": "0.0.0.0/7", "text": "wider than /8"}])
        many = [{"prefix": f"10.1.{i}.0/24"} for i in range(200)]
        reply = self.call("SetAdd", set="few", entries=many)
        self.assertEqual(self.counts(reply), (1, 0, 0, 0, 199))
        refusals = reply["parameters"]["refusals"]
        self.assertEqual([r["index"] for r in refusals], list(range(1, 101)))
        self.assertEqual(refusals[0]["text"], "the set is full")

    def test_delete_flush(self):
        """SetDelete takes just these, SetFlush all"""
        self.call("SetAdd", set="few", entries=[{"prefix": p} for p in
                                                ("10.0.0.0/8", "10.0.0.1", "::1")])
        reply = self.call("SetDelete", set="few", prefixes=["10.0.0.0/8", "10.0.0.2"])
        self.assertEqual(self.counts(reply), (0, 0, 1, 1, 0))
        self.assertEqual(self.prefixes("few"), ["10.0.0.1", "::1"])
        self.assertEqual(self.counts(self.call("SetFlush", set="few")), (0, 0, 2, 0, 0))
        self.assertEqual(self.prefixes("few"), [])

    def test_test(self):
        """SetTest: the entry that holds it, or none"""
        self.call("SetAdd", set="few", entries=[{"prefix": "10.0.0.0/8", "comment": "x"}])
        reply = self.call("SetTest", set="few", prefix="10.1.0.0/16")
        self.assertEqual(reply["parameters"], {"found": True, "entry": {
            "prefix": "10.0.0.0/8", "left": None, "since": 1700000000, "comment": "x"}})
        reply = self.call("SetTest", set="few", prefix="11.0.0.0")
        self.assertEqual(reply["parameters"], {"found": False, "entry": None})
        self.refused(self.call("SetTest", set="few", prefix="10.0.0.1/8"), "InvalidEntry",
                     "write 10.0.0.0/8 for the network")

    def test_stats(self):
        """SetStats: the documented shape; of one set, of all"""
        self.writers(f"few {NOBODY}")
        self.call("SetAdd", set="few", entries=[{"prefix": "10.0.0.1"}, {"prefix": "::/0"}])
        self.server.scenario("no-disk")
        one = self.call("SetStats", set="few")["parameters"]["sets"]
        self.assertEqual(one, [{
            "name": "few", "parked": False, "entries_v4": 1, "entries_v6": 0, "size": 5,
            "timeout": 0, "persist": False, "writers": [NOBODY], "added": 1, "changed": 0,
            "removed": 0, "ended": 0, "refused": 1, "full": 0, "bytes": 4096, "next_end": None,
            "journal_error": "disk\x1b[31m full"}])
        every = self.call("SetStats")["parameters"]["sets"]
        self.assertEqual([s["name"] for s in every], ["banned", "few", "huge"])
        self.assertEqual(every[2]["entries_v4"], 1000000)

    def test_bad_entries(self):
        """one bad entry refuses the call, by number, text and remedy; nothing has changed"""
        good = {"prefix": "192.0.2.1"}
        for bad, entry, text in [
                ({"prefix": "192.0.2.1/24"}, "192.0.2.1/24", "write 192.0.2.0/24"),
                ({"prefix": "192.0.2.256"}, "192.0.2.256", "not an IPv4 or IPv6"),
                ({"prefix": "192.0.2.0/33"}, "192.0.2.0/33", "from 0 to 32"),
                ({"prefix": " 192.0.2.1"}, " 192.0.2.1", "not an IPv4"),
                ({"prefix": "010.0.0.1"}, "010.0.0.1", "not an IPv4"),
                ({"prefix": ""}, "", "not an IPv4"),
                ({"prefix": "x" * 9000}, "x" * 256 + " ...", "not an IPv4"),
                ({}, None, '"prefix"'), ("192.0.2.9", None, '"prefix"'), (None, None, '"prefix"'),
                ([], None, '"prefix"'), ({"prefix": 1}, None, '"prefix"'),
                ({**good, "timout": 5}, "192.0.2.1", "members"),
                ({**good, "timeout": -1}, "192.0.2.1", "at most 316224000"),
                ({**good, "timeout": 316224001}, "192.0.2.1", "at most"),
                ({**good, "timeout": "1h"}, "192.0.2.1", "whole number of seconds"),
                ({**good, "timeout": 1.5}, "192.0.2.1", "whole number"),
                ({**good, "timeout": True}, "192.0.2.1", "whole number"),
                ({**good, "comment": 7}, "192.0.2.1", "a string"),
                ({**good, "comment": "x" * 96}, "192.0.2.1", "96 bytes; at most 95"),
                ({**good, "comment": "a\nb"}, "192.0.2.1", "control characters")]:
            with self.subTest(bad=str(bad)[:50]):
                for method in ("SetAdd", "SetReplace"):
                    more = {"final": True} if method == "SetReplace" else {}
                    reply = self.call(method, set="few", entries=[good, good, bad], **more)
                    self.refused(reply, "InvalidEntry", text, index=2, entry=entry)
        self.refused(self.call("SetDelete", set="few", prefixes=["::1", "::1/64"]), "InvalidEntry",
                     "write ::/64 for the network, or ::1", index=1, entry="::1/64")
        self.refused(self.call("SetDelete", set="few", prefixes=[good]), "InvalidEntry", "string",
                     index=0, entry=None)
        self.assertEqual(self.server.calls("set-"), [])
        self.assertEqual(self.counts(self.call("SetAdd", set="few", entries=[
            {**good, "timeout": 316224000, "comment": "x" * 95}])), (1, 0, 0, 0, 0))

    def test_parameters(self):
        """parameters that miss, have the wrong type or are unknown are named"""
        for method, parameters, name in [
                ("SetAdd", {"entries": []}, "set"), ("SetAdd", {"set": "few"}, "entries"),
                ("SetAdd", {"set": 1, "entries": []}, "set"),
                ("SetAdd", {"set": "few", "entries": {}}, "entries"),
                ("SetAdd", {"set": "few", "entries": [], "x": 1}, "x"),
                ("SetAdd", {"set": "few", "entries": [], "prefixes": []}, "prefixes"),
                ("SetDelete", {"set": "few"}, "prefixes"), ("SetFlush", {}, "set"),
                ("SetReplace", {"set": "few", "entries": []}, "final"),
                ("SetReplace", {"set": "few", "entries": [], "final": 1}, "final"),
                ("SetReplace", {"set": "few", "entries": [], "final": True, "offset": "0"},
                 "offset"),
                ("SetTest", {"set": "few"}, "prefix"), ("SetList", {}, "set"),
                ("SetList", {"set": "few", "limit": 0}, "limit"),
                ("SetList", {"set": "few", "limit": 1001}, "limit"),
                ("SetStats", {"set": ["few"]}, "set")]:
            with self.subTest(method=method, parameters=str(parameters)):
                self.invalid(self.root.call(GATE + method, parameters), name)

    def test_no_such_set(self):
        """a set that is not there: said by every method, with those that are"""
        entries = {"entries": [{"prefix": "::1"}]}
        for method, more in [("SetAdd", entries), ("SetDelete", {"prefixes": []}),
                             ("SetFlush", {}), ("SetReplace", {**entries, "final": True}),
                             ("SetReplace", {**entries, "final": False}),
                             ("SetTest", {"prefix": "::1"}), ("SetList", {}), ("SetStats", {})]:
            for name in "baned", "x" * 10000, "":
                self.refused(self.call(method, set=name, **more), "NoSuchSet", "banned, few",
                             set=name)
        self.assertEqual(self.server.calls("observed"), [])

    def test_failed(self):
        """a gate that fails, with and without a word"""
        for scenario, text in ("fail-set", "edge.yaml:12"), ("fail-set-silently", "Cannot alloc"):
            self.server.scenario(scenario)
            for method, more in [("SetAdd", {"entries": []}), ("SetDelete", {"prefixes": []}),
                                 ("SetFlush", {}), ("SetReplace", {"entries": [], "final": True})]:
                self.refused(self.call(method, set="few", **more), "SetFailed", text, set="few")
            self.server.scenario(scenario, False)
        self.server.scenario("fail-list")
        for method, more in ("SetTest", {"prefix": "::1"}), ("SetList", {}), ("SetStats", {}):
            self.refused(self.call(method, set="few", **more), "SetFailed", "dprot", set="few")


class Lists(sets.Sets):
    """SetList in pages and as a stream."""

    def test_pages(self):
        """pages by `after` and `limit` have all entries once"""
        wanted = [f"10.0.{i // 256}.{i % 256}" for i in range(250)] + ["2001:db8::1"]
        self.call("SetAdd", set="banned", entries=[{"prefix": p} for p in reversed(wanted)])
        got, after = [], None
        while True:
            page = self.call("SetList", set="banned", after=after, limit=100)["parameters"]
            got += [e["prefix"] for e in page["entries"]]
            if not page["more"]:
                break
            after = got[-1]
        self.assertEqual(got, wanted)
        # what stands in `after` need not be there
        page = self.call("SetList", set="banned", after="10.0.0.0/9", limit=1)["parameters"]
        self.assertEqual(page["entries"][0]["prefix"], "10.0.0.0")
        self.refused(self.call("SetList", set="banned", after="x"), "InvalidEntry", "not an IPv4")

    def test_stream(self):
        """with "more" it goes on to the last entry; then calls behind it are answered"""
        client = self.client()
        client.send(GATE + "SetList", {"set": "huge", "limit": 1000}, more=True)
        client.send(SERVICE + "GetInfo")
        n, previous = 0, None
        for _ in range(20):
            reply = client.receive()
            entries = reply["parameters"]["entries"]
            self.assertEqual((len(entries), reply["continues"]), (1000, True))
            self.assertNotEqual(entries[0]["prefix"], previous)
            previous = entries[-1]["prefix"]
            n += len(entries)
        while reply.get("continues"):
            reply = client.receive()
            n += len(reply["parameters"]["entries"])
        self.assertEqual(n, 1000000)
        self.assertIs(reply["parameters"]["more"], False)
        self.assertIn("product", client.receive()["parameters"])

    def test_empty(self):
        """a stream of an empty set is one answer"""
        reply = self.root.call(GATE + "SetList", {"set": "few"}, more=True)
        self.assertEqual(reply, {"parameters": {"entries": [], "more": False}})

    def test_flow(self):
        """who does not read a stream costs no memory and no time, and is hung up on"""
        before = self.server.rss_bytes()
        stuck = [self.client(timeout=20) for _ in range(20)]
        for client in stuck:
            client.send(GATE + "SetList", {"set": "huge"}, more=True)
        time.sleep(1 * FACTOR)
        cpu = self.server.cpu_seconds()
        time.sleep(0.5)
        self.assertLess(self.server.cpu_seconds() - cpu, 0.1)
        self.assertLess(self.server.rss_bytes() - before, (20 << 20) * FACTOR)
        self.assertIn("parameters", self.call("SetStats"))
        time.sleep(10)
        n = 0
        try:
            while stuck[0].receive():
                n += 1
        except AssertionError:
            pass  # cut within an answer
        self.assertLess(n, 100)

    def test_error_in_stream(self):
        """an error ends a stream, not the connection"""
        client = self.client()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(GATE + "SetList", {"set": "huge"}, more=True)
        client.receive()
        self.server.scenario("fail-list")
        while True:
            reply = client.receive()
            if "error" in reply:
                break
        self.refused(reply, "SetFailed")
        self.assertIn("product", client.call(SERVICE + "GetInfo")["parameters"])


class Replace(sets.Sets):
    """SetReplace in parts."""

    def part(self, first, n, final=False, client=None, name="banned", **more):
        entries = [{"prefix": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "comment": f"n {i}"}
                   for i in range(first, first + n)]
        more.setdefault("offset", first)
        return self.call("SetReplace", client, set=name, entries=entries, final=final, **more)

    def test_once(self):
        """in one call"""
        self.call("SetAdd", set="banned", entries=[{"prefix": "192.0.2.1"}])
        self.assertEqual(self.counts(self.part(0, 2, True)), (2, 0, 1, 0, 0))
        self.assertEqual(self.prefixes("banned"), ["10.0.0.0", "10.0.0.1"])

    def test_parts(self):
        """in parts: nothing changes before the last, which puts all in force"""
        self.call("SetAdd", set="banned", entries=[{"prefix": "192.0.2.1"}])
        for i in range(0, 5000, 500):
            reply = self.part(i, 500)
            self.assertEqual(self.counts(reply), (0,) * 5)
            self.assertEqual(reply["parameters"]["staged"], i + 500)
            self.assertEqual(self.prefixes("banned"), ["192.0.2.1"])
        reply = self.part(5000, 0, True)
        self.assertEqual(self.counts(reply), (5000, 0, 1, 0, 0))
        self.assertEqual(self.server.calls("set-replace"), ["set-replace banned 5000"])
        listed = self.call("SetList", set="banned")["parameters"]["entries"]
        self.assertEqual(listed[999]["comment"], "n 999")

    def test_hole(self):
        """behind a part that was refused nothing is taken until it begins anew, pipelined or not"""
        self.call("SetAdd", set="banned", entries=[{"prefix": "192.0.2.1"}])
        bad = [{"prefix": "10.0.0.1/8"}]

        def broken(number, entries, **more):
            parameters = [{"set": "banned", "final": False, "offset": i, "entries":
                           [{"prefix": f"10.0.0.{i}"}]} for i in range(4)]
            parameters[3]["final"] = True
            parameters[number].update(entries=entries, **more)
            return parameters

        for number in range(3):
            for change in ({"entries": bad}, {"entries": [], "final": 7}, {"entries": [], "x": 0},
                           {"entries": [], "set": "baned"}, {"entries": [], "offset": 99},
                           {"entries": [], "offset": -1}):
                with self.subTest(number=number, change=change):
                    client = self.client()
                    for parameters in broken(number, **change):
                        client.send(GATE + "SetReplace", parameters)
                    replies = [client.receive() for _ in range(4)]
                    self.assertTrue(all("error" in r for r in replies[number:]), replies)
                    self.refused(replies[3], "SetFailed", "begin anew with offset 0")
                    self.assertEqual(self.prefixes("banned"), ["192.0.2.1"])
                    client.close()
        self.assertEqual(self.server.calls("set-replace"), [])

    def test_abort(self):
        """a client that leaves in the middle has changed nothing, and holds nothing"""
        self.call("SetAdd", set="banned", entries=[{"prefix": "192.0.2.1"}])
        before = self.server.rss_bytes()
        for turn in range(30):
            with self.server.client() as client:
                for i in range(0, 8000, 800):
                    client.send(GATE + "SetReplace", {
                        "set": "banned", "final": False, "offset": i,
                        "entries": [{"prefix": f"10.0.{j >> 8}.{j & 255}"}
                                    for j in range(i, i + 800)]})
                if turn % 2:
                    client.receive()
                client.raw(b'{"method":"org.xdpgate.gate.SetReplace","parameters":{"set":"ban')
        self.assertEqual(self.prefixes("banned"), ["192.0.2.1"])
        self.assertEqual(self.server.calls("set-replace"), [])
        self.assertLess(self.server.rss_bytes() - before, (16 << 20) * FACTOR)

    def test_anew(self):
        """offset 0, or another set, begins anew; another connection has its own"""
        self.part(0, 3)
        self.part(0, 2)
        other = self.client()
        self.refused(self.part(2, 1, True, client=other), "SetFailed", "but 0 were taken")
        self.part(0, 2, client=other)
        self.assertEqual(self.counts(self.part(2, 1, True, client=other))[0], 3)
        self.assertEqual(self.counts(self.part(2, 2, True))[0], 4)
        self.part(0, 3)
        self.part(0, 2, name="few")
        self.refused(self.part(3, 2, True), "SetFailed", "begin anew")
        self.refused(self.part(2, 1, True, name="few"), "SetFailed", "begin anew")
        self.assertEqual(self.prefixes("few"), [])

    def test_refused(self):
        """an entry that the set may not hold refuses all of it"""
        self.call("SetAdd", set="few", entries=[{"prefix": "192.0.2.1"}])
        self.refused(self.part(0, 6, True, name="few"), "SetFailed", "more entries than")
        self.assertEqual(self.prefixes("few"), ["192.0.2.1"])
        self.refused(self.part(6, 1, True, name="few"), "SetFailed", "begin anew")

    def test_oneway(self):
        """without answers it does the same"""
        for i in range(3):
            self.root.send(GATE + "SetReplace", {"set": "few", "offset": i, "final": i == 2,
                                                 "entries": [{"prefix": f"10.0.0.{i}"}]},
                           oneway=True)
        self.assertEqual(self.prefixes("few"), ["10.0.0.0", "10.0.0.1", "10.0.0.2"])

    def test_room(self):
        """what waits to replace is bounded, and is gone when it was refused"""
        self.writers(f"banned {NOBODY}")
        before = self.server.rss_bytes()

        def fill():
            client = Client(self.server.path, timeout=30)
            n, text = 0, ""
            comment = "c" * 95
            while n < 3000000 and not text:
                entries = [{"prefix": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{i}", "comment": comment}
                           for i in range(250)] + [{"prefix": "::1"}] * 100
                reply = client.call(GATE + "SetReplace", {"set": "banned", "entries": entries,
                                                          "final": False, "offset": n})
                text = reply["parameters"].get("text", "")
                n += len(entries)
            return [n, text]
        n, text = as_user(fill, gid=65534)
        self.assertRegex(text, "too many entries wait")
        self.assertTrue(1000000 < n < 2500000, n)
        self.assertLess(self.server.rss_bytes() - before, (64 << 20) * FACTOR)


class Hostile(sets.Sets):
    """Bytes that nobody should send."""

    def test_mutations(self):
        """mutated calls of all methods: alive, nothing lost, nothing half done"""
        self.call("SetStats")  # so that this connection counts
        before = self.server.n_fds()
        rng = random.Random(5)
        seeds = [json.dumps({"method": GATE + method, "parameters": parameters}).encode() + b"\0"
                 for method, parameters in ALL_METHODS + [
                     ("SetReplace", {"set": "few", "entries": [{"prefix": "::1", "timeout": 5,
                                                                "comment": "x"}] * 20,
                                     "final": False, "offset": 0}),
                     ("SetList", {"set": "huge", "after": "10.0.0.0", "limit": 3})]]
        for turn in range(1500):
            data = bytearray(b"".join(rng.choices(seeds, k=rng.randint(1, 4))))
            for _ in range(rng.randint(1, 6)):
                at = rng.randrange(len(data))
                if turn % 3:
                    data[at] = rng.choice(b'0129":/,[]{}.\\\0\xffx-')
                else:
                    data[at:at + rng.randint(0, 9)] = rng.choice(
                        [b"[" * 900, b"9" * 30, b'"', b"\\u0000", b"{}", b"null", b"-1", b"1e9"])
            client = Client(self.server.path)
            try:
                client.raw(bytes(data))
                if turn % 2:
                    client.socket.shutdown(socket.SHUT_WR)
                    client.socket.settimeout(0.02)
                    client.socket.recv(1 << 20)
            except (BrokenPipeError, ConnectionResetError, socket.timeout):
                pass
            client.close()
        wait_for(lambda: self.server.n_fds() == before, "all connections are closed")
        self.assertIn("parameters", self.call("SetStats"))

    def test_full_messages(self):
        """messages of the greatest size, of the smallest entries"""
        for method, name, item in ("SetAdd", "entries", "{}"), ("SetDelete", "prefixes", '"::"'), \
                ("SetDelete", "prefixes", "1"):
            start = f'{{"method":"{GATE}{method}","parameters":{{"set":"few","{name}":['
            n = (65530 - len(start)) // (len(item) + 1)
            self.root.raw((start + ",".join([item] * n) + "]}}").encode() + b"\0")
            reply = self.root.receive()
            if item == '"::"':
                self.assertEqual(self.counts(reply)[3], n)
            else:
                self.refused(reply, "InvalidEntry", index=0)


if __name__ == "__main__":
    main()
