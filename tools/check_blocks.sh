#!/bin/sh
# Each code block in headers, README.md and docs/ is right: check_blocks.sh [BUILD-DIR], in the root of the tree.
# tools/blocks.awk says what a block is and how a fragment becomes a file.
#
#  - C compiles as C11 with GNU extensions and as C++17, and no warning is an error that is ignored.
#  - C runs, linked to the library in BUILD-DIR, ends with 0 and prints the lines that it states ("// prints TEXT"), no
#    other. "..." in a line stands for any text, a line "..." for any number of lines. Times ("0.20 s") may differ.
#  - C of a tutorial stands in the program that its page links to in a line of its own. Spaces and ends of lines count as
#    the same.
#  - Shell commands parse. "./dev WORD" and "thrum WORD" name commands that exist, the latter with options that exist.
#  - tests/interface/blocks lists the exceptions, "FILE:NUMBER WHAT REASON": with `not-c++` a block is compiled as C
#    alone, with `not-c` not at all, with `not-run` it is not run. An exception that is not needed is a failure, too, but
#    for `not-run`.
set -u
build=${1:-build}
here=$(cd "$(dirname "$0")" && pwd)
exceptions=tests/interface/blocks
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
complain() {
    echo "$*"
    status=1
}

set --
for file in include/thrum.h include/thrum/*.h adapter/*/thrum_*.h *.md docs/*.md docs/guide/*.md docs/tutorials/*.md docs/man/*.7 examples/*.md; do
    [ ! -f "$file" ] || set -- "$@" "$file"
done
awk -v out="$work" -v stubs=interface/blocks.h -f "$here/blocks.awk" "$@" >"$work/index" || exit 1
[ -s "$work/index" ] || complain "there is no code block"
awk '$1 == "wrong" { print $2 ": line " $4 ": no fence that says c, sh or text"; found = 1 } END { exit found }' \
    "$work/index" || status=1

excepted() { grep -qs "^$1 $2 " "$exceptions"; }

# A block that includes thrum/explore.h is a test for the explorer.
is_explored() { grep -q '^ *#include <thrum/explore.h>' "$1"; }

# compile_as LANGUAGE STANDARD FILE OPTIONS: clang sees results that are dropped; g++ is the stricter of the two for C++.
compile_as() {
    case $1 in c) compiler=clang ;; *) compiler=g++ ;; esac
    explored=
    ! is_explored "$3" || explored=-DTHRUM_EXPLORE
    # shellcheck disable=SC2086 # a list of words
    $compiler -x "$1" -std="$2" -D_GNU_SOURCE -Iinclude -Itests -Itests/explore -Isrc $flags $explored $4 -Wall -Wextra \
        -Werror -Wno-unused-variable -Wno-unused-function -Wno-unused-but-set-variable -Wno-unused-parameter \
        -Wno-missing-field-initializers -Wno-empty-body "$3" 2>&1
}

# What the adapters' headers include lies where pkg-config says.
flags=
for folder in adapter/*/; do
    [ -d "$folder" ] || continue
    flags="$flags -I$folder $(pkg-config --cflags --silence-errors "lib$(basename "$folder")")"
done

# check_c LABEL FILE KIND: what is wrong, if anything.
check_c() {
    if excepted "$1" not-c; then
        ! compile_as c gnu11 "$2" -fsyntax-only >/dev/null || echo "$1: compiles, so that $exceptions need not list it"
        return
    fi
    compile_as c gnu11 "$2" "-c -o $2.o" || echo "$1: does not compile as C"
    if excepted "$1" not-c++; then
        ! compile_as c++ c++17 "$2" -fsyntax-only >/dev/null || echo "$1: compiles as C++, so that $exceptions need not list it"
    else
        compile_as c++ c++17 "$2" -fsyntax-only || echo "$1: does not compile as C++"
    fi
    [ ! -e "$2.o" ] || excepted "$1" not-run || run "$1" "$2"
}

# run LABEL FILE: what is wrong, with the difference between what is stated and what is printed.
run() {
    library=libthrum.a
    ! is_explored "$2" || library=libthrum-explore.a
    clang "$2.o" -o "$2.run" "$build/src/$library" -pthread -Wl,-z,now 2>&1 || {
        echo "$1: does not link"
        return
    }
    code=0
    timeout 600 "$2.run" >"$2.printed" 2>&1 </dev/null || code=$?
    [ "$code" = 0 ] || echo "$1: ends with status $code"
    for text in "$2.out" "$2.printed"; do
        sed 's/[0-9]*\.[0-9]* s\>/N.N s/g' "$text" >"$text.times"
    done
    awk -f "$here/stated.awk" "$2.out.times" "$2.printed.times" || {
        diff "$2.out" "$2.printed"
        echo "$1: prints something else"
    }
}

check_part() {
    page=${1%:*}
    program=$(sed -n 's|^\[[a-z_]*\.c\](\.\./\.\./\(examples/.*\.c\))$|\1|p' "$page")
    if [ ! -f "$program" ]; then
        echo "$page: links to no program in a line of its own"
        return
    fi
    # shellcheck disable=SC2016 # the awk program
    awk 'FNR == 1 { file++ }
        { text[file] = text[file] " " $0 }
        END {
            for (i in text)
                gsub(/[ \t]+/, " ", text[i])
            exit !index(text[1], text[2])
        }' "$program" "$2" || echo "$1: is not in $program"
}

check_sh() {
    sh -n "$2" 2>&1 || echo "$1: does not parse"
    sed -n 's|^\./dev \([a-z]*\).*|\1|p' "$2" | while read -r word; do
        grep -q "^$word)" dev || echo "$1: there is no ./dev $word"
    done
    sed -n 's/^\(.* | \)*thrum \([a-z]*\) .*/\2/p' "$2" | while read -r word; do
        grep -q "'$word'" cli/meson.build || echo "$1: there is no thrum $word"
    done
    [ -x "$build/cli/thrum" ] || return 0
    # Without comments, quotations, and what follows "--", which is for another command.
    sed -n "s/ #.*//; s/'[^']*'//g; s/ -- .*//; s/^\\(.* | \\)*thrum \\([a-z]* .*\\)/\\2/p" "$2" | while read -r word rest; do
        for option in $rest; do
            case $option in
            -*) "$build/cli/thrum" "$word" --help | grep -q -e "^ .*${option}[ ,=[]" -e "^ .*${option}\$" ||
                echo "$1: thrum $word has no option $option" ;;
            esac
        done
    done
}

# Half of the blocks for each of two processors.
check_some() {
    while read -r kind label path _; do
        case $kind in
        sh) check_sh "$label" "$path" ;;
        part) check_part "$label" "$path" ;;
        fragment | program) check_c "$label" "$path" "$kind" ;;
        esac
    done
}
awk 'NR % 2' "$work/index" | check_some >"$work/odd" &
awk 'NR % 2 == 0' "$work/index" | check_some >"$work/even"
wait
cat "$work/odd" "$work/even"
[ ! -s "$work/odd" ] && [ ! -s "$work/even" ] || status=1

if [ -e "$exceptions" ]; then
    while read -r label what reason; do
        case $label in '#'* | '') continue ;; esac
        case $what in not-c | not-c++ | not-run) ;; *) complain "$exceptions: $label: $what is not not-c, not-c++ or not-run" ;; esac
        [ -n "$reason" ] || complain "$exceptions: $label: gives no reason"
        grep -q " $label " "$work/index" || complain "$exceptions: there is no block $label"
    done <"$exceptions"
fi
exit $status
