#!/bin/sh
# Nothing lies about: every source is named in the meson.build that builds it, and what is not C
# outside python/ is shell or awk, but for the peers that benchmarks run. Run in the root of the tree.
set -u
status=0
complain() {
    echo "$1: $2"
    status=1
}

# The lists of Meson are written by hand; a forgotten test would pass for ever.
for file in $(find src adapter doctor cli -name '*.c' 2>/dev/null | sort); do
    top=${file%%/*}
    grep -q "'${file#"$top"/}'" "$top/meson.build" || complain "$file" "not named in $top/meson.build"
done
for file in python/src/*.c; do
    [ -e "$file" ] || continue
    grep -q "'../${file#python/}'" python/thrum/meson.build || complain "$file" "not named in python/thrum/meson.build"
done
for file in python/thrum/*.py python/thrum/*.pyi; do
    [ -e "$file" ] || continue
    grep -q "'${file##*/}'" python/thrum/meson.build || complain "$file" "not named in python/thrum/meson.build"
done
for file in bench/bench_*.c examples/*.c; do
    [ -e "$file" ] || continue
    folder=${file%/*}
    name=${file##*/}
    name=${name%.c}
    grep -q "'${name#*_}'\|'$name'\|'$name.c'" "$folder/meson.build" ||
        complain "$file" "not named in $folder/meson.build"
done
# A test that is not below tests/unit/LAYER/ is not found.
for file in tests/test_*.c tests/unit/test_*.c tests/unit/*/*/test_*.c; do
    [ ! -e "$file" ] || complain "$file" "belongs into tests/unit/LAYER/"
done
# Below tests/ a folder may be built by the meson.build of what it tests. What stands in tests/install
# is built from outside, what stands in tests/interface is compiled by a check; mutants are pieces of patches.
for file in $(find tests -mindepth 2 -name '*.c' -not -path 'tests/unit/*/test_*' -not -path 'tests/install/*' -not -path 'tests/interface/*' -not -path 'tests/mutants/*' |
    sort); do
    name=${file##*/}
    name=${name%.c}
    cat tests/meson.build tests/unit/meson.build "${file%/*}/meson.build" cli/meson.build 2>/dev/null | sed "s/\.c'/'/g" |
        grep -q "'\(.*/\)\?$name'\|'\(.*/\)\?${name#*_}'" || complain "$file" "not named in a meson.build"
done
for file in include/*.h include/thrum/*.h; do
    [ -e "$file" ] || continue
    grep -q "'${file#include/}'" include/meson.build || complain "$file" "not named in include/meson.build"
done

# What a merge left behind.
for file in $(find . -name .git -prune -o -path './build*' -prune -o -type f -size -2000k -print |
    xargs -r grep -lE '^(<<<<<<<|>>>>>>>) ' 2>/dev/null); do
    complain "$file" "has marks of a merge conflict"
done

foreign=$(find . -name .git -prune -o -path './build*' -prune -o -path ./python -prune -o \
    -path ./bench/peers -prune -o -type f \( -name '*.py' -o -name '*.pl' -o -name '*.rb' -o -name '*.js' \) -print)
for file in $foreign; do
    complain "$file" "only shell, awk and C outside python/"
done
# shellcheck disable=SC2016 # awk reads that
scripts=$(find . -name .git -prune -o -path './build*' -prune -o -path ./python -prune -o -type f \
    -perm -u+r -size -200k -print | xargs -r awk 'FNR == 1 && /^#!/ { print FILENAME ":" $0 } FNR > 1 { nextfile }')
IFS='
'
for line in $scripts; do
    case $line in
    ./debian/rules:*bin/make\ -f) ;; # as Debian demands
    *:*bin/sh | *:*bin/sh\ * | *:*bash | *:*awk*) ;;
    *) complain "${line%%:*}" "only shell, awk and C outside python/" ;;
    esac
done
exit $status
