#!/usr/bin/env python3
"""Every key of the configuration is read by something, or says that it is not built: a key that does nothing is a lie."""
import re
import sys

import source

SCHEMA = source.ROOT / "src" / "control" / "config_schema.c"
# these fill, compare and check keys; they do not act on them
FILLERS = re.compile(r"control/(config_(load|check|use|diff|mask|faults|value|schema\w*|demo)|jsonc\w*)\.[ch]$|call/config\.h$")
IDLE = {"config.schema": "an address for editors"}
LINE = re.compile(
    r'\b(?:BOOL|NUMBER|TEXT|SECRET|CHOICE|REFS?|TEXTS|VALUE)\(\s*(\w+),\s*"([^"]+)",\s*(\w+)(?:,\s*(\w+))?(.*?)"\s*\),\s*$'
    r'|\.name = "(\w+)",\s*\.kind = \w+,\s*\.offset = AT\((\w+), (\w+)\)',
    re.S | re.M)
LATER = re.compile(r"(?:OBJECT|LIST)\([^;]*?(\w+),\s*CONFIG_NOT_BUILT,")


def fields(text):
    """(struct, key, members that hold its value, whether a notice says that it is not built)"""
    for match in LINE.finditer(text):
        if match.group(6):
            yield match.group(7), match.group(6), [match.group(8)], False
            continue
        struct, key, member, other, rest = match.groups()[:5]
        yield struct, key, [member, other or member], "CONFIG_NOT_BUILT" in rest


def main():
    text = SCHEMA.read_text()
    later = set(LATER.findall(text))  # tables of which the whole is not built
    tables = {table: struct for table, struct in re.findall(r"DEFINE\((\w+), \"[^\"]*\", (\w+),", text)}
    idle_structs = {tables[table] for table in later if table in tables}
    idle_structs |= {"config_ivr_menu", "config_ivr_entry"}  # below ivr
    code = "\n".join(source.blank(source.read(path)) for path in sorted((source.ROOT / "src").rglob("*.[ch]"))
                     if not FILLERS.search(path.as_posix()))
    known = list(fields(text))
    unread = []
    for struct, key, members, is_later in known:
        if is_later or struct in idle_structs or f"{struct}.{members[0]}" in IDLE:
            continue
        if not any(re.search(rf"(?:->|\.)\s*{member}\b", code) for member in members):
            unread.append(f"{SCHEMA.relative_to(source.ROOT)}: \"{key}\" of {struct} is read by nobody")
    if len(known) < 170:
        unread.append(f"{SCHEMA.relative_to(source.ROOT)}: only {len(known)} keys were understood")
    print("\n".join(unread), end="\n" if unread else "")
    return 1 if unread else 0


if __name__ == "__main__":
    sys.exit(main())
