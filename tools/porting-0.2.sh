#!/bin/sh
# Rewrites sources written for thrum 0.1 for the interface of 0.2, in place: porting-0.2.sh FILE...
# It prints the places that it cannot decide. What it cannot see, the compiler reports; docs/porting-0.2.md
# says what to write then. Running it a second time changes nothing.
set -eu

usage() {
    echo 'usage: porting-0.2.sh FILE...'
    echo
    echo 'Rewrites C and C++ sources written for thrum 0.1 for the interface of 0.2, in place, and prints'
    echo 'the places where a person must decide.'
    echo 'See docs/porting-0.2.md.'
}

# A name, perhaps a member: deadline, own->until, self.limit
name='(([A-Za-z_][A-Za-z_0-9]*(->|\.))*[A-Za-z_][A-Za-z_0-9]*)'

# Deadlines have a type of their own.
deadlines() {
    sed -E -i \
        -e 's/\bthrum_time (\**)(deadline|until)\b/thrum_deadline \1\2/g' \
        -e 's/\bthrum_time ([A-Za-z_0-9]+ = (thrum_in\(|THRUM_NOW|THRUM_FOREVER))/thrum_deadline \1/g' \
        -e "s/$name == THRUM_NOW\\b/thrum_deadline_is_now(\\1)/g" \
        -e "s/$name != THRUM_NOW\\b/!thrum_deadline_is_now(\\1)/g" \
        -e "s/$name == THRUM_FOREVER\\b/thrum_deadline_is_forever(\\1)/g" \
        -e "s/$name != THRUM_FOREVER\\b/!thrum_deadline_is_forever(\\1)/g" \
        -e 's/thrum_at\(thrum_now\(\)/thrum_at(@)/g' \
        -e 's/([(,] *)thrum_now\(\) \+ ([A-Za-z_0-9]+)\)/\1thrum_at(thrum_now() + \2))/g' \
        -e 's/= thrum_now\(\) \+ ([A-Za-z_0-9]+)([,}])/= thrum_at(thrum_now() + \1)\2/g' \
        -e 's/thrum_at\(@\)/thrum_at(thrum_now()/g' \
        "$1"
    # A deadline is compared with the clock by its nanoseconds.
    # shellcheck disable=SC2013 # names
    for variable in $(sed -n -E 's/.*\bthrum_deadline \**([A-Za-z_0-9]+).*/\1/p' "$1" | sort -u); do
        sed -E -i \
            -e "s/(thrum_now\\(\\) (<|<=|>|>=) )$variable\\b([^.]|\$)/\\1$variable.ns\\3/g" \
            -e "s/\\b$variable( (<|<=|>|>=) thrum_now\\(\\))/$variable.ns\\1/g" \
            "$1"
    done
}

# A join of a process only waits; the result has a call of its own.
processes() {
    sed -E -i \
        -e 's/\bthrum_process_join\(([^,()]+), NULL, 0, /thrum_process_join(\1, /g' \
        -e 's/\bthrum_process_join\(([^,()]+), ([^,()]+), (sizeof\([^()]*\)|[^,()]+), /thrum_process_result(\1, \2, \3, /g' \
        "$1"
}

# The same thing has the same name everywhere.
names() {
    sed -E -i \
        -e 's/\bthrum_pool_options\b/thrum_thread_pool_options/g' \
        -e 's/\bthrum_fiber_options\b/thrum_fiber_pool_options/g' \
        -e '/\bthrum_fiber_pool_options\b/s/\.workers\b/.max_workers/' \
        -e 's/\bTHRUM_(FIFO|LIFO|PRIORITY)\b/THRUM_QUEUE_\1/g' \
        -e 's/\benum thrum_queue_order\b/thrum_queue_order/g' \
        -e 's/\bTHRUM_(ALL_COMPLETED|FIRST_COMPLETED|FIRST_FAILED)\b/THRUM_WAIT_\1/g' \
        -e 's/\bTHRUM_ADDRESS_SIZE\b/THRUM_SOCKET_ADDRESS_SIZE/g' \
        -e 's/\.ret_results\b/.results/g' \
        "$1"
}

# A failed task is THRUM_FAILED, which is positive. Only a person can tell what a comparison means.
outcomes() {
    awk -v file="$1" '
        /thrum_((thread|process|future)_(join|result|copy|take|take_text)|group_join|mapping_next|map|blocking(_take|_take_text)?|run(_with)?|periodic_(join|stop))[ ]*\(/ {
            call = $0
            at = FNR
            left = 5
        }
        left > 0 {
            if ($0 ~ /(<|>=) *0([^-.0-9a-zA-Z]|$)|[=!]= *-E[A-Z]/) {
                sub(/^[ \t]+/, "", call)
                printf "%s:%d: THRUM_FAILED is positive; see \"Failed tasks\" in docs/porting-0.2.md: %s\n", file, at, call
                left = 0
            }
            left--
        }' "$1"
}

case ${1:-} in
'' | -*)
    usage
    [ "${1:-}" = --help ] || exit 2
    exit 0
    ;;
esac
for file; do
    deadlines "$file"
    names "$file"
    processes "$file"
    outcomes "$file"
done
