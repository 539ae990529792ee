#!/bin/sh
# Valgrind finds nothing in test programs: check_valgrind.sh PROGRAM... Each runs with fibers as the
# carrier of its tests. An error fails a test; a word on a stack pointer that jumps fails the check, as
# the stacks of fibers are to be announced. Leaks are the address sanitizer's.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for program; do
    TEST_CARRIER=fibers valgrind --error-exitcode=99 --trace-children=yes --leak-check=no \
        --fair-sched=try --log-file="$work/%p" "$program" --deadline-scale 20 >"$work/said" 2>&1 || {
        echo "$program fails under Valgrind"
        cat "$work/said"
        status=1
    }
    if [ "$status" -ne 0 ] || grep -q 'switching stacks' "$work"/[0-9]*; then
        echo "$program: Valgrind says"
        cat "$work"/[0-9]*
        exit 1
    fi
    rm -f "$work"/[0-9]*
done
exit $status
