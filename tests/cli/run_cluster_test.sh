#!/bin/bash
# thrum run --cluster with workers of thrum worker --commands, against a nats-server of the test's own.
#
#     run_cluster_test.sh THRUM SAMPLE
#
# SAMPLE is cluster_sample, a program that becomes a worker without --commands. Without nats-server the tests that need it are
# skipped.
# shellcheck disable=SC2016,SC2015,SC2329 # what stands in single quotes is for other shells
set -u
# A signal that is ignored from the start stays so, in thrum and its children. nohup ignores SIGHUP.
[ "${CLUSTER_TEST_SIGNALS:-}" ] || CLUSTER_TEST_SIGNALS=default exec env --default-signal=HUP,TERM "$0" "$@"
thrum=$(realpath "$1") sample=$(realpath "$2")
# shellcheck source=tests/cli/cluster_server.sh
. "$(dirname "$0")/cluster_server.sh"
worker=''

# start_worker NAME OPTIONS...: a worker of the pool of the test, with a lease of ten minutes: so no command runs twice, however
# busy the machine is. Its messages go to NAME.err.
start_worker() {
    local name=$1 lease=600s
    shift
    [ "$pool" != brief ] || lease=1s
    start "$name.out" "$name.err" "$thrum" worker --commands --pool "$pool" --lease $lease "$@"
    worker=$started
}

# stop_worker: drains it.
stop_worker() {
    kill -TERM "$worker" && wait "$worker"
    local status=$?
    worker=''
    [ $status -eq 0 ] || echo "# the worker ends with $status"
    [ $status -eq 0 ]
}

there() { "$thrum" run --cluster '' --pool "$pool" "$@"; }

# start_client WORDS...: the same in the background, with its output in `out` and `err`.
start_client() {
    start out err "$thrum" run --cluster '' --pool "$pool" "$@" </dev/null
    client=$started
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
    is 2 'no --tty with it' run --cluster x --tty -- true && is 2 'no --ungroup' run --cluster x -u -- true &&
        is 2 'no --line-buffer' run --cluster x --line-buffer -- true && is 2 'no --load' run --cluster x --load 2 -- true &&
        is 2 'no --memfree' run --cluster x --memfree 1G -- true && is 2 'pool needs --cluster' run --pool a -- true &&
        is 2 'tls-ca needs --cluster' run --tls-ca a -- true && is 2 'the name of a pool' run --cluster x --pool a.b -- true &&
        is 2 'need each other' run --cluster x --user a -- true && is 2 'takes no program' worker --commands -- true &&
        is 2 'no --executor' worker --commands --executor fibers && is 2 'no --max-deliveries' worker --commands --max-deliveries 2 &&
        is 2 'no --run-limit' worker --commands --run-limit 2s
}

a_missing_server_or_password_is_told() {
    is 1 'cannot connect' run --cluster nats://127.0.0.1:1 -- echo ::: a && ! [ -s out ] &&
        is 1 'cannot read ./none' run --cluster '' --user joe --password-file ./none -- echo ::: a &&
        is 1 'cannot connect' worker --commands --server nats://127.0.0.1:1 &&
        [ "$(NATS_URL=nats://127.0.0.1:1 "$thrum" run --cluster '' --dry-run -- echo ::: a)" = 'echo a' ]
}

output_status_and_log_come_back() {
    local pool=whole
    start_worker a -j 3
    seq 12 | there -k --tag --joblog log -- sh -c 'echo out $1; echo err $1 >&2; exit $(($1 == 7 ? 3 : 0))' sh >out 2>err
    [ $? -eq 1 ] && [ "$(cat out)" = "$(seq 12 | sed 's/.*/&\tout &/')" ] && grep -q '1 of 12 jobs failed' err || return 1
    [ "$(grep -c -E '^([0-9]+)	err \1$' err)" -eq 12 ] || return 1
    [ "$(awk -F '\t' -v host="$(hostname)" 'NR > 1 && $2 == host && $7 == ($1 == 7 ? 3 : 0)' log | wc -l)" -eq 12 ] || return 1
    echo '# it resumes' >&2
    # The log is one of a run here, too: the job that failed runs again.
    [ "$(seq 12 | there --resume --joblog log -- sh -c 'echo out $1; echo err $1 >&2; exit $(($1 == 7 ? 3 : 0))' sh 2>/dev/null)" = 'out 7' ] || return 1
    echo '# it repeats' >&2
    # Attempts, the time of each, signals, commands that are not there, an empty input and one that is a placeholder.
    there --retries 2 --retry-delay 1ms -- sh -c 'echo x >>"$1"; [ "$(wc -l <"$1")" -eq 3 ]' sh ::: "$work/tries" || return 1
    there -t 0.2s -- sleep ::: 60 2>err
    [ $? -eq 1 ] && grep -q 'took longer than 0.2 s' err || return 1
    there --joblog killed -- sh -c 'kill -9 $$' ::: a 2>err
    [ "$(awk -F '\t' 'NR == 2 { print $7, $8 }' killed)" = '0 9' ] || return 1
    there -- ./none ::: a 2>err
    [ $? -eq 1 ] && grep -q 'cannot run ./none: No such file' err || return 1
    there -- echo </dev/null && [ "$(there -k -- cat ::: /dev/null /dev/stdin)" = '' ] || return 1
    stop_worker
}

a_command_has_the_directory_and_environment_of_the_worker() {
    local pool=where
    mkdir there || return 1
    (cd there && WHOSE=worker exec "$thrum" worker --commands --pool where --lease 600s) 2>where.err &
    worker=$!
    [ "$(WHOSE=client there -- sh -c 'pwd; echo "$WHOSE"' ::: a)" = "$(printf '%s\nworker' "$work/there")" ] || return 1
    [ "$(there -- env -C "$work" WHOSE={} sh -c 'pwd; echo "$WHOSE"' ::: job)" = "$(printf '%s\njob' "$work")" ] && stop_worker
}

output_beyond_the_bounds_fails_clearly() {
    local pool=large
    start_worker a
    [ "$(there -- head -c 900000 ::: /dev/zero | wc -c)" -eq 900000 ] || return 1
    there -- truncate -s 70000000 ::: /dev/stdout >out 2>err
    [ $? -eq 1 ] && ! [ -s out ] && grep -q 'job 1: it printed 70000000 bytes, and a cluster takes 67108864' err && stop_worker
}

is_queued() { "$thrum" cluster status --pool careful --json --interval 10ms | grep -q '"workers":1,.*"queued":1,'; }

# Only the second worker may run commands: the other one has no such task, and leaves it to others.
only_a_worker_of_commands_runs_commands() {
    local pool=careful program client
    "$thrum" worker --pool careful --lease 600s -- "$sample" 2>program.err &
    program=$!
    until_true grep -q works program.err || return 1
    start_client -- touch ::: ran
    until_true is_queued || return 1
    ! [ -e ran ] && start_worker a && wait "$client" && [ -e ran ] && stop_worker && kill "$program" && wait "$program"
}

# Two workers, one of which dies with a command: the other one runs it again. The lease is a second.
a_job_of_a_lost_worker_runs_again() {
    local pool=brief first client
    start_worker a -j 1
    first=$worker
    start_client -j 1 -- sh -c 'echo x >>begun; until [ -e go ]; do sleep 0.01; done; echo "$1"' sh ::: 'done'
    until_true test -s begun || return 1
    kill -KILL "$first"
    wait "$first" 2>/dev/null
    start_worker b -j 1
    until_true grep -q 'job 1: its worker was lost; it runs again' err || return 1
    touch go
    wait "$client" || return 1
    [ "$(cat out)" = 'done' ] && [ "$(wc -l <begun)" -ge 2 ] && stop_worker
}

all_are_stored() { "$thrum" cluster status --pool killed --json --interval 10ms | grep -q '"published":3,'; }

# One job has ended, one runs, and one waits. Both of these run to their end, and run again with --resume.
a_client_that_is_killed_leaves_its_jobs_and_its_log() {
    local pool=killed client
    local job='echo "$1" >>started; until [ "$1" = 1 ] || [ -e finish ]; do sleep 0.01; done; echo "$1" >>finished; echo "out $1"'
    start_worker a -j 1
    start_client -k -j 3 --joblog killed.log -- sh -c "$job" sh ::: 1 2 3
    until_true lines_in started 2 && until_true lines_in killed.log 2 && until_true all_are_stored || return 1
    kill -KILL "$client"
    wait "$client" 2>/dev/null
    [ $? -eq 137 ] && [ "$(cat out)" = 'out 1' ] && touch finish && until_true lines_in finished 3 || return 1
    there -k --joblog killed.log --resume -- sh -c "$job" sh ::: 1 2 3 >out 2>err || return 1
    [ "$(cat out)" = "$(printf 'out 2\nout 3')" ] && [ "$(sort finished | uniq -c | awk '{ print $1 $2 }' | paste -sd ' ')" = '11 22 23' ] &&
        [ "$(awk -F '\t' 'NR > 1 && $7 == 0 { print $1 }' killed.log | sort | paste -sd ' ')" = '1 2 3' ] && stop_worker
}

# The second signal ends what runs and what waits. The worker may begin the second command when the first is ended, before it is
# told that the second is, too; that one is ended as well.
signals_end_jobs_on_workers() {
    local pool=signals client process
    rm -f sleeper
    start_worker a -j 1
    start_client -j 2 --joblog ended -- sh -c 'echo $$ >>sleeper; sleep 1000 & echo $! >>sleeper; wait' ::: a b
    until_true lines_in sleeper 2 || return 1
    kill -TERM "$client" && until_true grep -q 'waiting for 2 jobs to end' err && kill -TERM "$client"
    wait "$client"
    [ $? -eq 143 ] && [ "$(wc -l <ended)" -eq 1 ] && stop_worker || return 1
    while read -r process; do until_true gone "$process" || return 1; done <sleeper
}

halt_now_ends_jobs_on_workers() {
    local pool=halt
    rm -f sleeper
    start_worker a -j 2
    there -j 2 --halt now -- sh -c 'echo $$ >>sleeper; [ "$1" = b ] || exec sleep 1000
        until [ "$(wc -l <sleeper)" -eq 2 ]; do sleep 0.01; done; exit 1' sh ::: a b c d >out 2>err
    [ $? -eq 1 ] && grep -q '1 of 1 jobs failed' err && [ "$(wc -l <sleeper)" -eq 2 ] && stop_worker
}

# The first signal waits for commands, the second ends them with the worker.
a_worker_drains_or_ends_its_commands() {
    local pool=drain client
    rm -f sleeper
    start_worker a
    start_client -- sh -c 'echo $$ >sleeper; exec sleep 1000' ::: a
    until_true test -s sleeper || return 1
    kill -TERM "$worker" && until_true grep -q 'finishing what runs' a.err || return 1
    ! gone "$(cat sleeper)" && kill -TERM "$worker"
    wait "$worker"
    [ $? -eq 143 ] && until_true gone "$(cat sleeper)" || return 1
    worker=''
    kill -KILL "$client" # it would wait for another worker
    wait "$client" 2>/dev/null
    [ $? -eq 137 ]
}

a_pool_without_workers_is_told() {
    local pool=nobody client
    start_client -- true ::: a
    until_true grep -q 'no worker answers for the pool "nobody"' err || return 1
    kill -HUP "$client"
    wait "$client"
    [ $? -eq 129 ]
}

left_out() {
    case $1 in
    wrong_*) ;;
    *) command -v nats-server >/dev/null || echo 'there is no nats-server' ;;
    esac
}

run_tests wrong_command_lines_are_refused a_missing_server_or_password_is_told output_status_and_log_come_back \
    a_command_has_the_directory_and_environment_of_the_worker output_beyond_the_bounds_fails_clearly \
    only_a_worker_of_commands_runs_commands a_job_of_a_lost_worker_runs_again \
    a_client_that_is_killed_leaves_its_jobs_and_its_log signals_end_jobs_on_workers \
    halt_now_ends_jobs_on_workers a_worker_drains_or_ends_its_commands a_pool_without_workers_is_told
