#!/bin/sh
# Functions have at most 70 lines, files at most 600 (tests may be longer).
# Run in the root of the tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/sources.sh" | xargs -r awk '
    function complain(file, line, what) {
        print file ":" line ": " what
        bad = 1
    }
    function end_file() {
        if (lines > 600 && previous !~ /^tests\//)
            complain(previous, lines, "a file of " lines " lines; 600 are the most")
    }
    FNR == 1 {
        end_file()
        previous = FILENAME
        start = 0
    }
    { lines = FNR }
    # clang-format puts the brace of a function, and of nothing else, alone at the margin.
    /^{$/ { start = FNR }
    /^}/ && start {
        if (FNR - start + 1 > 70)
            complain(FILENAME, start, "a function of " FNR - start + 1 " lines; 70 are the most")
        start = 0
    }
    END {
        end_file()
        exit bad
    }'
