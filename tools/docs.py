#!/usr/bin/env python3
"""Checks the documents: every folder of src has its card (at most 40 lines), every link leads somewhere."""
import re
import sys

import source

CARD_LINES_MAX = 40
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def anchors_of(text):
    for heading in re.findall(r"^#+ +(.*)$", text, re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        yield plain.strip().replace(" ", "-")


def main():
    faults = []
    rooms = {source.name(p).split("/")[1] for p in source.files("src/*.c", "src/*.h")
             if source.name(p).count("/") == 2}
    for room in sorted(rooms):
        card = source.ROOT / "src" / room / "README.md"
        if not card.is_file():
            faults.append(f"src/{room}/README.md: the card is missing")
        elif len(source.read(card).splitlines()) > CARD_LINES_MAX:
            faults.append(f"src/{room}/README.md: a card has at most {CARD_LINES_MAX} lines")
    for path in source.files("*.md"):
        text = re.sub(r"```.*?```", "", source.read(path), flags=re.S)
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            there = (path.parent / place).resolve() if place else path
            if not there.exists():
                faults.append(f"{source.name(path)}: link to {target} leads nowhere")
            elif anchor and there.suffix == ".md" and anchor not in anchors_of(source.read(there)):
                faults.append(f"{source.name(path)}: no heading for {target}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


sys.exit(main())
