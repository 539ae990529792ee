#!/bin/sh
# tools/porting-0.2.sh makes a program for 0.1 one for 0.2: what it writes compiles without a warning and
# runs, and a second time it changes nothing. usage: porting_test.sh TOP SOURCE LIBRARY COMPILER...
set -u
top=$1
source=$2
library=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# | /' "$work/out"
        failed=1
    fi
}

compile() {
    "$@" -std=gnu11 -Wall -Wextra -Werror -I "$top/include" "$work/program.c" "$library" -pthread \
        -o "$work/program"
}

cp "$source" "$work/program.c"
! compile "$@" >"$work/out" 2>&1
result $? 'the old program does not compile'
"$top/tools/porting-0.2.sh" "$work/program.c" >"$work/out" 2>&1
result $? 'the script ends well'
place=$(grep -n 'thrum_thread_result' "$work/program.c" | cut -d: -f1)
[ "$(cut -d: -f2 "$work/out")" = "$place" ]
result $? 'the script prints the place where a failed task would be taken for a success, and no other'
compile "$@" >"$work/out" 2>&1
result $? 'the new program compiles'
cp "$work/program.c" "$work/once.c"
"$work/program" >"$work/out" 2>&1 && diff "$top/tests/porting/output.txt" "$work/out" >"$work/diff"
result $? 'the new program does what the old did'
"$top/tools/porting-0.2.sh" "$work/program.c" >/dev/null && cmp "$work/once.c" "$work/program.c" >"$work/out" 2>&1
result $? 'a second time changes nothing'
echo "1..$number"
exit $failed
