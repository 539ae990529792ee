#!/bin/bash
# thrum worker and thrum cluster status, against a nats-server of the test's own.
#
#     cluster_test.sh THRUM SAMPLE
#
# SAMPLE is cluster_sample, whose tasks run. Without nats-server the tests that need it are skipped.
# shellcheck disable=SC2015 # the last of A && B || C is for both
set -u
thrum=$(realpath "$1") sample=$(realpath "$2")
# shellcheck source=tests/cli/cluster_server.sh
. "$(dirname "$0")/cluster_server.sh"
# With a lease of a minute no task runs twice, however busy the machine is.
export POOL=sample
worker=''

# start_worker OPTIONS...: its number is in $worker. Tasks wait until it serves.
start_worker() {
    local lease=60s
    [ "$POOL" != brief ] || lease=1s
    start worker.out worker.err "$thrum" worker --pool "$POOL" --lease $lease "$@" -- "$sample" ignored
    worker=$started
}

# stop_worker STATUS: drains it.
stop_worker() {
    local status
    kill -TERM "$worker"
    wait "$worker"
    status=$?
    worker=''
    [ $status -eq "$1" ] || echo "# status $status, not $1"
    [ $status -eq "$1" ]
}

# is STATUS TEXT WORDS...: the command ends so, and standard error has the text.
is() {
    local wanted=$1 text=$2 status
    shift 2
    timeout $LIMIT "$thrum" "$@" >out 2>err </dev/null
    status=$?
    [ $status -eq "$wanted" ] && grep -q -- "$text" err && return
    echo "# $*: status $status"
    return 1
}

wrong_command_lines_are_refused() {
    is 2 'no program given' worker --pool pages &&
        is 2 'the name of a pool' worker --pool a.b -- "$sample" &&
        is 2 'need each other' worker --user joe -- "$sample" &&
        is 2 'one of threads, processes' worker --executor threds -- "$sample" &&
        is 2 'no action given' cluster && is 2 "unknown action 'stat'" cluster stat &&
        is 2 'takes no operands' cluster status all && is 2 'a number from 1' cluster status -n 0
}

a_program_that_cannot_be_taken_over_does_not_run() {
    printf '#!/bin/sh\ntouch ran\n' >script
    chmod +x script
    cp "$sample" raised && chmod u+s raised && cp "$sample" static || return 1
    # Without program headers nothing asks for a loader: e_phnum of a 64-bit file is 0.
    printf '\0\0' | dd of=static bs=1 seek=56 conv=notrunc status=none || return 1
    is 1 'cannot find the program ./none' worker -- ./none &&
        is 1 'it is a script' worker -- ./script && is 1 'set-user-ID' worker -- ./raised &&
        is 1 'it is linked statically' worker -- ./static &&
        is 1 'does not use the shared library libthrum' worker -- touch ran && ! [ -e ran ]
}

a_missing_server_or_password_ends_the_worker() {
    is 1 'cannot connect' worker --server nats://127.0.0.1:1 -- "$sample" &&
        is 1 'cannot read ./none' worker --user joe --password-file ./none -- "$sample" &&
        is 1 'cannot connect' cluster status --server nats://127.0.0.1:1
}

tasks_run_in_the_program_and_main_does_not() {
    local kind
    for kind in threads fibers processes; do
        start_worker --executor $kind -j 3 && "$sample" squares 50 >out && grep -q -x '50 results' out || return 1
        LD_PRELOAD='' "$sample" environment >out || return 1
        # With the shared library a process of the pool runs no constructors of the program.
        [ $kind = processes ] || grep -q -x "constructed 1, preload '', options ''" out || return 1
        grep -q "preload '', options ''" out && stop_worker 0 && ! [ -s worker.out ] || return 1
    done
}

what_was_preloaded_stays() {
    local other
    other=$(ldd "$sample" | awk '$1 ~ /^libnats/ { print $3; exit }')
    LD_PRELOAD=$other start_worker || return 1
    "$sample" environment >out && grep -q "preload '$other'" out && stop_worker 0
}

sigterm_finishes_what_runs() {
    mkdir held
    start_worker || return 1
    "$sample" hold "$work/held" >client 2>&1 &
    local client=$!
    until_true test -s held/begun || return 1
    kill -TERM "$worker"
    until_true grep -q 'finishing what runs' worker.err || return 1
    # It takes no further task: another one stays in the queue until the next worker.
    "$sample" squares 1 >later 2>&1 &
    local later=$!
    touch held/go
    wait "$worker" && wait $client && grep -q -x 'done' client || return 1
    [ "$(cat held/begun)" = x ] || return 1
    start_worker && wait $later && grep -q -x '1 results' later && stop_worker 0
}

a_second_signal_ends_it_at_once() {
    local -x POOL=brief
    mkdir stuck
    start_worker || return 1
    "$sample" hold "$work/stuck" >client 2>&1 &
    local client=$! status
    until_true test -s stuck/begun || return 1
    kill -TERM "$worker"
    until_true grep -q 'finishing what runs' worker.err || return 1
    kill -TERM "$worker"
    wait "$worker"
    status=$?
    [ $status -eq 143 ] || echo "# status $status"
    [ $status -eq 143 ] || return 1
    # The task runs again on another worker, once its lease is over.
    touch stuck/go
    start_worker && wait $client && grep -q -x 'done' client && grep -q '^xx' stuck/begun && stop_worker 0
}

a_crash_on_processes_costs_one_task() {
    start_worker --executor processes -j 2 || return 1
    "$sample" crash >out
    grep -q '^failed: the worker process died: ' out && "$sample" squares 5 >out && grep -q -x '5 results' out &&
        stop_worker 0
}

# The worker answers, and the acknowledgement of its last task has come.
is_quiet() {
    "$thrum" cluster status --pool sample --json --interval 10ms >out 2>err && grep -q '"workers":1,' out && grep -q '"queued":0,' out
}

the_status_tells_queues_workers_and_rates() {
    "$thrum" cluster status --interval 10ms >out 2>err && grep -q '^pool  *workers' out && grep -q '^sample  *0 ' out || return 1
    start_worker -j 3 && "$sample" squares 1 >out && until_true is_quiet || return 1
    "$thrum" cluster status --pool sample --json --interval 10ms -n 2 >out 2>err && [ "$(wc -l <out)" -eq 2 ] || return 1
    if command -v python3 >/dev/null; then
        python3 - out <<'END' || return 1
import json, sys
for line in open(sys.argv[1]):
    [pool] = json.loads(line)["pools"]
    assert pool["pool"] == "sample" and pool["workers"] == 1 and pool["capacity"] == 3, pool
    assert pool["published"] > 0 and pool["deliveries"] >= pool["published"], pool
    assert pool["queued"] == 0 and pool["oldest_seconds"] == 0 and pool["replaced"] == 0, pool
    for name in ("published", "deliveries", "done"):
        assert pool[name + "_per_second"] == 0, pool
END
    fi
    is 1 'the server has no pool none' cluster status --pool none && stop_worker 0
}

# One of two workers is killed in the middle, and each task has its result.
the_demo_loses_a_worker_and_no_task() {
    mkdir empty tmp && ln -s "$(command -v timeout)" "$(command -v grep)" empty || return 1
    PATH=$work/empty is 1 'cannot start nats-server: install it' demo --quick --only story --nats auto || return 1
    TMPDIR=$work/tmp timeout $LIMIT "$thrum" demo --quick --only story --nats auto --lose-worker --csv table >out 2>err || return 1
    grep -q '^killed worker [0-9]* with half' err && grep -q '^story,cluster(4),cluster,4,done,50,50,0,' table &&
        [ -z "$(ls tmp)" ]
}

left_out() {
    case $1 in
    wrong_* | a_program_* | a_missing_*) ;;
    *) command -v nats-server >/dev/null || echo 'there is no nats-server' ;;
    esac
}

run_tests wrong_command_lines_are_refused a_program_that_cannot_be_taken_over_does_not_run \
    a_missing_server_or_password_ends_the_worker tasks_run_in_the_program_and_main_does_not \
    what_was_preloaded_stays sigterm_finishes_what_runs a_second_signal_ends_it_at_once \
    a_crash_on_processes_costs_one_task the_demo_loses_a_worker_and_no_task \
    the_status_tells_queues_workers_and_rates
