#!/bin/bash
# `thrum trace` with one failing call: trace_faults.sh THRUM-WITH-FAULTS. See faults.sh.
# Times differ from run to run. So of a recording the names of its spans and threads are compared.
# Only the first call and the last one of each function fail unless FAULTS_EACH says otherwise: a recording takes long.
# shellcheck source=tests/cli/faults.sh disable=SC2317 # called by name
. "$(dirname "$0")/faults.sh"
export FAULTS_EACH=${FAULTS_EACH:-1}
samples=$(dirname "$program")/../tests/doctor

# What a trace holds, as a run without a fault reads it.
names_of() {
    "$program" trace export "$1" --format chrome >log.json &&
        python3 -c 'import json, sys
events = json.load(open("log.json"))["traceEvents"]
names = {str(event.get("args", {}).get("name") or event["name"]) for event in events}
print("\n".join(sorted(names)))' | sed -E 's/^[0-9]+ //'
}

record_run() { thrum trace --no-lines -o log.thrum -- "$samples/traced" contended && names_of log.thrum; }

all_run() { thrum trace --all --no-lines -o log.thrum -- "$samples/traced" contended && names_of log.thrum; }

names_are_missing() { grep -q 'trace: some names are missing: .*[a-z]' err; }

record_partial() { names_are_missing; }

all_partial() { names_are_missing; }

view_run() { thrum trace view "$work/given.thrum" -o page.html; }

chrome_run() { thrum trace export "$work/given.thrum" --format chrome; }

perfetto_run() { thrum trace export "$work/given.thrum" --format perfetto -o given.perfetto; }

diff_run() { thrum trace diff --json "$work/given.thrum" "$work/given.thrum"; }

"$program" trace --no-lines -o "$work/given.thrum" -- "$samples/traced" contended 2>/dev/null || exit
all=
[ "$FAULTS_EACH" -eq 1 ] || all=all # which has few calls that a recording without --all has not
sweep record $all view chrome perfetto diff
