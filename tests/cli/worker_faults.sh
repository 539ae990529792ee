#!/bin/bash
# `thrum worker -- PROGRAM` with one failing call, until it has become the program: worker_faults.sh THRUM-WITH-FAULTS. See
# faults.sh. Without nats-server it is skipped.
# shellcheck disable=SC2317 # called by name
export FAULTS_EACH=${FAULTS_EACH:-1} # the first and the last call of each function
command -v nats-server >/dev/null || { echo '1..0 # SKIP there is no nats-server'; exit 0; }
sample=$(realpath "$(dirname "$1")/cluster_sample")
# shellcheck source=tests/cli/faults.sh
. "$(dirname "$0")/faults.sh"
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

nats-server -js -a 127.0.0.1 -p -1 -sd "$work/state" --ports_file_dir "$work" >"$work/server" 2>&1 &
server=$!
trap 'kill "$server"; wait "$server"; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
until grep -q -s nats:// "$work/nats-server_$server.ports"; do kill -0 "$server" || exit 1; sleep 0.01; done
NATS_URL=$(sed -n 's/.*"\(nats:[^"]*\)".*/\1/p' "$work/nats-server_$server.ports" | head -n 1)
export NATS_URL

inputs() { echo secret >password; }

# beside CLIENT...: runs the client beside a worker, which has the faults, and drains the worker. A worker that cannot begin ends,
# and the client with it. No shell stands before the worker: the signal is for it alone.
beside() {
    local worker client ended status
    (
        if [ -n "$fault" ]; then export THRUM_FAULT=$fault; else export THRUM_FAULT_LOG=$calls; fi
        exec timeout --foreground 120 "$program" worker --user joe --password-file password \
            --executor processes -- "$sample"
    ) &
    worker=$!
    timeout 120 "$@" &
    client=$!
    wait -n -p ended "$worker" "$client"
    status=$?
    if [ "$ended" = "$worker" ]; then
        kill -TERM "$client" 2>/dev/null # timeout passes it on
        wait "$client" 2>/dev/null
        return "$status"
    fi
    kill -TERM "$worker"
    wait "$worker" || return
    return "$status"
}

program_run() { beside env POOL=default "$sample" squares 3; }

sweep program
