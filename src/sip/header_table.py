#!/usr/bin/env python3
"""Writes header_table.inc from the rows of header.h: run it in src/sip/ after adding a row.

Searches a multiplier for which no two names (long or compact) share a slot. The unit test of the
header table fails when the file is stale.
"""
import random
import re
import sys

BITS = 10
rows = re.findall(r'X\((\w+), "([^"]+)", (\'.\'|0), (\w+), (\w+)\)', open("header.h").read())
names = [(row[1], i + 1) for i, row in enumerate(rows)]
names += [(row[2][1], i + 1) for i, row in enumerate(rows) if row[2] != "0"]


def key(name):
    low = [ord(c) | 0x20 for c in name]
    return len(low) << 24 | low[0] << 16 | low[len(low) // 2] << 8 | low[-1]


random.seed(1)
for _ in range(4000000):
    mul = random.randrange(1, 1 << 32, 2)
    slots = {}
    for name, index in names:
        slot = (key(name) * mul & 0xFFFFFFFF) >> (32 - BITS)
        if slot in slots:
            break
        slots[slot] = index
    else:
        break
else:
    sys.exit("no multiplier found: raise BITS, here and in header_internal.h")

with open("header_table.inc", "w") as out:
    out.write("/* written by header_table.py: do not edit */\n")
    out.write("const uint32_t sip__hash_mul = 0x%08x;\n\n" % mul)
    out.write("const uint8_t sip__slots[1 << SIP__HASH_BITS] = {\n")
    table = [slots.get(i, 0) for i in range(1 << BITS)]
    for i in range(0, len(table), 16):
        out.write("    " + ", ".join(map(str, table[i : i + 16])) + ",\n")
    out.write("};\n")
