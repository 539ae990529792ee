#!/bin/bash
# thrum run --cluster and thrum worker --commands over TLS: which servers and which clients are refused.
#
#     run_cluster_tls_test.sh THRUM [TEST...]
#
# The server has a certificate for localhost that `authority` has signed. `stranger` is another authority, with a certificate
# for localhost, too. Without nats-server and openssl the tests are skipped.
# shellcheck disable=SC2015,SC2016,SC2329 # the last of A && B || C is for both; functions are called by name
set -u
thrum=$(realpath "$1")
server_later=yes
# shellcheck source=tests/cli/cluster_server.sh
. "$(dirname "$0")/cluster_server.sh"
worker=''

# authority NAME: makes an authority, with its key in the same file.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" \
        -addext basicConstraints=critical,CA:TRUE
}

# certificate NAME AUTHORITY HOST: makes one for the host that the authority has signed.
certificate() {
    printf 'subjectAltName=DNS:%s\n' "$3" >extensions
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" -keyout "$1.key" -out request.pem &&
        openssl x509 -req -in request.pem -days 2 -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile extensions -out "$1.pem"
}

# serve [LINE]: a server with TLS, with this line in its configuration of that; $url is its address, by the name in its
# certificate. A busy machine may need longer for a connection than its standard of two seconds.
serve() {
    printf 'tls {\n cert_file: for_server.pem\n key_file: for_server.key\n timeout: %s\n%s\n}\n' "$LIMIT" "${1:-}" >server.conf
    start_server -c server.conf || return 1
    url=nats://localhost:${NATS_URL##*:}
    unset NATS_URL
}

stop_server() {
    kill -KILL "$server"
    wait "$server" 2>/dev/null
    server=''
}

# refused TEXT OPTIONS...: neither command connects; both give the reason, and print nothing.
refused() {
    local text=$1
    shift
    for line in 'run --cluster' 'worker --commands --server'; do
        # shellcheck disable=SC2046,SC2086 # lists of words
        timeout $LIMIT "$thrum" $line "$url" "$@" $([ "$line" != 'run --cluster' ] || echo '-- touch ::: ran') >out 2>err </dev/null
        status=$?
        [ $status -eq 1 ] && [ ! -s out ] && [ ! -e ran ] && grep -q "$text" err && continue
        echo "# $line $*: status $status"
        return 1
    done
}

# accepted OPTIONS...: a worker and a run with these options find each other. The lease is short: where a connection is lost, the
# server delivers again what it has sent there once the lease is over.
accepted() {
    "$thrum" worker --commands --server "$url" --lease 10s "$@" >worker.out 2>worker.err </dev/null &
    worker=$!
    await_line works worker.err "$worker" || return 1 # without a worker, the run would wait for one
    timeout $LIMIT "$thrum" run --cluster "$url" "$@" -k -- sh -c 'echo "got $1"' sh ::: a b >out 2>err </dev/null || return 1
    [ "$(cat out)" = "$(printf 'got a\ngot b')" ] && kill -TERM "$worker" && wait "$worker"
    local status=$?
    worker=''
    return $status
}

the_authority_of_the_server_is_trusted_and_no_other() {
    serve || return 1
    accepted --tls-ca authority.pem && refused 'refuses.*tls_ca.*issuer' --tls-ca stranger.pem &&
        refused 'tls_ca, ./none, cannot be read: No such' --tls-ca ./none && refused 'refuses.*tls_ca'
    local status=$?
    stop_server
    return $status
}

a_server_by_another_name_is_refused() {
    serve || return 1
    refused 'refuses.*tls_name.*elsewhere' --tls-ca authority.pem --tls-name elsewhere && accepted --tls-ca authority.pem --tls-name localhost
    local status=$?
    stop_server
    return $status
}

# A server in the middle has a certificate for the right name, by another authority.
a_server_of_another_authority_is_refused() {
    cp for_server.pem kept.pem && cp for_server.key kept.key && cp intruder.pem for_server.pem && cp intruder.key for_server.key &&
        serve || return 1
    refused 'refuses.*tls_ca.*issuer' --tls-ca authority.pem
    local status=$?
    stop_server
    mv kept.pem for_server.pem && mv kept.key for_server.key
    return $status
}

a_certificate_is_shown_where_the_server_asks_for_one() {
    serve 'verify: true, ca_file: authority.pem' || return 1
    refused 'refuses.*tls_certificate' --tls-ca authority.pem &&
        refused 'refuses.*tls_certificate' --tls-ca authority.pem --tls-certificate intruder.pem --tls-key intruder.key &&
        accepted --tls-ca authority.pem --tls-certificate for_client.pem --tls-key for_client.key
    local status=$?
    stop_server
    return $status
}

# With --tls-ca nothing is sent without TLS.
a_server_without_tls_is_refused() {
    start_server || return 1
    url=nats://localhost:${NATS_URL##*:}
    unset NATS_URL
    refused 'it has no TLS' --tls-ca authority.pem && accepted
    local status=$?
    stop_server
    return $status
}

left_out() {
    command -v nats-server >/dev/null || echo 'there is no nats-server'
    command -v openssl >/dev/null || echo 'there is no openssl'
}

if [ -z "$(left_out any)" ]; then
    {
        authority authority && authority stranger && certificate for_server authority localhost &&
            certificate for_client authority client && certificate intruder stranger localhost
    } >openssl.log 2>&1 || {
        sed 's/^/# /' openssl.log
        echo 'Bail out! openssl makes no certificates'
        exit 1
    }
fi
shift
[ $# -gt 0 ] || set -- the_authority_of_the_server_is_trusted_and_no_other a_server_by_another_name_is_refused \
    a_server_of_another_authority_is_refused a_certificate_is_shown_where_the_server_asks_for_one a_server_without_tls_is_refused
run_tests "$@"
