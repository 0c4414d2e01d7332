#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""An independent Varlink client, Go's, understands the service: client.go says what it does."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import GATE, ROOT, Server, main

GOPATH = "/usr/share/gocode"
PACKAGE = pathlib.Path(GOPATH, "src/github.com/varlink/go/varlink")


class Go(unittest.TestCase):
    def setUp(self):
        if not shutil.which("go"):
            self.skipTest("no 'go': install golang-go")
        if not PACKAGE.is_dir():
            self.skipTest("no Go package varlink: install golang-github-varlink-go-dev")
        self.folder = tempfile.mkdtemp(prefix="xdpgate-go-")
        self.addCleanup(shutil.rmtree, self.folder)

    def test_client(self):
        """Go's Varlink client: GetInfo, parsed descriptions, Stats, an error, a stream"""
        program = os.path.join(self.folder, "client")
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": GOPATH,
                       "GOCACHE": os.path.join(self.folder, "cache"), "CGO_ENABLED": "0",
                       "GOFLAGS": "-p=1"}
        subprocess.run(["go", "build", "-o", program, ROOT / "tests/control/client.go"],
                       env=environment, check=True, timeout=100)
        with Server() as server:
            server.scenario("frozen")
            done = subprocess.run([program, f"unix:{server.path}"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=30)
            with server.client() as client:
                stats = client.call(GATE + "Stats")["parameters"]
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        result = json.loads(done.stdout)
        self.assertEqual(result["Product"], "xdpgated")
        self.assertEqual(result["Interfaces"], ["org.varlink.service", "org.xdpgate.gate"])
        for name in result["Interfaces"]:
            text = (ROOT / f"daemon/control/{name}.varlink").read_text(encoding="utf-8")
            self.assertEqual(sorted(result["Methods"][name]),
                             sorted(re.findall(r"^method (\w+)", text, re.M)))
        self.assertEqual(result["Stats"], stats)
        self.assertIn("MethodNotFound", result["Unknown"])
        self.assertEqual(result["Streamed"], 3)


if __name__ == "__main__":
    main()
