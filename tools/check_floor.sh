#!/bin/sh
# No file needs a newer glibc than docs/releases.md states: check_floor.sh BUILD-DIR, in the root of the tree.
#
# The page has a table, "| `FILES` | GLIBC |", where FILES is a pattern of paths below BUILD-DIR. What a file needs are the
# versions of the symbols that it takes from other libraries. A floor that is higher than what its files need is wrong, too.
set -u
build=$1
page=docs/releases.md
status=0
complain() {
    echo "$*"
    status=1
}

# shellcheck disable=SC2016 # a quotation
rows=$(sed -n 's/^| `\([^`]*\)` | \([0-9]\.[0-9]*\) |.*$/\1 \2/p' "$page")
[ -n "$rows" ] || complain "$page: there is no table of what needs which glibc"

# needs FILE: the newest version of glibc that it asks for.
needs() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1; }

newest() { printf '%s\n' "$@" | sort -V | tail -n 1; }

while read -r pattern floor; do
    [ -n "$pattern" ] || continue
    highest=
    # shellcheck disable=SC2086 # a pattern
    for file in "$build"/$pattern; do
        [ -f "$file" ] || { complain "$page: there is no $file"; continue; }
        needed=$(needs "$file")
        [ "$(newest "$needed" "$floor")" = "$floor" ] || complain "$file needs glibc $needed; $page states $floor. The newest symbols:" \
            "$(objdump -T "$file" | grep -F "GLIBC_$needed" | awk '{ print $NF }' | sort -u | tr '\n' ' ')"
        highest=$(newest "$highest" "$needed")
    done
    [ -z "$highest" ] || [ "$(newest "$highest" "$floor")" = "$highest" ] || complain "$page: $pattern needs glibc $highest, not $floor"
done <<END
$rows
END
exit $status
