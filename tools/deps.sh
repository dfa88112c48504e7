#!/bin/sh
# Installs the Debian packages of the named groups that are missing; says nothing when none is.
# No service is started by it: while apt runs, a policy forbids that.
#
# usage: tools/deps.sh build|test|lint|bench|fuzz|cross ...
set -eu

# "package" or "package:command": with the command there, the package is not asked for
build='gcc:cc pkg-config meson ninja-build python3:python3 libc6-dev libuv1-dev libssl-dev libopus-dev
  libjansson-dev libsqlite3-dev libc-ares-dev libsodium-dev libpcre2-dev
  flite1-dev libcmocka-dev nodejs:node npm:npm'
test='openssl:openssl chromium:chromium baresip-core sip-tester libspandsp-dev libspeexdsp-dev
  libsrtp2-dev pocketsphinx pocketsphinx-en-us kamailio'
lint='clang-format-14 binutils:nm'
bench='make:make libosip2-dev libsofia-sip-ua-dev libre-dev libsrtp2-dev kamailio rtpengine-daemon:rtpengine
  libspandsp-dev janus:janus'
fuzz='clang-14 libclang-rt-14-dev llvm-14'
cross='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user:qemu-aarch64'

is_there() {
    case $1 in
    *:*) command -v "${1#*:}" >/dev/null 2>&1 && return 0 ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "${1%%:*}" 2>/dev/null)" = installed ]
}

missing=
for group in "$@"; do
    case $group in
    build | test | lint | bench | fuzz | cross) ;;
    *)
        echo "tools/deps.sh: no such group: $group" >&2
        exit 2
        ;;
    esac
    eval "wanted=\$$group"
    for package in $wanted; do
        is_there "$package" || missing="$missing ${package%%:*}"
    done
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "These packages are missing, and there is no apt-get to install them:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "These packages are missing; install them as root, or install sudo:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

policy=/usr/sbin/policy-rc.d
policy_is_ours=
restore() {
    [ -z "$policy_is_ours" ] || $as_root rm -f "$policy"
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# no service starts while tools are installed\nexit 101\n' |
        $as_root tee "$policy" >/dev/null
    policy_is_ours=yes
    $as_root chmod 755 "$policy"
fi

log=$(mktemp)
echo "installing:$missing"
run_apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 "$@" \
        </dev/null >>"$log" 2>&1
}
# the package lists may be old: fetch them when the first try fails
# shellcheck disable=SC2086 # a list of words
if ! run_apt install -y --no-install-recommends $missing; then
    if ! { run_apt update && run_apt install -y --no-install-recommends $missing; }; then
        tail -n 30 "$log" >&2
        echo "apt-get could not install:$missing (whole log: $log)" >&2
        exit 1
    fi
fi
rm -f "$log"
