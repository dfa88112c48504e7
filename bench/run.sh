#!/bin/sh
# Runs every benchmark that was built and prints one table: what, ours, the peer's, the ratio.
set -eu
cd "$(dirname "$0")/.."

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
found=
status=0
for path in build/bench/bench_* bench/bench_*.sh; do
    [ -f "$path" ] && [ -x "$path" ] || continue
    found=yes
    "$path" >>"$lines" || {
        echo "$path failed" >&2
        status=1
    }
done
if [ -z "$found" ]; then
    echo "no benchmark was built" >&2
    exit 1
fi
echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
awk -F '\t' '
    BEGIN { printf "%-36s %14s %-8s %-14s %14s %7s\n", "what", "ours", "unit", "peer", "peer", "ratio" }
    NF >= 5 {
        ratio = $5 + 0 > 0 ? sprintf("%.2f", $2 / $5) : "-"
        printf "%-36s %14s %-8s %-14s %14s %7s\n", $1, $2, $3, $4, $5, ratio
    }' "$lines"
exit $status
