#!/bin/bash
# Commands that are killed at random moments and run again: in the end all is as after a run that nothing
# disturbed. And lines of several processes in one log are whole.
#
#     kill_test.sh THRUM SERVER [TESTS]     with KILLS=200 for a long run; 12 by default
set -u
export LC_ALL=C
thrum=$(realpath "$1") server=$(realpath "$2")
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/cli/pipe.sh
. "$(dirname "$0")/pipe.sh"
kills=${KILLS:-12}
work=$(mktemp -d)
cd "$work" || exit 1
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
mkfifo end
exec 9<>end
start port server.err "$server" <end 9>&-
server=$started
trap 'exec 9>&-; wait "$server"; cd /; rm -rf "$work"' EXIT
await_line '^[0-9]*$' port "$server" || exit 1
url=http://127.0.0.1:$(cat port)

# killed OUTPUT ARGUMENTS...: runs thrum, and kills it after up to 0.1 s. True if it was killed.
killed() {
    local output=$1
    shift
    "$thrum" "$@" <&0 >>"$output" 2>/dev/null &
    local process=$!
    sleep "0.0$((RANDOM % 100))"
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null
    [ $? -eq 137 ]
}

# The files of a directory, hidden ones included, with their contents.
picture() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 md5sum); }

a_fetch_that_was_killed_goes_on() {
    local i round=0
    for i in $(seq 150); do echo "$url/ok/$i"; done >list
    for i in $(seq 20); do echo "$url/part/always/p$i"; done >>list
    : >log && "$thrum" fetch -q --json -o undisturbed -i list >first || return 1
    [ "$(find undisturbed -type f | wc -l)" -eq 170 ] && picture undisturbed >wanted || return 1
    while [ $round -lt "$kills" ]; do
        rm -rf got log && : >log
        while killed log fetch -q --json -o got -i list --resume log; do
            round=$((round + 1))
            [ $((RANDOM % 4)) -ne 0 ] || break # the last run is not disturbed
        done
        # shellcheck disable=SC2094 # the log is read before anything is written
        "$thrum" fetch -q --json -o got -i list --resume log >>log || return 1
        picture got | diff - wanted || return 1
        # Each URL has one line that says so; what was torn off is a line of its own.
        sort list >urls
        sed -n 's/^{"url": "\([^"]*\)".*"error": null}$/\1/p' log | sort | diff - urls || return 1
    done
}

a_hash_that_was_killed_goes_on() {
    local i round=0
    mkdir tree && (cd tree && seq 3000 | split -l 1 -a 4 - f) && touch -d '1 hour ago' tree/* || return 1
    sleep 2.1 # what has been changed just now is not kept
    "$thrum" hash tree >wanted || return 1
    while [ $round -lt "$kills" ]; do
        rm -f db*
        for i in 1 2 3; do
            killed /dev/null hash --cache db tree || break
            round=$((round + 1))
        done
        "$thrum" hash --cache db tree | diff - wanted >/dev/null || return 1
        "$thrum" hash --cache db -c --quiet wanted || return 1
        [ $i -ne 1 ] || round=$((round + 1)) # too quick to be killed
    done
}

# Each job is done at least once, and once only if the log says so; what was printed is in order of its log.
a_run_that_was_killed_goes_on() {
    local round=0 before
    seq 40 >list
    while [ $round -lt "$kills" ]; do
        rm -f out joblog
        : >out
        while killed out run -q -j 3 --joblog joblog --resume -- echo <list; do
            round=$((round + 1))
            # No job is logged whose output is not there.
            [ ! -e joblog ] || awk -F '\t' 'NR > 1 && NF == 9 {print $1}' joblog | sort | comm -23 - <(sort -u out) >lost
            [ ! -s lost ] || return 1
            [ $((RANDOM % 4)) -ne 0 ] || break
        done
        before=$(awk -F '\t' 'NR > 1 && NF == 9' joblog 2>/dev/null | wc -l)
        "$thrum" run -q -j 3 --joblog joblog --resume -- echo <list >last || return 1
        [ "$(wc -l <last)" -eq $((40 - before)) ] || return 1
        cat last >>out
        [ "$(sort -n -u out)" = "$(seq 40)" ] && [ "$(tail -n +2 joblog | cut -f 1 | sort -n)" = "$(seq 40)" ] || return 1
        [ "$(tail -n +2 joblog | cut -f 7,8,9 | sort -u | wc -l)" -eq 40 ] || return 1
    done
}

# The lines are longer than what a pipe takes in one piece, and the pipe is full in the middle of lines.
long_lines_of_several_fetches_are_whole() {
    local i name long round
    name=$(printf '%0200d' 0)
    long=$(printf '%03700d' 0)
    for i in $(seq 60); do printf '%s/ok/%s?%s\t%s-%s\n' "$url" "$i" "$long" "$name" "$i"; done >list
    for round in 1 2 3; do
        for i in 1 2 3; do
            "$thrum" fetch -q --json -o "long$round-$i/$name" -i list &
        done | { await_full && dd bs=4096 status=none; } >log
        [ "$(wc -l <log)" -eq 180 ] && ! grep -v '^{"url": "[^"]*", "name": .*"error": null}$' log | cut -c 1-200 | grep . >&2 &&
            [ "$(head -n 1 log | wc -c)" -gt 4096 ] || return 1
    done
}

shift 2
[ $# -gt 0 ] || set -- a_fetch_that_was_killed_goes_on a_hash_that_was_killed_goes_on \
    a_run_that_was_killed_goes_on long_lines_of_several_fetches_are_whole
run_tests "$@"
