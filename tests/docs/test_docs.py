#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The documents against the source: the README's policies load, its links lead somewhere, its
tables and the man page know every name that the tables of the source know, and the
architecture's table of who may include whom is what the source does."""

import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(os.environ.get("XDPGATE_BUILD", ROOT / "build"))
XDPGATE = BUILD / "daemon" / "ctl" / "xdpgate"
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md",
             "docs/lpm.md", "docs/policy.md", "docs/semantics.md", "docs/varlink.md")


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def table_names(path, table):
    """The names of an X macro: X(IDENTIFIER, "name", …)."""
    body = re.search(rf"#define {table}\(X\)(?:.*\\\n)*.*", read(path)).group(0)
    names = re.findall(r'X\(\w+,\s*"([^"]+)"', body)
    assert names, f"{path} has no names in {table}"
    return names


def schema_names(array):
    """Keys of one mapping of the policy language: those supported, those that come later."""
    body = re.search(rf"{array}\[\] = {{\n(.*?)\n}};", read("config/schema.c"), re.S).group(1)
    supported = re.findall(r'^\t{ "([^"]+)"', body, re.M)
    assert supported, f"config/schema.c has no {array}"
    return supported, re.findall(r'LATER\("([^"]+)"', body)


def blocks(path, language):
    """Fenced blocks of a document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(path), re.M | re.S)


def check(text):
    """What `xdpgate check` says of a policy. List files that it names have one prefix."""
    with tempfile.TemporaryDirectory() as folder:
        for path in re.findall(r"[\w/.-]+\.txt", text):
            target = pathlib.Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("203.0.113.128/25\n", encoding="ascii")
        policy = pathlib.Path(folder, "policy.yaml")
        policy.write_text(text, encoding="utf-8")
        return subprocess.run([XDPGATE, "check", policy], capture_output=True, text=True,
                              timeout=20, check=False)


class Policies(unittest.TestCase):
    """The README's examples are policies."""

    def assert_loads(self, text):
        done = check(text)
        self.assertEqual((done.returncode, done.stderr), (0, ""), text)

    def test_whole(self):
        """the README's policies load without a warning"""
        whole = [b for b in blocks("README.md", "yaml") if b.startswith("interfaces:")]
        self.assertTrue(whole)
        for block in whole:
            self.assert_loads(block)

    def test_recipes(self):
        """the README's recipes are rules that load in front of its first policy's"""
        all_blocks = blocks("README.md", "yaml")
        tour = all_blocks[0]
        recipes = [b for b in all_blocks if b.startswith("- ")]
        self.assertGreater(len(recipes), 4)
        self.assertEqual(len(recipes) + sum(b.startswith("interfaces:") for b in all_blocks),
                         len(all_blocks), "a block is neither a policy nor rules")
        for recipe in recipes:
            rules = "".join(f"      {line}\n" for line in recipe.splitlines())
            self.assertEqual(tour.count("    default: pass\n    rules:\n"), 1)
            self.assert_loads(tour.replace("    default: pass\n    rules:\n",
                                           f"    default: pass\n    rules:\n{rules}"))


class Page(unittest.TestCase):
    """docs/policy.md: its examples and its table of keys."""

    @staticmethod
    def keys(text):
        """Top-level keys of a block, each with its lines."""
        return dict(re.findall(r"^(\w+):((?:.*\n(?=[ \n#]|$))*.*\n?)", text, re.M))

    def test_examples(self):
        """each of its examples is a policy, or a part of its first, or rules for that"""
        whole, *parts = blocks("docs/policy.md", "yaml")
        self.assertGreater(len(parts), 5)
        done = check(whole)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
        self.assertIn("2 tests passed", done.stdout)
        for part in parts:
            if part.startswith("- "):
                rules = "".join(f"      {line}\n" for line in part.splitlines())
                start = whole.index("      - {name: ssh")
                text = whole[:start] + rules + whole[start:]
                # They are in front of what the tests are about.
                text = text[:text.index("\ntests:")]
            else:
                keys = self.keys(whole) | self.keys(part)
                if "interfaces" in self.keys(part) or "policies" in self.keys(part):
                    keys.pop("tests")
                text = "".join(f"{key}:{value}\n" for key, value in keys.items())
            done = check(text)
            self.assertEqual(done.returncode, 0, f"{done.stderr}\n{text}")
            # A part may leave something of the whole unused.
            self.assertNotRegex(done.stderr, "never|error", text)

    def test_all_fields(self):
        """the examples use every key that is supported, fields and actions among them"""
        text = "\n".join(blocks("docs/policy.md", "yaml"))
        source = read("config/schema.c")
        for array in re.findall(r"struct key_schema (\w+)\[\]", source):
            for key in schema_names(array)[0]:
                self.assertRegex(text, rf"(?m)(^|[ {{\[]){re.escape(key)}([:,}}\]]|$)", array)

    def test_keys(self):
        """its table of keys is what the schema says"""
        table = subprocess.run([BUILD / "tests" / "docs" / "keys"], capture_output=True, text=True,
                               timeout=20, check=True).stdout
        there = re.search(r"<!-- keys: begin -->\n(.*)<!-- keys: end -->", read("docs/policy.md"),
                          re.S).group(1)
        self.assertEqual(there, table, "make it anew: build/tests/docs/keys --update docs/policy.md")


class Names(unittest.TestCase):
    """No name of the source is missing where its reader looks for it."""

    def assert_all(self, names, text, form):
        missing = [n for n in names if not re.search(form.format(re.escape(n)), text, re.M)]
        self.assertEqual(missing, [])

    def test_man_page(self):
        """xdpgate.yaml(5) has every verdict, reason and field"""
        page = read("docs/xdpgate.yaml.5")
        self.assert_all(table_names("common/verdict.h", "VERDICTS"), page,
                        r"^\.(It )?Cm (.* )?{}\b")
        self.assert_all(table_names("common/verdict.h", "REASONS"), page, r"^\.It Cm {}$")
        self.assert_all(table_names("common/abi.h", "SCALAR_FIELDS"), page, r"^\.It Ic {}$")

    def test_semantics(self):
        """the specification has every reason of malformed packets, and every field"""
        text = read("docs/semantics.md")
        self.assert_all(table_names("common/verdict.h", "REASONS"), text, "`{}`")
        self.assert_all(table_names("common/abi.h", "SCALAR_FIELDS"), text, r"\*{}\*")

    def test_readme(self):
        """the README has every key, field, action and fate, and promises none that comes later"""
        text = read("README.md")
        language = text[text.index("## The policy language"):text.index("### Recipes")]
        for array in ("policy_file_keys", "match_keys", "action_keys"):
            supported, later = schema_names(array)
            self.assert_all(supported, language, "`{{?{}\\b[^`]*`")
            for name in later:
                self.assertNotRegex(language, rf"(?m)^\|.*`{name}`", f"{name} is not supported yet")
        self.assert_all(schema_names("fate_keys")[0], language, "`{}: ")
        self.assert_all(schema_names("interface_keys")[0], language, "`{}\\b")

    def test_commands(self):
        """the commands that the documents name are there"""
        text = subprocess.run([XDPGATE, "--help"], capture_output=True, text=True, timeout=20,
                              check=True).stdout
        known = set(re.findall(r"^  (\w+)", text.split("\nOptions:")[0], re.M))
        self.assertIn("reload", known)
        for path in DOCUMENTS:
            named = re.findall(r"(?:^[#$] |`)xdpgate (?:--[\w-]+ )*(\w+)", read(path), re.M)
            self.assertLessEqual(set(named), known, path)


class Links(unittest.TestCase):
    """Links and paths lead somewhere."""

    def test_links(self):
        """every link between documents leads to a file, or to a heading of it"""
        for path in DOCUMENTS:
            for target in re.findall(r"\]\(([^)]+)\)", read(path)):
                if "://" in target:
                    continue
                file, _, heading = target.partition("#")
                where = (ROOT / path).parent / file if file else ROOT / path
                self.assertTrue(where.exists(), f"{path}: {target}")
                if heading:
                    there = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in
                             re.findall(r"^#+ (.*)$", where.read_text(encoding="utf-8"), re.M)}
                    self.assertIn(heading, there, f"{path}: {target}")

    def test_paths(self):
        """every path of the source that the architecture names is there"""
        for path in re.findall(r"`((?:common|config|daemon|docs|scripts|tests|xdp)/[^` ]*)`",
                               read("docs/architecture.md")):
            self.assertTrue(list(ROOT.glob(path)), path)


class Layers(unittest.TestCase):
    """Who may include whom."""

    @staticmethod
    def allowed():
        text = read("docs/architecture.md")
        rows = re.findall(r"^\| `([\w/]+)` \|.*\| (.*) \|$", text[:text.index("## The way of a")],
                          re.M)
        return {folder: set(re.findall(r"`([\w/]+)`", last)) for folder, last in rows}

    @staticmethod
    def sources():
        for top in ("common", "config", "daemon", "xdp"):
            for path in sorted((ROOT / top).rglob("*.[ch]")):
                yield str(path.parent.relative_to(ROOT)), path

    def test_includes(self):
        """no folder includes what the architecture does not allow"""
        allowed = self.allowed()
        homes = collections.defaultdict(set)
        for folder, path in self.sources():
            homes[path.name].add(folder)
        wrong = []
        for folder, path in self.sources():
            self.assertIn(folder, allowed, "docs/architecture.md has no row for it")
            for name in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M):
                home = homes[name.rsplit("/", 1)[-1]]
                # Nothing: made by the build.
                if home and folder not in home and not home & allowed[folder]:
                    wrong.append(f"{path.relative_to(ROOT)} includes {name}")
        self.assertEqual(wrong, [])

    def test_libraries(self):
        """libbpf and libxdp are datapath's, JSON is control's and ctl's, YAML is config's"""
        owners = {r"(bpf|xdp)/lib\w+\.h|bpf/bpf\.h": {"daemon/datapath"},
                  r"jansson\.h": {"daemon/control", "daemon/ctl"},
                  r"libfyaml\.h": {"config"}}
        for library, folders in owners.items():
            users = {folder for folder, path in self.sources()
                     if re.search(rf"^#include <({library})>", path.read_text(encoding="utf-8"),
                                  re.M)}
            self.assertEqual(users, folders, library)


if __name__ == "__main__":
    tap.main_plain()
