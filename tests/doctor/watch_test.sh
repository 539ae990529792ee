#!/bin/bash
# `thrum doctor watch`: watch_test.sh THRUM SAMPLE
#
# The sample writes what its input says. Each test waits until the command says that it watches, and --count ends it.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
thrum=$(realpath "$1") sample=$(realpath "$2")
work=$(mktemp -d)
watched=
finish() {
    [ -z "$watched" ] || kill "$watched" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
cd "$work" || exit 1
: >err
export LC_ALL=C

is_loaded() { [ "$(readlink "/proc/$watched/exe")" = "$sample" ] || gone "$watched"; }

# begin: a new sample, once it has been loaded.
begin() {
    [ -z "$watched" ] || end
    rm -f input
    mkfifo input
    : >out
    "$sample" <input &
    watched=$!
    exec 5>input
    until_true is_loaded
}

end() {
    exec 5>&-
    wait "$watched"
    watched=
}

# shows TEXT COUNT PID: waits until that many lines of out have the text, or the command has ended.
shows() { until_true shows_or_ended "$@"; }
shows_or_ended() { [ "$(grep -c -e "$1" out)" -ge "$2" ] || gone "$3"; }

# watch COUNT LINES OPTION...: watches until COUNT accesses, while the sample gets the lines, each after the access of the one before
# was told.
watch() {
    local count=$1 lines=$2 command told=0
    shift 2
    start out err "$thrum" doctor watch -n "$count" -p "$watched" "$@"
    command=$started
    shows watching 1 "$command"
    for line in $lines; do
        echo "${line/=/ }" >&5
        told=$((told + 1))
        shows ' now \|"now"\| writes pair$' "$told" "$command"
    done
    wait "$command"
}

writes_are_told_with_thread_place_and_value() {
    begin
    watch 2 'main=5 main=7' balance && grep -q "^[0-9.]* thread $watched (watched) writes balance: was 5, now 12$" out &&
        [ "$(grep -c '#0  deposit  .*watched.c:[0-9]*$' out)" = 2 ] && grep -q '#1  main  .*watched.c' out
}

threads_that_start_later_are_seen() {
    begin
    watch 2 'main=1 thread=2' balance && grep -q '#1  in_thread  .*watched.c' out &&
        [ "$(grep -o 'thread [0-9]* (' out | sort -u | wc -l)" = 2 ]
}

reads_are_seen_if_wanted() {
    begin
    watch 1 'read' --reads balance && grep -q 'accesses balance: was 0, now 0$' out && grep -q '#0  main ' out
}

a_part_of_a_variable_can_be_watched() {
    begin
    watch 1 'second=9' pair+8:8 && grep -q 'writes pair+8:8: was 0, now 9$' out || return 1
    begin
    watch 2 'second=9 second=8' pair && [ "$(grep -c ' writes pair$' out)" = 2 ]
}

json_has_a_line_for_each_access() {
    begin
    watch 2 'main=3 thread=4' --json balance && python3 -c "
import json
variable, first, second = map(json.loads, open('out'))
assert variable['watching'] == 'balance' and variable['size'] == 4 and variable['value'] == 0
assert [first['before'], first['now'], second['before'], second['now']] == [0, 3, 3, 7]
assert first['frames'][0]['function'] == 'deposit' and second['frames'][1]['function'] == 'in_thread'
assert first['thread'] == $watched != second['thread'] and first['frames'][0]['file'].endswith('watched.c')"
}

it_ends_with_the_process() {
    begin
    start out err "$thrum" doctor watch -p "$watched" balance 5>&-
    local command=$started
    shows watching 1 "$command"
    end
    wait "$command"
}

what_cannot_be_watched_is_said() {
    begin
    ! watch 1 '' wide && grep -q 'wide has 100 bytes, and 1 to 32 can be watched: add :SIZE' err &&
        ! watch 1 '' nothing && grep -q "process $watched has no variable nothing" err &&
        ! watch 1 '' balance+x && grep -q 'it must be SYMBOL, SYMBOL+OFFSET' err &&
        ! "$thrum" doctor watch balance >out 2>err && grep -q -- '--pid PID is missing' err &&
        ! "$thrum" doctor watch -p "$watched" >out 2>err && grep -q 'give one variable' err
}

# The processor has four, each for a word of 8 bytes.
a_watchpoint_too_many_is_refused() {
    local fine commands='' place
    begin
    for place in 0 8 16 24; do
        start out err "$thrum" doctor watch -p "$watched" "wide+$place:8" 5>&-
        commands="$commands $started"
        shows watching 1 "$started"
    done
    ! "$thrum" doctor watch -p "$watched" balance >fifth 2>err && [ ! -s fifth ] &&
        grep -q "another program uses the processor's watchpoints" err
    fine=$?
    # shellcheck disable=SC2086 # a list of words
    kill $commands
    # shellcheck disable=SC2086
    wait $commands
    [ $fine -eq 0 ] && watch 1 main=5 balance && grep -q 'writes balance: was 0, now 5$' out
}

a_limit_of_open_files_is_said() {
    begin
    ! (ulimit -n 6 && exec "$thrum" doctor watch -p "$watched" balance) >out 2>err && grep -q 'too many.* limit of open files\|Too many open files' err
}

tests='writes_are_told_with_thread_place_and_value threads_that_start_later_are_seen reads_are_seen_if_wanted
a_part_of_a_variable_can_be_watched json_has_a_line_for_each_access it_ends_with_the_process what_cannot_be_watched_is_said
a_watchpoint_too_many_is_refused a_limit_of_open_files_is_said'
# Each test needs watchpoints, which a virtual machine or the system may refuse.
begin
start out probe "$thrum" doctor watch -n 1 -p "$watched" balance
probe=$started
shows watching 1 "$probe"
! lives "$probe" || echo 'main 1' >&5
wait "$probe"
left_out() { grep -e 'the system refuses watchpoints' -e 'has no watchpoints' probe; }
# shellcheck disable=SC2086 # a list of words
run_tests $tests
