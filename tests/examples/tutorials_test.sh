#!/bin/bash
# The programs of docs/tutorials/ do what their pages say, and bear what goes wrong: tutorials_test.sh PROGRAMS SOURCE
#
# PROGRAMS is the folder with the programs that could be built. The commands of a page are run, except for those that
# compile; ports are replaced by free ones. Each line of a block of text stands in what the block of shell before it prints.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
# shellcheck source=tests/examples/pages.sh
. "$(dirname "$0")/pages.sh"
programs=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
cd "$work" || exit 1
export LC_ALL=C PATH=$programs:$PATH
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
: >err
started= # processes that a test has left
end_all() {
    local process
    for process in $started $(jobs -p); do
        kill -KILL "$process" 2>/dev/null
    done
    wait 2>/dev/null
    started=
}
trap 'end_all; rm -rf "$work"' EXIT

left_out() {
    local program=link_check
    case $1 in
    *thumbnail*) program=thumbnails ;;
    *chat*) program=tls_chat ;;
    *job*) program=job_queue ;;
    esac
    [ -x "$programs/$program" ] || echo "$program is not built"
    case $1 in
    *job*) command -v nats-server >/dev/null || echo "there is no nats-server" ;;
    *thumbnail*) command -v cjpeg >/dev/null || echo "there is no cjpeg" ;;
    esac
}

# free_port: one that nothing uses now, and that the system gives to nobody who does not ask for it: it gives those from 32768 on.
free_port() {
    python3 -c 'import random, socket
while True:
    port = random.randrange(15000, 32000)
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break'
}

# await COMMAND...: waits until it succeeds.
await() { until_true quietly "$@"; }
quietly() { "$@" >/dev/null 2>&1; }

# A folder for a test. What the test before has left running ends.
fresh() {
    end_all
    cd "$work" || exit 1
    rm -rf "$1"
    mkdir "$1" && cd "$1" || exit 1
}

# take_page PAGE PORT: its blocks as 1.sh, 2.sh ..., and what they print as 1.text ...; PORT in place of the page's.
take_page() {
    split_page "$source/docs/tutorials/$1"
    sed -i "s/\<\(8000\|8443\|4222\)\>/$2/g; s|/tmp/jobs|$PWD/jobs|; s/0\.0\.0\.0/127.0.0.1/" ./*.sh ./*.text
}

# run_block NUMBER: in this shell, so that its jobs belong to it. What it prints goes to NUMBER.printed.
run_block() {
    # shellcheck disable=SC1090 # the page
    . "./$1.sh" >"$1.printed" 2>&1
}

# prints NUMBER: whether each line of the text stands in what the block has printed.
prints() {
    local line
    while read -r line; do
        grep -qxF -- "$line" <(sed 's/^ *//' "$1.printed") || {
            echo "missing: $line; printed:" >&2
            cat "$1.printed" >&2
            return 1
        }
    done <"$1.text"
}

# ------------------------------------------------------------------------------------ the link checker

serve_files() {
    python3 -m http.server "$1" --bind 127.0.0.1 --directory "$2" >/dev/null 2>&1 &
    started="$started $!"
    await curl -s -o index "http://127.0.0.1:$1/"
}

the_page_of_the_link_checker_is_true() {
    local port
    fresh links
    port=$(free_port)
    take_page link-checker.md "$port"
    run_block 2
    await curl -s -o index "http://127.0.0.1:$port/"
    run_block 3
    prints 3
}

link_checker_follows_each_page_once() {
    local port i
    fresh pages
    mkdir site
    for i in $(seq 0 29); do
        echo "<a href=\"$(((i + 1) % 30)).html\"> <a href='$(((i * 7) % 30)).html?a=1&amp;b=2#x'> <!-- <a href=\"no\"> -->"
    done | split -l 1 -a 2 -d --additional-suffix=.html - site/p
    for i in $(seq 0 29); do mv "site/p$(printf %02d "$i").html" "site/$i.html"; done
    echo '<p title=">" ><a href="0.html">' >site/index.html
    port=$(free_port)
    serve_files "$port" site
    link_check -j 10 "http://127.0.0.1:$port/" >printed || return 1
    # The first page, 30 pages, and each again with its query.
    grep -qx '61 links checked, 0 dead' printed || { cat printed >&2; return 1; }
}

# A server that accepts and says nothing.
silent_server() {
    python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
c = s.accept()
print("accepted", flush=True)
time.sleep(1000)' "$1" >"$2" &
    started="$started $!"
    await grep listens "$2"
}

link_checker_reports_at_ctrl_c() {
    local port checker
    fresh silent
    port=$(free_port)
    silent_server "$port" server
    (trap - INT && exec link_check "http://127.0.0.1:$port/") >printed 2>&1 &
    checker=$!
    await grep accepted server
    kill -INT "$checker"
    wait "$checker"
    if ! { [ $? -eq 130 ] && grep -qx '0 links checked, 0 dead' printed; }; then cat printed >&2; return 1; fi
}

link_checker_refuses_what_it_cannot_check() {
    local word
    fresh refused
    for word in ftp://host/ nonsense '-j 0 http://host/' ''; do
        # shellcheck disable=SC2086 # a list of words
        link_check $word >printed 2>&1
        if ! { [ $? -eq 2 ] && [ -s printed ]; }; then echo "link_check $word" >&2; return 1; fi
    done
    link_check "http://127.0.0.1:1/" >printed
    [ $? -eq 1 ] && grep -qi 'connect' printed
}

# -------------------------------------------------------------------------------------- the thumbnailer

photo() {
    { printf 'P6 %d %d 255\n' "$1" "$2"; head -c $(($1 * $2 * 3)) /dev/zero; } | cjpeg
}

the_page_of_the_thumbnailer_is_true() {
    fresh thumbnails
    take_page thumbnails.md 0
    run_block 2
    prints 2 || return 1
    run_block 3
    prints 3
}

thumbnails_have_the_size_that_was_asked_for() {
    local shape
    fresh sizes
    photo 1200 300 >wide.jpg
    photo 30 900 >tall.jpg
    photo 20 10 >small.jpg
    thumbnails -s 100 out wide.jpg tall.jpg small.jpg >printed || return 1
    for shape in 'wide 100 25' 'tall 3 100' 'small 20 10'; do
        [ "${shape#* }" = "$(djpeg "out/${shape%% *}.jpg" | sed -n 2p)" ] || {
            echo "$shape: $(djpeg "out/${shape%% *}.jpg" | head -n 2)" >&2
            return 1
        }
    done
}

# worker_of PARENT FILE: the process that has the file open.
worker_of() {
    local child
    for child in $(pgrep -P "$1"); do
        ! readlink /proc/"$child"/fd/* | grep -q "/$2\$" || { echo "$child"; return; }
    done
    return 1
}

a_thumbnail_survives_the_crash_beside_it() {
    local parent
    fresh crash
    photo 64 48 >good.jpg
    mkfifo crash.jpg
    thumbnails -j 2 -t 1000 out crash.jpg good.jpg >printed 2>&1 &
    parent=$!
    exec 3>crash.jpg # waits until the worker has opened it
    kill -SEGV "$(worker_of $parent crash.jpg)"
    exec 3>&-
    wait $parent
    if ! { [ $? -eq 1 ] && grep -q 'crash.jpg: .*signal 11' printed && [ -s out/good.jpg ]; }; then cat printed >&2; return 1; fi
}

a_thumbnailer_leaves_nothing_at_ctrl_c() {
    local parent worker
    fresh stopped
    photo 64 48 >good.jpg
    mkfifo slow.jpg
    (trap - INT && exec thumbnails -j 2 -t 1000 out slow.jpg good.jpg) >printed 2>&1 &
    parent=$!
    exec 3>slow.jpg
    worker=$(worker_of $parent slow.jpg)
    kill -INT $parent
    wait $parent
    [ $? -eq 130 ] || { cat printed >&2; return 1; }
    exec 3>&-
    [ ! -e "/proc/$worker" ] && ! find out -name '*.jpg.*' | grep .
}

# ---------------------------------------------------------------------------------------------- the chat

# guest NAME PORT: what is written to NAME.in is said, and NAME.heard has what is heard.
guest() {
    mkfifo "$1.in"
    openssl s_client -quiet -no_ign_eof -connect "localhost:$2" -CAfile cert.pem -verify_return_error \
        <"$1.in" >"$1.heard" 2>"$1.err" &
    started="$started $!"
}

hears_of_ada() { echo 'from Ada' >&4 && grep -q 'from Ada' bob.heard; }

the_page_of_the_chat_is_true() {
    local port server
    fresh chat
    port=$(free_port)
    take_page chat.md "$port"
    sed -i 's/^tls_chat/(trap - INT \&\& exec tls_chat/; s/pem &$/pem) \&/' 2.sh
    run_block 2
    server=$!
    await grep listening 2.printed
    run_block 3 </dev/null &
    started="$started $!"
    await prints 3
    guest ada "$port"
    exec 4>ada.in
    guest bob "$port"
    exec 5>bob.in
    echo Ada >&4
    await grep 'Welcome' ada.heard
    echo Bob >&5
    # Bob is known once Ada hears of him. Whether Ada was known first, a line of hers tells.
    until_true hears_of_ada
    printf 'red \033[31m\n' >&5
    await grep -x 'Bob: red \[31m' ada.heard
    head -c 5000 /dev/zero | tr '\0' x >&5
    echo >&5
    await grep 'too long' bob.heard
    # Who speaks no TLS is sent away, and disturbs nobody.
    (exec 6<>"/dev/tcp/127.0.0.1/$port" && printf 'GET / HTTP/1.0\r\n\r\n' >&6 && cat <&6 >plain)
    exec 5>&-
    await grep -x '\* Bob has left' ada.heard
    kill -INT "$server"
    wait "$server" || { cat 2.printed >&2; return 1; }
    await grep -x '\* The server ends\.' ada.heard
    exec 4>&-
    ! grep -q 'no such line' ada.heard
}

a_chat_server_refuses_what_it_cannot_use() {
    fresh unusable
    local words
    for words in '' '70000 cert.pem key.pem' 'x cert.pem key.pem' '0 missing.pem missing.pem'; do
        # shellcheck disable=SC2086 # a list of words
        tls_chat $words >printed 2>&1
        if ! { [ $? -eq 2 ] && [ -s printed ]; }; then echo "tls_chat $words" >&2; return 1; fi
    done
}

# -------------------------------------------------------------------------------------------- the job queue

the_page_of_the_job_queue_is_true() {
    local port
    fresh jobs
    port=$(free_port)
    take_page job-queue.md "$port"
    run_block 2
    url=nats://127.0.0.1:$port
    await job_queue status -u "$url"
    run_block 3
    await sh -c "job_queue status -u $url | grep '3 workers for 6 jobs'"
    run_block 4
    prints 4 || return 1
    # The server may learn of an outcome after the client.
    await sh -c "job_queue status -u $url | grep '^0 jobs'"
    run_block 5
    prints 5
}

# A server of its own.
job_server() {
    local port
    fresh "$1"
    port=$(free_port)
    url=nats://127.0.0.1:$port
    nats-server -js -sd "$PWD/stored" -a 127.0.0.1 -p "$port" >server.log 2>&1 &
    started="$started $!"
    await job_queue status -u "$url"
    mkfifo begun
}

# job_worker LEASE FILE: only a lost worker needs a short lease. On a busy machine the server may take a lease of a second for
# over, and gives the job to another worker, though there is none.
job_worker() {
    : >"$2"
    (trap - INT && exec job_queue work -u "$url" -l "$1" -j 1) >>"$2" 2>&1 &
    worker=$!
    started="$started $worker"
}

a_job_survives_its_worker() {
    local client
    job_server lost
    job_worker 1 first
    echo "if mkdir $PWD/once; then echo \$\$ >$PWD/begun; sleep 1000; else echo again; fi" |
        job_queue run -u "$url" -l 1 >printed 2>&1 &
    client=$!
    read -r shell <begun
    kill -KILL "$worker"
    kill -KILL -- "-$shell"
    job_worker 1 second
    if ! { wait "$client" && grep -qx again printed; }; then cat printed >&2; return 1; fi
}

a_worker_finishes_its_job_at_ctrl_c() {
    local client
    job_server finish
    mkfifo "go"
    job_worker 600 first
    echo "echo \$\$ >$PWD/begun; read -r word <$PWD/go; echo got \$word" | job_queue run -u "$url" -l 600 >printed 2>&1 &
    client=$!
    read -r shell <begun
    kill -INT "$worker"
    await grep finishing first
    echo word >"go"
    if ! { wait "$client" && grep -qx 'got word' printed; }; then cat printed >&2; return 1; fi
    wait "$worker"
}

a_job_is_killed_when_its_client_is_stopped() {
    local client
    job_server cancel
    job_worker 600 first
    echo "echo \$\$ >$PWD/begun; sleep 1000" >list
    (trap - INT && exec job_queue run -u "$url" -l 600) <list >printed 2>&1 &
    client=$!
    read -r shell <begun
    kill -INT "$client"
    wait "$client"
    [ $? -eq 130 ] || { cat printed >&2; return 1; }
    await test ! -e "/proc/$shell"
}

a_job_queue_refuses_what_it_cannot_use() {
    fresh wrong
    local words
    for words in '' dance 'run -j 0' 'work -l 0' 'status -u nats://127.0.0.1:1' 'run -u nats://127.0.0.1:1'; do
        # shellcheck disable=SC2086 # a list of words
        job_queue $words >printed 2>&1 </dev/null
        if ! { [ $? -eq 2 ] && [ -s printed ]; }; then echo "job_queue $words" >&2; return 1; fi
    done
}

run_tests the_page_of_the_link_checker_is_true \
    link_checker_follows_each_page_once \
    link_checker_reports_at_ctrl_c \
    link_checker_refuses_what_it_cannot_check \
    the_page_of_the_thumbnailer_is_true \
    thumbnails_have_the_size_that_was_asked_for \
    a_thumbnail_survives_the_crash_beside_it \
    a_thumbnailer_leaves_nothing_at_ctrl_c \
    the_page_of_the_chat_is_true \
    a_chat_server_refuses_what_it_cannot_use \
    the_page_of_the_job_queue_is_true \
    a_job_survives_its_worker \
    a_worker_finishes_its_job_at_ctrl_c \
    a_job_is_killed_when_its_client_is_stopped \
    a_job_queue_refuses_what_it_cannot_use
