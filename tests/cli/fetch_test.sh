#!/bin/bash
# `thrum fetch` and certificates: a server with one that signed itself, by the command openssl.
#
#     fetch_test.sh THRUM
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1")
command -v openssl >/dev/null || {
    echo '1..0 # SKIP there is no openssl'
    exit 0
}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work" || exit 1
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost >openssl.log 2>&1 || {
    sed 's/^/# /' openssl.log
    exit 1
}
# It prints the address that it listens at, and serves files of its directory.
echo page >page
start server.log server.err openssl s_server -accept 127.0.0.1:0 -cert certificate.pem -key key.pem -WWW
server=$started
await_line '^ACCEPT .*:[0-9]*$' server.log "$server" || { sed 's/^/# /' server.err; exit 1; }
port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server.log)

a_certificate_that_nobody_vouches_for_is_an_error() {
    "$thrum" fetch --json --retries 0 -o out "https://localhost:$port/page" >log
    [ $? -eq 1 ] && grep -q 'certificate' log && grep -q '"attempts": 1' log && [ -z "$(ls out)" ]
}

one_that_is_trusted_is_none() {
    "$thrum" fetch --cacert certificate.pem -o out "https://localhost:$port/page" && cmp page out/page
}

one_for_another_name_is_an_error() {
    "$thrum" fetch --json --cacert certificate.pem -o out "https://127.0.0.1:$port/other" >log
    [ $? -eq 1 ] && grep -q 'subject name' log && [ ! -e out/other ]
}

shown_files='said log server.err'
run_tests a_certificate_that_nobody_vouches_for_is_an_error one_that_is_trusted_is_none one_for_another_name_is_an_error
