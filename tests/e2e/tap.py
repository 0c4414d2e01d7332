# SPDX-License-Identifier: GPL-2.0-only
"""Runs unittest cases and reports them as TAP, one line a case. Each case has a time limit,
and a signal ends the run through every cleanup."""

import signal
import sys
import traceback
import unittest

import netlab

CASE_SECONDS = 120


class CaseTimeout(Exception):
    """A test case took too long."""


class Result(unittest.TestResult):
    """Prints each case as it ends. Failing sub-tests fail their case."""

    def __init__(self):
        super().__init__()
        self.n = 0
        self.broken = False
        self.errors_of_case = []

    def _line(self, ok, test, note=""):
        self.n += 1
        what = test.shortDescription() or test.id().split(".")[-1].rstrip(")")
        print(f"{'ok' if ok else 'not ok'} {self.n} - {what}{note}", flush=True)

    def _explain(self, error):
        self.broken = True
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print(f"# {line}")

    def startTest(self, test):
        super().startTest(test)
        self.errors_of_case = []
        signal.alarm(int(getattr(test, "seconds", CASE_SECONDS) * netlab.PATIENCE))

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)

    def addSuccess(self, test):
        self._line(True, test)

    def addSkip(self, test, reason):
        self._line(True, test, " # SKIP " + " ".join(reason.split()))

    def addFailure(self, test, err):
        self._line(False, test)
        self._explain(err)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            self._line(False, subtest)
            self._explain(err)


def on_alarm(_signal, _frame):
    raise CaseTimeout("the case took too long")


def on_signal(number, _frame):
    sys.exit(128 + number)


def main():
    """Run the calling module's cases; those named on the command line if any are."""
    signal.signal(signal.SIGALRM, on_alarm)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    reason = netlab.missing_requirement()
    if reason:
        print("1..0 # SKIP", " ".join(reason.split()))
        return
    loader = unittest.defaultTestLoader
    module = sys.modules["__main__"]
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names, module) if names else \
        loader.loadTestsFromModule(module)
    result = Result()
    suite.run(result)
    print(f"1..{result.n}")
    sys.exit(1 if result.broken else 0)


def main_plain():
    """As main(), for cases that need neither privileges nor much time."""
    result = Result()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]).run(result)
    print(f"1..{result.n}")
    sys.exit(1 if result.broken else 0)
