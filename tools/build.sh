#!/bin/sh
# Configures (once) and builds one kind: dev, release, asan, tsan, fuzz, coverage.
# The folder is build/ for release and build-KIND/ otherwise; FOLDER/siprouter is the program.
# With CI=true or STRICT=1 warnings are errors. "program" leaves out the tests: half the time for who only wants to run it.
#
# usage: tools/build.sh [KIND [program]]
set -eu
cd "$(dirname "$0")/.."

kind=${1:-release}
dir=build-$kind
options=
targets=
[ "${2:-}" != program ] || targets=src/siprouter
case $kind in
release)
    dir=build
    options='-Dbuildtype=release -Doptimization=2 -Ddebug=true'
    ;;
dev) options='-Dbuildtype=debug -Dstrict=true' ;;
asan) options='-Dbuildtype=debugoptimized -Doptimization=1 -Db_sanitize=address,undefined' ;;
tsan) options='-Dbuildtype=debugoptimized -Doptimization=1 -Db_sanitize=thread' ;;
fuzz)
    options='-Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true
        -Dc_args=-fsanitize=fuzzer-no-link'
    CC=clang-14
    export CC
    ;;
coverage) options='-Dbuildtype=debug -Db_coverage=true' ;;
*)
    echo "tools/build.sh: no such kind: $kind" >&2
    exit 2
    ;;
esac
if [ "${CI:-}" = true ] || [ "${STRICT:-}" = 1 ]; then
    options="$options -Dstrict=true"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir"
    echo "building in $dir/: a minute or two the first time ..."
    # shellcheck disable=SC2086 # a list of options
    if ! meson setup "$dir" $options >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        exit 1
    fi
fi
# shellcheck disable=SC2086 # none, or one
if ! ninja -C "$dir" $targets >"$log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\] \(Compiling\|Linking\|Generating\)' "$log" | tail -n 80 >&2
    exit 1
fi
grep -E 'warning:' "$log" >&2 || true
if [ -x "$dir/src/siprouter" ]; then
    ln -sfn src/siprouter "$dir/siprouter"
fi
