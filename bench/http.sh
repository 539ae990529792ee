#!/bin/sh
# examples/http_server beside the same server in Go, over libuv, and as a bare loop over epoll, in turns, by wrk:
#
#     bench/http.sh SERVER PEERS [--rounds N] [--seconds N] [--connections 'N N...'] [--runs]
#
# SERVER is the built example, PEERS the folder in which peers/build.sh has made http_go, http_uv and http_epoll.
# For each number of connections it prints a table of medians: requests per second, latency at 50 % and
# 99 % in milliseconds, the server's processor time for a request in microseconds, its most memory
# in MiB; and thrum's figure by that of each peer. --runs prints each run, too. ./dev bench http calls it.
set -eu

server=$1 peers=$2
shift 2
rounds=5 seconds=3 many='100 1000 10000' runs=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --connections) many=$2 ;;
    --runs) runs=yes ;;
    *)
        echo "http.sh: there is no option $1" >&2
        exit 2
        ;;
    esac
    if [ "$1" = --runs ]; then shift; else shift 2; fi
done

command -v wrk >/dev/null || {
    echo 'http: skipped: wrk is not installed' >&2
    exit 0
}
# shellcheck disable=SC3045 # not in POSIX; dash and bash have it
limit=$(ulimit -H -n) && ulimit -n "$limit"
[ "$limit" != unlimited ] || limit=1000000

figures=$(mktemp)
process=
clean() {
    [ -z "$process" ] || kill "$process" 2>/dev/null || true
    rm -f "$figures"
}
trap clean EXIT
trap 'exit 130' INT TERM

# The time that a process has had, in ticks.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# Whether somebody listens on the port.
listens() {
    awk -v port="$(printf ':%04X' "$1")" '
        substr($2, length($2) - 4) == port && $4 == "0A" { found = 1 }
        END { exit !found }' /proc/net/tcp
}

# A port that nobody listens on, below those that the system gives out.
port=$((10000 + $$ % 20000))
next_port() {
    port=$((port + 1))
    while listens "$port"; do port=$((port + 1)); done
}

# measure CONNECTIONS NAME PROGRAM [WORKERS]: one run, as a line of NAME, a tab and the five figures.
measure() {
    connections=$1 name=$2 program=$3 workers=${4:-}
    next_port
    "$program" "$port" ${workers:+"$workers"} &
    process=$!
    tries=0
    until listens "$port" || [ $tries -ge 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    before=$(ticks "$process")
    said=$(wrk -t1 -c"$connections" -d"${seconds}s" --latency "http://127.0.0.1:$port/")
    after=$(ticks "$process" 2>/dev/null) || {
        echo "http: $name died; the run does not count" >&2
        process=
        return
    }
    printf '%s\n' "$said" | awk -v name="$name" -v ticks="$((after - before))" \
        -v hertz="$(getconf CLK_TCK)" -v memory="$(awk '/VmHWM/ { print $2 }' "/proc/$process/status")" '
        function ms(text) { return text * (text ~ /us$/ ? 0.001 : text ~ /ms$/ ? 1 : 1000) }
        $1 == "50%" { half = ms($2) }
        $1 == "99%" { most = ms($2) }
        / requests in / { count = $1 }
        /Requests\/sec/ { rate = $2 }
        /Socket errors|Non-2xx/ { print "http: " name ":" $0 >"/dev/stderr" }
        END { printf "%s\t%s %s %s %s %s\n", name, rate, half, most,
              count ? ticks / hertz * 1e6 / count : 0, memory / 1024 }' >>"$figures"
    [ -z "$runs" ] || tail -n 1 "$figures"
    kill "$process"
    wait "$process" 2>/dev/null || true
    process=
}

# What the runs of one number of connections come to.
table() {
    awk -F '\t' '
        function median(who, which,  list, count, i, j, kept) {
            count = split(values[who, which], list, " ")
            for (i = 2; i <= count; i++) {
                kept = list[i] + 0
                for (j = i - 1; j > 0 && list[j] + 0 > kept; j--) list[j + 1] = list[j]
                list[j + 1] = kept
            }
            return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
        }
        function by(i, which,  its) {
            its = median(order[i], which)
            return i > 1 && its > 0 ? sprintf("(%.2f)", median(order[1], which) / its) : ""
        }
        !($1 in seen) { seen[$1] = 1; order[++known] = $1 }
        {
            split($2, one, " ")
            for (k = 1; k <= 5; k++) values[$1, k] = values[$1, k] " " one[k]
        }
        END {
            printf "  %-18s%19s%16s%16s%16s%10s\n", "", "requests/s", "50 % ms", "99 % ms", "CPU us/req", "MiB"
            for (i = 1; i <= known; i++)
                printf "  %-18s%12.0f %6s%9.2f %6s%9.2f %6s%9.2f %6s%10.1f\n", order[i],
                    median(order[i], 1), by(i, 1), median(order[i], 2), by(i, 2),
                    median(order[i], 3), by(i, 3), median(order[i], 4), by(i, 4),
                    median(order[i], 5)
        }' "$figures"
}

# peer CONNECTIONS TITLE NAME: a run of a peer, if there is one.
peer() {
    [ ! -x "$peers/$3" ] || measure "$1" "$2" "$peers/$3"
}

for name in http_go http_uv http_epoll; do
    [ -x "$peers/$name" ] || echo "http: $(cat "$peers/$name.missing" 2>/dev/null || echo "there is no $name"): skipped" >&2
done
for connections in $many; do
    if [ "$limit" -lt $((connections + 100)) ]; then
        echo "http, $connections connections: skipped: the limit of descriptors is $limit"
        continue
    fi
    : >"$figures"
    round=0
    while [ $round -lt "$rounds" ]; do
        measure "$connections" thrum "$server"
        peer "$connections" Go http_go
        measure "$connections" 'thrum, 1 worker' "$server" 1
        peer "$connections" libuv http_uv
        peer "$connections" 'bare epoll loop' http_epoll
        round=$((round + 1))
    done
    echo "http, $connections connections: medians of $rounds runs of $seconds s, (thrum by it)"
    table
done
for name in http_go http_uv http_epoll; do
    [ ! -f "$peers/$name.version" ] || echo "  $name: $(cat "$peers/$name.version")"
done
