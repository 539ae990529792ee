#!/bin/sh
# README.md fits three screens of 50 lines. Its first program is examples/first.c, letter for letter. Run in the root of
# the tree.
set -eu
block=$(mktemp)
trap 'rm -f "$block"' EXIT
awk '/^```c$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md >"$block"
[ -s "$block" ] || {
    echo 'README.md: has no program'
    exit 1
}
cmp -s "$block" examples/first.c || {
    echo 'README.md: its first program differs from examples/first.c'
    diff "$block" examples/first.c
    exit 1
}
lines=$(wc -l <README.md)
[ "$lines" -le 150 ] || {
    echo "README.md: has $lines lines; three screens are 150"
    exit 1
}
