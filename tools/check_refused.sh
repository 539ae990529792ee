#!/bin/sh
# Each mistake in tests/interface/refused.c is refused by the compiler, in C and in C++; without one the
# file compiles. Run in the root of the tree.
set -u
source=tests/interface/refused.c
status=0

compile() {
    "$compiler" -x "$language" -std="$standard" -Wall -Wextra -Werror -fsyntax-only -Iinclude -D "CASE=$1" "$source"
}

cases=$(sed -n 's/.*CASE == \([0-9]*\).*/\1/p' "$source")
[ -n "$cases" ] || {
    echo "$source: has no cases"
    exit 1
}
for compiler in gcc clang; do
    for mode in 'c gnu11' 'c++ c++17'; do
        language=${mode% *}
        standard=${mode#* }
        compile 0 || {
            echo "$source: the correct program is refused by $compiler as $standard"
            status=1
        }
        for number in $cases; do
            ! compile "$number" 2>/dev/null || {
                echo "$source: case $number is accepted by $compiler as $standard"
                status=1
            }
        done
    done
done
exit $status
