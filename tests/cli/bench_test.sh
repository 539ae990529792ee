#!/bin/bash
# `thrum bench` as a person uses it: bench_test.sh THRUM. Where a busy machine hides the difference that is planted, a larger
# one follows. How small ones fare is counted by bench/verdicts.sh.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C

# said TEXT ARGUMENTS: the command is refused with status 2 and a message that has the text.
said() {
    local text=$1
    shift
    "$thrum" bench "$@" >out 2>err
    [ $? -eq 2 ] && grep -qF -- "$text" err && [ ! -s out ]
}

# with_some_time TEST: it succeeds with one of these numbers of seconds.
with_some_time() {
    local seconds
    for seconds in 0.1 0.5 2; do
        ! "$1" $seconds || return 0
    done
    return 1
}

what_is_slower_is_said() {
    with_some_time slower_and_faster_are_said
}
slower_and_faster_are_said() {
    "$thrum" bench -q -r 12 -w 0 'sleep 0.01' "sleep $1" >out && grep -q '^B is slower than A: it takes' out &&
        "$thrum" bench -q -r 12 -w 0 "sleep $1" 'sleep 0.01' >out && grep -q '^B is faster than A: it takes 0' out
}

the_table_fits_80_columns() {
    "$thrum" bench -q -r 2 -w 0 true 'sleep 0.001' "sh -c 'exit 0 # a command that is too long for its column'" >out &&
        ! grep -E '.{81}' out && grep -q "^C  sh -c 'exit 0" out
}

all_runs_are_in_json() {
    "$thrum" bench -q -r 4 -n first -n second --json out.json --csv out.csv true 'exit 3' -i >table &&
        [ "$(wc -l <out.csv)" -eq 9 ] && [ -s table ] &&
        python3 - <<'END'
import json
results = json.load(open('out.json'))
assert results['kind'] == 'bench' and results['rounds'] == 4
assert results['machine']['cores'] >= 1
first, second = results['commands']
assert [first['name'], second['name']] == ['first', 'second']
assert len(first['runs']) == len(second['runs']) == 4
assert second['shell'] and not first['shell']
assert all(run['status'] == 3 << 8 for run in second['runs'])
times = sorted(run['seconds'] for run in first['runs'])
assert abs(first['seconds']['middle'] - (times[1] + times[2]) / 2) < 1e-6
END
}

json_may_have_standard_output() {
    "$thrum" bench -q -r 1 -w 0 --json - -o 'echo text' 2>err | python3 -c 'import json, sys; json.load(sys.stdin)' &&
        grep -q text err
}

runs_are_interleaved_and_prepared() {
    "$thrum" bench -q -r 5 -w 1 -s 'echo setup {n} >>log' -p 'echo prepare >>log' -e 'echo conclude {n} >>log' \
        -P n=a,b 'echo run {n} >>log' >out || return 1
    [ "$(grep -c '^run a' log)" -eq 6 ] && [ "$(grep -c '^run b' log)" -eq 6 ] && [ "$(grep -c prepare log)" -eq 12 ] &&
        [ "$(grep -cx 'setup [ab]' log)" -eq 2 ] && [ "$(tail -n 2 log | tr '\n' ' ')" = 'conclude a conclude b ' ] &&
        grep '^run' log | tail -n 10 | paste - - | sort -u | grep -vqx 'run \(.\).run \1'
}

ranges_are_expanded() {
    "$thrum" bench -q -r 1 -w 0 -P n=2..4 -P m=x,y 'echo {n}{m}' 'true' --csv - >out &&
        [ "$(cut -d, -f 2 out | tail -n +2 | sort | tr '\n' ' ')" = \
            '"echo 2x" "echo 2y" "echo 3x" "echo 3y" "echo 4x" "echo 4y" "true" ' ]
}

ratio_is_reached() {
    "$thrum" bench -q -r 12 -w 0 'sleep 0.001' "sleep $1" --fail-if 'ratio > 1.5' >out 2>err
    [ $? -eq 3 ] && grep -q 'ratio > 1.5' err
}

a_condition_gives_status_3() {
    with_some_time ratio_is_reached || return 1
    "$thrum" bench -q -r 12 -w 0 'sleep 0.1' 'sleep 0.001' --fail-if 'ratio > 1.5' >out &&
        "$thrum" bench -q -r 3 -w 0 true --fail-if 'time > 1h' >out || return 1
    "$thrum" bench -q -r 5 -w 0 'sleep 0.1' --fail-if 'time>50ms' >out 2>err
    [ $? -eq 3 ]
}

a_command_that_fails_is_an_error() {
    "$thrum" bench -q false >out 2>err
    [ $? -eq 1 ] && grep -q 'false ended with exit status 1' err && [ ! -s out ] || return 1
    "$thrum" bench -q 'kill -9 $$' >out 2>err
    [ $? -eq 1 ] && grep -q 'signal 9 (Killed)' err || return 1
    "$thrum" bench -q -p false true >out 2>err
    [ $? -eq 1 ] && grep -q -e '--prepare: false' err || return 1
    "$thrum" bench -q -S never 'no-such-program x' >out 2>err
    [ $? -eq 1 ] && grep -q 'cannot run no-such-program x: No such file' err
}

wrong_command_lines_are_refused() {
    said "no command given; the table of executors is printed by 'thrum demo'" &&
        said "--quick is an option of 'thrum demo'" --quick &&
        said '--parameter takes NAME=1..8' -P n true && said '--fail-if takes a condition' -f 'speed > 1' true true &&
        said '--fail-if takes a condition' -f 'ratio > x' true true && said 'a ratio needs a second' -f 'ratio > 1' true &&
        said 'cannot both go to standard output' --json - --csv - true
}

reports_that_cannot_be_written_are_told_at_once() {
    "$thrum" bench -q --json /nonexistent/a 'touch began' >out 2>err
    [ $? -eq 1 ] && grep -q -- '--json: cannot write /nonexistent/a' err && [ ! -e began ]
}

# In the background a shell ignores SIGINT, so the signal is SIGTERM.
a_signal_prints_what_is_known() {
    mkfifo started
    timeout -k 5 $LIMIT "$thrum" bench -q -r 100000 -w 0 --json out2.json 'echo >started; sleep 0.05' >out 2>err &
    local process=$!
    for _ in 1 2 3; do read -r _ <started; done
    kill -TERM "$process"
    cat started >/dev/null & # runs that have begun may write
    local reader=$!
    wait "$process"
    local status=$?
    kill "$reader" 2>/dev/null
    [ "$status" -eq 143 ] && grep -q 'rounds\{0,1\}, confidence' out && grep -q '"runs"' out2.json
}

tests='what_is_slower_is_said the_table_fits_80_columns all_runs_are_in_json json_may_have_standard_output
runs_are_interleaved_and_prepared ranges_are_expanded a_condition_gives_status_3 a_command_that_fails_is_an_error
wrong_command_lines_are_refused reports_that_cannot_be_written_are_told_at_once a_signal_prints_what_is_known'
# shellcheck disable=SC2086 # a list of words
run_tests $tests
