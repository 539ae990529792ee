#!/bin/sh
# Runs a command while a PostgreSQL of its own is up: with_postgres.sh COMMAND...; the command finds
# the address in $POSTGRES_URL. The server keeps everything in a folder that is removed afterwards,
# listens on the loopback only, and runs as the user postgres when we are root, as it refuses root.
set -eu
[ $# -gt 0 ] || {
    echo 'with_postgres.sh COMMAND...' >&2
    exit 2
}

bin=
for found in /usr/lib/postgresql/*/bin; do
    [ -x "$found/initdb" ] && bin=$found
done
[ -n "$bin" ] || {
    echo 'PostgreSQL is not installed' >&2
    exit 1
}

work=$(mktemp -d /tmp/thrum-postgres.XXXXXX)
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid postgres --regid postgres --clear-groups -- "$@"
    else
        "$@"
    fi
}
stop() {
    as_server "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP
[ "$(id -u)" -ne 0 ] || chown postgres: "$work"
cd "$work"

as_server "$bin/initdb" -D "$work/data" -U thrum --auth=trust --no-sync >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
# A port may be taken: try a few. The system gives ports from 32768 on to connections.
port=$((15000 + $$ % 17000))
tries=0
until as_server "$bin/pg_ctl" -D "$work/data" -w -t 600 -l "$work/data/log" start -o \
    "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work -c fsync=off -c max_connections=200" \
    >>"$work/log" 2>&1; do
    tries=$((tries + 1))
    port=$((port + 1))
    [ $tries -lt 5 ] || {
        cat "$work/log" "$work/data/log" >&2
        exit 1
    }
done

cd "$OLDPWD"
POSTGRES_URL=postgresql://thrum@127.0.0.1:$port/postgres "$@"
