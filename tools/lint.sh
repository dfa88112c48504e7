#!/bin/sh
# Everything that can be said about the sources without running them. Quiet when all is fine.
set -u
cd "$(dirname "$0")/.."

status=0
check() {
    what=$1
    shift
    out=$("$@" 2>&1)
    code=$?
    [ -z "$out" ] || printf '%s\n' "$out"
    if [ $code != 0 ]; then
        echo "lint: $what failed" >&2
        status=1
    fi
}

sources() {
    git ls-files -co --exclude-standard -- "$@" | while read -r path; do
        [ ! -f "$path" ] || printf '%s\n' "$path"
    done
}

check_format() {
    sources 'src/*.[ch]' 'tests/*.[ch]' 'tools/*.[ch]' 'bench/*.[ch]' |
        xargs -r -n 20 -P "$(nproc)" clang-format-14 --dry-run -Werror
}

# a template says in its card what to define before including it, and stands for no header of its own
check_headers() {
    flags=$(pkg-config --cflags libuv openssl opus jansson sqlite3 libcares libsodium libpcre2-8)
    sources 'src/*.h' | xargs -r grep -L '^ \* Before including, define ' | FLAGS=$flags xargs -r -P "$(nproc)" -I HEADER sh -c \
        'printf "#include \"%s\"\n" "$(echo HEADER | cut -d/ -f2-)" |
         cc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -Isrc $FLAGS -x c - ||
         { echo "HEADER does not compile alone"; exit 1; }'
}

check_purity() {
    if [ ! -f build/build.ninja ]; then
        rm -rf build
        meson setup build -Dbuildtype=release -Doptimization=2 -Ddebug=true \
            ${CI:+-Dstrict=true} >/dev/null || return 1
    fi
    wanted=
    for room in sip media rtc; do
        [ ! -f "src/$room/meson.build" ] || wanted="$wanted src/$room/lib$room.a"
    done
    [ -n "$wanted" ] || return 0
    # shellcheck disable=SC2086 # a list of targets
    out=$(ninja -C build $wanted 2>&1) || {
        printf '%s\n' "$out" | tail -n 30
        return 1
    }
    python3 tools/purity.py build
}

check_page() {
    web/modules.sh && node web/node_modules/typescript/bin/tsc -p web
}

check format check_format
check floors python3 tools/layers.py
check headers check_headers
check sizes python3 tools/sizes.py
check words python3 tools/words.py
check purity check_purity
check "types of the page" check_page
check documents python3 tools/docs.py
check "configuration page" python3 tools/config_doc.py --check
check "keys nobody reads" python3 tools/config_keys.py
exit $status
