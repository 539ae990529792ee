#!/bin/bash
# `thrum bench`, `tune`, `report` and `demo` with one failing call: measure_faults.sh THRUM-WITH-FAULTS. See faults.sh.
# Times differ from run to run, so what is compared is which results there are.
# shellcheck source=tests/cli/faults.sh disable=SC2317 # called by name
. "$(dirname "$0")/faults.sh"

# without_figures COMMAND...: its output with each number as N; its files become logs, which are not compared.
without_figures() {
    "$@" >log.out
    local status=$?
    sed -E 's/[0-9]+(\.[0-9]+)?/N/g; s/N (s|ms|us)/N/g; s/[#| ]+/ /g' log.out | grep -v 'no difference\|slower\|faster\|processor time\|other programs\|^ *best\|^best\|cannot\|More rounds\|limited\|law\|Goetz\|more workers\|^ N N N N' >log.seen
    return "$status"
}

# A file of results is JSON or empty, never cut off where the command says that all is well.
results_are_whole() {
    local file
    for file in log*.json; do
        [ ! -s "$file" ] || python3 -m json.tool "$file" >/dev/null || return 1
    done
}

bench_run() {
    without_figures thrum bench -q -r 2 -w 0 -p true --json log.json --csv log.csv true 'exit 0' || return
    results_are_whole && [ -s log.json ] && [ "$(wc -l <log.csv)" -eq 5 ] && grep -q '^A true' log.seen
}

tune_run() {
    without_figures thrum tune -q -w 1,2 -r 1 --warmup 0 --json log.json --svg log.svg 'true {workers}' || return
    results_are_whole && [ -s log.json ] && grep -q '</svg>' log.svg
}

inputs() {
    cat >given.json <<'END'
{"kind": "bench", "machine": null, "confidence": 0.99, "rounds": 1, "commands":
 [{"name": "a", "command": "a", "runs": [{"seconds": 1.5}, {"seconds": 1.6}]}]}
END
}

compare_run() { thrum report compare given.json given.json; }

page_run() { thrum report given.json -o page.html; }

sweep bench tune compare page
