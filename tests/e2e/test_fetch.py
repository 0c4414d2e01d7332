#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The script that fetches lists, against a web server on the loopback of a namespace of its own:
with curl and with wget."""

import email.utils
import http.server
import pathlib
import shutil
import threading
import unittest

import netlab
import tap

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "config" / "feeds" / "xdpgate-fetch-lists"
LIST = "# a list\n192.0.2.0/24\n2001:db8::/32 ; noted\n"
PORT = 8080


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves what `pages` says; a page with a tag answers 304 to those who have it."""

    pages = {}
    requests = []

    def do_GET(self):
        page = dict(self.pages.get(self.path, {"status": 404, "body": "<html>none</html>"}))
        self.requests.append(f"{self.path} {self.headers.get('If-None-Match')} "
                             f"{self.headers.get('If-Modified-Since')}")
        status, body = page.get("status", 200), page.get("body", "")
        tag, date = page.get("tag"), page.get("date")
        if tag and self.headers.get("If-None-Match") == tag:
            status, body = 304, ""
        elif date and not tag and self.headers.get("If-Modified-Since") == date:
            status, body = 304, ""
        self.send_response(status)
        for name, value in (("ETag", tag), ("Last-Modified", date), ("Location", page.get("to"))):
            if value:
                self.send_header(name, value)
        self.end_headers()
        data = body if isinstance(body, bytes) else body.encode()
        try:
            for _ in range(page.get("times", 1)):
                self.wfile.write(data)
            if page.get("hang"):
                self.wfile.flush()
                threading.Event().wait(page["hang"])
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server:
    """The web server: threads of ours, on a socket of the namespace."""

    def __init__(self, namespace, pages):
        Handler.pages, Handler.requests = pages, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler,
                                                      bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = namespace.socket()
        self.server.server_bind()
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def requests():
        return Handler.requests

    def close(self):
        self.server.shutdown()
        self.server.socket.close()


class Fetch(unittest.TestCase):
    """One run of the script after another."""

    def run_script(self, lab, namespace, client, conf, **environment):
        """Only that client is on the path."""
        tools = lab.folder / f"bin-{client}"
        if not tools.exists():
            tools.mkdir()
            for tool in ("bash head sed tr tail wc grep cmp cp sync mv rm mkdir mktemp flock cat "
                         "timeout env " + client).split():
                (tools / tool).symlink_to(shutil.which(tool))
        path = lab.write("feeds.conf", conf.replace("http:/", f"http://127.0.0.1:{PORT}/"))
        return namespace.run(["env", "-i", f"PATH={tools}", "HOME=/nonexistent",
                              *[f"{k}={v}" for k, v in environment.items()],
                              SCRIPT, path, lab.folder / "lists"], check=False, timeout=60)

    def scene(self, client, pages, body):
        with netlab.Lab() as lab:
            namespace = lab.namespace("web")
            server = Server(namespace, pages)
            try:
                body(lab, lambda conf, **env: self.run_script(lab, namespace, client, conf, **env),
                     server)
            finally:
                server.close()

    def each_client(self, pages, body):
        found = False
        for client in ("curl", "wget"):
            if shutil.which(client):
                found = True
                with self.subTest(client=client):
                    self.scene(client, pages, body)
        if not found:
            self.skipTest("neither curl nor wget is here")

    def test_good(self):
        """a list arrives whole; unchanged, it is not sent again, by tag or by date"""
        date = email.utils.formatdate(1700000000, usegmt=True)
        pages = {"/tag": {"body": LIST, "tag": '"v1"'}, "/date": {"body": LIST, "date": date},
                 "/moved": {"status": 302, "to": "/tag"}}

        def body(lab, fetch, server):
            conf = "# lists\n\na.txt http:/tag\nb.txt http:/date # a comment\nc.txt http:/moved\n"
            done = fetch(conf)
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            for name in ("a.txt", "b.txt", "c.txt"):
                self.assertEqual((lab.folder / "lists" / name).read_text(), LIST)
                self.assertEqual((lab.folder / "lists" / name).stat().st_mode & 0o777, 0o644)
            before = [(lab.folder / "lists" / name).stat().st_ino for name in ("a.txt", "b.txt")]
            done = fetch(conf)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            requests = server.requests()
            self.assertIn('/tag "v1" None', requests)
            self.assertIn(f"/date None {date}", requests)
            self.assertEqual(before, [(lab.folder / "lists" / name).stat().st_ino
                                      for name in ("a.txt", "b.txt")])
            names = sorted(p.name for p in (lab.folder / "lists").glob("[!.]*"))
            self.assertEqual(names, ["a.txt", "b.txt", "c.txt"])

        self.each_client(pages, body)

    def test_bad(self):
        """what is no list, too large, slow or missing leaves the file as it was; others arrive"""
        pages = {"/html": {"body": "\n<!DOCTYPE html>\n<html>1.2.3.4</html>\n"},
                 "/empty": {"body": ""}, "/comments": {"body": "# nothing\n"},
                 "/binary": {"body": b"192.0.2.0\n\x00\x01"},
                 "/large": {"body": "192.0.2.1\n" * 1000, "times": 100},
                 "/slow": {"body": "192.0.2.1\n", "hang": 30},
                 "/error": {"status": 500, "body": "192.0.2.1\n"},
                 "/good": {"body": LIST}}
        bad = {"html": "a web page", "empty": "empty", "comments": "without a prefix",
               "binary": "binary data", "large": "larger than 100000 bytes", "slow": "cannot fetch",
               "error": "cannot fetch", "missing": "cannot fetch"}

        def body(lab, fetch, _server):
            lists = lab.folder / "lists"
            lists.mkdir()
            for name in bad:
                (lists / f"{name}.txt").write_text(LIST)
            done = fetch("".join(f"{name}.txt http:/{name}\n" for name in bad) +
                         "good.txt http:/good\n", XDPGATE_FEED_BYTES=100000,
                         XDPGATE_FEED_SECONDS=3)
            self.assertEqual(done.returncode, 1)
            for name, why in bad.items():
                self.assertRegex(done.stderr, rf"(?m)^xdpgate-fetch-lists: {name}.txt: .*{why}")
                self.assertEqual((lists / f"{name}.txt").read_text(), LIST)
            self.assertEqual((lists / "good.txt").read_text(), LIST)
            self.assertEqual([p.name for p in lists.glob(".*.new")], [])

        self.each_client(pages, body)

    def test_conf(self):
        """lines that are wrong are named, and names that would lead elsewhere are refused"""
        def body(lab, fetch, _server):
            done = fetch("../x.txt http:/good\n.hidden http:/good\nb.txt file:///etc/passwd\n"
                         "c.txt http:/good d.txt\ngood.txt http:/good")
            self.assertEqual(done.returncode, 1)
            for line in (1, 2, 3, 4):
                self.assertIn(f"feeds.conf:{line}: expected", done.stderr)
            self.assertNotIn("feeds.conf:5", done.stderr)
            self.assertEqual([p.name for p in (lab.folder / "lists").glob("[!.]*")], ["good.txt"])

        self.each_client({"/good": {"body": LIST}}, body)


if __name__ == "__main__":
    tap.main()
