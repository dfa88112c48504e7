#!/bin/sh
# Installs build/siprouter and its documents below $DESTDIR$PREFIX; with systemd also its unit.
set -eu
cd "$(dirname "$0")/.."

root=${DESTDIR:-}${PREFIX:-/usr}
if [ ! -x build/siprouter ]; then
    echo "build/siprouter is not there: run make build" >&2
    exit 1
fi
install -d "$root/bin" "$root/share/doc/siprouter" "$root/lib/systemd/system"
install -m 755 build/siprouter "$root/bin/siprouter"
for file in README.md CHANGELOG.md LICENSE docs/config.schema.json; do
    [ ! -f "$file" ] || install -m 644 "$file" "$root/share/doc/siprouter/"
done
install -d "$root/share/doc/siprouter/docs" # where README's links lead
install -m 644 docs/*.md docs/config.schema.json "$root/share/doc/siprouter/docs/"
install -m 644 tools/siprouter.service "$root/lib/systemd/system/siprouter.service"
install -d "${DESTDIR:-}/etc/siprouter" "${DESTDIR:-}/var/lib/siprouter"
