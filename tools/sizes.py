#!/usr/bin/env python3
"""Holds the hard size gates: function 100 lines, .c 1,200, header 600, 6 parameters, nesting 4.

A file may stand above a gate by a line in tools/sizes.allow: "path gate value reason". The list in
force is printed; a line that is no longer needed is a fault.
"""
import re
import sys

import source

GATES = {"function": 100, "file": 1200, "header": 600, "parameters": 6, "nesting": 4}
# a function begins with a brace in column 0 and ends with one
BODY = re.compile(r"^\{\n(.*?)^\}", re.M | re.S)
PARAMETERS = re.compile(r"(\w+)\s*\(([^{};]*)\)\s*$", re.S)


def count_parameters(text):
    depth = commas = 0
    if text.strip() in ("", "void"):
        return 0
    for char in text:
        depth += char in "(["
        depth -= char in ")]"
        commas += char == "," and depth == 0
    return commas + 1


def nesting(body):
    deepest = depth = 0
    for char in body:
        depth += char == "{"
        depth -= char == "}"
        deepest = max(deepest, depth)
    return deepest


def head_of(text, start):
    """The declaration before a body: back to the last line that ends a thing."""
    lines = []
    for line in reversed(text[:start].rstrip("\n").split("\n")):
        if not line.strip() or line.startswith("#") or line.rstrip().endswith((";", "}")):
            break
        lines.insert(0, line)
    return "\n".join(lines)


def measures(path):
    raw = source.read(path)
    text = source.blank(raw)
    lines = raw.count("\n")
    yield 1, ("header" if path.suffix == ".h" else "file"), lines, "lines"
    for match in BODY.finditer(text):
        head = PARAMETERS.search(head_of(text, match.start()))
        if head is None:
            continue
        line = source.line_of(text, match.start())
        function = head.group(1)
        body = match.group(1)
        yield line, "function", body.count("\n"), f"lines in {function}"
        yield line, "parameters", count_parameters(head.group(2)), f"parameters of {function}"
        # a nested switch label or initialiser counts like a block: it is as hard to read
        yield line, "nesting", nesting(body), f"levels in {function}"


def read_allowed():
    allowed = {}
    path = source.ROOT / "tools/sizes.allow"
    for number, line in enumerate(source.read(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 3)
        if len(words) < 4 or words[1] not in GATES:
            print(f"tools/sizes.allow:{number}: want: path gate value reason")
            sys.exit(1)
        allowed[words[0], words[1]] = [int(words[2]), words[3], False]
    return allowed


def main():
    allowed = read_allowed()
    count = 0
    for path in source.files("src/*.c", "src/*.h", "tests/*.c", "tests/*.h", "tools/*.c", "bench/*.c"):
        for line, gate, value, what in measures(path):
            if value <= GATES[gate]:
                continue
            exception = allowed.get((source.name(path), gate))
            if exception and value <= exception[0]:
                exception[2] = True
                continue
            print(f"{source.name(path)}:{line}: {value} {what}, the gate is {GATES[gate]}")
            count += 1
    for (path, gate), (value, reason, used) in allowed.items():
        if used:
            print(f"allowed: {path} {gate} up to {value}: {reason}")
        else:
            print(f"tools/sizes.allow: {path} {gate} is no longer needed")
            count += 1
    return 1 if count else 0


sys.exit(main())
