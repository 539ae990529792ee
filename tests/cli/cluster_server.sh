# shellcheck shell=bash
# A nats-server for a test script, with its folder: sourced by bash scripts. It goes to a new folder, $work, and sets $NATS_URL to
# the address of the server, if there is a nats-server. Processes whose numbers are in $worker are killed at the end.
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/nats_server.sh
. "$(dirname "$0")/nats_server.sh"
export LC_ALL=C
unset NATS_URL
# The sanitizer wants to be the first library; a preloaded one comes before it.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
work=$(mktemp -d)
cd "$work" || exit 1
# OpenSSL and libnats are not instrumented, and threads of libnats still run at the end of a process, when OpenSSL destroys its
# locks: what the sanitizers say of that is no news of thrum.
printf '%s\n' race:libcrypto.so race:libssl.so race:libnats.so >races
printf '%s\n' leak:libcrypto.so leak:libssl.so leak:libnats.so >leaks
export TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}suppressions=$work/races
export LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}suppressions=$work/leaks:print_suppressions=0
server=''
finish() {
    # shellcheck disable=SC2046,SC2086 # several numbers, or none
    kill -KILL $server ${worker:-} $(jobs -p) 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

# start_server OPTIONS...
# shellcheck disable=SC2120 # scripts that source this give arguments
start_server() { start_nats_server "$work" "$@"; }

# shellcheck disable=SC2034 # for tap.sh
shown_files='said out err worker.err a.err b.err server.log'

# A script with a server of its own kind sets server_later.
# shellcheck disable=SC2119
[ -n "${server_later:-}" ] || ! command -v nats-server >/dev/null || start_server || {
    echo 'Bail out! nats-server does not start'
    tail -n 20 server.log | sed 's/^/# /'
    exit 1
}
