#!/bin/sh
# The fuzzer must find faults that it commits itself, and none where there is none: self_test.sh FUZZ
set -u

fuzz=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# says DESCRIPTION STATUS TEXT ARGUMENTS...: the fuzzer ends with that status and prints the text.
says() {
    what=$1 status=$2 text=$3
    shift 3
    rc=0
    "$fuzz" "$@" >"$work/out" 2>&1 || rc=$?
    number=$((number + 1))
    if [ $rc -eq "$status" ] && grep -q -e "$text" "$work/out"; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        sed 's/^/# | /' "$work/out" | head -n 60
        failed=1
    fi
}

says 'it tells its usage' 0 '^usage: fuzz' --help
says 'it refuses what it does not know' 2 'unknown option or missing value: --nothing' --nothing
says 'it refuses a number that is none' 2 'needs a number' --programs many
says 'it refuses masks of another program' 2 'not the masks' --seed 1 --programs 1 --keep 1.2
says 'it prints a program' 0 'actor 0, ' --seed 1 --programs 1 --print

says 'programs without a fault pass' 0 '^20 programs, 0 failed' --seed 1 --programs 20 --no-fork
for fault in lock permit drop order twice descriptor; do
    says "it finds a fault of its own: $fault" 1 '^repeat: --seed .*--keep ' \
        --seed 1 --programs 200 --shrink 5 --no-fork --fault $fault
done
says 'and one that hangs' 1 'it hangs: ' --seed 1 --programs 200 --deadline 1 --shrink 0 --no-fork --fault hang
says 'with the stacks of those that wait' 1 'thrum__wait[.+]' \
    --seed 1 --programs 200 --deadline 1 --shrink 0 --no-fork --fault hang
# How small depends on the schedule; the program that it began with has more than ten actors.
says 'and what it finds, it makes smaller' 1 '^repeat: --seed .*--keep ' \
    --seed 1 --programs 200 --shrink 3000 --no-fork --fault lock
number=$((number + 1))
actors=$(sed -n '/^program /,/^repeat: /p' "$work/out" | grep -c '^  actor ')
if [ "$actors" -ge 1 ] && [ "$actors" -le 5 ]; then
    echo "ok $number - to a few actors"
else
    echo "not ok $number - to a few actors"
    sed 's/^/# | /' "$work/out"
    failed=1
fi

echo "1..$number"
exit $failed
