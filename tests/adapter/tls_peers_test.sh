#!/bin/sh
# libthrum-tls and other programs: tls_peers_test.sh SERVER CLIENT. SERVER is the example https_server, which
# curl and `openssl s_client` ask; CLIENT is tls_client, which asks `openssl s_server`.
# shellcheck disable=SC2317 # functions are called by said
set -u
server=$1
client=$2
work=$(mktemp -d)
number=0
failed=0
children=
stop() {
    for child in $children; do
        kill "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    done
    children=
}
trap 'stop; rm -rf "$work"' EXIT

for program in openssl curl; do
    command -v $program >/dev/null || {
        echo "1..0 # SKIP $program is not installed"
        exit 0
    }
done

# said DESCRIPTION COMMAND...: one result, good if the command succeeds.
said() {
    number=$((number + 1))
    description=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok $number - $description"
    else
        echo "not ok $number - $description"
        sed 's/^/# | /' "$work/said" "$work/answer"
        failed=1
    fi
}

# certificate NAME HOST [DAYS [self]]: signed by the authority, or by itself.
certificate() {
    name=$1
    host=$2
    days=${3:-10}
    signer="-CA $work/authority.pem -CAkey $work/authority.key"
    [ "${4:-}" != self ] || signer="-key $work/$name.key"
    printf 'subjectAltName=DNS:%s\n' "$host" >"$work/extensions"
    # shellcheck disable=SC2086 # words
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" \
        -keyout "$work/$name.key" -out "$work/$name.request" &&
        openssl x509 -req -in "$work/$name.request" $signer -days "$days" -extfile "$work/extensions" \
            -set_serial 1 -out "$work/$name.pem"
}

{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10 -subj /CN=authority \
        -keyout "$work/authority.key" -out "$work/authority.pem" &&
        certificate good good.example && certificate expired good.example -1 &&
        certificate own good.example 10 self
} >"$work/answer" 2>&1 || {
    echo "Bail out! openssl makes no certificates"
    sed 's/^/# /' "$work/answer"
    exit 1
}

# ---------------------------------------------------------------------------------- our server

"$server" 0 "$work/good.pem" "$work/good.key" >"$work/server" 2>&1 &
children="$children $!"
until grep -q '^port [0-9]*$' "$work/server" || ! kill -0 $!; do sleep 0.05; done
port=$(sed -n 's/^port //p' "$work/server")
address=https://good.example:$port/

ask() { # OPTIONS...
    curl -sS --noproxy '*' --resolve "good.example:$port:127.0.0.1" "$@" "$address" >"$work/answer" 2>&1
}
answers() { ask "$@" && [ "$(cat "$work/answer")" = 'Hello, world!' ]; }
refuses() {
    code=$1
    shift
    ask "$@"
    [ $? -eq "$code" ]
}
said 'curl gets its answer' answers --cacert "$work/authority.pem"
said 'curl gets it by TLS 1.2' answers --cacert "$work/authority.pem" --tls-max 1.2
said 'curl gets no TLS 1.1' refuses 35 --cacert "$work/authority.pem" --tls-max 1.1
said 'curl does not trust a server that nobody vouches for' refuses 60
twice() {
    ask --cacert "$work/authority.pem" -w '%{num_connects}\n' "$address" &&
        [ "$(grep -c '^Hello' "$work/answer")" = 2 ] && grep -qx 0 "$work/answer"
}
said 'curl asks twice over one connection' twice

# s_client ends by itself only when the server does: which does so after a request that is no GET.
s_client() {
    printf 'PUT / HTTP/1.1\r\n\r\n' | openssl s_client -connect "127.0.0.1:$port" -servername good.example \
        -verify_hostname good.example -verify_return_error -CAfile "$work/authority.pem" -ign_eof "$@" \
        >"$work/answer" 2>&1
}
talks() { s_client "$@" && grep -q '^HTTP/1.1 405' "$work/answer" && grep -q 'Verify return code: 0' "$work/answer"; }
said 'openssl s_client talks by TLS 1.3' talks -tls1_3
said 'openssl s_client talks by TLS 1.2' talks -tls1_2
cut_off() { s_client -tls1_3 && ! grep -q 'unexpected eof' "$work/answer"; }
said 'openssl s_client is told of the end' cut_off
stop

# ---------------------------------------------------------------------------------- our client

# serve CERTIFICATE: starts s_server with it, and finds its port.
serve() {
    : >"$work/server"
    openssl s_server -accept 127.0.0.1:0 -cert "$work/$1.pem" -key "$work/$1.key" -www \
        >"$work/server" 2>&1 </dev/null &
    children="$children $!"
    until port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$work/server") && [ -n "$port" ] || ! kill -0 $!; do
        sleep 0.05
    done
}
hears() { # HOST LINE
    "$client" "$1" "$port" "$work/authority.pem" >"$work/answer" 2>&1
    grep -q "$2" "$work/answer"
}
serve good
said 'the client gets an answer of openssl s_server' hears good.example '^HTTP/1.0 200 ok'
said 'the client is told of its end' grep -qx end "$work/answer"
said 'the client does not take another host' hears bad.example 'hostname mismatch'
stop
serve expired
said 'the client does not take an expired certificate' hears good.example 'certificate has expired'
stop
serve own
said 'the client does not take a self-signed certificate' hears good.example 'self-signed certificate'
stop

echo "1..$number"
exit $failed
