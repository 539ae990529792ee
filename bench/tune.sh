#!/bin/sh
# How often `thrum tune` finds the best number of workers of programs for which it is known (tests/cli/workers_sample.c):
#
#     bench/tune.sh THRUM SAMPLE [TRIALS [ROUNDS [PROGRAM...]]]
#
# Of TRIALS (100) with ROUNDS (5) for each PROGRAM (waiting compute lock coherence) are counted:
#
#     inside   the best number is inside the interval
#     clear    the answer is not that it cannot be told
#     cause    what limits it is right, of the clear ones
#
# A program that computes is tried up to 8 workers, the others up to 16.
set -eu
thrum=$(realpath "$1") sample=$(realpath "$2") trials=${3:-100} rounds=${4:-5}
if [ $# -gt 4 ]; then shift 4; else set -- waiting compute lock coherence; fi
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-tune-XXXXXX")
# shellcheck disable=SC2064 # the directory of now
trap "rm -rf '$work'" EXIT
export LC_ALL=C

for program; do
    most=16
    case $program in
    waiting) best=16 cause=waiting ;;
    compute) best=$(nproc) cause=cores most=8 ;;
    lock) best=4 cause=contention ;;
    coherence) best=6 cause=coherence ;;
    *)
        echo "tune.sh: there is no program $program" >&2
        exit 2
        ;;
    esac
    trial=0
    : >"$work/seen"
    while [ "$trial" -lt "$trials" ]; do
        "$thrum" tune -q -w "1..$most" -r "$rounds" --json "$work/results" -- "$sample" "$program" '{workers}' >/dev/null
        python3 -c '
import json, sys
sweep = json.load(open(sys.argv[1]))["sweep"]
inside = sweep["low"] <= int(sys.argv[2]) <= sweep["high"]
print(int(inside), int(sweep["clear"]), int(sweep["clear"] and sweep["cause"] == sys.argv[3]))' \
            "$work/results" "$best" "$cause" >>"$work/seen"
        trial=$((trial + 1))
    done
    awk -v program="$program" -v best="$best" -v load="$(cut -d ' ' -f 1 /proc/loadavg)" '
        { inside += $1; clear += $2; cause += $3 }
        END {
            printf "%-10s best %2d: inside %d of %d, clear %d, cause right %d of these; load %s\n", program, best,
                inside, NR, clear, cause, load
        }' "$work/seen"
done
