#!/usr/bin/env python3
"""Writes header_table.inc from the rows of header.h: run it in src/sip/ after adding a row.

Searches multipliers for which no two names (long or compact) share a slot. The unit test of the
header table fails when the file is stale.
"""
import random
import re
import sys

BITS = 10
rows = re.findall(r'X\((\w+), "([^"]+)", (\'.\'|0), (\w+), (\w+)\)', open("header.h").read())
names = [(row[1], i + 1) for i, row in enumerate(rows)]
names += [(row[2][1], i + 1) for i, row in enumerate(rows) if row[2] != "0"]


def features(name):
    low = [ord(c) | 0x20 for c in name]
    return len(low), low[0], low[-1], low[len(low) // 2], low[len(low) // 3]


random.seed(1)
for _ in range(4000000):
    mul = [random.randrange(1, 512) for _ in range(5)]
    slots = {}
    for name, index in names:
        slot = sum(a * b for a, b in zip(mul, features(name))) & ((1 << BITS) - 1)
        if slot in slots:
            break
        slots[slot] = index
    else:
        break
else:
    sys.exit("no multipliers found: raise BITS")

with open("header_table.inc", "w") as out:
    out.write("/* written by header_table.py: do not edit */\n")
    out.write("enum {\n")
    for name, value in zip(("LEN", "FIRST", "LAST", "MIDDLE", "THIRD"), mul):
        out.write("    HASH_%s = %d,\n" % (name, value))
    out.write("    HASH_SLOTS = %d,\n};\n\n" % (1 << BITS))
    out.write("static const uint8_t slots[HASH_SLOTS] = {\n")
    table = [slots.get(i, 0) for i in range(1 << BITS)]
    for i in range(0, len(table), 16):
        out.write("    " + ", ".join(map(str, table[i : i + 16])) + ",\n")
    out.write("};\n")
