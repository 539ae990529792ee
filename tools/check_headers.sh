#!/bin/sh
# Each public header compiles alone, as strict C11 and as C++17, with both compilers, whose
# warnings are errors. Run in the root of the tree.
set -u
status=0
for header in include/thrum.h include/thrum/*.h; do
    name=${header#include/}
    for compiler in gcc clang; do
        for mode in 'c c11' 'c++ c++17'; do
            # shellcheck disable=SC2086 # two words
            set -- $mode
            printf '#include <%s>\n#include <%s>\ntypedef int at_least_one_declaration;\n' "$name" "$name" |
                "$compiler" -x "$1" -std="$2" -Iinclude -Wall -Wextra -Wpedantic -Wshadow -Wundef \
                    -Wconversion -Werror -fsyntax-only - || {
                echo "$header: does not compile alone with $compiler as $2"
                status=1
            }
        done
    done
done
exit $status
