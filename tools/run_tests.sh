#!/bin/sh
# Runs the tests of a build directory and closes with "N passed, N failed": run_tests.sh DIR [MESON
# ARGUMENTS]. A test of a program is counted for itself; a program that says nothing of its tests,
# or dies between them, counts as one. Tests that were skipped are named before the last line, and counted in neither.
# Many tests wait for most of their time, so one more runs at once than there are processors.
set -u

dir=$1
shift
export MESON_TESTTHREADS="${MESON_TESTTHREADS:-$(($(nproc) + 1))}"
rm -f "$dir/meson-logs/testlog.txt"
# On a terminal the runner shows its own progress. Elsewhere its line for each program is shown as soon
# as that has ended; the summary is left out.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    meson test -C "$dir" --no-rebuild --print-errorlogs "$@"
    status=$?
else
    {
        PYTHONUNBUFFERED=1 meson test -C "$dir" --no-rebuild --print-errorlogs "$@" 2>&1
        echo $? >"$dir/test-status"
    } | grep --line-buffered -v -e '^ninja: ' -e '^$' | sed -u '/^Ok: /,/^Timeout: /d'
    status=$(cat "$dir/test-status")
fi

log=$dir/meson-logs/testlog.txt
if [ ! -f "$log" ]; then
    echo "0 passed, 1 failed"
    exit 1
fi
# Each failed test, with what it said.
awk '
    /^not ok / { shown = 1 }
    /^(ok |[^#n])/ { shown = 0 }
    shown' "$log" | head -n 400
awk -v status="$status" '
    # In the log, each program begins with a line like "==== 3/9 ====".
    function close_program() {
        if (!open)
            return
        if ((good + bad == 0 && !skipped) || (wrong && bad == 0)) {
            if (wrong)
                bad++
            else
                good++
        }
        passed += good
        failed += bad
        open = good = bad = wrong = skipped = 0
    }
    /^=+ [0-9]+\/[0-9]+ =+$/ { close_program(); open = 1; next }
    /^result: / { wrong = $0 !~ /exit status 0$/ }
    open && /^ok [0-9]+.* # SKIP/ {
        skipped++
        sub(/^ok [0-9]+ (- )?/, "")
        sub(/ # SKIP/, ":")
        print "skipped: " $0
        next
    }
    open && /^ok [0-9]+/ { good++ }
    open && /^not ok [0-9]+/ { bad++ }
    END {
        close_program()
        if (passed + failed == 0 || (status != 0 && failed == 0))
            failed++
        printf "%d passed, %d failed\n", passed, failed
        exit failed != 0
    }' "$log"
