#!/bin/sh
# Checks what the test runner says of tests that fail in every way: harness_test.sh SAMPLE-PROGRAM
# shellcheck disable=SC2317 # conditions are called by said()
set -u

sample=$1
work=$(mktemp -d)
loops=
# shellcheck disable=SC2086 # a list of words
trap 'kill $loops 2>/dev/null; rm -rf "$work"' EXIT
number=0
failed=0

# said DESCRIPTION CONDITION...: one result, true if the command CONDITION is.
said() {
    what=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        sed 's/^/# | /' "$work/out"
        failed=1
    fi
}

has() { grep -q -e "$1" "$work/out"; }
lacks() { ! grep -q -e "$1" "$work/out"; }

# run STATUS ARGS...: runs the sample and requires that status.
run() {
    want=$1
    shift
    "$sample" "$@" >"$work/out" 2>&1
    got=$?
    said "sample $* ends with status $want" test "$got" -eq "$want"
}

run 0 --list
said "lists in the order of the file" test "$(sed -n '1p;7p' "$work/out" | tr '\n' ' ')" = "passes hangs_in_a_child "

run 0 passes
said "a pass is a pass" has '^ok 1 - passes$'
said "the plan comes last" test "$(tail -n 1 "$work/out")" = "1..1"
said "a pass is quiet" lacks 'keeps this to itself'
run 0 --verbose passes
said "unless asked" has '^# | a passing test keeps this to itself'

run 1 check_fails
said "a failing check is reported" has '^not ok 1 - check_fails$'
said "with its place and expression" has '^# | .*harness_sample.c:[0-9]*: 1 > 2$'
run 1 int_fails
said "with both integers" has '^# |     with 3 and -4$'
run 1 text_fails
said "with both texts" has '^# |     with "left" and "right"$'
run 1 check_fails_on_a_thread
said "on another thread too" has 'harness_sample.c:[0-9]*: !"on another thread"'

run 1 hangs
said "a hang ends at its deadline" has '^# hangs: the deadline of .* s has passed$'
said "both threads are listed" test "$(grep -c '^# thread ' "$work/out")" -eq 2
if ldd "$sample" 2>/dev/null | grep -q 'libc\.so\.6'; then # only glibc can walk the stack
    said "the stack of the main thread is shown" has '^#  *[0-9]* hang_in_main+0x'
    said "the stack of the other is shown" has '^#  *[0-9]* hang_in_a_thread+0x'
fi

run 1 hangs_in_a_child
said "a process of the test is listed" has '^# process [0-9]*:$'
said "two processes have a thread each" test "$(grep -c '^# thread ' "$work/out")" -eq 2

run 0 is_held
run 1 is_held_for_ever
said "what the kernel holds for ever ends as well" has '^# is_held_for_ever: .* s held by the kernel'

# busy LOOPS-PER-PROCESSOR COMMAND...: beside so many loops that never sleep. Leaves the seconds that the
# command took in $took, in hundredths.
busy() {
    loops=
    for _ in $(seq $(($1 * $(nproc)))); do
        sh -c 'while :; do :; done' &
        loops="$loops $!"
    done
    shift
    began=$(date +%s%N)
    "$@"
    took=$((($(date +%s%N) - began) / 10000000))
    # shellcheck disable=SC2086 # a list of words
    kill $loops
    loops=
}

run 1 spins
said "a test that spins ends at its deadline" has '^# spins: the deadline of 0.5 s has passed$'
said "and its processor time is told" has '^# spins: .* s of processor time'
busy 4 run 1 spins
said "so it does on a busy machine" has '^# spins: the deadline of 0.5 s has passed$'
# If a sleep counted in part, no try would end so soon. If the machine leaves the runner without a processor, some end late.
sleep_counts_in_full() {
    for _ in $(seq 60); do
        "$sample" hangs >"$work/out" 2>&1
        ! has '^# hangs: [01]\(\.[0-9]*\)\? s by the wall' || return 0
    done
    return 1
}
busy 4 said "a sleep counts in full on a busy machine" sleep_counts_in_full
for name in works works_in_children; do
    busy 4 run 0 "$name"
    said "$name takes longer than its deadline on a busy machine, and passes" test "$took" -gt 150
done

run 1 crashes
said "a crash is reported" has '^# crashes: killed by signal 11 '
said "with what was printed before" has '^# | about to crash$'
run 1 aborts
said "an abort is a failure" has '^# aborts: killed by signal 6 '
run 1 exits
said "an exit is a failure" has '^# exits: ended with status 3$'
run 1 fails_at_exit
said "what runs at exit counts" has '^# fails_at_exit: ended with status 4$'

run 0 cannot_run_here
said "a test that cannot run is skipped, with its reason" has '^ok 1 - cannot_run_here # SKIP there is no server$'

run 0 stops
run 1 stops_for_another_reason
said "the reason counts" has '^# stops_for_another_reason: stopped, but did not say "the reason"$'
run 1 does_not_stop
said "going on is a failure" has '^# does_not_stop: did not stop the program'
run 1 stops_by_another_signal
said "so is another signal" has '^# stops_by_another_signal: killed by signal 11 '

LEFT_FILE=$work/left
export LEFT_FILE
run 0 leaves_a_process leaves_a_daemon
said "processes left behind are told" test "$(grep -c 'left 1 running processes behind' "$work/out")" -eq 2
none_left() {
    test "$(wc -l <"$work/left")" -eq 2 || return 1
    while read -r process; do
        test ! -d "/proc/$process" || return 1
    done <"$work/left"
}
said "and are gone" none_left

run 1 prints_much
said "much output is cut" has '^# | ... and [0-9]* more bytes$'
run 0 reads_the_terminal

run 0 --repeat 3 passes stops
said "repeats" test "$(tail -n 1 "$work/out")" = "1..6"
run 1 --repeat 3 passes check_fails
said "and stops at the first round that fails" test "$(tail -n 1 "$work/out")" = "1..2"
run 2 no_such_test
run 2 --no-such-option
run 2 --repeat
started=$(date +%s)
run 1 --deadline-scale 4 hangs
said "deadlines can be stretched" test $(($(date +%s) - started)) -ge 1

echo "1..$number"
exit $failed
