#!/bin/sh
# Checks what the driver of the benchmarks makes of peers that behave and of peers that do not:
# bench_test.sh SAMPLE-PROGRAM BUILD-SCRIPT
# shellcheck disable=SC2317,SC2016 # conditions are called by said(); texts of other scripts
set -u

sample=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/peers"
BENCH_LOG=$work/log
BENCH_MARK=$work/mark
export BENCH_LOG BENCH_MARK
number=0
failed=0

# said DESCRIPTION CONDITION...: one result, true if the command CONDITION is.
said() {
    what=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        sed 's/^/# | /' "$work/out"
        failed=1
    fi
}

has() { grep -q -e "$1" "$work/out"; }
lacks() { ! grep -q -e "$1" "$work/out"; }
gone() { ! kill -0 "$(cat "$1")" 2>/dev/null; }

# peer NAME BODY: a program of sh.
peer() {
    printf '#!/bin/sh\n%s\n' "$2" >"$work/peers/$1"
    chmod +x "$work/peers/$1"
}

# run STATUS ARGS...: runs the sample and requires that status.
run() {
    want=$1
    shift
    : >"$BENCH_LOG"
    "$sample" --peers "$work/peers" "$@" >"$work/out" 2>&1
    got=$?
    said "sample $* ends with status $want" test "$got" -eq "$want"
}

peer a 'while read -r line; do echo "a $line" >>"$BENCH_LOG"; echo 4; done'
peer b 'while read -r line; do echo "b $line" >>"$BENCH_LOG"; echo 1e0; done'
echo 'a of the alphabet' >"$work/peers/a.version"

run 0 --rounds 2 turns
said "goes round the contenders, with one round to warm up" \
    test "$(tr '\n' ' ' <"$BENCH_LOG")" = "ours a x 1 b y 2 ours a x 1 b y 2 ours a x 1 b y 2 "
said "ours has no ratio" has '^  ours  *2 M/s *\[2 \.\. 2\] *$'
said "a peer has one, the first a goal" has '^  a  *4 M/s .* 0.50 missed$'
said "the next has only the ratio" has '^  b  *1 M/s .* 2.00$'
said "versions come last" test "$(tail -n 1 "$work/out")" = 'a: a of the alphabet'
run 0 --rounds 1 less
said "less may be better" has '^  a .* 0.50 reached$'
run 0 --rounds 1 each
said "a goal may be for each peer" has '^  b .* 2.00 missed$'

peer ends 'read -r line; [ "$line" != end ] || exit 3; echo 8; while read -r line; do echo 8; done'
peer killed 'read -r line; kill -9 $$'
peer babbles 'while read -r line; do printf "no \\033idea\\n"; done'
peer negates 'while read -r line; do echo -1; done'
peer doubles 'while read -r line; do printf "4\\n4\\n"; done'
run 0 --rounds 2 --json "$work/json" troubles
said "an early end is told" has '^  ends  *skipped: ended with status 3 when asked for "end"$'
said "a violent one, too" has '^  killed  *skipped: died of signal 9 (Killed) when asked for "be killed"$'
said "rubbish is shown without its controls" has '^  babbles  *skipped: answered "no ?idea" to "be clear"$'
said "a negative figure is none" has '^  negates  *skipped: answered "-1" to "go"$'
said "nor are two" has '^  doubles  *skipped: answered "4" to "go"$'
said "a program that nobody explains is absent" has '^  absent  *skipped: there is no program .*/peers/absent$'
said "the others are measured" has '^  a .* 0.50$'
said "JSON has the others" grep -q '"medians": {"ours": 2, "a": 4}' "$work/json"
said "and their ratios" grep -q '"ratios": {"a": 0.5}' "$work/json"
said "and who was skipped" grep -q '"ends": "ended with status 3 when asked for \\"end\\""' "$work/json"
said "and what the others are" grep -q '"versions": {"a": "a of the alphabet"}' "$work/json"
run 0 --rounds 1 troubles afterwards
said "a program that ended starts anew for the next row" has '^  ends  *8 M/s .* 0.25$'

echo 'it is not installed' >"$work/peers/noted.missing"
echo 'no program at all' >"$work/peers/broken"
chmod +x "$work/peers/broken"
run 0 --rounds 1 'no programs'
said "the reason for a missing program is told" has '^  noted  *skipped: it is not installed$'
said "as is why one does not start" has '^  broken  *skipped: .*/broken does not start: Exec format error$'
said "and that a library was missing" has '^  library  *skipped: the "library" is not there$'
said "a goal is only for the first peer, even if that was skipped" lacks "reached\|missed"

peer hangs 'echo $$ >"$BENCH_MARK"; exec sleep 1000'
run 0 --rounds 3 --deadline 2 hangs
said "a deadline ends a silent one" has '^  hangs  *skipped: no answer to "hurry" within 2 s$'
said "for good" gone "$BENCH_MARK"
rm -f "$BENCH_MARK"
peer mute 'echo $$ >"$BENCH_MARK"; exec >&-; exec sleep 1000'
run 0 --rounds 1 mute
said "one that closes its output without an end is skipped" has '^  mute  *skipped: fell silent when asked for "speak"$'
said "and ended" gone "$BENCH_MARK"
rm -f "$BENCH_MARK"
peer tires 'read -r line; echo 4; read -r line; echo 4'
run 0 --rounds 3 tires
said "one that ends later is skipped, too" has '^  tires  *skipped: ended with status 0 when asked for "go"$'
peer eager 'read -r line; echo 4; echo 4; : >"$BENCH_MARK"; read -r line'
# The second 4 may come with the first or, as nobody asked, be found before the next question.
run 0 --rounds 1 unasked
said "one that speaks unasked is skipped" has '^  eager  *skipped: \(spoke before it was asked for\|answered "4" to\) "go"$'
rm -f "$BENCH_MARK"
peer stays 'echo $$ >"$BENCH_MARK"; while :; do if read -r line; then echo 4; else exec sleep 1000; fi; done'
run 0 --rounds 1 stays
said "one that does not go is measured" has '^  stays .* 0.50'
said "and then ended" gone "$BENCH_MARK"

run 2 --deadline 0
run 2 --rounds 0
run 2 nothing-like-that

# The script that builds the real ones: with no compiler, and with one that fails.
mkdir "$work/bin"
for tool in sh awk cat chmod cp cut dirname find mkdir rm tail tr; do
    ln -s "$(command -v "$tool")" "$work/bin/$tool"
done
PATH=$work/bin "$build" "$work/built" >"$work/out" 2>&1
said "without compilers nothing is built, which is no failure" test $? -eq 0
for name in go tbb boost uv rust python; do
    said "$name says that it is not installed" grep -q 'is not installed' "$work/built/$name.missing"
done
printf '#!/bin/sh\nexit 1\n' >"$work/bin/go"
chmod +x "$work/bin/go"
: >"$work/built/go"
PATH=$work/bin "$build" "$work/built" >"$work/out" 2>&1
said "a compiler that fails is no failure" test $? -eq 0
said "it is named" grep -q '^go could not build it, see ' "$work/built/go.missing"
said "and no old program is left" test ! -e "$work/built/go"

echo "1..$number"
exit $failed
