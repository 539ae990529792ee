#!/bin/sh
# What must compile without a warning does, by gcc and clang. tests/interface/accepted.c as C and as C++17, with
# and without optimization. Each example, examples/NAME.c, as C++17, but for those that
# tests/interface/only_c.txt names with a reason; one of the compilers must refuse those. Run in the root
# of the tree.
set -u
source=tests/interface/accepted.c
list=tests/interface/only_c.txt
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for compiler in gcc clang; do
    for mode in 'c gnu11' 'c++ c++17'; do
        for level in 0 2; do
            "$compiler" -x "${mode% *}" -std="${mode#* }" -O"$level" -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude \
                -c -o "$work/accepted.o" "$source" || {
                echo "$source: does not compile by $compiler as ${mode#* } at -O$level"
                status=1
            }
        done
    done
done

for example in examples/*.c; do
    name=${example##*/}
    flags=
    case $(cat "$example") in
    *'<thrum_cluster.h>'*) flags=-Iadapter/cluster ;;
    *'<thrum_curl.h>'*) flags="-Iadapter/curl $(pkg-config --cflags --silence-errors libcurl)" ;;
    *'<thrum_tls.h>'*) flags="-Iadapter/tls $(pkg-config --cflags --silence-errors libssl)" ;;
    esac
    refused=
    for compiler in g++ clang++; do
        # shellcheck disable=SC2086 # words
        "$compiler" -x c++ -std=gnu++17 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers -Werror -Iinclude \
            $flags -fsyntax-only "$example" >"$work/out" 2>&1 || {
            refused="$refused $compiler"
            grep -q "^$name " "$list" || cat "$work/out"
        }
    done
    if grep -q "^$name " "$list"; then
        [ -n "$refused" ] || {
            echo "$example: compiles as C++17; take it off $list"
            status=1
        }
    elif [ -n "$refused" ]; then
        echo "$example: does not compile as C++17 by$refused"
        status=1
    fi
done
while read -r name reason; do
    if [ ! -e "examples/$name" ] || [ -z "$reason" ]; then
        echo "$list: \"$name\" is no example, or has no reason"
        status=1
    fi
done <"$list"
exit $status
