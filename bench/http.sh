#!/bin/sh
# Requests per second and latency of examples/http_server beside its peer in Go, in turns, by wrk:
#
#     bench/http.sh SERVER PEER [ROUNDS [SECONDS [WORKERS]]]
#
# SERVER is the built example, PEER what `go build bench/http_peer.go` makes. Prints a line for each
# run: who, connections, requests per second, 50 %, 99 %, the server's processor time for a request in
# microseconds, most memory in KiB. The fifth tells most where wrk shares the processors.
set -eu
server=$1 peer=$2 rounds=${3:-3} seconds=${4:-3} workers=${5:-0}
port=$((20000 + $$ % 20000))

# The time that a process has had, in ticks.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

measure() {
    name=$1 connections=$2
    shift 2
    port=$((port + 1))
    "$@" "$port" ${workers_of:+"$workers_of"} &
    process=$!
    tries=0
    until wrk -t1 -c1 -d1s "http://127.0.0.1:$port/" >/dev/null 2>&1 || [ $tries -gt 20 ]; do
        tries=$((tries + 1))
    done
    before=$(ticks "$process")
    said=$(wrk -t1 -c"$connections" -d"${seconds}s" --latency "http://127.0.0.1:$port/")
    after=$(ticks "$process")
    printf '%s\n' "$said" |
        awk -v name="$name" -v connections="$connections" \
            -v ticks="$((after - before))" -v hertz="$(getconf CLK_TCK)" \
            -v memory="$(awk '/VmHWM/ { print $2 }' "/proc/$process/status")" '
            $1 == "50%" { half = $2 }
            $1 == "99%" { most = $2 }
            / requests in / { count = $1 }
            /Requests\/sec/ { rate = $2 }
            /Socket errors|Non-2xx/ { trouble = trouble "; " $0 }
            END { print name, connections, rate, half, most, ticks / hertz * 1e6 / count, memory trouble }'
    kill "$process"
    wait "$process" 2>/dev/null || true
}

for connections in 100 1000; do
    round=0
    while [ $round -lt "$rounds" ]; do
        workers_of=
        [ "$workers" = 0 ] || workers_of=$workers
        measure thrum "$connections" "$server"
        workers_of=
        measure go "$connections" "$peer"
        round=$((round + 1))
    done
done
