#!/bin/bash
# `thrum hash` beside sha256sum: the same bytes on standard output, the same exit status, and, after
# the program's name, the same words on standard error.
#
#     hash_test.sh THRUM [TESTS]
set -u
thrum=$(realpath "$1")
self=$(realpath "$0")
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/pipe.sh
. "$(dirname "$0")/pipe.sh"
export LC_ALL=C
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

# same ARGUMENTS...: both do the same.
same() {
    "$thrum" hash --coreutils "$@" >"$work/out" 2>"$work/err" </dev/null
    local ours=$?
    sha256sum "$@" >"$work/out2" 2>"$work/err2" </dev/null
    local theirs=$?
    sed -i 's/^thrum hash: //' "$work/err"
    sed -i 's/^sha256sum: //' "$work/err2"
    if [ $ours -eq $theirs ] && cmp -s "$work/out" "$work/out2" && cmp -s "$work/err" "$work/err2"; then
        return 0
    fi
    echo "# $*: status $ours, sha256sum's is $theirs"
    diff "$work/out" "$work/out2" | sed 's/^/# /'
    diff "$work/err" "$work/err2" | sed 's/^/# /'
    return 1
}

# The lines that a tree is to have.
expected() {
    find "$@" -type f -print0 | sort -z | xargs -0 -r sha256sum
}

enter() { cd "$work" || exit 1; }

a_line_is_sha256sums() {
    mkdir names && cd names || return 1
    echo 1 >plain
    : >empty
    echo 2 >' blank '
    echo 3 >$'new\nline'
    echo 4 >'back\slash'
    echo 5 >$'carriage\rreturn'
    echo 6 >'*star'
    echo 7 >$'\xff\xfe no UTF-8'
    echo 8 >-dash
    echo 9 >$'all \\ of\n them\r'
    same -- * && same -b -- * && same --tag -- * && same -z -- * && same --text -- * &&
        same plain nothing empty && same /dev/null plain && same - && same
}

what_comes_by_a_pipe_is_hashed() {
    [ "$(seq 100000 | "$thrum" hash)" = "$(seq 100000 | sha256sum)" ] &&
        [ "$(seq 100000 | "$thrum" hash /dev/stdin)" = "$(seq 100000 | sha256sum /dev/stdin)" ] &&
        [ "$(printf x | "$thrum" hash names/plain - names/empty)" = \
            "$(printf x | sha256sum names/plain - names/empty)" ]
}

openssl_has_other_digests() {
    for name in md5 sha1 sha224 sha384 sha512 b2; do
        algorithm=${name/b2/blake2b512}
        [ "$("$thrum" hash -a "$algorithm" names/plain)" = "$(${name}sum names/plain)" ] &&
            [ "$("$thrum" hash --tag -a "$algorithm" names/plain)" = "$(${name}sum --tag names/plain)" ] &&
            ${name}sum --tag names/* 2>/dev/null | "$thrum" hash -a "$algorithm" -c --status || return 1
    done
    "$thrum" hash -a nonsense names/plain 2>err
    [ $? -eq 2 ] && grep -q "no digest called 'nonsense'" err
}

make_tree() {
    mkdir -p "$1/a" "$1/b/deep/deeper" "$1/empty"
    for file in a/x a.c a-b b/deep/deeper/y b/z "b/deep/ b" z; do
        echo "$file" >"$1/$file"
    done
    echo many >"$1/b/$(printf 'n\nl')"
    for i in $(seq 200); do echo "$i" >"$1/b/deep/$i"; done
    head -c 3000000 /dev/zero >"$1/b/large"
}

a_tree_comes_in_the_order_of_its_paths() {
    make_tree tree
    [ "$("$thrum" hash tree)" = "$(expected tree)" ] &&
        [ "$("$thrum" hash -j 7 tree/ tree/b names)" = "$(expected tree/; expected tree/b; expected names)" ] &&
        [ "$(cd tree && "$thrum" hash .)" = "$(cd tree && expected .)" ] &&
        [ "$("$thrum" hash --unordered tree | sort)" = "$(expected tree | sort)" ]
}

links_in_trees_are_followed_only_on_request() {
    make_tree linked
    ln -s ../a linked/b/to-a
    ln -s ../.. linked/b/deep/circle
    ln -s z linked/to-z
    ln -s tree to-tree
    [ "$("$thrum" hash linked)" = "$(expected linked)" ] || return 1
    [ "$("$thrum" hash to-tree)" = "$(expected tree | sed 's|  tree/|  to-tree/|')" ] || return 1
    "$thrum" hash --follow linked >out 2>err
    [ $? -eq 1 ] && grep -q 'linked/b/deep/circle: a symbolic link leads in a circle' err &&
        [ "$(cat out)" = "$(find -L linked -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum)" ]
}

what_is_no_file_is_skipped_with_a_word() {
    mkdir special
    mkfifo special/pipe
    echo x >special/file
    "$thrum" hash special >out 2>err && [ "$(cat out)" = "$(sha256sum special/file)" ] &&
        [ "$(cat err)" = 'thrum hash: special/pipe: is a pipe; skipped' ]
}

what_cannot_be_read_is_told_and_the_rest_done() {
    # What even root cannot read.
    "$thrum" hash names/plain /proc/self/mem nothing tree/z >out 2>err
    [ $? -eq 1 ] && [ "$(cat out)" = "$(sha256sum names/plain tree/z)" ] &&
        grep -q '^thrum hash: /proc/self/mem: ' err && grep -q '^thrum hash: nothing: No such file' err
}

# More levels than directories are kept open, and more bytes than a path may have.
a_tree_may_be_deeper_than_any_path() {
    local name i
    name=$(printf '%0100d' 0)
    mkdir deep
    (
        cd deep || exit 1
        for i in $(seq 150); do
            echo "$i" >before
            mkdir "$name" && cd -P "$name" || exit 1
        done
    ) || return 1
    # After a directory come entries for which the one above must be opened again.
    (
        cd deep || exit 1
        for i in $(seq 150); do
            echo "$i" >"1after" # sorts after the zeros
            cd -P "$name" || exit 1
        done
    ) || return 1
    for descriptors in 20 1024; do
        (ulimit -Sn $descriptors && ulimit -Hn $descriptors && "$thrum" hash deep) >out 2>err || {
            sed 's/^/# /' err
            return 1
        }
        [ "$(wc -l <out)" -eq 300 ] && [ ! -s err ] || return 1
        for i in 1 77 150; do
            [ "$(grep -c "^$(echo $i | sha256sum | cut -c 1-64)" out)" -eq 2 ] || return 1
        done
    done
}

# The window is smaller than the number of files, and the first takes longest.
a_large_file_holds_up_only_the_output() {
    mkdir many && truncate -s 100M many/0-large && (cd many && seq 18000 | split -l 1 -a 4 - f) || return 1
    "$thrum" hash many >out || return 1
    [ "$(wc -l <out)" -eq 18001 ] && expected many | cmp -s - out
    local status=$?
    rm -r many
    return $status
}

a_check_says_what_sha256sum_says() {
    (cd names && sha256sum -- * >../list)
    cd names || return 1
    same -c ../list || return 1
    { sha256sum plain empty | sed 's/^[0-9a-f]/0/'; } >../bad
    sed -i 1s/^././ ../bad
    { echo '# comment' && echo && sha256sum plain && echo 'no line' &&
        echo "$(printf '%064d' 0)  missing" && echo "$(printf '%064d' 0)  empty" &&
        sha256sum plain | tr a-f A-F && printf '%s\r\n' "$(sha256sum -b plain)"; } >../mixed
    sha256sum --tag -- * >../tagged
    { sha256sum plain | sed 's/  / /' && sha256sum empty | sed 's/  / /'; } >../reversed
    { sha256sum plain && sha256sum empty | sed 's/  / /'; } >../half-reversed
    echo "$(printf '%064d' 0)  missing" >../all-missing
    echo junk >../junk
    printf '\\%064d  a\\qb\n' 0 >../wrong-escape
    sed 's/SHA256 (\(.*\)) = /SHA256(\1)= /' ../tagged >../openssl
    for list in list bad mixed tagged reversed half-reversed all-missing junk wrong-escape openssl nowhere; do
        for option in --check --quiet --status --warn --strict --ignore-missing '--ignore-missing --quiet'; do
            # shellcheck disable=SC2086 # a list of words
            same -c $option "../$list" || return 1
        done
    done
    same -c ../list ../mixed ../nowhere ../junk ../list && same -c && same -c - || return 1
    [ "$("$thrum" hash -c <../list)" = "$(sha256sum -c <../list)" ]
}

options_that_contradict_are_refused() {
    for line in '--status names/plain' '-c --tag list' '-c --json list' '--json --zero x' '--new-in . x' \
        '--tree --unordered x' '-c --tree list' '--jobs 0 x' '--cache= x'; do
        # shellcheck disable=SC2086 # a list of words
        "$thrum" hash $line >out 2>err </dev/null
        if [ $? -ne 2 ] || [ -s out ] || ! grep -q "Try 'thrum hash --help'" err; then
            echo "# $line was not refused"
            return 1
        fi
    done
    "$thrum" hash --algoritm md5 2>err
    [ $? -eq 2 ] && grep -q 'did you mean --algorithm?' err
}

grows() { [ "$(stat -c %s growing)" -gt 314572800 ]; }

a_file_that_is_written_to_is_told() {
    truncate -s 300M growing
    while echo; do :; done >>growing 2>/dev/null &
    local writer=$!
    until_true grows || return 1
    "$thrum" hash growing >out 2>err
    local status=$?
    kill $writer
    wait $writer 2>/dev/null
    rm growing
    [ $status -eq 1 ] && grep -q 'growing: was changed while it was read' err && [ "$(wc -l <out)" -eq 1 ]
}

a_cache_changes_no_line() {
    touch -d '1 hour ago' tree/*
    sleep 2.1 # what has been changed just now is not kept
    for round in 1 2 3; do
        "$thrum" hash --cache cache.db tree >out && [ "$(cat out)" = "$(expected tree)" ] || return 1
        # The same size and modification time: the change time tells.
        touch -r tree/z stamp
        echo "$round" >tree/z
        touch -r stamp tree/z
    done
    [ "$("$thrum" hash --cache cache.db -a md5 tree/z)" = "$(md5sum tree/z)" ] || return 1
    echo 'this is no database, by no means' >broken.db
    "$thrum" hash --cache broken.db tree 2>err
    [ $? -eq 1 ] && grep -q -- '--cache: cannot use broken.db' err
}

output_that_cannot_be_written_is_a_failure() {
    "$thrum" hash tree >/dev/full 2>err
    [ $? -eq 1 ] && grep -q 'could not be written' err || return 1
    # A reader that goes away ends the run.
    "$thrum" hash tree tree tree tree tree tree tree tree tree 2>err | head -n 1 >out
    [ "${PIPESTATUS[0]}" -ne 139 ] && expected tree >whole && [ "$(cat out)" = "$(head -n 1 whole)" ]
}

# worker_waits PID: a worker of the process waits for input: it is in poll or ppoll (x86-64, aarch64).
worker_waits() {
    local thread
    for thread in /proc/"$1"/task/*; do
        ! grep -q -s hash- "$thread/comm" || ! grep -q -s -E '^(7|271|73) ' "$thread/syscall" || return 0
    done
    return 1
}

a_signal_ends_it_with_a_summary() {
    mkfifo input
    sleep 600 >input &
    local holder=$!
    "$thrum" hash -j 1 names/plain - names/empty <input >out 2>err &
    local process=$!
    until_true worker_waits $process # so the file before the pipe has been read
    kill -TERM $process
    wait $process
    local status=$?
    kill $holder
    wait $holder 2>/dev/null
    [ $status -eq 143 ] && grep -q 'interrupted by SIGTERM after 1 files' err &&
        [ "$(cat out)" = "$(sha256sum names/plain)" ]
}

# A worker that waits for the first pipe leaves the second, of the same batch, to another worker.
a_silent_pipe_does_not_hold_up_its_batch() {
    mkfifo silent heard
    "$thrum" hash -j 2 silent heard >out &
    local process=$!
    timeout $LIMIT sh -c 'echo heard >heard' || return 1
    echo silent >silent
    wait $process && [ "$(cat out)" = "$(for i in silent heard; do printf '%s  %s\n' "$(echo $i | sha256sum | cut -c 1-64)" $i; done)" ]
}

a_signal_ends_the_wait_for_a_writer() {
    mkfifo nobody-writes
    "$thrum" hash nobody-writes 2>err &
    local process=$!
    until_true worker_waits $process
    kill -TERM $process
    wait $process
    [ $? -eq 143 ] && grep -q 'interrupted by SIGTERM after 0 files' err
}

# Many processes write to one pipe that is slow to be read; and one of them has long lines.
lines_of_several_processes_are_whole() {
    local name i long=long
    name=$(printf '%0200d' 0)
    for i in $(seq 24); do long=$long/$name; done
    mkdir -p shared/plain && (
        mkdir shared/long && cd shared/long && for i in $(seq 24); do mkdir "$name" && cd -P "$name" || exit 1; done
        for i in $(seq 50); do echo "$i" >"$i"; done
    ) && (cd shared/plain && for i in $(seq 2000); do echo "$i" >"a-name-of-some-length-$i"; done) || return 1
    "$thrum" hash shared | sort >once
    [ "$(wc -l <once)" -eq 2050 ] || return 1
    for i in 1 2 3 4; do "$thrum" hash -j 4 shared & done | (await_full && dd bs=4096 status=none) | sort >together
    for i in 1 2 3 4; do cat once; done | sort | cmp - together
    local status=$?
    rm -r shared
    return $status
}

# settled FOLDER COUNT: makes a folder of so many files, which a cache keeps.
settled() {
    [ ! -e "$1" ] || return 0
    mkdir "$1" && (cd "$1" && seq "$2" | split -l 1 -a 4 - f) || return 1
    sleep 2.1 # what has been changed just now is not kept
}

# The folder `cached`, and its lines in the file `all`.
make_cached() { settled cached 6000 && { [ -s all ] || "$thrum" hash cached >all; }; }

two_at_once_share_a_cache() {
    local first second i
    make_cached || return 1
    for i in 1 2 3; do
        rm -f shared.db*
        "$thrum" hash --cache shared.db cached >out1 2>err1 &
        first=$!
        "$thrum" hash --cache shared.db cached >out2 2>err2 &
        second=$!
        wait $first || return 1
        wait $second || return 1
        cmp out1 all && cmp out2 all && [ ! -s err1 ] && [ ! -s err2 ] || return 1
    done
    [ "$(opened shared.db cached)" -lt 50 ]
}

# opened CACHE PATHS...: how many files are opened to hash the paths with the cache.
opened() {
    rm -f calls
    THRUM_FAULT_LOG=calls "$(dirname "$thrum")/thrum_faults" hash --cache "$@" >/dev/null
    grep -c openat calls
}

# writing CACHE COMMAND...: runs the command while another program writes to the cache.
writing() {
    python3 -c '
import sqlite3, subprocess, sys
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute("BEGIN EXCLUSIVE")
sys.exit(subprocess.run(sys.argv[2:]).returncode)' "$@"
}

a_writer_of_the_cache_keeps_no_reader_waiting() {
    rm -f calls
    make_cached && "$thrum" hash --cache shared.db cached >/dev/null || return 1
    writing shared.db env THRUM_FAULT_LOG=calls "$(dirname "$thrum")/thrum_faults" hash --cache shared.db cached >out 2>err &&
        cmp out all && [ ! -s err ] && [ "$(grep -c openat calls)" -lt 50 ]
}

# calls_in LOG NAME COUNT: the log of calls names it at least so often.
calls_in() { [ "$(grep -c -x "$2" "$1")" -ge "$3" ]; }

# Rows that cannot be written now are written later. The first pipe keeps the process until the cache is locked, which it has
# opened before by one call of sqlite3_exec. The next call is the first write, which is refused. The last pipe keeps the process
# until a third call shows that the refusal is over and was not the end of the cache.
a_writer_of_the_cache_only_delays_rows() {
    settled few 200 && "$thrum" hash few >few.sha256 && "$thrum" hash --cache delayed.db /dev/null >/dev/null || return 1
    mkfifo first last
    rm -f calls
    THRUM_FAULT_LOG=calls "$(dirname "$thrum")/thrum_faults" hash -j 1 --cache delayed.db first few last >out 2>err &
    local process=$! writer status
    until_true worker_waits $process && [ "$(grep -c -x sqlite3_exec calls)" -eq 1 ] || return 1
    python3 -c '
import os, sqlite3, time
writer = sqlite3.connect("delayed.db", isolation_level=None)
writer.execute("BEGIN IMMEDIATE")
open("locked", "w").close()
while not os.path.exists("release"):
    time.sleep(0.01)' &
    writer=$!
    until_true test -e locked || return 1
    : >first
    until_true calls_in calls sqlite3_exec 3
    status=$?
    touch release
    wait $writer
    : >last
    wait $process && [ $status -eq 0 ] && grep -v -e ' first$' -e ' last$' out | cmp - few.sha256 && [ ! -s err ] && rm first last &&
        [ "$(opened delayed.db few)" -lt 50 ]
}

# A copy of the cache, as it is at the moment, knows nearly all.
is_in_cache() {
    rm -rf copy && mkdir copy && cp killed.db* copy/ 2>/dev/null && [ "$(opened copy/killed.db cached)" -lt 50 ]
}

a_killed_run_leaves_a_cache_that_helps() {
    mkfifo last
    make_cached || return 1
    rm -f killed.db*
    "$thrum" hash -j 2 --cache killed.db cached last >out 2>err &
    local process=$!
    until_true is_in_cache || return 1
    # While it waits for the pipe it keeps nobody from writing.
    "$thrum" hash --cache killed.db -a md5 cached >/dev/null || return 1
    kill -KILL $process
    wait $process 2>/dev/null
    rm last
    [ "$(opened killed.db cached)" -lt 50 ] && "$thrum" hash --cache killed.db cached | cmp - all
}

the_digest_of_a_tree_is_that_of_its_list() {
    local wanted
    wanted=$(cd tree && find . -type f -printf '%P\0' | sort -z | xargs -0 sha256sum -z | sha256sum | cut -c 1-64)
    [ "$("$thrum" hash --tree tree)" = "$wanted  tree" ] && [ "$("$thrum" hash --tree tree/)" = "$wanted  tree/" ] &&
        [ "$(cd tree && "$thrum" hash --tree . ../names/plain)" = "$wanted  .
$(cd tree && sha256sum ../names/plain)" ] || return 1
    cp -a tree moved && [ "$("$thrum" hash --tree moved | cut -c 1-64)" = "$wanted" ] || return 1
    echo >>moved/z && [ "$("$thrum" hash --tree moved | cut -c 1-64)" != "$wanted" ] || return 1
    mv moved/z moved/zz && cp tree/z moved/z && rm moved/z && mv moved/zz moved/z
    # A tree that cannot be read as a whole has none.
    ln -s /proc/self/mem moved/unreadable
    "$thrum" hash --tree --follow moved >out 2>err
    [ $? -eq 1 ] && [ ! -s out ] && grep -q unreadable err
}

a_check_reports_what_is_new_and_missing() {
    rm -rf moved && cp -a tree moved && "$thrum" hash moved >list && mv list moved/list && echo new >moved/b/new && rm moved/z || return 1
    sed -i 's|  moved/a/x|  ./moved//a/./x|' moved/list
    "$thrum" hash -c --quiet --new-in moved moved/list >out 2>err
    [ $? -eq 1 ] && [ "$(cat out)" = 'moved/z: MISSING
moved/b/new: NEW' ] && grep -q '1 listed file is missing' err && grep -q '1 file is in no list' err || return 1
    rm moved/b/new && sed -i '/moved.z$/d' moved/list
    "$thrum" hash -c --status --new-in moved moved/list
}

a_check_uses_the_cache() {
    make_cached && cp all list && "$thrum" hash --cache check.db -c --quiet list && [ -s check.db ] || return 1
    "$thrum" hash --cache check.db -c list >out && [ "$(grep -c OK out)" -eq 6000 ]
}

tests=$(sed -n 's/^\([a-z_0-9]*\)() {$/\1/p' "$self" | grep -v -x -e same -e expected -e make_tree \
    -e worker_waits -e opened -e is_in_cache -e writing -e settled -e make_cached -e calls_in)
shift
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $tests
run_tests "$@"
