#!/usr/bin/env python3
"""Finds what may not be written: banned functions, line comments, unfinished marks, sleeps in tests."""
import re
import sys
from pathlib import Path

import source

BANNED = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|strcpy|strcat|sprintf|vsprintf|strtok|atoi|strtol|gets|"
    r"localtime|time|gettimeofday|printf|rand|usleep|sleep|alloca)\s*\(")
FREE_OF_BAN = ("src/base/", "src/net/")
CLOCK = re.compile(r"\b(clock_gettime|timerfd_create)\s*\(")
CLOCK_IN = ("src/base/", "src/net/", "src/worker/", "src/dtls/")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SLEEP_C = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep|uv_sleep)\s*\(")
SLEEP_JS = re.compile(
    r"timers/promises|\bsleep\s*\(|setTimeout\s*\(\s*(resolve|res|r|done|ok)\b|Atomics\.wait")


def faults_of(path):
    name = source.name(path)
    raw = source.read(path)
    for match in UNFINISHED.finditer(raw):
        yield raw, match.start(), f"{match.group(1)}: finish it or leave it out"
    if path.suffix in (".c", ".h"):
        text = source.blank(raw, keep_line_comments=True)
        for match in re.finditer(r"//", text):
            yield raw, match.start(), "line comment: write /* */"
        text = source.blank(raw)
        if name.startswith("src/") and not name.startswith(FREE_OF_BAN):
            for match in BANNED.finditer(text):
                yield raw, match.start(), f"{match.group(1)} is banned here"
        if name.startswith("src/") and not name.startswith(CLOCK_IN):
            for match in CLOCK.finditer(text):
                yield raw, match.start(), f"{match.group(1)}: time comes in from net/"
        if name.startswith("tests/"):
            for match in SLEEP_C.finditer(text):
                yield raw, match.start(), "a test waits for an event, never for a fixed time"
    elif path.suffix in (".js", ".mjs"):
        for match in SLEEP_JS.finditer(raw):
            yield raw, match.start(), "a test waits for an event, never for a fixed time"


def main():
    count = 0
    for path in source.files("src/*.c", "src/*.h", "tests/*.c", "tests/*.h", "tests/*.js",
                             "tools/*.c", "bench/*.c", "web/src/*.ts", "web/*.js", "web/*.mjs",
                             "*.sh", "*.py", "*.build", "Makefile"):
        if path == Path(__file__).resolve():
            continue
        for text, offset, why in faults_of(path):
            print(f"{source.name(path)}:{source.line_of(text, offset)}: {why}")
            count += 1
    return 1 if count else 0


sys.exit(main())
