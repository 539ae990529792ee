#!/bin/sh
# Lists the unit tests of the tree TOP: unit_tests.sh TOP. A line for each program
# tests/unit/LAYER/test_NAME.c: "LAYER NAME CARRIERS". A program that includes carrier.h runs once for
# each carrier.
#
# unit_tests.sh TOP BUILD-DIR: Meson keeps the list that it found when it configured BUILD-DIR. If
# the list is another one now, has the next build configure anew.
set -eu
list() {
    (
        cd "$1/tests/unit"
        for file in */test_*.c; do
            name=${file##*/test_}
            carriers=threads
            ! grep -q '^#include "carrier.h"' "$file" || carriers=threads,fibers,asyncio,mixed
            echo "${file%%/*} ${name%.c} $carriers"
        done
    )
}

if [ $# -eq 1 ]; then
    list "$1"
    exit
fi
list "$1" >"$2/unit-tests.new"
cmp -s "$2/unit-tests.new" "$2/unit-tests" || touch "$1/tests/unit/meson.build"
mv "$2/unit-tests.new" "$2/unit-tests"
