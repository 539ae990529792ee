# shellcheck shell=sh
# A nats-server for a script, which sources this file.

# start_nats_server FOLDER OPTIONS...: starts a server that keeps its streams in FOLDER/state and writes to FOLDER/server.log. The server
# chooses its port. Its process is $server, and its address is $NATS_URL, for commands that are called, too. Returns 1 if it ends
# instead.
start_nats_server() {
    nats_folder=$1
    shift
    nats-server -js -a 127.0.0.1 -p -1 -sd "$nats_folder/state" --ports_file_dir "$nats_folder" "$@" >"$nats_folder/server.log" 2>&1 &
    server=$!
    until grep -q -s -E '(nats|tls)://' "$nats_folder/nats-server_$server.ports"; do
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.01
    done
    NATS_URL=$(sed -n -E 's/.*"((nats|tls):[^"]*)".*/\1/p' "$nats_folder/nats-server_$server.ports" | head -n 1)
    export NATS_URL
}
