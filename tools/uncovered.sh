#!/bin/sh
# Lists the branches that no test took: uncovered.sh BUILD FOLDER... BUILD was configured with -Db_coverage=true, and
# its tests have run. FOLDER is one of src/, as sync. A branch is taken if any object that contains it took it: those of
# the library and those of the explorer. ./dev coverage does all of it.
#
# A line for each: the file, the line, "never" or how many of its branches were not taken, and the text. Lines that call
# thrum__panic, and asserts, are left out: tests that stop the program end without a file of counters.
set -eu

if [ $# -lt 2 ]; then
    echo "usage: tools/uncovered.sh BUILD FOLDER..." >&2
    exit 2
fi
build=$(cd "$1" && pwd)
shift
wanted=$(echo "$*" | tr ' ' '|')

# gcov names sources as the compiler was called, from the build folder.
cd "$build"
find src -name '*.gcda' | grep -E "/($wanted)_[^/]*$" | sort | while read -r counters; do
    gcov -t -b -c "$counters" 2>/dev/null
done | awk -v wanted="$wanted" '
    /^ *[^:]*: *0:Source:/ {
        file = $0
        sub(/.*Source:/, "", file)
        sub(/^(\.\.\/)*/, "", file)
        shown = file ~ "^src/(" wanted ")/"
        next
    }
    !shown { next }
    /^ *[^ :]+\*?: *[0-9]+:/ {
        split($0, part, ":")
        count = part[1]
        number = part[2] + 0
        at = file ":" number
        gsub(/[ *]/, "", count)
        branch = 0
        if (count == "-") next
        if (!(at in ran)) {
            ran[at] = 0
            order[++lines] = at
            text[at] = substr($0, index($0, part[2] ":") + length(part[2]) + 1)
            sub(/^ */, "", text[at])
        }
        if (count !~ /^#|^=/) ran[at] = 1
        next
    }
    /^branch/ {
        key = at SUBSEP branch++
        if (!(key in known)) {
            known[key] = 1
            if (branches[at] < branch) branches[at] = branch
        }
        if (/taken [1-9]/) taken[key] = 1
    }
    END {
        for (i = 1; i <= lines; i++) {
            at = order[i]
            if (text[at] ~ /panic|misuse/) continue
            if (!ran[at]) {
                printf "%s: never: %s\n", at, text[at]
                continue
            }
            missing = 0
            for (b = 0; b < branches[at]; b++) if (!((at, b) in taken)) missing++
            if (missing) printf "%s: %d of %d: %s\n", at, missing, branches[at], text[at]
        }
    }' | sort -t: -k1,1 -k2,2n
