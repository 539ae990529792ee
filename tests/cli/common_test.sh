#!/bin/bash
# What all commands have in common: closed descriptors, blocked reads and signals, wrong command lines,
# readers that go away.
#
#     common_test.sh THRUM [TESTS]
#
# In the background a shell ignores SIGINT, so the signal is SIGTERM here.
# shellcheck disable=SC2015 # the last of A && B || C is for both
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1")
self=$(realpath "$0")
shift
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

enter() { mkdir "$work/$1" && cd "$work/$1" || exit 1; }

# is STATUS: that was the status of the last command.
is() {
    local status=$?
    [ $status -eq "$1" ] || echo "# status $status, not $1"
    [ $status -eq "$1" ]
}

# in_poll PID: a thread of the process is in poll or ppoll (x86-64, aarch64).
in_poll() {
    cut -d ' ' -f 1 /proc/"$1"/task/*/syscall 2>/dev/null | grep -q -x -e 7 -e 271 -e 73
}

# A closed descriptor is not the next file that is opened.
closed_output_is_an_error_and_not_in_the_log() {
    echo text >file
    for line in 'hash file' 'run -- echo ::: word' '--help' 'hash --help'; do
        # shellcheck disable=SC2086 # a list of words
        timeout $LIMIT "$thrum" $line >&- 2>err </dev/null
        is 1 && grep -q 'Bad file descriptor' err || return 1
    done
    timeout $LIMIT "$thrum" run --joblog log -- echo ::: word >&- 2>/dev/null </dev/null
    is 1 && [ "$(grep -c -x word log)" -eq 0 ] || return 1
    timeout $LIMIT "$thrum" run --joblog log2 -- sh -c 'echo word >&2' ::: x 2>&- && ! grep -q -x word log2
}

closed_input_is_an_error() {
    for line in 'hash -' 'hash -c -' 'run -- echo' 'fetch -i -'; do
        # shellcheck disable=SC2086 # a list of words
        timeout $LIMIT "$thrum" $line <&- >out 2>err
        is 1 && grep -q 'Bad file descriptor' err || return 1
    done
    timeout $LIMIT "$thrum" run -- cat ::: /dev/null <&- 2>&- && timeout $LIMIT "$thrum" every 1ms -n 2 -- true <&- >&- 2>&-
}

# ended_by_signal WORDS...: the command blocks, and ends by the first SIGTERM.
ended_by_signal() {
    "$thrum" "$@" <&0 >out 2>err &
    local process=$!
    until_true in_poll $process || return 1
    kill -TERM $process
    until_true gone $process || { kill -KILL $process; return 1; }
    wait $process
    is 143
}

the_first_signal_ends_a_wait_for_a_writer() {
    mkfifo silent
    for line in 'hash silent' 'hash -c silent' 'fetch -i silent' 'run -a silent -- echo'; do
        # shellcheck disable=SC2086 # a list of words
        ended_by_signal $line || { echo "# $line"; return 1; }
    done
}

the_first_signal_ends_a_wait_for_a_pipe() {
    mkfifo quiet
    exec 9<>quiet # a writer that writes nothing
    for line in 'hash' 'hash -c' 'fetch -i -' 'run -- echo'; do
        # shellcheck disable=SC2086 # a list of words
        ended_by_signal $line <quiet || { echo "# $line"; exec 9>&-; return 1; }
    done
    exec 9>&-
}

wrong_command_lines_give_2() {
    for line in '' nonsense --nonsense 'hash --nonsense' 'fetch --nonsense' 'run --nonsense' 'every --nonsense' \
        'demo --nonsense' 'hash -j' 'hash --workers x a' 'fetch --retries x http://h/' 'run --jobs x a' \
        'every' 'every x' 'run' 'fetch' 'hash --algorithm nothing a' 'demo extra' 'run -- ' 'every 1s --' \
        'hash --quiet=3 a' 'run --halt x a'; do
        # shellcheck disable=SC2086 # a list of words
        "$thrum" $line >out 2>err </dev/null
        is 2 || { echo "# thrum $line"; return 1; }
        [ ! -s out ] && grep -q "^Try 'thrum" err || { echo "# thrum $line"; return 1; }
    done
}

# said TEXT WORDS...: the command is refused with the text.
said() {
    local text=$1
    shift
    "$thrum" "$@" >out 2>err </dev/null
    is 2 && grep -q -F -- "$text" err || { cat err; return 1; }
}

# not_said TEXT WORDS...
not_said() {
    local text=$1
    shift
    "$thrum" "$@" >out 2>err </dev/null
    is 2 && ! grep -q -F -- "$text" err || { cat err; return 1; }
}

only_what_may_have_been_meant_is_offered() {
    said "option '--st' is ambiguous: it may be --status, --strict" hash --st x &&
        not_said 'did you mean' hash --st x && not_said 'did you mean' ls && not_said 'did you mean' cp &&
        said 'did you mean hash?' ha && said 'did you mean fetch?' fecth && said 'did you mean demo?' deom &&
        not_said 'did you mean' hahaha && not_said 'did you mean' hash --xyz x
}

# is_still PID: no thread of the process has given its processor away for half a second.
is_still() {
    local before after
    before=$(cat /proc/"$1"/task/*/status 2>/dev/null | awk '/^voluntary/ { sum += $2 } END { print sum }')
    sleep 0.5
    after=$(cat /proc/"$1"/task/*/status 2>/dev/null | awk '/^voluntary/ { sum += $2 } END { print sum }')
    [ -n "$before" ] && [ "$before" = "$after" ]
}

# stands_still WORDS...: the command waits for input without waking up, and ends by the first SIGTERM.
stands_still() {
    "$thrum" "$@" <&9 >out 2>err &
    local process=$! still=1
    until_true in_poll $process
    succeeds_once is_still $process && still=0
    kill -s TERM $process
    wait $process
    [ $still -eq 0 ] || echo "# thrum $* wakes up while it waits"
    return $still
}

a_command_that_waits_does_not_wake_up() {
    [ "${TEST_SANITIZE:-none}" = none ] || return 0 # the thread sanitizer has a thread that wakes up
    mkfifo silence && exec 9<>silence || return 1
    stands_still hash - && stands_still fetch -i - && stands_still run -- cat
    local status=$?
    exec 9>&-
    return $status
}

# `| head` is no failure to report.
a_reader_that_goes_away_gets_no_message() {
    for line in 'hash many' 'run -- cat ::: many/big' 'every 1ms -- cat many/big' 'run --help' --help; do
        mkdir -p many && yes | head -n 100000 >many/big && for i in $(seq 3000); do : >"many/$i"; done
        # shellcheck disable=SC2086 # a list of words
        { timeout $LIMIT "$thrum" $line 2>err </dev/null; echo $? >status; } | head -n 1 >/dev/null
        [ ! -s err ] || { cat err; return 1; }
        case $(cat status) in 0 | 141) ;; *) cat status; return 1 ;; esac
    done
}

a_line_of_a_list_that_is_too_long_is_named() {
    head -c 1100000 /dev/zero | tr '\\0' x >list
    "$thrum" fetch --json -i list >out 2>err
    is 1 && grep -q 'a line is longer than 1 MiB' err && [ ! -s out ]
}

# A part of the command that is not installed fails alone, by name.
a_module_that_is_missing_is_named() {
    cp "$thrum" alone && cp "${thrum%/*}/thrum-run.so" . && echo 'no module' >thrum-hash.so || return 1
    export LD_LIBRARY_PATH=${thrum%/*}/../src
    ./alone run -- echo ::: word >out && [ "$(cat out)" = word ] || return 1
    for name in hash fetch; do
        ./alone $name --help >out 2>err
        is 1 && grep -q "^thrum: cannot load the command $name: .*thrum-$name.so" err && [ ! -s out ] || return 1
    done
}

run_loads_no_library_of_other_commands() {
    # shellcheck disable=SC2016 # for the shell that is run
    "$thrum" run -- sh -c 'grep -o "lib[a-z0-9_-]*[.]so" /proc/$PPID/maps | sort -u' ::: x >maps || return 1
    grep -q -x libthrum.so maps && ! grep -E 'curl|crypto|sqlite|pq|microhttpd|jansson|b2' maps
}

# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(sed -n 's/^\([a-z0-9_]*_[a-z0-9_]*\)() {$/\1/p' "$self" | grep -v -x -e in_poll -e ended_by_signal -e not_said -e is_still -e stands_still)
run_tests "$@"
