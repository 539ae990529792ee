#!/bin/bash
# Measures two builds of the same benchmarks in turn: against.sh OLD NEW ROUNDS NAME...
#
# OLD and NEW are build folders. Each round runs each benchmark once of each build, the older one first in every second round, so
# that both meet the same machine. Rows have the same name in both. The ratio of a row is the median of the ratios of its rounds;
# above 1 the new build is faster. The status is 1 if any row is more than 3 % slower.
set -u
[ $# -ge 4 ] || {
    sed -n '2s/^# //p' "$0" >&2
    exit 2
}
old=$(realpath "$1") new=$(realpath "$2") rounds=$3
shift 3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

measure() { # BUILD NAME WORD ROUND: a line for each row: round, word, what is better, figure of the first contender, row
    "$1/bench/bench_$2" --rounds 1 --peers "$work" --json "$work/json" >"$work/out" 2>&1 || {
        echo "$1/bench/bench_$2 failed:" >&2
        tail -5 "$work/out" >&2
        exit 1
    }
    awk -v word="$3" -v round="$4" '
        match($0, /"row": "[^"]*"/) {
            row = substr($0, RSTART + 8, RLENGTH - 9)
            better = /"better": "less"/ ? "less" : "more"
        }
        match($0, /"medians": \{"[^"]*": [0-9.e+-]+/) {
            figure = substr($0, RSTART, RLENGTH)
            sub(/.*: /, "", figure)
            print round "\t" word "\t" better "\t" figure "\t" row
        }' "$work/json" >>"$work/figures"
}

for round in $(seq "$rounds"); do
    [ ! -t 2 ] || printf '\rround %d of %d' "$round" "$rounds" >&2
    for name; do
        if [ $((round % 2)) = 1 ]; then
            measure "$old" "$name" old "$round"
            measure "$new" "$name" new "$round"
        else
            measure "$new" "$name" new "$round"
            measure "$old" "$name" old "$round"
        fi
    done
done
[ ! -t 2 ] || printf '\r\033[K' >&2

LC_ALL=C sort -t "$(printf '\t')" -k5 "$work/figures" | awk -F '\t' '
    function median(list, count,    i, j, swap) {
        for (i = 2; i <= count; i++)
            for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
                swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap
            }
        return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
    }
    !($5 in seen) { seen[$5]; order[++rows] = $5 }
    { figure[$5, $2, $1] = $4; better[$5] = $3; if ($1 > most) most = $1 }
    END {
        printf "%-62s %10s %10s %7s\n", "row", "old", "new", "ratio"
        for (r = 1; r <= rows; r++) {
            row = order[r]
            count = 0
            for (i = 1; i <= most; i++)
                if ((row, "old", i) in figure && (row, "new", i) in figure) {
                    was[++count] = figure[row, "old", i]
                    is[count] = figure[row, "new", i]
                    ratio[count] = better[row] == "less" ? was[count] / is[count] : is[count] / was[count]
                }
            if (!count) {
                printf "%-62s only one build has it\n", row
                continue
            }
            pairs++
            value = median(ratio, count)
            slower += value < 0.97
            printf "%-62s %10.4g %10.4g %7.2f%s\n", row, median(was, count), median(is, count), value,
                value < 0.97 ? " slower" : ""
        }
        if (!pairs) print "the builds have no row in common"
        exit slower || !pairs
    }'
