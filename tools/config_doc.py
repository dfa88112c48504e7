#!/usr/bin/env python3
"""Writes the table of keys in docs/configuration.md from docs/config.schema.json (--check: only compares)."""
import json
import sys

import source

BEGIN = "<!-- keys: written by tools/config_doc.py -->\n"
END = "<!-- end of keys -->\n"
PAGE = source.ROOT / "docs" / "configuration.md"

SHRINK = {"proxy.rtpPortRange.min", "proxy.rtpPortRange.max"}


def kind_of(schema):
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value != "")
    if schema.get("oneOf"):
        return "secret" if schema.get("writeOnly") else "text"
    kind = schema.get("type", "")
    if kind == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    if kind == "boolean":
        return "true, false"
    if kind == "array":
        items = schema.get("items", {})
        return "list of " + (kind_of(items) if "enum" in items else "text")
    if kind == "object":
        return "object"
    return "text"


def default_of(path, schema, parent):
    if path.rsplit(".", 1)[-1] in parent.get("required", []) and "default" not in schema:
        return "required"
    value = schema.get("default")
    if path == "features":
        return "see below"
    if value is None:
        if "enum" in schema:
            return f"`{schema['enum'][0]}`" if schema["enum"][0] else "none"
        return "none"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def applies(path, schema):
    if path in SHRINK:
        return "grow: reload; shrink or move: restart"
    return "restart" if schema.get("x-restart") else "reload"


def walk(path, schema, parent, rows, absent):
    if schema.get("x-not-built"):
        absent.append(path)
        return
    inner = schema.get("items", schema) if schema.get("type") == "array" else schema
    members = inner.get("properties")
    if members and path != "features":
        prefix = f"{path}[]" if inner is not schema else path
        for name, member in members.items():
            walk(f"{prefix}.{name}" if prefix else name, member, inner, rows, absent)
        return
    rows.append((path, schema, parent))


def section(path):
    return path.split(".")[0].removesuffix("[]") if "." in path else ""


def page_part():
    root = json.loads(source.read(source.ROOT / "docs" / "config.schema.json"))
    rows, absent, out, last = [], [], [], None
    walk("", root, {}, rows, absent)
    rows.sort(key=lambda row: (section(row[0]) != "", [*root["properties"]].index(row[0].split(".")[0].removesuffix("[]"))))
    for path, schema, parent in rows:
        here = section(path)
        if here != last:
            title = here or "top level"
            text = root["properties"][here]["description"] if here else "The file is one object."
            out += ["", f"### {title}", "", text, "", "| key | meaning | values | default | takes effect |",
                    "| --- | --- | --- | --- | --- |"]
            last = here
        cells = (f"`{path}`", schema.get("description", ""), kind_of(schema), default_of(path, schema, parent),
                 applies(path, schema))
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    out += ["", "### Not built yet", "", "Accepted, checked and kept, without effect; `siprouter check` says so:", ""]
    out += [f"* `{path}`" for path in absent]
    return "\n".join(out[1:]) + "\n"


def main():
    page = source.read(PAGE)
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    made = f"{head}{BEGIN}\n{page_part()}\n{END}{tail}"
    if made == page:
        return 0
    if "--check" in sys.argv:
        print("docs/configuration.md: the table of keys is old; run tools/config_doc.py")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


sys.exit(main())
