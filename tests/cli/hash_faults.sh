#!/bin/bash
# `thrum hash` with one failing call: hash_faults.sh THRUM-WITH-FAULTS. See faults.sh.
# shellcheck source=tests/cli/faults.sh disable=SC2317 # called by name
. "$(dirname "$0")/faults.sh"

inputs() {
    mkdir -p tree/a/b tree/c
    for i in 1 2 3; do
        echo $i >tree/a/$i
        echo x$i >tree/a/b/$i
    done
    ln tree/a/1 tree/c/link
    head -c 300000 /dev/zero >tree/c/large
    (cd tree && find . -type f -print0 | sort -z | xargs -0 sha256sum) >list
    touch -d '1 hour ago' tree/a/* tree/a/b/* tree/c/*
}

# A failed run prints no line that is wrong.
lines_are_right() {
    ! (sort "$work/now/out" | comm -23 - <(sort "$work/whole/out") | grep .)
}

tree_run() { thrum hash -j 2 tree; }
tree_broken() { lines_are_right; }

json_run() { thrum hash -j 2 --json tree/a; }

input_run() { seq 10000 | thrum hash - tree/a/1; }
input_broken() { lines_are_right; }

check_run() {
    cd tree && thrum hash -j 2 -c ../list
}

cache_run() {
    thrum hash --cache db -j 2 tree
    local status=$?
    rm -f db db-wal db-shm
    return "$status"
}
cache_broken() { lines_are_right; }

sweep tree json input check cache
