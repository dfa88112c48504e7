#!/bin/sh
# npm ci for the page, once for each package-lock.json. Several builds of one tree may ask at once.
set -eu
cd "$(dirname "$0")"
is_fresh() {
    [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]
}

is_fresh && exit 0
exec 9>.modules.lock
flock 9
is_fresh && exit 0
npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=5 --loglevel=error
touch node_modules/.package-lock.json
