#!/bin/sh
# Runs an example and checks what it prints: run.sh PROGRAM [FOLDER]. In FOLDER, by default that of
# this script, lie the expectations of the example NAME:
#
#     NAME.out       its lines, in this order
#     NAME.sorted    instead: its lines, sorted, where threads decide on their order
#     NAME.sed       optional: what makes differing lines the same, such as who did it; if there is
#                    a NAME.sorted, it is applied to the sorted lines
#     NAME.order     optional: chains "FIRST < SECOND < THIRD" of lines; each must be there, and come
#                    after the one before it
#     NAME.args      optional: its arguments, relative to FOLDER
#
# Times are no matter of the tests: "0.21 s" stands as "N.NN s".
set -u
program=$(realpath "$1")
name=${program##*/}
cd "${2:-$(dirname "$0")}" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# said DESCRIPTION FILE: one result, good if FILE, which says what is wrong, is empty.
said() {
    number=$((number + 1))
    if [ -s "$2" ]; then
        echo "not ok $number - $name $1"
        sed 's/^/# | /' "$2"
        failed=1
    else
        echo "ok $number - $name $1"
    fi
}

args=
[ -e "$name.args" ] && args=$(cat "$name.args")
# shellcheck disable=SC2086 # a list of words
"$program" $args >"$work/raw" 2>"$work/err" </dev/null
status=$?
[ $status -eq 0 ] || echo "status $status" >"$work/status"
[ -e "$work/status" ] || : >"$work/status"
said "ends with status 0" "$work/status"
said "has nothing to complain about" "$work/err"

sed 's/[0-9][0-9]*\.[0-9][0-9] s\>/N.NN s/g' "$work/raw" >"$work/plain"
[ -e "$name.sed" ] && script=$name.sed || script=/dev/null
sed -f "$script" "$work/plain" >"$work/out"
if [ -e "$name.sorted" ]; then
    LC_ALL=C sort "$work/plain" | sed -f "$script" | LC_ALL=C sort >"$work/sorted"
    diff "$name.sorted" "$work/sorted" >"$work/diff" 2>&1
    said "prints these lines in some order" "$work/diff"
else
    diff "$name.out" "$work/out" >"$work/diff" 2>&1
    said "prints these lines" "$work/diff"
fi

if [ -e "$name.order" ]; then
    awk '
        FNR == NR { if (!($0 in at)) at[$0] = FNR; next }
        {
            count = split($0, chain, / < /)
            for (i = 1; i <= count; i++) {
                if (!(chain[i] in at))
                    print "missing: " chain[i]
                else if (i > 1 && at[chain[i]] < at[chain[i - 1]])
                    print "too early: " chain[i]
            }
        }' "$work/out" "$name.order" >"$work/order"
    said "prints what comes later later" "$work/order"
fi
echo "1..$number"
exit $failed
