#!/bin/sh
# Prints a table: how many schedules `thrum explore` needs for each program with a bug (tests/schedule/), and how often the
# program fails by itself: explore.sh BUILD [COUNT [NAME...]]
#
# COUNT is the number of native runs of each program, 10000 by default. They take some minutes.
set -eu
build=$(realpath "$1")
count=${2:-10000}
[ $# -lt 2 ] || shift
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '| program | failure | schedules | native failures |'
echo '|---|---|---|---|'
for sample in corpus plain plain_cxx; do
    program=$build/tests/schedule/$sample
    [ -x "$program" ] || continue
    for name in $("$program" | grep '^bad_'); do
        case ${*:-$name} in *"$name"*) ;; *) continue ;; esac
        "$build/cli/thrum" explore -q --json -- "$program" "$name" >"$work/out" || true
        found=$(python3 -c "
import json, sys
f = json.load(open(sys.argv[1]))['failure']
print('%s | %d' % (f['kind'], f['seed'] + 1) if f else '- | none in 1000')" "$work/out")
        native=$("$program" "$name" "$count")
        echo "| \`$name\` | $found | ${native%% of*} |"
    done
done
