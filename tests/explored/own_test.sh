#!/bin/bash
# Tests as programs write them, with libthrum-explore: own_test.sh OWN BROKEN PLAIN
#
# OWN and BROKEN are tests/explored/own.c, PLAIN is marks.c without -DTHRUM_EXPLORE.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
own=$(realpath "$1") broken=$(realpath "$2") plain=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
: >err
export LC_ALL=C

good_tests_pass_and_bad_ones_fail_as_they_say() {
    "$own" --brief >out && grep -q '^# 18 searches, 0 failed' out && ! grep -q '^not ok' out
}

a_failure_is_told_step_by_step() {
    "$broken" --only broken >out
    [ $? = 1 ] && grep -q '^not ok 1 - broken .*: it fails$' out && grep -q '^#  *[0-9]*  T1 (first) .*own.c:[0-9]* .*write data$' out &&
        grep -q '^#   race on data: read by T2 (second) at .*own.c:[0-9]* is not ordered after the write by T1' out
}

a_replay_string_repeats_the_failure() {
    "$broken" --only broken >out
    sed -n 's/^# replay: --replay //p' out >string
    grep '^#   race on' out >told
    "$broken" --replay "$(cat string)" >again
    [ $? = 1 ] && [ -s told ] && grep -qxF "$(cat told)" again
}

wrong_options_are_refused() {
    "$own" --only no_such_test >out 2>&1
    [ $? = 2 ] && grep -q 'no test has that name' out || return 1
    "$own" --replay x >out 2>&1
    [ $? = 2 ] && grep -q 'not a replay string' out
}

the_names_are_listed() {
    "$own" --list >out && [ "$(wc -l <out)" = 18 ] && grep -qx good_queue_between_threads_of_thrum out
}

marks_are_plain_accesses_without_the_explorer() {
    "$plain" >out && grep -qx 'data 7, turns 5, lost 0' out
}

run_tests good_tests_pass_and_bad_ones_fail_as_they_say a_failure_is_told_step_by_step \
    a_replay_string_repeats_the_failure wrong_options_are_refused the_names_are_listed \
    marks_are_plain_accesses_without_the_explorer
