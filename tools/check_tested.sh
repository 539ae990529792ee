#!/bin/sh
# The numbers of docs/tested.md are true: check_tested.sh [BUILD-DIR], in the root of the tree. A number may be a tenth too
# small, so that a new test changes no page, and not too large. Some numbers are in the log of the tests alone: they are
# looked at if there is a BUILD-DIR, whose tests have run.
set -u
log=${1:+$1/meson-logs/testlog.txt}
page=docs/tested.md
status=0

# counts TEXT NUMBER: the row of that text states about NUMBER.
counts() {
    stated=$(sed -n "s/^| $1 | \([0-9]*\) |\$/\1/p" "$page")
    if [ -z "$stated" ]; then
        echo "$page: there is no row \"$1\""
        status=1
    elif [ "$stated" -gt "$2" ] || [ $((stated * 10)) -lt $(($2 * 9)) ]; then
        echo "$page: $1: $stated, and there are $2"
        status=1
    fi
}
lines() { wc -l | tr -d ' '; }

counts 'unit tests of the library' "$(grep -rhoE '^TEST(_[A-Z]+)?\(' tests/unit | lines)"
counts 'clients of the explorer' "$(grep -rhoE '^EXPLORE(_[A-Z]+)?\(' tests/explore | lines)"
counts 'faults that are planted in the library' "$(tests/mutants/run build --list | lines)"
counts 'faults that are planted in the commands' "$(tests/mutants/commands build --list | lines)"
counts 'example programs whose output is compared' \
    "$(find tests/examples -name '*.out' -o -name '*.sorted' | lines)"
# shellcheck disable=SC2016 # a quotation
counts 'checks of `.\/dev check`' "$(tools/check.sh --list | lines)"

# The cells of the matrix: of what `tools/check_matrix.sh` reads, without the first column and the heads.
# cells PATTERN: those that match it.
cells() {
    awk -v wanted="$1" '
        /^## / { inside = /^## (Sockets|Executors)/ }
        !/^\|/ { table = 0 }
        inside && /^\|/ && !/^\|[-| ]*$/ {
            count = table++ ? split($0, cell, "|") : 0
            for (i = 3; i < count; i++)
                if (cell[i] ~ wanted)
                    print
        }' docs/explorer.md | lines
}
counts 'compositions that are explored or tested' "$(cells '[`A-Z]')"
counts 'compositions that cannot occur, with the reason' "$(cells '^[^`A-Z]*$')"

# shellcheck disable=SC2016 # a quotation
counts 'seconds of random programs in one `.\/dev check`' \
    "$(sed -n '/^step_fuzz() {/,/^}/p' tools/check.sh | grep -o 'fuzz_for [a-z]* [0-9]*' | awk '{ sum += $3 } END { print sum + 0 }')"

# summed PATTERN: the sum of the numbers before the texts that match, in good tests of the log.
summed() {
    awk -v wanted="[0-9]+ $1" '
        /^ok / && match($0, wanted) { sum += substr($0, RSTART, RLENGTH) }
        END { printf "%d\n", sum }' "$log"
}
[ -z "$log" ] || counts 'runs of programs by the explorer, in the tests' "$(summed 'runs, .* states, ')"
[ -z "$log" ] || counts 'states that it visits in them' "$(summed 'states, .*choices, ')"
[ -z "$log" ] || counts 'hostile texts that the commands read in the tests' "$(summed 'hostile ')"
exit $status
