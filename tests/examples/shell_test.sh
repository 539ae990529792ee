#!/bin/bash
# The blocks of shell in README.md and docs/ can be run: shell_test.sh THRUM BUILD SOURCE
#
# tests/examples/shell_blocks lists the exceptions, "PAGE:NUMBER WHAT REASON", by the number of the block of shell on the page:
# `not-run`, or `no-text` for a block that is run, and prints something else than the page shows. Every other block ends
# well, or with status 66 if it shows a deadlock, and prints each line of the block of text behind it.
#
# pitfalls_test.sh and tutorials_test.sh have their own pages.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
# shellcheck source=tests/examples/pages.sh
. "$(dirname "$0")/pages.sh"
thrum=$(realpath "$1") build=$(realpath "$2") source=$(realpath "$3")
work=$(mktemp -d)
started=
enter() { cd "$work" || exit 1; }
end_all() {
    [ -z "$started" ] || kill -KILL "$started" 2>/dev/null
    wait 2>/dev/null
    started=
}
trap 'end_all; rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir bin && ln -s "$thrum" bin/thrum
export LC_ALL=C PATH=$work/bin:$PATH
export CPATH=$source/include LIBRARY_PATH=$build/src LD_LIBRARY_PATH=$build/src
grep -v '^#' "$source/tests/examples/shell_blocks" >exceptions

pages() { (cd "$source" && ls README.md docs/*.md docs/guide/*.md) | grep -v 'pitfalls\.md$'; }

# The pages ask for the one process of a name. Other tests run programs of these names, so only a child of this test counts.
cat >bin/pidof <<END && chmod +x bin/pidof || exit 1
#!/bin/sh
for process in \$($(command -v pidof) "\$1"); do
    grep -s -q "^PPid:.$$\$" "/proc/\$process/status" && echo "\$process"
done
END

# start_copy NAME PROGRAM [ARGUMENT...]: runs a copy of PROGRAM under another name, until it waits.
start_copy() {
    cp --remove-destination "$2" "$1"
    "./$1" "${@:3}" >/dev/null 2>&1 &
    started=$!
    until_true waits_as "$1"
}
waits_as() { [ "/proc/$started/exe" -ef "$1" ] && grep -q '^State:.S' "/proc/$started/status"; }

has_deadlock() { thrum doctor -p "$started" | grep -q '^DEADLOCK: '; }

# What the blocks of a page need. `server` is a program with threads that ends by itself.
prepare() {
    cp "$build/examples/pitfalls/deadlock_mended" server
    case $1 in
    README.md) cp "$source/examples/first.c" . ;;
    docs/doctor.md)
        start_copy hung "$build/tests/doctor/hung" abba
        until_true has_deadlock
        ;;
    docs/measure.md) seq 2000 -1 1 >big ;;
    docs/guide/diagnosing.md)
        start_copy server "$(command -v sleep)" 1000
        cp --remove-destination "$build/examples/pitfalls/deadlock_mended" server
        ;;
    docs/guide/tuning.md) printf 'all:\n' >Makefile ;;
    esac
}

# exception PAGE:NUMBER: its WHAT.
exception() { awk -v block="$1" '$1 == block { print $2 }' "$work/exceptions"; }

# run_block PAGE NUMBER: complains if it does not do what the page says.
run_block() {
    local what status missing=
    what=$(exception "$1:$2")
    [ "$what" != not-run ] || return 0
    timeout $LIMIT sh -e "$2.sh" >out 2>&1 </dev/null
    status=$?
    if [ -e "$2.text" ] && [ "$what" != no-text ]; then
        any_run out >masked
        any_run "$2.text" >wanted
        missing=$(line_without masked wanted)
    fi
    [ $status -ne 66 ] || ! grep -q '^DEADLOCK: ' out || status=0
    [ $status -ne 0 ] || [ "$missing" ] || return 0
    echo "$1, block of shell $2: status $status${missing:+, the page has: $missing}; it printed:" >&2
    tail -n 6 out >&2
    return 1
}

# run_page PAGE: runs its blocks.
run_page() {
    local number failed=0
    rm -rf "$work/page" && mkdir "$work/page" && cd "$work/page" || return 1
    split_page "$source/$1"
    [ ! -e 1.sh ] || prepare "$1"
    for ((number = 1; ; number++)); do
        [ -e $number.sh ] || break
        echo "$1:$number" >>"$work/blocks"
        run_block "$1" $number || failed=1
    done
    end_all
    return $failed
}

each_exception_is_one_of_a_block_and_has_a_reason() {
    local block what reason
    [ -s blocks ] || return 1
    while read -r block what reason; do
        grep -qxF "$block" blocks || { echo "there is no block $block" >&2 && return 1; }
        [[ "$what $reason" == not-run\ ?* || "$what $reason" == no-text\ ?* ]] ||
            { echo "$block: neither not-run nor no-text, or no reason" >&2 && return 1; }
    done <exceptions
}

# A test for each page, so that its name tells which one is wrong.
tests=
for page in $(pages); do
    grep -q '^```sh$' "$source/$page" || continue
    name=$(tr '/-' '__' <<<"the_blocks_of_${page%.md}_can_be_run")
    eval "$name() { run_page $page; }"
    tests="$tests $name"
done
# shellcheck disable=SC2086 # a list of words
run_tests $tests each_exception_is_one_of_a_block_and_has_a_reason
