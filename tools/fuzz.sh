#!/bin/sh
# Runs every libFuzzer target for FUZZ_SECONDS (60) each, at most FUZZ_JOBS (one per core) at a time.
# New inputs go to build-fuzz/corpus/NAME; a crash leaves its input in build-fuzz/crashes/NAME: fix it
# and add that file to tests/fuzz/crashes/NAME, where every later `make test` replays it.
set -eu
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}
out=$PWD/build-fuzz
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14 || true)
export UBSAN_OPTIONS ASAN_SYMBOLIZER_PATH

targets=
for path in "$out"/tests/fuzz/fuzz_*; do
    if [ -f "$path" ] && [ -x "$path" ]; then
        targets="$targets ${path##*/}"
    fi
done
if [ -z "$targets" ]; then
    echo "no fuzz target was built" >&2
    exit 1
fi
for name in $targets; do
    mkdir -p "$out/corpus/$name" "$out/crashes/$name"
done
status=0
# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' $targets | OUT=$out SECONDS_EACH=$seconds xargs -P "$jobs" -I NAME sh -c '
    dict=tests/fuzz/NAME.dict
    set --
    [ ! -f "$dict" ] || set -- "-dict=$dict"
    [ ! -d tests/fuzz/seeds/NAME ] || seeds=tests/fuzz/seeds/NAME
    if "$OUT/tests/fuzz/NAME" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$OUT/crashes/NAME/" "$@" \
        "$OUT/corpus/NAME" ${seeds:-} >"$OUT/NAME.log" 2>&1; then
        echo "NAME clean, $(sed -n "s/^stat::number_of_executed_units: *//p" "$OUT/NAME.log") runs"
    else
        echo "NAME FAILED:"
        tail -n 40 "$OUT/NAME.log"
        exit 1
    fi' || status=1
exit $status
