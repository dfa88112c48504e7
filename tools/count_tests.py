#!/usr/bin/env python3
"""Counts single test cases in a meson test log and shows what failed.

usage: count_tests.py TESTLOG.json COUNTFILE     writes "passed failed" to COUNTFILE

A program that speaks cmocka's language counts case by case; any other program is one case. A program
that ends badly without a failed case (a leak, a crash between cases) is one failed case.
"""
import json
import re
import sys


def count(entry):
    """(passed, failed) of one program."""
    text = entry.get("stdout") or ""
    started = len(re.findall(r"^\[ RUN      \]", text, re.M))
    passed = len(re.findall(r"^\[       OK \]", text, re.M))
    skipped = len(re.findall(r"^\[  SKIPPED \] \w+\s*$", text, re.M))
    failed = max(0, started - passed - min(skipped, started - passed))
    good = entry["result"] in ("OK", "EXPECTEDFAIL")
    if entry["result"] == "SKIP":
        return 0, 0
    if started == 0:
        return (1, 0) if good else (0, 1)
    if not good and failed == 0:
        failed = 1
    return passed, failed


def main():
    log_path, count_path = sys.argv[1:3]
    passed = failed = 0
    try:
        with open(log_path, encoding="utf-8") as log:
            entries = [json.loads(line) for line in log if line.strip()]
    except OSError as error:
        print(f"no test log: {error}", file=sys.stderr)
        entries = []
        failed = 1
    for entry in entries:
        one_passed, one_failed = count(entry)
        passed += one_passed
        failed += one_failed
        if one_failed:
            print(f"---- {entry['name']}: {entry['result']}, {one_failed} failed")
            for name in ("stdout", "stderr"):
                lines = (entry.get(name) or "").splitlines()
                lines = [line for line in lines if not re.match(r"\[( RUN     |       OK) ", line)]
                print("\n".join(lines[-60:]))
    with open(count_path, "w", encoding="utf-8") as out:
        out.write(f"{passed} {failed}\n")
    return 1 if failed else 0


sys.exit(main())
