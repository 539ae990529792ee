#!/bin/sh
# What the explorer and the mutants say of their options: options_test.sh EXPLORE
set -u

explore=$1
here=$(cd "$(dirname "$0")" && pwd)
mutants=$here/../mutants/run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# says DESCRIPTION STATUS TEXT COMMAND...: the command ends with that status and prints the text.
says() {
    what=$1 status=$2 text=$3
    shift 3
    rc=0
    "$@" >"$work/out" 2>"$work/err" || rc=$?
    number=$((number + 1))
    if [ $rc -eq "$status" ] && cat "$work/out" "$work/err" | grep -q -e "$text"; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        sed 's/^/# | /' "$work/out" "$work/err"
        failed=1
    fi
}

says 'the explorer tells its usage' 0 '^usage: PROGRAM' "$explore" --help
sed -n 's/.*strcmp(option, "\(--[a-z]*\)").*/\1/p' "$here/main.c" >"$work/options"
while read -r option; do
    says "the usage has $option" 0 "$option" "$explore" --help
done <"$work/options"
says 'the explorer refuses what it does not know' 2 'unknown option.*--nothing' \
    "$explore" --nothing
says 'the explorer refuses a number that is none' 2 'needs a number' "$explore" --pct many
says 'the explorer knows whom it has not' 2 'no test has that name' \
    "$explore" --only no_such_client
says 'a limit that is kept is a success' 0 '^ok 2 - [0-9]* s of processor time, of at most 60' \
    "$explore" --tap --only park_twice --limit 60
says 'one that is not is a failure' 1 '^not ok .* s of processor time, of at most 1' \
    "$explore" --tap --pct 100000 --only lock_three --limit 1
says 'the explorer lists its clients' 0 '^lock_' "$explore" --list

says 'the mutants tell their usage' 0 '^usage: tests/mutants/run' "$mutants" --help
says 'the mutants tell it after a folder, too' 0 '^usage: tests/mutants/run' \
    "$mutants" "$work" --help
says 'the mutants need a folder' 2 '^usage: tests/mutants/run' "$mutants"
says 'the mutants need a folder before options' 2 '^usage: tests/mutants/run' "$mutants" --list
says 'the mutants refuse what they do not know' 2 'unknown option --nothing' \
    "$mutants" "$work" --nothing
says 'the mutants know whom they have not' 2 'nothing is called no_such_mutant' \
    "$mutants" "$work" no_such_mutant
says 'the mutants list their names' 0 '^park_no_wake$' "$mutants" "$work" --list --short

echo "1..$number"
exit $failed
