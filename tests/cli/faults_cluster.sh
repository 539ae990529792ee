# shellcheck shell=bash
# faults.sh for commands that need a nats-server: a test script sources this file in its place, with the path of the program as $1.
# A server runs, and $NATS_URL is its address. Without nats-server the script ends, and its scenarios count as skipped.
command -v nats-server >/dev/null || { echo '1..0 # SKIP there is no nats-server' && exit; }
# shellcheck source=tests/cli/faults.sh
. "${BASH_SOURCE[0]%/*}/faults.sh"
# shellcheck source=tests/cli/waits.sh
. "${BASH_SOURCE[0]%/*}/waits.sh"
# shellcheck source=tests/cli/nats_server.sh
. "${BASH_SOURCE[0]%/*}/nats_server.sh"
# The sanitizer wants to be the first library; a preloaded one comes before it.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
trap 'kill -KILL $(jobs -p) 2>/dev/null; wait 2>/dev/null; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
start_nats_server "$work" || {
    echo 'Bail out! nats-server does not start'
    exit 1
}

worker_words=()

# beside CLIENT...: runs the client beside `thrum worker` with the words in the array worker_words. The worker has the faults, and is
# drained when the client has ended. A worker that cannot begin ends, and the client, which would wait for another one, with
# it. No shell stands before the worker: the signal is for it alone, and once, as timeout sends none to its group.
beside() {
    local worker client ended status
    (
        if [ -n "$fault" ]; then export THRUM_FAULT=$fault; else export THRUM_FAULT_LOG=$calls; fi
        exec timeout --foreground 120 "$program" worker "${worker_words[@]}"
    ) &
    worker=$!
    timeout 120 "$@" <&0 & # alone, the ampersand would close its standard input
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
