#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The JSON Schema that `xdpgate schema` prints: it is one, it knows every key, it takes every
policy that loads, and it refuses what an editor should mark."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import jsonschema
import yaml

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(os.environ.get("XDPGATE_BUILD", ROOT / "build"))
XDPGATE = BUILD / "daemon" / "ctl" / "xdpgate"
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))
CASES = ROOT / "tests" / "golden" / "cases"


class Loader(yaml.SafeLoader):  # pylint: disable=too-many-ancestors
    """YAML as editors read it: of plain words, only booleans, numbers and null are no texts. (PyYAML
    is of the old school, to which on and off are booleans and 2025-12-31 is a date.)"""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (("bool", r"^(true|false)$", "tf"), ("null", r"^(null|~|)$", "n~"),
                            ("int", r"^(0|[1-9][0-9]*|0x[0-9a-fA-F]+)$", "0123456789"),
                            ("float", r"^[0-9]+(\.[0-9]+)?(e[0-9]+)?$", "0123456789")):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern),
                                 list(first) + ([""] if tag == "null" else []))


def run(*arguments):
    return subprocess.run([XDPGATE, *arguments], capture_output=True, text=True, timeout=60,
                          check=True).stdout


SCHEMA = json.loads(run("schema"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

HEAD = "interfaces: {eth0: {policy: p}}\n"
RULE = HEAD + "policies: {p: {rules: [{name: r, match: {%s}, do: drop}]}}\n"
SET = HEAD + "policies: {p: {}}\nsets: {a: %s}\n"
DO = HEAD + "policies: {p: {rules: [{name: r, do: %s}]}}\n"
TEST = HEAD + "policies: {p: {}}\ntests: [{in: eth0, %s, expect: %s}]\n"


def parse(text):
    return yaml.load(text, Loader=Loader)  # noqa: S506  a SafeLoader


def errors(text):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
            for e in VALIDATOR.iter_errors(parse(text))]


# What libfyaml reads and PyYAML does not: an address that ends in a colon or begins with one in
# brackets, a pattern with a question mark there, a leap second.
ONLY_OURS = {"addresses-that-end-in-colons.yaml", "expires.yaml", "set-glob.yaml"}


class Schema(unittest.TestCase):
    """The schema by itself."""

    def test_valid(self):
        """it is a JSON Schema of draft 2020-12, and what the build installs"""
        self.assertEqual(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema")
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        installed = (BUILD / "daemon" / "ctl" / "policy.schema.json").read_text(encoding="ascii")
        self.assertEqual(json.loads(installed), SCHEMA)

    def test_keys(self):
        """every key that the loader takes is there, says what it is, and what may stand there"""
        source = (ROOT / "config" / "schema.c").read_text(encoding="utf-8")
        arrays = dict(re.findall(r"struct key_schema (\w+)\[\] = {\n(.*?)\n};", source, re.S))
        names = re.findall(r'schema_\w+ = { "([^"]*)", "\w+",\s*(\w+) }', source)
        self.assertEqual(len(names), len(arrays))
        for what, array in names:
            definition = re.sub(r"^an? |'", "", what)
            mapping = SCHEMA if array == "policy_file_keys" else SCHEMA["$defs"][definition]
            keys = re.findall(r'^\t{ "([^"]+)"', arrays[array], re.M)
            self.assertTrue(keys)
            self.assertEqual(list(mapping["properties"]), keys)
            for name, value in mapping["properties"].items():
                if value is False:  # an action that stands alone
                    continue
                self.assertTrue(value["description"], name)
                self.assertTrue({"type", "anyOf", "enum", "$ref"} & set(value),
                                f"config/shapes.c does not know what '{name}' of {what} takes")

    def test_fields(self):
        """`xdpgate fields` lists the fields of the schema, with their words"""
        fields = {f["name"]: f for f in json.loads(run("fields", "--json"))["fields"]}
        self.assertEqual(list(fields), list(SCHEMA["$defs"]["match"]["properties"]))
        self.assertIn("ospf", fields["proto"]["words"])
        self.assertEqual((fields["ttl"]["least"], fields["ttl"]["most"]), (0, 255))
        self.assertEqual((fields["dport"]["sets"], fields["ttl"]["sets"]), (True, False))
        self.assertEqual(fields["fragment"]["words"], ["none", "first", "later", "any"])
        self.assertLessEqual({"packet-too-big", "essential"}, set(fields["icmp"]["words"]))
        self.assertIn("established", fields["tcp-flags"]["words"])
        self.assertIn("ack", fields["tcp-flags"]["flags"])
        text = run("fields")
        for name, field in fields.items():
            self.assertRegex(text, rf"(?m)^{name} +{re.escape(field['values'])} +"
                                   rf"{re.escape(field['meaning'])}$")
            for word in field["words"]:
                self.assertRegex(text, rf"\b{re.escape(word)}\b")


class Policies(unittest.TestCase):
    """The schema against policies."""

    def test_examples(self):
        """every example fits, and what `check --print` makes of it"""
        self.assertGreater(len(EXAMPLES), 3)
        for path in EXAMPLES:
            self.assertEqual(errors(path.read_text(encoding="utf-8")), [], path)
            self.assertEqual(errors(run("check", "--print", path)), [], path)

    def test_golden(self):
        """every policy of tests/golden that loads fits"""
        n = 0
        for path in sorted(CASES.glob("*.yaml")):
            if "error: " in path.with_suffix(".expected").read_text(encoding="utf-8"):
                continue
            if path.name in ONLY_OURS or re.search(rb"::\s*[],}\n]", path.read_bytes()):
                continue
            self.assertEqual(errors(path.read_bytes()), [], path.name)
            n += 1
        self.assertGreater(n, 6)

    def test_good(self):
        """forms of values that fit"""
        for text in [RULE % "src: $own", RULE % "dst: {not: [10.0.0.0/8, 2001:db8::/32]}",
                     RULE % "dport: 22", RULE % "dport: [22, 80-90, $web]",
                     RULE % "proto: {not: tcp}", RULE % "ethertype: 0x0806",
                     RULE % "tcp-flags: {set: syn, clear: [ack, rst]}",
                     RULE % "icmp: [echo-request, 'icmp:3/4', 'icmpv6:1-4']",
                     RULE % "src-mac: 02-00-00-00-00-01", DO % "pass", DO % "[count, drop]",
                     DO % "{redirect: eth1}", TEST % ("src: 192.0.2.1", "drop/some-rule"),
                     RULE % "tcp-flags: [syn, null]", RULE % "icmp: {not: essential}",
                     RULE % "src-mac: [$mine, 02:00:00:00:00:01]",
                     SET % "{type: mac, elements: ['02:00:00:00:00:01', $b]}",
                     SET % "{glob: a/*.txt, except: $own, max-width: {v6: 19}, keep: true}",
                     SET % "{type: port, elements: [1, 5-9], except: [7]}",
                     SET % "[10.0.0.0/8, $b]", SET % "{file: a, max-width: 8}",
                     TEST % ("tcp-flags: []", "pass"), TEST % ("icmp: 'icmp:8'", "redirect")]:
            self.assertEqual(errors(text), [], text)

    def test_bad(self):
        """forms of values, keys and words that do not"""
        for text in ["{}", HEAD + "policies: {p: {}}\ncolour: red\n",
                     HEAD + "policies: {p: {default: maybe}}\n",
                     "interfaces: {eth0: {port: eth0}}\npolicies: {p: {}}\n",
                     "interfaces: {eth0: {policy: p, required: 2}}\npolicies: {p: {}}\n",
                     HEAD + "policies: {p: {}}\nsets: {a b: []}\n",
                     HEAD + "policies: {p: {}}\nsets: {a: {type: colour}}\n",
                     HEAD + "policies: {p: {rules: [{do: drop}]}}\n",
                     HEAD + "policies: {p: {}}\nfate: {malformed: match}\n",
                     SET % "{file: a, max-width: 33}", SET % "{file: a, keep: maybe}",
                     SET % "[eth0]", SET % "{elements: 5}", SET % "{files: a}",
                     RULE % "tcp-flags: ack", TEST % ("icmp: essential", "drop"),
                     RULE % "scr: $own", RULE % "src: own", RULE % "src: {nor: $own}",
                     RULE % "dport: 65536", RULE % "dport: http", RULE % "ttl: $web",
                     RULE % "proto: tpc", RULE % "vlan: 0", RULE % "tcp-flags: {set: sin}",
                     RULE % "icmp: 8", RULE % "fragment: last", RULE % "ip-options: true",
                     RULE % "src-mac: 02:00:00:00:00", DO % "deny", DO % "{drop: 1}",
                     DO % "{redirect: [a]}", TEST % ("src: 192.0.2.0/24", "drop"),
                     TEST % ("dport: 80-90", "drop"), TEST % ("ttl: 1", "accept"),
                     TEST % ("ttl: 1", "drop/")]:
            self.assertNotEqual(errors(text), [], text)


if __name__ == "__main__":
    tap.main_plain()
