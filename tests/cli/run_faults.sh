#!/bin/bash
# `thrum run` and `thrum every` with one failing call: run_faults.sh THRUM-WITH-FAULTS. See faults.sh.
# What stands in single quotes is for other shells.
# shellcheck disable=SC2317,SC2016,SC2086,SC1083 # called by name; single words
FAULTS_EACH=${FAULTS_EACH:-1} # the first and the last call of each function
# shellcheck source=tests/cli/faults.sh
. "$(dirname "$0")/faults.sh"

job='echo "out $1"; echo "err $1" >&2; echo "$1" >>ran'

inputs() {
    seq 5 >list
    printf 'a\nb\n' >other
}

# What runs at once leaves its marks in any order.
sorted() { [ ! -e ran ] || { sort ran >ran.sorted && rm ran; }; }

lines_run() {
    thrum run -k -j 2 -- sh -c "$job" sh <list
    local status=$?
    sorted
    return "$status"
}
# What is printed is whole, and was asked for.
lines_broken() { ! grep -v -x 'out [1-5]' out; }

crossed_run() { thrum run -k -j 2 -a list -a other --tag echo "{1}" "{2}"; }

buffered_run() { thrum run -k -j 1 --line-buffer -- sh -c 'echo "out $1"; echo "end $1"' sh <list; }

retried_run() {
    thrum run -j 1 --retries 3 --retry-delay 1ms -- sh -c 'test -e "tried$1" && echo "out $1" && exit
        touch "tried$1"; exit 1' sh <list
}

dry_run() { thrum run --dry-run --colsep , echo "{2}" "{1}" ::: a,b c,d; }

timed_run() {
    thrum run -j 1 --timeout 0.1 -- sh -c 'exec sleep 1000' ::: a
    local status=$?
    [ "$status" -ne 1 ] || ! grep -q 'took longer than' err || return 0
    return $status
}

# After a fault the log knows no job that was not run and printed, and a resumed run does the rest.
logged_run() {
    thrum run -k -j 2 --joblog log -- sh -c "$job" sh <list
    local status=$?
    sorted
    return $status
}
logged_broken() {
    [ ! -e log ] || cp log log.read
    touch log.read
    awk -F '\t' 'NR > 1 && NF == 9 && $7 == 0 && $8 == 0 {print "out " $1}' log.read | sort >done.logged
    sort -u out >done.printed
    [ -z "$(comm -23 done.logged done.printed)" ] || return 1
    "$program" run -q -k -j 2 --joblog log --resume -- sh -c "$job" sh <list >>out 2>/dev/null || return 1
    [ "$(sort -u out)" = "$(seq 5 | sed 's/^/out /')" ]
}

resumed_run() {
    "$program" run -q --joblog log -- echo ::: 1 2 >/dev/null || return 1
    seq 4 | thrum run -k -j 1 --joblog log --resume -- echo
}

times_run() { thrum every 1ms -n 3 -- echo x; }

changes_run() { mkdir -p tree/below && thrum every --on-change tree --on-change list -n 1 -- echo x; }

sweep lines crossed buffered retried dry timed logged resumed times changes
