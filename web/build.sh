#!/bin/sh
# The page as C: build.sh WORK_DIR OUT.c DEPFILE. Fetches the tools of package-lock.json when they are not there yet;
# after that it needs no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
out=$2
depfile=$3

"$here/modules.sh"
mkdir -p "$work"
node "$here/build.mjs" "$work/page" "$depfile" "$out"
python3 "$here/embed.py" "$work/page" "$out"
