#!/bin/sh
# Packs the explorer of the page of `thrum report` again: pack.sh. Needs Node 20 and npm; users and builds do not.
#
# What is packed is pinned by package-lock.json. The result, ../explorer.gz, is committed, with LICENCES beside it. A newer
# version: change package.json, `npm install`, pack, and run `./dev check page`.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
npm run build
gzip -9nc dist/explorer.js >../explorer.gz
cp src/licences.txt LICENCES
size=$(base64 -w 4000 ../explorer.gz | wc -c)
echo "explorer.gz takes $size bytes of a page"
[ "$size" -le 1800000 ] || {
    echo 'pack.sh: that is too much: a page has 2 MB, and 200 KB of these are for results' >&2
    exit 1
}
