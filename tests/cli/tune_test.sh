#!/bin/bash
# `thrum tune` on programs whose best number of workers is known (workers_sample.c): tune_test.sh THRUM SAMPLE
#
# A busy machine may make the answer unclear, which is an answer too. At times it makes it another. So one of three answers must be
# right; bench/tune.sh counts how often each is.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1") sample=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C

# sweep KIND ARGUMENTS: tunes the program, into out and results.json.
sweep() {
    local kind=$1
    shift
    timeout $LIMIT "$thrum" tune -q -w 1..16 --json results.json "$@" -- "$sample" "$kind" '{workers}' >out 2>err &&
        ! grep -E '.{81}' out
}

# holds EXPRESSION: true of the results in Python; s is the sweep.
holds() {
    python3 -c "
import json, sys
r = json.load(open('results.json'))
s = r['sweep']
sys.exit(not ($1))" || {
        cat out >&2
        return 1
    }
}

work_that_waits_is_limited_by_waiting() {
    succeeds_once waiting_is_told
}
waiting_is_told() {
    sweep waiting -r 4 && holds "s['high'] == 16 and s['cause'] in ('waiting', 'unknown')" && grep -q '^best: \|^cannot tell' out
}

a_lock_is_contention() {
    succeeds_once contention_is_told
}
contention_is_told() {
    sweep lock -r 4 && holds "s['low'] - 1 <= 4 <= s['high'] + 1 and s['cause'] in ('contention', 'unknown')"
}

workers_that_disturb_each_other_are_coherence() {
    succeeds_once coherence_is_told
}
coherence_is_told() {
    sweep coherence -r 4 && holds "s['low'] - 1 <= 6 <= s['high'] + 1 and s['cause'] in ('coherence', 'unknown')" &&
        holds "s['cause'] == 'unknown' or s['law']['kind'] == 'scaling' and s['law']['coherence'] > 0.01"
}

work_that_computes_is_limited_by_the_cores() {
    succeeds_once cores_are_told
}
cores_are_told() {
    local cores
    cores=$(nproc)
    sweep compute -r 3 -w 1,2,4,8 && holds "s['cause'] in ('cores', 'unknown') and s['low'] <= $cores <= s['high']" &&
        holds "all(0 <= r['lost_seconds'] < r['seconds'] for p in s['points'] for r in p['runs'])"
}

one_round_cannot_tell() {
    sweep lock -r 1 && holds "not s['clear'] and s['cause'] == 'unknown'" && grep -q '^cannot tell: the best is between' out
}

all_is_written() {
    timeout $LIMIT "$thrum" tune -q -w 1,2,4 -r 2 --json results.json --csv out.csv --svg out.svg \
        "$sample waiting {workers}" >out || return 1
    holds "r['kind'] == 'tune' and [p['workers'] for p in s['points']] == [1, 2, 4]" &&
        holds "all(len(p['runs']) == 2 for p in s['points']) and r['machine']['cores'] >= 1" &&
        [ "$(wc -l <out.csv)" -eq 7 ] && python3 - <<'END' && ! grep -E '.{81}' out
import xml.dom.minidom
svg = xml.dom.minidom.parse('out.svg').documentElement
assert svg.tagName == 'svg' and svg.getElementsByTagName('title')[0].firstChild.data.endswith('waiting {workers}')
assert len(svg.getElementsByTagName('circle')) == 3
END
}

wrong_command_lines_are_refused() {
    local line
    while read -r line; do
        # shellcheck disable=SC2086 # a list of words
        "$thrum" tune ${line#*|} >out 2>err
        [ $? -eq 2 ] && grep -qF -- "${line%|*}" err || return 1
    done <<'END'
no command given|-w 1..4
the command has no {workers}|true
--workers takes a range such as 1..64|-w 4..1 echo {workers}
--workers takes a range such as 1..64|-w 1,x echo {workers}
--workers takes a range such as 1..64|-w 0..4 echo {workers}
only one of --json, --csv and --svg|--json - --svg - echo {workers}
END
    "$thrum" tune -q -- false '{workers}' >out 2>err
    [ $? -eq 1 ] && grep -q 'false 1 ended with exit status 1' err
}

tests='work_that_waits_is_limited_by_waiting work_that_computes_is_limited_by_the_cores a_lock_is_contention workers_that_disturb_each_other_are_coherence
one_round_cannot_tell all_is_written wrong_command_lines_are_refused'
# A sanitizer takes more time for a process than the samples take.
[ "${TEST_SANITIZE:-none}" = none ] || tests='one_round_cannot_tell all_is_written wrong_command_lines_are_refused'
# shellcheck disable=SC2086 # a list of words
run_tests $tests
