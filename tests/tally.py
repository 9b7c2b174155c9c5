#!/usr/bin/env python3
"""Adds up JUnit files of ctest, Boost.Test and pytest: `tally.py RESULTS…`.

RESULTS is a build folder (its ctest.xml, and results/<test>.xml of each Boost program: every case
counts) or one JUnit file. Names what failed and what was skipped, with the reason; the last line is
`N passed, N failed, N skipped`. Exits 1 on any failure, and when nothing was run."""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def case(self, suite, case):
        name = f"{suite}: {case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            self.failed.append(name)
        elif skip is not None or case.get("status") in ("notrun", "disabled"):
            reason = (skip.get("message") if skip is not None else "") or ""
            self.skipped.append(f"{name} ({' '.join(reason.split())[:160]})")
        else:
            self.passed += 1

    def file(self, path):
        for case in xml.parse(path).getroot().iter("testcase"):
            self.case(case.get("classname") or path.stem, case)

    def folder(self, build):
        for test in xml.parse(build / "ctest.xml").getroot().iter("testcase"):
            name = test.get("name")
            inner = build / "results" / f"{name}.xml"
            bad = test.find("failure") is not None or test.get("status") == "fail"
            cases = list(xml.parse(inner).getroot().iter("testcase")) if inner.exists() and inner.stat().st_size else []
            before = len(self.failed)
            for case in cases:
                self.case(name, case)
            if bad and len(self.failed) == before:
                self.failed.append(f"{name}: the program failed")  # A crash, a time-out or a sanitizer.
            elif not cases and not bad:
                self.case("ctest", test)


def main():
    tally = Tally()
    for argument in map(Path, sys.argv[1:]):
        if argument.is_dir():
            tally.folder(argument)
        elif argument.exists():
            tally.file(argument)
        else:
            tally.failed.append(f"{argument}: no results were written")
    for name in tally.skipped:
        print(f"SKIPPED {name}")
    for name in tally.failed:
        print(f"FAILED  {name}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
