#!/bin/sh
# Checks that run.sh rejects an example that prints too little, too much, something else, or in the
# wrong order, complains or fails.
set -u
run=$(realpath "$(dirname "$0")")/run.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/expected"
printf 'a took N.NN s\nb\n' >"$work/expected/exact.out"
printf 'a\nb\nc\n' >"$work/expected/loose.sorted"
echo 's/^[xyz]$/b/' >"$work/expected/loose.sed"
echo 'a < b < c' >"$work/expected/loose.order"
number=0
failed=0

# result WANTED DESCRIPTION NAME SCRIPT: a program called NAME that does SCRIPT; WANTED is the first
# check that it fails, or 0.
result() {
    number=$((number + 1))
    printf '#!/bin/sh\n%s\n' "$4" >"$work/$3"
    chmod +x "$work/$3"
    "$run" "$work/$3" "$work/expected" >"$work/said"
    status=$?
    first=$(sed -n 's/^not ok \([0-9]*\) .*/\1/p' "$work/said" | head -n 1)
    if [ "${first:-0}" -eq "$1" ] && [ $((status != 0)) -eq $(($1 != 0)) ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# | /' "$work/said"
        failed=1
    fi
}

result 0 "what is expected is good" exact 'echo "a took 0.21 s"; echo b'
result 1 "another status is not" exact 'echo "a took 0.21 s"; echo b; exit 3'
result 2 "nor is a complaint" exact 'echo "a took 0.21 s"; echo b; echo oh >&2'
result 3 "nor a line too few" exact 'echo "a took 0.21 s"'
result 3 "nor a line too many" exact 'echo "a took 0.21 s"; echo b; echo b'
result 3 "nor another order" exact 'echo b; echo "a took 0.21 s"'
result 0 "sorted lines may be others where that is said" loose 'echo a; echo y; echo c'
result 3 "but not any" loose 'echo a; echo w; echo c'
result 4 "and not in any order" loose 'echo c; echo a; echo y'
result 3 "an example without expectations fails" unknown 'echo a'
echo "1..$number"
exit $failed
