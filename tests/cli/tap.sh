# shellcheck shell=bash
# Runs the functions of a test script: bash scripts source it, and with it waits.sh.
#
# A test is a function that returns 0. What it writes to standard error goes to the file `said` in the directory in which it
# starts. Of a test that fails, the log shows the ends of its files there, and the last commands with the status of each. So a
# failure that nobody can repeat is explained all the same. What the test said comes first, as a log may be cut behind it.
#
# A test waits by until_true or await_line, never by sleep or a loop of its own. A limit that is there only to end a hang is LIMIT.

# shellcheck disable=SC2034 # the scripts use it: timeout $LIMIT COMMAND
LIMIT=600
# shellcheck source=tests/cli/waits.sh
. "${BASH_SOURCE[0]%/*}/waits.sh"

# Bash writes each command of a test to this descriptor. It is a high one, as some tests allow a program few. Its file has no name, so
# nothing is left behind. It is appended to, so it can be emptied.
tap_open_trace() {
    local file
    file=$(mktemp) || exit 1
    exec 200>>"$file"
    rm "$file"
    BASH_XTRACEFD=200
    PS4='+ [$?] ${BASH_SOURCE[0]##*/}:$LINENO: '
}
tap_open_trace

# enter TEST: goes to the directory of a test. By default all have the same one.
enter() { :; }

# left_out TEST: prints why a test cannot run here; nothing if it can.
left_out() { :; }

# What show_failure shows the ends of.
shown_files='said out err'

# show_failure: what to see of a test that has failed, beside its last commands. It starts where the test did.
show_failure() {
    local file
    for file in $shown_files; do
        [ ! -s "$file" ] || tail -n 16 "$file" | sed "s/^/$file: /"
    done
}

# show_trace: the last commands of the script.
show_trace() { grep -v '^+* \[[0-9]*\] \(tap\|waits\)\.sh:' /proc/$$/fd/200 | tail -n 24; }

# run_tests TEST...: runs them and reports in TAP. Exits with 1 if one fails.
run_tests() {
    local tap_number=0 tap_failed=0 tap_test tap_reason tap_status tap_began tap_folder
    echo "1..$#"
    for tap_test; do
        tap_number=$((tap_number + 1))
        tap_reason=$(left_out "$tap_test")
        if [ -n "$tap_reason" ]; then
            echo "ok $tap_number - $tap_test # SKIP $tap_reason"
            continue
        fi
        enter "$tap_test"
        : >/proc/$$/fd/200
        : >said
        tap_folder=$PWD
        tap_began=$SECONDS
        set -x
        "$tap_test" 2>>said
        { tap_status=$?; set +x; } 2>/dev/null
        if [ $tap_status -eq 0 ]; then
            echo "ok $tap_number - $tap_test"
        else
            tap_failed=1
            echo "not ok $tap_number - $tap_test"
            {
                echo "status $tap_status after $((SECONDS - tap_began)) s, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
                (cd "$tap_folder" && show_failure)
                show_trace
            } 2>&1 | cut -c 1-300 | sed 's/^/# /'
        fi
    done
    return $tap_failed
}

# succeeds_once COMMAND...: one of thirty tries succeeds, or of fewer where TAP_TRIES is small. It is for what a busy machine can
# prevent at times, and a defect always.
succeeds_once() {
    local tap_tries=$((tap_limit / 200))
    until "$@"; do
        if [ $((tap_tries -= 1)) -le 0 ]; then return 1; fi
    done
}

# start OUT ERR COMMAND...: runs it in the background; $started is its process. The files are empty before it starts: what a wait
# finds in them is never of an earlier command. Its standard input is that of the caller, which & alone would close.
start() {
    local tap_out=$1 tap_err=$2
    shift 2
    : >"$tap_out" && : >"$tap_err" || return
    "$@" <&0 >>"$tap_out" 2>>"$tap_err" &
    started=$!
}
