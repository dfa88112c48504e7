#!/bin/sh
# Builds for aarch64 and runs the unit tests under qemu-user. The libraries come from a sysroot folder
# (.deps/arm64/sysroot) that apt fills with a state of its own: the machine's packages stay as they are.
set -eu
cd "$(dirname "$0")/.."

deps=$PWD/.deps/arm64
sysroot=$deps/sysroot
dir=build-arm64
packages='libc6-dev libuv1-dev libssl-dev libopus-dev libjansson-dev libsqlite3-dev libc-ares-dev
  libsodium-dev libpcre2-dev flite1-dev libcmocka-dev'
# what the development packages ask for but nothing here is linked with
unwanted='perl|perl-base|perl-modules-5.36|libperl5.36|dpkg|dpkg-dev|tar|debconf|python3.*|gcc.*|binutils.*|cpp.*|adduser|passwd'

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "failed: $*" >&2
        exit 1
    fi
}

key=$(echo "$packages $unwanted" | cksum | cut -d' ' -f1)
if [ "$(cat "$deps/key" 2>/dev/null)" != "$key" ]; then
    echo "filling $sysroot"
    rm -rf "$deps"
    mkdir -p "$deps/apt/lists/partial" "$deps/apt/archives/partial" "$sysroot"
    : >"$deps/apt/status"
    cat >"$deps/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
APT::Install-Recommends "false";
Dir::State "$deps/apt";
Dir::State::status "$deps/apt/status";
Dir::State::lists "$deps/apt/lists";
Dir::Cache "$deps/apt";
Dir::Cache::archives "$deps/apt/archives";
Debug::NoLocking "true";
END
    APT_CONFIG=$deps/apt.conf
    export APT_CONFIG
    quietly apt-get -q update
    # shellcheck disable=SC2086 # a list of packages
    quietly apt-get -q -y --download-only install $packages
    unset APT_CONFIG
    for archive in "$deps"/apt/archives/*.deb; do
        name=$(basename "$archive" | cut -d_ -f1)
        if ! echo "$name" | grep -Eqx "$unwanted"; then
            dpkg -x "$archive" "$sysroot"
        fi
    done
    rm -rf "$deps/apt"
    # absolute links would leave the sysroot
    find "$sysroot" -type l -lname '/*' | while read -r link; do
        ln -sfn "$sysroot$(readlink "$link")" "$link"
    done
    echo "$key" >"$deps/key"
fi

cat >"$deps/cross.ini" <<END
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '$sysroot']

[properties]
sys_root = '$sysroot'
pkg_config_libdir = ['$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig', '$sysroot/usr/share/pkgconfig']

[built-in options]
c_args = ['--sysroot=$sysroot']
c_link_args = ['--sysroot=$sysroot', '-Wl,-rpath-link,$sysroot/usr/lib/aarch64-linux-gnu:$sysroot/lib/aarch64-linux-gnu']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END

if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir"
    quietly meson setup "$dir" --cross-file "$deps/cross.ini" -Dbuildtype=release -Doptimization=2 -Ddebug=true
fi
quietly ninja -C "$dir"
[ ! -x "$dir/src/siprouter" ] || ln -sfn src/siprouter "$dir/siprouter"

status=0
TEST_EMULATED=1 meson test -C "$dir" --no-rebuild --suite unit --timeout-multiplier 20 --quiet >"$log" 2>&1 || status=1
python3 tools/count_tests.py "$dir/meson-logs/testlog.json" "$dir/unit.count" || status=1
read -r passed failed <"$dir/unit.count"
echo "$passed passed, $failed failed"
exit $status
