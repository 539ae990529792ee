#!/bin/bash
# The programs of docs/explore.md fail as it says: tutorial_test.sh THRUM LIBRARY PAGE
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
thrum=$(realpath "$1") library=$(realpath "$2") page=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C

# The blocks of C, each into a file of the name in its first line; those of text into NAME.text.
awk '/^```c$/ { getline; name = $2; file = name; print > file; next }
     /^```text$/ { file = name ".text"; next }
     /^```/ { file = ""; next }
     file { print > file }' "$page"

# Each line that the page shows stands in the output, without the number of the step.
shows() {
    local line
    while read -r line; do
        [ -z "$line" ] || grep -qF -- "$line" out || {
            echo "the page has: $line" >&2
            cat out >&2
            return 1
        }
    done <"$1.c.text"
}

fails() {
    cc -g -O1 -D_GNU_SOURCE -pthread "$1.c" -o "$1" || return 1
    timeout $LIMIT "$thrum" explore -q --shrink -- "./$1" >out
    [ $? = 66 ] && shows "$1"
}

# mended NAME SED-SCRIPT: the program after a change never fails.
mended() {
    sed -E "$2" "$1.c" >"$1_mended.c"
    ! cmp -s "$1.c" "$1_mended.c" && cc -g -O1 -D_GNU_SOURCE -pthread "$1_mended.c" -o "$1_mended" &&
        timeout $LIMIT "$thrum" explore -q -r 500 -- "./$1_mended" >out
}

the_deadlock_is_found() { fails deadlock; }
the_check_then_act_is_found() { fails account; }
the_early_notification_is_found() { fails notify; }

the_counter_is_found() {
    mkdir -p plain && cc -g -O1 -pthread counter.c -o plain/counter || return 1
    timeout $LIMIT "$thrum" explore -q -- plain/counter >plain/out
    [ $? = 66 ] || [ "$(uname -m)" != x86_64 ] || return 1
    # The same by the runtime of gcc, if it is there.
    if gcc -g -O1 -pthread -fsanitize=thread counter.c -o plain/linked 2>/dev/null; then
        timeout $LIMIT "$thrum" explore -q --instrument -- plain/linked >out
        [ $? = 66 ] && grep -q '^race: memory counter$' out || return 1
    fi
    cc -g -O1 -pthread -fsanitize=thread -c counter.c &&
        cc -pthread counter.o -o counter "$library" -Wl,-rpath,"$(dirname "$library")" || return 1
    timeout $LIMIT "$thrum" explore -q -- ./counter >out
    [ $? = 66 ] && cat plain/out >>out && shows counter || return 1
    timeout $LIMIT "$thrum" explore -q --no-races -- ./counter >out
    [ $? = 66 ] && grep -q "Assertion .counter == 2' failed" out
}

mended_programs_do_not_fail() {
    # One order of locks; one critical section; a variable that says it.
    mended deadlock '/two\(void/,/^}/ { s/&b\)/\&X)/; s/&a\)/\&b)/; s/&X\)/\&a)/ }' &&
        mended account '/int enough/ { s/.*/    if (balance >= 80) balance -= 80; int enough = 0;/ }' &&
        mended notify 's/^static pthread_cond_t.*/&\nstatic int done;/; s/pthread_cond_wait/while (!done) &/; s/pthread_cond_signal/done = 1; &/'
}

run_tests the_deadlock_is_found the_check_then_act_is_found the_early_notification_is_found the_counter_is_found \
    mended_programs_do_not_fail
