#!/bin/bash
# `thrum run --cluster`, `thrum worker --commands` and `thrum cluster status` with one failing call: run_cluster_faults.sh
# THRUM-WITH-FAULTS. See faults.sh. Without nats-server the scenarios are skipped.
# shellcheck disable=SC2317,SC2016 # called by name; what stands in single quotes is for other shells
command -v nats-server >/dev/null || { echo '1..0 # SKIP there is no nats-server' && exit; }
FAULTS_EACH=${FAULTS_EACH:-0} # the last call of each function; run_faults.sh has the others
# shellcheck source=tests/cli/faults.sh
. "$(dirname "$0")/faults.sh"

until_true() {
    local tries=0
    until "$@" || [ $((tries += 1)) -gt 3000 ]; do sleep 0.01; done
    "$@"
}

unset NATS_URL
nats-server -js -a 127.0.0.1 -p -1 -sd "$work/state" --ports_file_dir "$work" >"$work/server.log" 2>&1 &
server=$!
trap 'kill -KILL $(jobs -p) 2>/dev/null; wait 2>/dev/null; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
until_true grep -q -s nats:// "$work/nats-server_$server.ports" || { echo 'Bail out! nats-server does not start' && exit 1; }
NATS_URL=$(sed -n 's/.*"\(nats:[^"]*\)".*/\1/p' "$work/nats-server_$server.ports" | head -n 1)
export NATS_URL
# A lease of ten minutes: so no command runs twice, however busy the machine is.
(cd "$work" && exec "$program" worker --commands --pool shared --lease 600s) >/dev/null 2>"$work/shared.err" &
until_true grep -q -s works "$work/shared.err"

inputs() { seq 4 >list; }

job='echo "out $1"; echo "err $1" >&2'

client_run() { thrum run --cluster '' --pool shared -k -j 2 --tag -- sh -c "$job" sh <list; }

retried_run() {
    thrum run --cluster '' --pool shared -k -j 1 --retries 2 --retry-delay 1ms -t 60s -- sh -c \
        'echo x >>"$2/log-tried$1"; [ "$(wc -l <"$2/log-tried$1")" -ne 1 ] || exit 1; echo "out $1"' sh :::: list ::: "$PWD"
}

# After a fault the log knows no job that was not printed, and a resumed run does the rest.
logged_run() { thrum run --cluster '' --pool shared -k -j 2 --joblog log -- sh -c "$job" sh <list; }
logged_broken() {
    touch log
    awk -F '\t' 'NR > 1 && NF == 9 && $7 == 0 && $8 == 0 {print "out " $1}' log | sort >done.logged
    sort -u out >done.printed
    [ -z "$(comm -23 done.logged done.printed)" ] || return 1
    "$program" run -q --cluster '' --pool shared -k --joblog log --resume -- sh -c "$job" sh <list >>out 2>/dev/null || return 1
    [ "$(sort -u out)" = "$(seq 4 | sed 's/^/out /')" ]
}

# The fault is in a worker of a pool of its own. A worker that cannot begin ends, and the client would wait for another one. The
# jobs print to standard output alone, which is compared: so the last call that reads output reads that.
worker_run() {
    local pool=pool$BASHPID client status ended
    (
        if [ -n "$fault" ]; then export THRUM_FAULT=$fault; else export THRUM_FAULT_LOG=$calls; fi
        # Or it would send the signal twice.
        exec timeout --foreground 120 "$program" worker --commands --pool "$pool" --lease 600s -j 2
    ) &
    worker=$!
    timeout 120 "$program" run --cluster '' --pool "$pool" -k -j 2 -t 60s -- sh -c 'echo "out $1"' sh <list &
    client=$!
    wait -n -p ended "$worker" "$client"
    status=$?
    if [ "$ended" = "$worker" ]; then
        pkill -KILL -P "$client" # the end of timeout alone would leave it behind
        wait "$client" 2>/dev/null
        return "$status"
    fi
    kill -TERM "$worker"
    wait "$worker" || return
    return "$status"
}

# The numbers change from look to look, but for that of the workers.
table_run() {
    thrum cluster status --pool shared --interval 10ms -n 2 >log.look
    local status=$?
    awk '{ print $1, $2 }' log.look
    return "$status"
}

json_run() {
    thrum cluster status --pool shared --interval 10ms -n 2 --json >log.look
    local status=$?
    sed -E 's/("workers":[0-9]+)|:[0-9.]+|:null/\1/g' log.look
    return "$status"
}

sweep client retried logged worker table json
