#!/bin/sh
# thrum's cluster beside other ways to run tasks in other processes, in turns:
#
#     bench/cluster.sh LOAD [ROUNDS [PART]]
#
# LOAD is cluster_load, ROUNDS how often each is measured (7), after a round that does not count; PART is `peers` or `scale`, both
# by default. Each turn starts a server and
# two workers, runs tasks that do nothing and have an argument of 1 KB, and ends them all. Prints a line for each: medians,
# least and most of submit and result of one task at a time, and of the tasks that end in a second. Then how many tasks of 20 ms
# end in a second with 1, 10 and 100 workers of thrum. What is not installed is left out, with a word.
set -eu
load=$(realpath "$1") rounds=${2:-7} part=${3:-}
peers=$(cd "$(dirname "$0")/peers" && pwd)
# shellcheck source=tests/cli/nats_server.sh
. "$(dirname "$0")/../tests/cli/nats_server.sh"
python=/usr/bin/python3 # that of Debian's packages
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-bench-cluster-XXXXXX")
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
started=
finish() {
    stop_cluster
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# start_cluster WORKERS: a server with its streams on disk, and workers.
start_cluster() {
    start_nats_server "$work" || exit
    started=$server
    i=0
    while [ "$i" -lt "$1" ]; do
        "$load" worker "$NATS_URL" &
        started="$! $started"
        i=$((i + 1))
    done
}

# Workers first: they take leave of the server.
stop_cluster() {
    for process in $started; do
        kill "$process" 2>/dev/null || :
        wait "$process" 2>/dev/null || :
    done
    started=
    rm -rf "$work/state"
}

# turn NAME: one round. Prints milliseconds and tasks a second.
turn() {
    case $1 in
    thrum)
        start_cluster 2
        "$load" tasks "$NATS_URL" 2
        stop_cluster
        ;;
    Dask) "$python" "$peers/cluster.py" dask ;;
    Celery) "$python" "$peers/cluster.py" celery ;;
    mpi4py) mpiexec --allow-run-as-root --oversubscribe -n 3 "$python" -m mpi4py.futures "$peers/cluster.py" mpi ;;
    esac
}

# What NAME needs and is not here.
missing() {
    case $1 in
    thrum) command -v nats-server >/dev/null || echo nats-server ;;
    Dask) "$python" -c 'import distributed' 2>/dev/null || echo python3-distributed ;;
    Celery)
        "$python" -c 'import celery, redis' 2>/dev/null || echo celery python3-redis
        command -v redis-server >/dev/null || echo redis-server
        ;;
    mpi4py)
        "$python" -c 'import mpi4py' 2>/dev/null || echo python3-mpi4py
        command -v mpiexec >/dev/null || echo openmpi-bin
        ;;
    esac
}

# spread FILE COLUMN FORMAT: the median, the least and the most.
spread() {
    awk -v column="$2" '{ print $column }' "$1" | sort -n | awk -v format="$3" '
        { n[NR] = $1 }
        END { printf format " [" format " .. " format "]", n[int((NR + 1) / 2)], n[1], n[NR] }'
}

names=
[ "$part" = scale ] || for name in thrum Dask Celery mpi4py; do
    lacks=$(missing "$name" | tr '\n' ' ')
    if [ -z "$lacks" ]; then names="$names $name"; else echo "$name is left out: there is no ${lacks% }"; fi
done

round=0
while [ -n "$names" ] && [ "$round" -le "$rounds" ]; do
    for name in $names; do
        if ! turn "$name" >"$work/turn" 2>"$work/trouble" </dev/null; then
            echo "$name has failed:" >&2
            tail -n 5 "$work/trouble" >&2
            exit 1
        fi
        [ "$round" -eq 0 ] || cat "$work/turn" >>"$work/$name"
    done
    round=$((round + 1))
done
[ -z "$names" ] || echo "tasks that do nothing with 1 KB, 2 workers, $rounds rounds"
for name in $names; do
    printf '  %-8s %s ms  %s tasks/s\n' "$name" "$(spread "$work/$name" 1 %.3f)" "$(spread "$work/$name" 2 %.0f)"
done

[ -z "$(missing thrum)" ] && [ "$part" != peers ] || exit 0
round=0
while [ "$round" -le "$rounds" ]; do
    for workers in 1 10 100; do
        start_cluster "$workers"
        rate=$("$load" scale "$NATS_URL" "$workers")
        stop_cluster
        [ "$round" -eq 0 ] || echo "$rate" >>"$work/scale-$workers"
    done
    round=$((round + 1))
done
echo "thrum: tasks of 20 ms, $rounds rounds"
for workers in 1 10 100; do
    printf '  %3d workers  %s tasks/s, of at most %d\n' "$workers" "$(spread "$work/scale-$workers" 1 %.0f)" $((workers * 50))
done
