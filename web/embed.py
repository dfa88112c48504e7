#!/usr/bin/env python3
"""Writes the files of a folder as C arrays, compressed where that helps: embed.py DIR OUT.c"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def array(name, data):
    yield f"static const unsigned char {name}[] = {{"
    for at in range(0, len(data), 20):
        yield "    " + " ".join(f"{b}," for b in data[at:at + 20])
    yield "};"


def main():
    folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
    lines = ['#include "control/web_internal.h"', ""]
    rows = []
    for index, file in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
        data = file.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        lines += array(f"file_{index}", data)
        gzip_part = "NULL, 0"
        if len(packed) < len(data) * 9 // 10:
            lines += array(f"file_{index}_gz", packed)
            gzip_part = f"file_{index}_gz, sizeof(file_{index}_gz)"
        path = "/" + file.relative_to(folder).as_posix()
        is_lasting = path.startswith("/assets/")  # the hash is in the name
        etag = hashlib.sha256(data).hexdigest()[:32]
        rows.append(f'    {{"{"/" if path == "/index.html" else path}", "{TYPES[file.suffix]}", file_{index}, '
                    f'sizeof(file_{index}), {gzip_part}, "{etag}", {"true" if is_lasting else "false"}}},')
    lines += ["", "const struct web_file web_files[] = {"] + rows + ["};"]
    lines.append("const size_t web_file_count = SR_ARRAY_LEN(web_files);")
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


main()
