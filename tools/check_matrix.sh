#!/bin/sh
# Each client and each test that a table of docs/explorer.md names exists, and no cell is empty. Only the
# sections that begin with "## Sockets" and "## Executors" are read. Run in the root of the tree.
set -eu
page=docs/explorer.md
names=$(mktemp)
trap 'rm -f "$names"' EXIT
status=0

# The names in backquotes that look like one, with their lines. A cell is empty if nothing stands between its bars;
# the first line of a table is its head, whose first cell may be.
awk -v page="$page" '
    /^## / { inside = /^## (Sockets|Executors)/ }
    !inside { table = 0; next }
    /^\|/ {
        if (table && /\|[ \t]*\|/) {
            print "empty " page ":" FNR ": a cell is empty"
        }
        table = 1
    }
    !/^\|/ { table = 0 }
    {
        line = $0
        while (match(line, /`[a-z][a-z0-9_]*(::[a-z0-9_]+)?`/)) {
            name = substr(line, RSTART + 1, RLENGTH - 2)
            line = substr(line, RSTART + RLENGTH)
            if (name !~ /^thrum_/ && name ~ /_/)
                print name, page ":" FNR
        }
    }' "$page" >"$names"
grep -q -v '^empty' "$names" || {
    echo "$page: its tables name no client and no test"
    exit 1
}

while read -r name place rest; do
    case $name in
    empty)
        echo "$place $rest"
        status=1
        ;;
    *::*)
        grep -q -s -E "^TEST[A-Z_]*\\(${name#*::}[,)]" tests/unit/*/"test_${name%%::*}.c" || {
            echo "$place: there is no test $name"
            status=1
        }
        ;;
    *)
        grep -q -s -E "^EXPLORE[A-Z_]*\\(${name}[,)]" tests/explore/*.c || {
            echo "$place: there is no client $name"
            status=1
        }
        ;;
    esac
done <"$names"
exit $status
