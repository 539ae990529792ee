#!/bin/bash
# The tools find what docs/guide/pitfalls.md says: pitfalls_test.sh THRUM BUILD SOURCE
#
# A block of shell that is followed by a block of text is run, and each line of the text stands in what it prints. Numbers of
# three and more digits are addresses and threads of one run, and count as the same. Then no mended program fails under
# `thrum explore`, nor has `thrum doctor` a finding in one.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
# shellcheck source=tests/examples/pages.sh
. "$(dirname "$0")/pages.sh"
thrum=$(realpath "$1") build=$(realpath "$2") source=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$build"/examples/pitfalls/*_broken "$build"/examples/pitfalls/*_mended "$work" || exit 1
cd "$work" || exit 1
: >err
mkdir bin && ln -s "$thrum" bin/thrum
export LC_ALL=C PATH=$work/bin:$PATH

split_page "$source/docs/guide/pitfalls.md"

# The broken deadlock is left to luck. The page shows a run in which the first thread was first and all ended well. Any other
# run must report the deadlock too. It is ended at once, and repeated. A look at a program that still runs may come too early
# or too late, and is repeated, too.
the_page_is_true() {
    local text missing
    [ -e 6.text ] || [ -e 7.text ] || return 1
    for text in *.text; do
        any_run "$text" >wanted
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            sed 's/^thrum doctor -- /thrum doctor --on-deadlock abort -- /' "${text%text}sh" >once
            timeout $LIMIT sh once >out 2>&1
            any_run out >masked
            missing=$(line_without masked wanted)
            [ "$missing" ] || break
            grep -q '^POTENTIAL DEADLOCK: ' out || grep -q ' & ' once || break
        done
        [ -z "$missing" ] || {
            echo "$(cat "${text%text}sh"): the page has: $missing" >&2
            cat out >&2
            return 1
        }
    done
}

# The command at the end of a failure fails again, in the same way.
each_failure_is_repeated() {
    local text failure repeat repeated=0
    for text in *.text; do
        grep -q '^to repeat it: ' "$text" || continue
        timeout $LIMIT sh "${text%text}sh" >out 2>&1
        failure=$(grep -m 1 -E '^(deadlock|race): ' out)
        repeat=$(sed -n 's/^to repeat it: //p' out)
        timeout $LIMIT sh -c "$repeat" >again 2>&1
        if [ $? -ne 66 ] || [ -z "$failure" ] || ! grep -qF -- "$failure" again; then
            echo "$repeat: has no $failure" >&2
            cat again >&2
            return 1
        fi
        repeated=$((repeated + 1))
    done
    [ "$repeated" -eq 3 ]
}

mended_programs_have_no_failure() {
    local name
    for name in race deadlock wakeup leak fork; do
        timeout $LIMIT thrum explore -q -r 100 -- "./${name}_mended" >out 2>&1 || { cat out >&2; return 1; }
    done
    for name in deadlock wakeup leak blocking; do
        timeout $LIMIT thrum doctor -- "./${name}_mended" >out 2>&1
        grep -q ' 0 deadlocks, 0 potential' out || { cat out >&2; return 1; }
    done
    THRUM_LEAKS=1 ./leak_mended >out 2>&1 && ! grep -q 'not freed' out
}

# What thrum's objects order is no race.
instrumented_programs_have_no_race_that_is_none() {
    local name
    for name in race deadlock wakeup; do
        if ! instrument "${name}_mended"; then return 1; fi
        timeout $LIMIT thrum explore -q -r 100 -- ./instrumented >out 2>&1 ||
            { cat out >&2; return 1; }
    done
}

no_child_is_left() { ! pgrep -x "forked_$$" >/dev/null; }

# Each run forks a child, which ends by itself. It must not wait for a turn in the handlers of the fork.
forked_children_end() {
    ln -s fork_broken "forked_$$"
    timeout $LIMIT thrum explore -q -r 60 -- "./forked_$$" >out 2>&1
    until_true no_child_is_left || {
        echo "children stay: $(pgrep -x "forked_$$")" >&2
        pkill -x "forked_$$"
        return 1
    }
}

instrument() {
    gcc -g -O1 -fsanitize=thread -I"$source/include" -c "$source/examples/pitfalls/$1.c" -o program.o &&
        gcc program.o -o instrumented -pthread "$build/src/libthrum.so" "$build/doctor/libthrum-schedule.so" \
            -Wl,-rpath,"$build/src:$build/doctor"
}

if ! instrument race_broken; then exit 1; fi
mv instrumented race_instrumented
run_tests the_page_is_true each_failure_is_repeated mended_programs_have_no_failure instrumented_programs_have_no_race_that_is_none \
    forked_children_end
