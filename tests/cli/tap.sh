# shellcheck shell=bash
# Runs the functions of a test script: sourced by bash scripts, which may define the two functions below anew.
#
# A test is a function that returns 0. What it writes to standard error is in the file `said`, in the present directory.

# left_out TEST: prints why a test cannot run here; nothing if it can.
left_out() { :; }

# show_failure: what to see of a test that has failed.
show_failure() { sed 's/^/# /' said err; }

# run_tests TEST...: runs them and reports in TAP.
run_tests() {
    local number=0 test reason
    echo "1..$#"
    for test; do
        number=$((number + 1))
        reason=$(left_out "$test")
        if [ -n "$reason" ]; then
            echo "ok $number - $test # SKIP $reason"
        elif "$test" 2>said; then
            echo "ok $number - $test"
        else
            echo "not ok $number - $test"
            show_failure
        fi
    done
}
