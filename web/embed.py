#!/usr/bin/env python3
"""Writes the page's files as C arrays: embed.py OUT NAME=FILE..."""
import hashlib
import sys

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def main():
    out, pairs = sys.argv[1], [a.split("=", 1) for a in sys.argv[2:]]
    lines = ['#include "control/web_internal.h"', ""]
    rows = []
    for index, (path, file) in enumerate(pairs):
        data = open(file, "rb").read()
        lines.append(f"static const unsigned char file_{index}[] = {{")
        for at in range(0, len(data), 16):
            lines.append("    " + " ".join(f"{b}," for b in data[at:at + 16]))
        lines.append("};")
        etag = hashlib.sha256(data).hexdigest()[:32]
        kind = TYPES[file.rsplit(".", 1)[1]]
        rows.append(f'    {{"{path}", "{kind}", file_{index}, sizeof(file_{index}), "{etag}"}},')
    lines += ["", "const struct web_file web_files[] = {"] + rows + ["};"]
    lines.append("const size_t web_file_count = SR_ARRAY_LEN(web_files);")
    with open(out, "w") as handle:
        handle.write("\n".join(lines) + "\n")


main()
