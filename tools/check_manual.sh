#!/bin/sh
# The manual pages are sound: check_manual.sh BUILD-DIR, in the root of the tree. No formatter warns,
# `man -k` finds each page, each alias leads to a page that names it, and each reference in the concept pages is one
# to a page.
set -u
made=$1/docs/man
command=$1/cli
status=0
complain() {
    echo "$*"
    status=1
}

set --
for page in "$made"/*.3; do
    target=$(sed -n 's|^\.so man3/||p' "$page")
    name=${page##*/}
    name=${name%.3}
    if [ -z "$target" ]; then
        set -- "$@" "$page"
    elif [ ! -f "$made/$target" ]; then
        complain "$page: leads to $target, which is not there"
    else
        grep -q "^$name\b\|[ ,]$name\b" "$made/$target" || complain "$page: $target does not name it"
    fi
done
[ $# -gt 0 ] || complain "$made: no page was made"

# Section 1 comes with the command.
set -- "$@" docs/man/*.7
for page in "$command"/*.1; do
    [ ! -e "$page" ] || set -- "$@" "$page"
done
for page; do
    mandoc -Tlint -W warning "$page" || complain "$page: mandoc warns"
    lexgrog "$page" >/dev/null 2>&1 || complain "$page: man -k cannot read its section NAME"
    warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || complain "$page: $warnings"
done

missing=$(sed -n 's/^\.BR \(thrum[a-z_\\-]*\) (\([137]\)).*/\1.\2/p; s/.*\\fB\(thrum[a-z_]*\)\\fR(\([137]\)).*/\1.\2/p' \
    "$@" | tr -d '\134' | sort -u | while read -r reference; do
    [ -e "$made/$reference" ] || [ -e "docs/man/$reference" ] || [ -e "$command/$reference" ] || echo "$reference"
done)
[ -z "$missing" ] || complain "referred to, but not there: $missing"
exit $status
