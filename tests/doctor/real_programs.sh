#!/bin/sh
# Programs of others under `thrum doctor --trace`: real_programs.sh THRUM [few]. Each runs alone and watched; the output and
# the exit status must be the same, and nothing may be found without --strict. What is not installed is
# left out, with a word. With "few", only small ones run, which takes seconds; all take a minute or two.
set -u
thrum=$(realpath "$1")
few=${2-}
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-real-XXXXXX")
server=
# shellcheck disable=SC2317 # the trap calls it
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$work"
}
trap finish EXIT
failed=0
cd "$work" || exit 1
export LC_ALL=C

there() {
    command -v "$1" >/dev/null && return 0
    echo "left out: $1 is not installed"
    return 1
}

complain() {
    echo "FAILED $1: $2"
    [ ! -s report ] || cat report
    failed=1
}

# judge NAME STATUS-ALONE STATUS-WATCHED: after both runs.
judge() {
    if ! cmp -s alone watched || ! cmp -s alone.err watched.err; then
        complain "$1" 'the output differs'
    elif [ "$2" -ne "$3" ]; then
        complain "$1" "status $3 and not $2"
    elif ! tail -n 1 report | grep -q ': 0 deadlocks, 0 potential$'; then
        complain "$1" 'something was found'
    elif ! "$thrum" trace view trace -o page.html; then
        complain "$1" 'its trace is not read'
    else
        echo "ok $1: $(tail -n 1 report | sed 's/^thrum doctor: //; s/:.*//')"
    fi
}

# same NAME COMMAND...
same() {
    name=$1
    shift
    "$@" >alone 2>alone.err
    first=$?
    "$thrum" doctor -o report --trace trace -- "$@" >watched 2>watched.err
    judge "$name" "$first" $?
}

size=20000000
[ -z "$few" ] || size=1000000
head -c "$size" /dev/urandom >data
find /usr/include -name '*.h' -exec cat {} + 2>/dev/null | head -c "$size" >>data

! there pigz || same pigz pigz -kc -p 4 data
! there xz || same xz xz -T2 -0 -kc data
if [ -n "$few" ]; then
    ! there sqlite3 || same sqlite3 sqlite3 :memory: 'select 1;'
    ! there curl || same curl curl -s "file://$work/data"
    exit "$failed"
fi
! there zstd || same zstd zstd -T4 -q -kc data
! there sqlite3 || same sqlite3 sqlite3 :memory: 'create table t(a);
    with recursive c(x) as (select 1 union all select x + 1 from c where x < 100000) insert into t select x from c;
    select sum(a), count(*) from t;'
! there curl || same curl curl -s "file://$work/data"
! there git || same git git --version
! there sort || same sort sort --parallel=4 -S 1M data
! there python3 || same python3 python3 -c '
import concurrent.futures, queue, threading
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda x: x * x, range(1000))))
items = queue.Queue()
threads = [threading.Thread(target=lambda: [items.put(i) for i in range(100)]) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(items.qsize())'
! there bash || same bash bash -c 'for i in 1 2 3 4 5; do ls / | wc -l; done; (echo x) | cat'

cat >Sum.java <<'END'
public class Sum {
    static int sum;
    public static void main(String[] words) throws Exception {
        Thread[] threads = new Thread[8];
        for (int i = 0; i < 8; i++) {
            threads[i] = new Thread(() -> { for (int k = 0; k < 1000; k++) synchronized (Sum.class) { sum++; } });
            threads[i].start();
        }
        for (Thread thread : threads) thread.join();
        System.out.println(sum);
    }
}
END
if there java && there javac && javac Sum.java; then same java java -cp . Sum; fi

# Its messages have times in them; and one of its threads is neither joined nor detached.
browse() {
    echo '<p id=x></p><script>document.getElementById("x").textContent = 6 * 7</script>' >page
    set -- chromium --headless --no-sandbox --disable-gpu "--user-data-dir=$work/chromium" --dump-dom "file://$work/page"
    "$@" >alone 2>/dev/null
    first=$?
    "$thrum" doctor -o report --trace trace -- "$@" >watched 2>/dev/null
    status=$?
    for file in alone.err watched.err; do : >"$file"; done
    judge chromium "$first" "$status"
}
! there chromium || browse

# Servers end by a signal; what they send must be the same as the file.
serve_nginx() {
    mkdir -p nginx
    cat >nginx/conf <<END
worker_processes 2; thread_pool default threads=4; pid $work/nginx/pid; daemon off; user $(id -un);
error_log $work/nginx/errors;
events { worker_connections 256; }
http { access_log off; client_body_temp_path $work/nginx; proxy_temp_path $work/nginx;
    fastcgi_temp_path $work/nginx; uwsgi_temp_path $work/nginx; scgi_temp_path $work/nginx;
    server { listen 127.0.0.1:18471; aio threads; root $work; } }
END
    chmod 755 "$work"
    "$thrum" doctor -o report --trace trace -- nginx -c "$work/nginx/conf" -p "$work/nginx" &
    server=$!
    tries=0
    until curl -sf http://127.0.0.1:18471/data -o /dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || break
        sleep 0.1
    done
    for round in 1 2 3 4 5; do
        curl -s http://127.0.0.1:18471/data | cmp -s - data || complain nginx "round $round has other data"
    done
    kill -QUIT "$(cat nginx/pid)"
    wait "$server"
    status=$?
    server=
    for file in alone alone.err watched watched.err; do : >"$file"; done
    judge nginx 0 "$status"
}
if there nginx && there curl; then serve_nginx; fi

serve_postgres() {
    bin=
    for found in /usr/lib/postgresql/*/bin; do
        [ ! -x "$found/initdb" ] || bin=$found
    done
    if [ -z "$bin" ]; then
        echo 'left out: postgres is not installed'
        return
    fi
    as_server=
    if [ "$(id -u)" -eq 0 ]; then
        as_server='setpriv --reuid postgres --regid postgres --clear-groups --'
    fi
    mkdir postgres
    [ -z "$as_server" ] || chown postgres: postgres
    for file in report trace; do : >"$file"; done
    chmod 666 report trace
    $as_server "$bin/initdb" -D "$work/postgres/data" -U thrum --auth=trust --no-sync >/dev/null || return
    # shellcheck disable=SC2086 # words
    $as_server "$thrum" doctor -o "$work/report" --trace "$work/trace" -- "$bin/postgres" -D "$work/postgres/data" \
        -c listen_addresses= -k "$work/postgres" 2>postgres/log &
    server=$!
    tries=0
    until "$bin/psql" -h "$work/postgres" -U thrum -d postgres -c 'select 1' >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || break
        sleep 0.1
    done
    "$bin/psql" -h "$work/postgres" -U thrum -d postgres -Atc \
        'select sum(a) from generate_series(1, 100000) a' >watched 2>watched.err
    echo 5000050000 >alone
    : >alone.err
    pid=$(head -n 1 postgres/data/postmaster.pid)
    kill -INT "$pid"
    wait "$server"
    status=$?
    server=
    judge postgres 0 "$status"
}
serve_postgres
exit "$failed"
