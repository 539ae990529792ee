#!/bin/sh
# Each example in lengths is as short as its block of the guide in Python, plus a third. TAP on stdout.
set -u
cd "$(dirname "$0")" || exit 2
number=0
failed=0
while read -r name python; do
    case $name in '#'* | '') continue ;; esac
    number=$((number + 1))
    lines=$(awk '
        { gsub(/\/\*.*\*\//, "") }
        in_comment { in_comment = !/\*\//; next }
        /^[ \t]*\/\*/ { in_comment = 1; next }
        /^[ \t{};]*$/ || /^#include / { next }
        { count++ }
        END { print count + 0 }' "../../examples/$name.c")
    if [ "$lines" -gt 0 ] && [ $((lines * 3)) -le $((python * 4)) ]; then
        echo "ok $number - $name has $lines lines, $python in Python"
    else
        echo "not ok $number - $name has $lines lines, $python in Python"
        failed=1
    fi
done <lengths
echo "1..$number"
exit $failed
