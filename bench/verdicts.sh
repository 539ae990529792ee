#!/bin/sh
# How often `thrum bench` and hyperfine give a false verdict, while another job loads the machine in bursts:
#
#     bench/verdicts.sh THRUM [TRIALS [ROUNDS]]
#
# Two programs count in a loop; the second counts 0, 2, 5 or 10 % further. In each trial thrum and hyperfine measure them
# with ROUNDS (30) runs each. Of TRIALS (100) for each difference are counted:
#
#     right    the faster program is named; with 0 %, none is
#     nothing  no difference is shown although there is one
#     false    the slower program is named; with 0 %, any
#
# thrum's verdicts on wall time and on processor time are counted apart. hyperfine is read in two ways: as it names the fastest, and only where the ratio is above 1 by more than its error.
set -eu
thrum=$(realpath "$1") trials=${2:-100} rounds=${3:-30}
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-verdicts-XXXXXX")
load=
# shellcheck disable=SC2064 # the directory of now
trap '[ -z "$load" ] || kill -- "-$load"; rm -rf '"'$work'" EXIT
export LC_ALL=C
cd "$work"
command -v hyperfine >/dev/null || echo 'verdicts.sh: there is no hyperfine; only thrum is counted' >&2

# Bursts of up to 1.1 s on all cores, with pauses as long.
cat >burst <<'END'
while :; do
    length=$(awk -v seed="$(date +%N)" 'BEGIN { srand(seed); print 0.1 + rand() }')
    for _ in $(seq "$(nproc)"); do timeout "$length" sh -c 'while :; do :; done' & done
    wait
    sleep "$(awk -v seed="$(date +%N)" 'BEGIN { srand(seed); print 0.1 + rand() }')"
done
END
setsid sh burst &
load=$!

program() { echo "awk BEGIN{for(i=0;i<$1;i++)s+=i}"; }

# by_thrum A B: "first", "second" or "none", whichever is faster; by wall time and by processor time.
by_thrum() {
    "$thrum" bench -q -S never -r "$rounds" --json results.json "$1" "$2" >/dev/null
    python3 -c '
import json
second = json.load(open("results.json"))["commands"][1]
for name, verdict in ("thrum", second["verdict"]), ("thrum,processor", second["cpu_verdict"]):
    print(name, {"faster": "second", "slower": "first"}.get(verdict, "none"))'
}

# by_hyperfine A B: the same, twice: as named, and beyond the error.
by_hyperfine() {
    hyperfine -N -w 1 -r "$rounds" --export-json results.json "$1" "$2" >/dev/null 2>&1
    python3 -c '
import json, math
a, b = json.load(open("results.json"))["results"]
fast, slow, name = (a, b, "first") if a["mean"] <= b["mean"] else (b, a, "second")
ratio = slow["mean"] / fast["mean"]
error = ratio * math.hypot(slow["stddev"] / slow["mean"], fast["stddev"] / fast["mean"])
print(name, name if ratio - error > 1 else "none")'
}

for per_cent in 0 2 5 10; do
    : >verdicts
    trial=0
    while [ "$trial" -lt "$trials" ]; do
        a=$(program 300000) b=$(program $((3000 * (100 + per_cent))))
        by_thrum "$a" "$b" >>verdicts
        if command -v hyperfine >/dev/null; then
            by_hyperfine "$a" "$b" | while read -r named beyond; do
                echo "hyperfine,named $named"
                echo "hyperfine,beyond $beyond"
            done >>verdicts
        fi
        trial=$((trial + 1))
    done
    awk -v per_cent="$per_cent" '
        {
            truth = per_cent == 0 ? "none" : "first"
            count[$1, $2 == truth ? "right" : $2 == "none" ? "nothing" : "false"]++
            if (!($1 in seen))
                names[++n] = $1
            seen[$1] = 1
        }
        END {
            for (i = 1; i <= n; i++)
                printf "%3d %%  %-18s right %3d  nothing %3d  false %3d\n", per_cent, names[i],
                    count[names[i], "right"], count[names[i], "nothing"], count[names[i], "false"]
        }' verdicts
done
