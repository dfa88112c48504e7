#!/bin/sh
# Runs all tests of a built kind and ends with the line "N passed, N failed".
#
# usage: tools/test.sh release|dev|asan|tsan|coverage
set -eu
cd "$(dirname "$0")/.."

kind=${1:-release}
dir=build-$kind
[ "$kind" != release ] || dir=build

# one fault ends a program; leaks are faults
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

status=0
: >"$dir/unit.count"
: >"$dir/e2e.count"
slower=1
case $kind in
asan) slower=3 ;;
tsan) slower=6 ;;
esac

# what hangs is ended; a busy machine may take its time
meson test -C "$dir" --no-rebuild --timeout-multiplier $((5 * slower)) --quiet >"$dir/unit.log" 2>&1 ||
    status=1
python3 tools/count_tests.py "$dir/meson-logs/testlog.json" "$dir/unit.count" || status=1

: >"$dir/web.count"
{ web/modules.sh && node web/test.mjs "$dir/web.count"; } || status=1

if [ "${E2E:-1}" != 0 ]; then
    if [ ! -f node_modules/.package-lock.json ] ||
        [ package-lock.json -nt node_modules/.package-lock.json ]; then
        npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=5 --loglevel=error || status=1
    fi
    SIPROUTER_BIN="$PWD/$dir/siprouter" BUILD_DIR="$PWD/$dir" TEST_SLOWER=$slower \
        node tests/e2e/run.js "$dir/e2e.count" || status=1
fi

passed=$(cat "$dir/unit.count" "$dir/web.count" "$dir/e2e.count" | awk '{ n += $1 } END { print n + 0 }')
failed=$(cat "$dir/unit.count" "$dir/web.count" "$dir/e2e.count" | awk '{ n += $2 } END { print n + 0 }')
[ "$failed" = 0 ] || status=1
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    failed=1 # something outside a single test went wrong; it was said above
fi
echo "$passed passed, $failed failed"
exit $status
