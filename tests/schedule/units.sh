#!/bin/sh
# Runs thrum's own unit tests under `thrum explore`: units.sh BUILD [NAME...], as in `units.sh build lock queue`
#
# Each test of each program of BUILD/tests/unit that is built runs in one process (--here) under RUNS schedules (20). MEMORY (off)
# is the option of the command. Names the tests that did not end well in all of them, and prints a table. Ends with 1
# if a test failed. No answer within LIMIT seconds (60) is "late", and no failure: the test takes too many steps.
set -eu
build=$(realpath "$1")
shift
runs=${RUNS:-20} memory=${MEMORY:-off} limit=${LIMIT:-60}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# outcome PROGRAM TEST: one word.
outcome() {
    status=0
    timeout "$limit" "$build/cli/thrum" explore -q --json -j 1 -r "$runs" -p 1 --memory "$memory" -- "$1" --here "$2" \
        </dev/null >"$work/out" 2>"$work/err" || status=$?
    case $status in
    124) echo late ;;
    0 | 66)
        # A test that cannot run in one process skips itself, by status 77.
        sed -n 's/.*"failure":{"kind":"exit","status":77.*/skipped/p; t
            s/.*"failure":{"kind":"\([a-z]*\)".*/\1/p; t
            s/.*"outcomes":{"good":[0-9]*}.*/good/p; t
            s/.*"outcomes":{\("good":[0-9]*,\)\{0,1\}"\([a-z]*\)".*/\2/p' "$work/out"
        ;;
    *) echo refused ;;
    esac
}

bad=0
if [ $# -eq 0 ]; then
    programs=$(find "$build/tests/unit" -maxdepth 1 -type f -perm -u+x -name 'test_*' | sort)
else
    programs=$(printf "$build/tests/unit/test_%s\n" "$@")
fi
for program in $programs; do
    name=${program##*/test_}
    tests=$("$program" --list)
    for one in $tests; do
        kind=$(outcome "$program" "$one")
        echo "$name ${kind:-refused}" >>"$work/all"
        case $kind in
        good | skipped) ;;
        late | unfinished | blocked | computes | waits) echo "$name:$one $kind" >&2 ;;
        *)
            echo "$name:$one failed: ${kind:-refused} $(tail -n 1 "$work/err")" >&2
            bad=1
            ;;
        esac
    done
done
[ -s "$work/all" ] || {
    echo 'no unit test was found' >&2
    exit 2
}
awk 'function row(name,    i) {
         printf "| %s |", name
         for (i = 1; i <= count; i++) printf " %s |", cell[name, kinds[i]]
         print ""
     }
     BEGIN { count = split("good skipped unfinished late blocked", kinds) }
     { found = 0
       for (i = 1; i <= count; i++) found += kinds[i] == $2
       if (!found) kinds[++count] = $2
       if (!seen[$1]++) names[++lines] = $1
       cell[$1, $2]++
       cell["all", $2]++ }
     END { printf "| program |"
           for (i = 1; i <= count; i++) printf " %s |", kinds[i]
           printf "\n|---|"
           for (i = 1; i <= count; i++) printf "---|"
           print ""
           for (n = 1; n <= lines; n++) row(names[n])
           row("all") }' "$work/all"
exit $bad
