#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""List files that refresh themselves: what changes is in force soon and alone, and what is poisoned
never is."""

import gzip
import os
import time
import unittest

import netlab
import tap
from edge import Edge

POLICY = """
interfaces:
  transit: {port: xg0, policy: edge}
sets:
  feed: {FEED}
  calm: {file: calm.txt}
policies:
  edge:
    default: pass
    rules:
      - {name: feed, match: {src: $feed}, do: drop}
      - {name: calm, match: {src: $calm}, do: drop}
"""
WATCHED = "{file: feeds/a.txt, watch: true, max-width: 8}"


def policy(feed=WATCHED):
    return POLICY.replace("{FEED}", feed)


def prefixes(n, net=20):
    return "".join(f"198.{18 + i // 65536}.{i // 256 % 256}.{i % 256}\n" if net == 18 else
                   f"10.{net}.{i // 256}.{i % 256}\n" for i in range(n))


def replace(path, data):
    """As feeds and editors do: another name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name("." + path.name + ".new")
    new.write_bytes(data if isinstance(data, bytes) else data.encode())
    new.rename(path)


class Base(unittest.TestCase):
    def begin(self, lab, text=None, feed="198.18.0.0/24\n" + prefixes(99)):
        self.lab = lab
        self.path = lab.folder / "feeds" / "a.txt"
        replace(self.path, feed)
        lab.write("calm.txt", "203.0.113.0/24\n")
        self.gate = lab.gate(text or policy()).start()
        return self.gate

    def feeds(self):
        return {os.path.basename(feed["path"]): feed for feed in self.gate.status()["feeds"]}

    def wait_prefixes(self, n, name="a.txt", timeout=15):
        netlab.wait_for(lambda: self.feeds().get(name, {}).get("prefixes") == n,
                        f"{n} prefixes of {name}", timeout)

    def wait_refused(self, what, name="a.txt", timeout=15):
        netlab.wait_for(lambda: what in (self.feeds().get(name, {}).get("error") or ""),
                        f"{name} refused: {what}", timeout)

    def dropped(self, source):
        """Does the gate drop what comes from there?"""
        before = self.gate.stats().rule("feed")[0]
        self.lab.shoot(f"count=10,src={source}")
        return self.gate.stats().rule("feed")[0] - before == 10


class Refresh(Base):
    """A file that changes."""

    seconds = 240

    def test_rename(self):
        """a list renamed into place is in force soon, alone: neither policy nor other lists are read"""
        with Edge() as lab:
            gate = self.begin(lab)
            self.assertTrue(self.dropped("198.18.0.1"))
            self.assertFalse(self.dropped("198.19.0.1"))
            generation = gate.status()["generation"]
            # What must not be read is broken.
            gate.set_policy("nonsense: [")
            lab.write("calm.txt", "nonsense\n")
            start = time.monotonic()
            replace(self.path, "198.18.0.0/24\n198.19.0.0/24\n" + prefixes(99))
            self.wait_prefixes(101)
            self.assertLess(time.monotonic() - start, 5)
            self.assertTrue(self.dropped("198.19.0.1"))
            self.assertEqual(gate.status()["generation"], generation + 1)
            self.assertIn(f"list {self.path}: 101 prefixes now, 100 before: generation "
                          f"{generation + 1} is in force", gate.log())
            self.assertFalse(gate.status()["last_reload_failed"])
            text = gate.ctl("status").stdout
            self.assertRegex(text, r"Feed +\S+/a.txt: 101 prefixes, changed ")

    def test_same(self):
        """a list that is touched, or replaced by the same, makes no generation"""
        with Edge() as lab:
            gate = self.begin(lab)
            generation = gate.status()["generation"]
            time.sleep(1)
            text = self.path.read_text()
            for change in (lambda: os.utime(self.path), lambda: replace(self.path, text)):
                change()
                time.sleep(1.2)
            self.assertEqual(gate.status()["generation"], generation)

    def test_burst(self):
        """many changes make few generations, and the last content is what holds"""
        with Edge() as lab:
            gate = self.begin(lab)
            generation = gate.status()["generation"]
            for i in range(100):
                replace(self.path, prefixes(101 + i))
                time.sleep(0.07)
            self.wait_prefixes(200)
            self.assertLessEqual(gate.status()["generation"] - generation, 3)
            self.assertGreaterEqual(gate.status()["generation"] - generation, 2, "5 s at most")

    def test_in_place(self):
        """written in place: taken when it is closed, not while it is being written"""
        with Edge() as lab:
            gate = self.begin(lab)
            generation = gate.status()["generation"]
            time.sleep(1)
            with open(self.path, "w", encoding="ascii") as file:
                file.write(prefixes(70))
                file.flush()
                time.sleep(2)
                self.assertEqual(gate.status()["generation"], generation)
                file.write(prefixes(90, net=21))
            self.wait_prefixes(160)

    def test_links(self):
        """symbolic links to the file and to its folder that are swapped; a folder that comes anew"""
        with Edge() as lab:
            for version in (1, 2):
                replace(lab.folder / f"v{version}" / "list.txt", prefixes(99 + version))
            (lab.folder / "feeds").mkdir()
            current = lab.folder / "current"
            current.symlink_to("v1")
            link = lab.folder / "feeds" / "b.txt"
            link.symlink_to(current / "list.txt")
            gate = self.begin(lab, policy("{files: [feeds/a.txt, feeds/b.txt], watch: true}"))
            self.assertEqual(self.feeds()["b.txt"]["prefixes"], 100)

            (lab.folder / "next").symlink_to("v2")
            (lab.folder / "next").rename(current)
            self.wait_prefixes(101, "b.txt")
            replace(lab.folder / "v2" / "list.txt", prefixes(102))
            self.wait_prefixes(102, "b.txt")
            replace(lab.folder / "other.txt", prefixes(103))
            (lab.folder / "next").symlink_to("../other.txt")
            (lab.folder / "next").rename(link)
            self.wait_prefixes(103, "b.txt")

            # The folder itself is replaced.
            (lab.folder / "feeds").rename(lab.folder / "old")
            self.wait_refused("No such file")
            self.assertTrue(self.dropped("198.18.0.1"))
            replace(lab.folder / "new" / "a.txt", prefixes(105))
            replace(lab.folder / "new" / "b.txt", prefixes(106))
            (lab.folder / "new").rename(lab.folder / "feeds")
            self.wait_prefixes(105)
            self.wait_prefixes(106, "b.txt")
            self.assertIsNone(self.feeds()["a.txt"]["error"])
            replace(self.path, prefixes(107))
            self.wait_prefixes(107)
            self.assertNotIn("each minute", gate.log())

    def test_glob(self):
        """a new match of a pattern is taken; one that is gone is not forgotten; a bad one is none"""
        with Edge() as lab:
            gate = self.begin(lab, policy("{glob: feeds/*.txt, watch: true}"))
            replace(lab.folder / "feeds" / "b.txt", "198.19.0.0/24\n")
            self.wait_prefixes(1, "b.txt")
            self.assertTrue(self.dropped("198.19.0.1"))
            replace(lab.folder / "feeds" / "c.txt", "<html>\n")
            self.wait_refused("looks like an HTML page", "c.txt")
            self.assertEqual(self.feeds()["c.txt"]["prefixes"], 0)
            replace(lab.folder / "feeds" / "c.txt", "198.20.0.0/24\n")
            self.wait_prefixes(1, "c.txt")
            self.assertTrue(self.dropped("198.20.0.1"))
            replace(lab.folder / "feeds" / "d.txt", "<html>\n")
            self.wait_refused("looks like an HTML page", "d.txt")
            (lab.folder / "feeds" / "d.txt").unlink()
            netlab.wait_for(lambda: "d.txt" not in self.feeds(), "d.txt is forgotten")

            (lab.folder / "feeds" / "b.txt").unlink()
            self.wait_refused("No such file", "b.txt")
            self.assertTrue(self.dropped("198.19.0.1"))
            done = gate.ctl("reload", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("b.txt: No such file", done.stderr)
            self.assertTrue(self.dropped("198.19.0.1"))
            gate.ctl("reload", "--accept-shrink")
            self.assertFalse(self.dropped("198.19.0.1"))
            self.assertNotIn("b.txt", self.feeds())


class Poison(Base):
    """What must never take effect, nor hold the daemon up."""

    seconds = 240

    def poison(self, make, what):
        """Put it in the place of the list: refused, quickly, while what was in force stays."""
        with self.subTest(what=what):
            self.gate.read_notified()  # else its socket is full some time
            generation = self.gate.status()["generation"]
            make()
            start = time.monotonic()
            self.wait_refused(what)
            self.assertLess(time.monotonic() - start, 10)
            self.assertEqual(self.gate.status()["generation"], generation)
            self.assertEqual(self.feeds()["a.txt"]["prefixes"], 100)
            self.assertTrue(self.dropped("198.18.0.1"))
            self.assertFalse(self.dropped("192.0.2.1"))
            done = self.gate.ctl("reload", check=False)
            self.assertEqual(done.returncode, 1, "an explicit reload fails, too")
            self.assertTrue(self.dropped("198.18.0.1"))
            log = self.gate.log()
            self.assertIn(f"list {self.path} is refused: the 100 prefixes that it held before "
                          "stay in force", log)

    def new(self, make):
        """Make the thing under another name, then rename it into place."""
        def doit():
            new = self.lab.folder / "new"
            make(new)
            if new.is_dir() and not self.path.is_dir():
                self.path.unlink(missing_ok=True)
            elif self.path.is_dir() and not self.path.is_symlink():
                self.path.rmdir()
            new.rename(self.path)
        return doit

    def sparse(self, path):
        with open(path, "wb") as file:
            file.truncate(10 << 30)

    def test_poison(self):
        """0 bytes, HTML, gzip, binary, too wide, half of it, nothing, folder, FIFO, device, 10 GB"""
        good = "198.18.0.0/24\n" + prefixes(99)

        def text(data):
            return self.new(lambda path: path.write_bytes(
                data if isinstance(data, bytes) else data.encode()))

        with Edge() as lab:
            self.begin(lab, feed=good)
            wide = "192.0.2.0/24\n" + good
            self.poison(text(""), "is empty")
            self.poison(text("<!DOCTYPE html>\n<html>502</html>\n"), "looks like an HTML page")
            self.poison(text(gzip.compress(wide.encode())), "compressed by gzip")
            self.poison(text(b"\x7fELF\x02\x01\x01\x00\x00" * 99), "binary data")
            self.poison(text(wide + "0.0.0.0/0\n"), "0.0.0.0/0 is wider than /8, the 'max-width'")
            self.poison(text(wide + "128.0.0.0/7\n"), "128.0.0.0/7 is wider than /8")
            self.poison(text("192.0.2.0/24\n" + prefixes(49)), "50 prefixes, 100 before")
            self.poison(text("# nothing today\n"), "0 prefixes, 100 before")
            self.poison(text(wide + "10.0.0.0/8 10.0.0.0/8\n"), "expected one prefix")
            self.poison(self.new(lambda path: path.mkdir()), "it is a directory")
            self.poison(self.new(os.mkfifo), "not a regular file")
            self.poison(self.new(lambda path: path.symlink_to("/dev/zero")), "not a regular file")
            self.poison(self.new(lambda path: path.symlink_to("a.txt")), "symbolic links")
            self.poison(self.new(self.sparse), "larger than 512 MiB")
            self.poison(self.path.unlink, "No such file")
            # And all is well again.
            replace(self.path, good)
            netlab.wait_for(lambda: self.feeds()["a.txt"]["error"] is None, "no error any more")
            replace(self.path, "192.0.2.0/24\n" + prefixes(50))
            self.wait_prefixes(51)
            self.assertTrue(self.dropped("192.0.2.1"))

    def test_grows(self):
        """a file that grows while it is read is refused, and taken when it has grown"""
        with Edge() as lab:
            self.begin(lab)
            stop = time.monotonic() + 6
            n = 0
            with open(self.path, "a", encoding="ascii") as file:
                while time.monotonic() < stop:
                    os.utime(self.path)  # an event, while it is being written
                    for _ in range(200):
                        file.write(f"10.21.{n // 256 % 256}.{n % 256}\n")
                        n += 1
                    file.flush()
                    n_feed = self.gate.status()["feeds"][0]["prefixes"]
                    self.assertGreaterEqual(n_feed, 100)
            self.wait_prefixes(100 + n)

    def test_one_of_two(self):
        """one list is poisoned, another changes at the same time: that one is in force"""
        with Edge() as lab:
            replace(lab.folder / "feeds" / "b.txt", prefixes(10, 22))
            self.begin(lab, policy("{files: [feeds/a.txt, feeds/b.txt], watch: true}"))
            replace(self.path, "<html>\n")
            replace(lab.folder / "feeds" / "b.txt", prefixes(11, 22))
            self.wait_prefixes(11, "b.txt")
            self.wait_refused("looks like an HTML page")
            self.assertTrue(self.dropped("198.18.0.1"))

    def test_tests_of_the_policy(self):
        """a list by which a test of the policy fails is refused, and another is not"""
        test = "tests:\n  - {in: transit, src: 192.0.2.7, expect: pass}\n"
        with Edge() as lab:
            replace(lab.folder / "feeds" / "b.txt", prefixes(10, 22))
            self.begin(lab, policy("{files: [feeds/a.txt, feeds/b.txt], watch: true}") + test)
            replace(self.path, "192.0.2.0/24\n" + prefixes(120))
            replace(lab.folder / "feeds" / "b.txt", prefixes(11, 22))
            self.wait_refused("this test failed")
            self.wait_prefixes(11, "b.txt")
            self.assertFalse(self.dropped("192.0.2.7"))
            self.assertTrue(self.dropped("198.18.0.1"))
            self.assertIsNone(self.feeds()["b.txt"]["error"])


class Reload(Base):
    """max-shrink when somebody asks for a reload, and at the start."""

    def test_accept(self):
        """a reload refuses a list that has lost half, names the remedy, and the remedy works"""
        with Edge() as lab:
            gate = self.begin(lab, policy("{file: feeds/a.txt, max-shrink: 30%}"))
            self.assertEqual(gate.status()["feeds"], [])
            replace(self.path, prefixes(70))
            done = gate.ctl("reload", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"gate.yaml:5:16: error: .*a.txt has 70 prefixes, 100 "
                             r"before: 'max-shrink: 30%' of set 'feed' refuses .*"
                             r"'xdpgate reload --accept-shrink'")
            self.assertTrue(self.dropped("198.18.0.1"))
            gate.ctl("reload", "--accept-shrink")
            self.assertFalse(self.dropped("198.18.0.1"))
            replace(self.path, prefixes(50))
            gate.ctl("reload")
            gate.set_policy(policy("{file: feeds/a.txt, max-shrink: 100%}"))
            replace(self.path, prefixes(1))
            gate.ctl("reload")

    def test_boot(self):
        """at the start a list is compared with its copy, and the copy stands for it"""
        with Edge() as lab:
            gate = self.begin(lab, policy("{file: feeds/a.txt, watch: true, keep: true}"))
            gate.terminate()
            replace(self.path, prefixes(50))
            gate.start()
            self.assertTrue(self.dropped("198.18.0.1"))
            self.assertIn("50 prefixes, 100 before", gate.log())
            self.assertEqual(len(gate.status()["list_copies"]), 1)
            replace(self.path, "198.19.0.0/24\n" + prefixes(59))
            self.wait_prefixes(60)
            self.assertEqual(gate.status()["list_copies"], [])
            self.assertTrue(self.dropped("198.19.0.1"))


if __name__ == "__main__":
    tap.main()
