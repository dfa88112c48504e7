#!/bin/sh
# Builds the benchmark programs and runs them beside their peers; see bench/README.md.
# Arguments go to bench.py, e.g.  bench/run.sh --only parse,relay
set -eu
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! make -s -C bench >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    exit 1
fi
python3 bench/bench.py "$@"
