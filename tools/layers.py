#!/usr/bin/env python3
"""Holds the floors: a file includes only its own folder and folders below it.

Folders on the same height do not include each other. Every quoted include carries its folder. What is
internal to a folder stays inside, the loop library stays in net/, and control/ knows calls only
through the doors named below.
"""
import re
import sys

import source

HEIGHT = {
    "base": 0, "sip": 1, "media": 1, "rtc": 1, "dtls": 2, "net": 3, "worker": 4, "ua": 4,
    "speech": 5, "store": 5, "call": 6, "apps": 7, "control": 8,
    "machine.c": 9, "machine.h": 9, "main.c": 9, "notify.c": 9, "notify.h": 9, "run.c": 9, "run.h": 9,
}
PURE = {"sip", "media", "rtc"}  # these stand on base alone
DOORS = {("control", "call"): {"call/engine.h", "call/config.h", "call/pattern.h", "call/schedule.h",
                                "call/routing.h", "call/guard.h", "call/number.h", "call/reason.h"}}
ONLY_IN = {"uv.h": {"net"}, "sqlite3.h": {"store"}}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def folder_of(path):
    return source.name(path).split("/")[1]


def faults_of(path):
    text = source.read(path)
    own = folder_of(path)
    if own not in HEIGHT:
        yield 1, f"folder src/{own} has no height in tools/layers.py"
        return
    for match in INCLUDE.finditer(text):
        line = source.line_of(text, match.start(1))
        quote, target = match.groups()
        if quote == "<":
            if target in ONLY_IN and own not in ONLY_IN[target]:
                yield line, f"<{target}> belongs to {', '.join(sorted(ONLY_IN[target]))}/"
            continue
        if HEIGHT.get(target) == HEIGHT[own]:
            continue
        if "/" not in target:
            yield line, f'"{target}" must carry its folder'
            continue
        other = target.split("/")[0]
        if other == own:
            continue
        if other not in HEIGHT:
            yield line, f'"{target}" is in no folder of src/'
        elif target.endswith("/internal.h"):
            yield line, f'"{target}" is internal to {other}/'
        elif HEIGHT[other] >= HEIGHT[own]:
            yield line, f"{own} may not include {other} (same height or above)"
        elif own in PURE and other != "base":
            yield line, f"{own} stands on base alone"
        elif (own, other) in DOORS and target not in DOORS[own, other]:
            doors = ", ".join(sorted(DOORS[own, other]))
            yield line, f"{own} reaches {other} only through {doors}"


def main():
    count = 0
    for path in source.files("src/*.c", "src/*.h"):
        for line, why in faults_of(path):
            print(f"{source.name(path)}:{line}: {why}")
            count += 1
    return 1 if count else 0


sys.exit(main())
