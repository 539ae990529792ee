#!/bin/sh
# `thrum fetch` beside other programs, in turns, against nginx on loopback, which holds each answer for
# 200 ms (its echo module):
#
#     bench/fetch.sh THRUM [ROUNDS [COUNT...]]
#
# THRUM is the command, ROUNDS how often each is measured (5), COUNT how many URLs there are (100 1000
# 5000); OTHERS in the environment are the programs besides wget2 (curl aria2c). Prints a row for each
# count and a line for each program: the medians of the seconds, of the processor's seconds and of the
# most memory, and the ratios of thrum's to them. A round that does not count comes first. Each file is
# checked for being there; a program that leaves some out says so. fetch_multi is libcurl alone, and
# writes no files (peers/fetch_multi.c). Last comes how well --rate 100/s is kept, by nginx's clock. A
# program that is not installed is left out.
set -eu
thrum=$(realpath "$1") rounds=${2:-5}
here=$(cd "$(dirname "$0")" && pwd)
[ $# -lt 2 ] || shift
shift
[ $# -gt 0 ] || set -- 100 1000 5000
# Files go to memory where that can be had: what disks do is not the subject.
place=${TMPDIR:-/dev/shm}
[ -w "$place" ] || place=/tmp
work=$(mktemp -d "$place/thrum-bench-fetch-XXXXXX")
nginx=
# shellcheck disable=SC2064 # the directory of now
trap '[ -z "$nginx" ] || kill "$nginx"; rm -rf '"'$work'" EXIT
export LC_ALL=C
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY
# Each program asks for the descriptors that it needs if it may.
# shellcheck disable=SC3045 # every shell that Debian has as sh knows it
ulimit -n "$(ulimit -Hn)"

start_nginx() {
    port=18000
    while :; do
        cat >"$work/nginx.conf" <<END
load_module modules/ngx_http_echo_module.so;
daemon off;
master_process off;
pid $work/nginx.pid;
worker_rlimit_nofile 20000;
events { worker_connections 9000; }
http {
    access_log off;
    log_format moments '\$msec';
    keepalive_requests 1000000;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$port backlog=8192;
        location / { echo_sleep 0.2; echo hello; }
        location /now { access_log $work/moments moments; echo hello; }
    }
}
END
        nginx -p /usr/share/nginx -e "$work/error.log" -c "$work/nginx.conf" &
        nginx=$!
        until [ -s "$work/nginx.pid" ] || ! kill -0 "$nginx" 2>/dev/null; do sleep 0.05; done
        [ ! -s "$work/nginx.pid" ] || return 0
        wait "$nginx" || true
        nginx=
        port=$((port + 1))
        [ $port -lt 18020 ] || {
            cat "$work/error.log" >&2
            exit 1
        }
    done
}

# run NAME LIST: the work of one program, into the directory "out".
run() {
    case $1 in
    thrum) set -- "$thrum" fetch -q -j 1000 --per-host 1000 -o out -i "$2" ;;
    wget2) set -- wget2 -q --max-threads=1000 -P out -i "$2" ;;
    curl) set -- curl -s -Z --parallel-max 300 --output-dir out --remote-name-all -K "$2.curl" ;;
    aria2c) set -- aria2c -q -j1000 -d out -i "$2" ;;
    fetch_multi) set -- ./fetch_multi "$2" ;;
    esac
    # The seconds of time(1) have two decimals, which is too coarse for a hundred URLs.
    begin=$(date +%s%N)
    /usr/bin/time -o spent -f '%U %S %M' "$@" >/dev/null 2>&1 || true
    end=$(date +%s%N)
    spent="$((end - begin)) $(tail -n 1 spent)"
}

# row COUNT
row() {
    seq -f "http://127.0.0.1:$port/u%g" "$1" >list
    sed 's/.*/url="&"/' list >list.curl
    : >measured
    round=0
    while [ "$round" -le "$rounds" ]; do
        for name in thrum wget2 fetch_multi ${OTHERS-curl aria2c}; do
            command -v "$name" >/dev/null || [ "$name" = thrum ] || [ -x "$name" ] || continue
            mkdir out
            run "$name" list
            files=$(find out -type f | wc -l)
            rm -rf out
            [ "$round" -eq 0 ] || echo "$spent $files $name" >>measured
        done
        round=$((round + 1))
    done
    echo "$1 URLs"
    awk -v wanted="$1" '
        function median(values, name,    n, i, j, sorted, swap) {
            n = count[name]
            for (i = 1; i <= n; i++)
                sorted[i] = values[name, i]
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && sorted[j - 1] > sorted[j]; j--) {
                    swap = sorted[j]
                    sorted[j] = sorted[j - 1]
                    sorted[j - 1] = swap
                }
            return sorted[int((n + 1) / 2)]
        }
        {
            if (!($6 in count))
                names[++kinds] = $6
            i = ++count[$6]
            wall[$6, i] = $1 / 1e9
            processor[$6, i] = $2 + $3
            memory[$6, i] = $4 / 1024
            if ($5 != wanted && $6 != "fetch_multi")
                lacking[$6] = wanted - $5
        }
        END {
            for (k = 1; k <= kinds; k++) {
                name = names[k]
                printf "  %-11s %6.3f s  %6.2f s of CPU  %6.1f MiB", name, median(wall, name),
                    median(processor, name), median(memory, name)
                if (name != "thrum")
                    printf "   ratios %.2f %.2f %.2f", median(wall, "thrum") / median(wall, name),
                        median(processor, "thrum") / median(processor, name),
                        median(memory, "thrum") / median(memory, name)
                printf "%s\n", lacking[name] ? "   " lacking[name] " files are not there" : ""
            }
        }' measured
}

rate() {
    seq -f "http://127.0.0.1:$port/now/%g" 500 >list
    "$thrum" fetch -q --json --rate 100/s -i list >/dev/null
    awk 'NR == 1 { first = $1 } { last = $1 } END {
        printf "--rate 100/s: %.2f requests per second\n", (NR - 1) / (last - first) }' "$work/moments"
}

command -v nginx >/dev/null || {
    echo 'bench/fetch.sh: there is no nginx' >&2
    exit 1
}
cd "$work"
"$here/peers/build.sh" "$work" fetch_multi
start_nginx
for count; do row "$count"; done
rate
