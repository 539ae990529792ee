#!/bin/bash
# `thrum fetch` with one failing call: fetch_faults.sh THRUM-WITH-FAULTS SERVER. See faults.sh.
# shellcheck source=tests/cli/faults.sh disable=SC2317 # called by name
. "$(dirname "$0")/faults.sh"

mkfifo "$work/end"
"$2" <"$work/end" >"$work/port" &
server=$!
exec 9>"$work/end"
trap 'exec 9>&-; wait "$server"; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
until grep -q '^[0-9]*$' "$work/port"; do
    kill -0 "$server" || exit 1
    sleep 0.01
done
url=http://127.0.0.1:$(cat "$work/port")
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY

inputs() {
    mkdir got
    echo mine >got/there
    {
        echo "$url/ok/a  sha256:$(printf /ok/a | sha256sum | cut -c 1-64)"
        echo "$url/ok/b"
        echo "$url/big/c"
    } >list
}

# without_times COMMAND...: a log whose lines can be compared.
without_times() {
    "$@" >log
    local status=$?
    sed 's/, "seconds": {[^}]*}//; s/"attempts": [0-9]*/"attempts": N/' log
    return "$status"
}

# What has a name is whole; what the log says is there; nothing of the user's is lost.
files_are_whole() {
    local file
    [ "$(cat got/there)" = mine ] || return 1
    for file in a b c part index.html; do
        [ ! -e "got/$file" ] || cmp -s "got/$file" "$work/whole/got/$file" || return 1
    done
    [ ! -e log ] || sed -n 's/.*"path": "\([^"]*\)".*/\1/p' log | while read -r file; do
        [ -e "$file" ] || exit 1
    done
}

list_run() { without_times thrum fetch --retries 0 -j 1 --json -o got -i list; }
list_broken() { files_are_whole; }

# Some file systems say only at the close that the bytes did not get there. The close before the file gets its name counts.
close_run() {
    thrum fetch --retries 0 -j 1 -o got "$url/ok/a"
    local status=$?
    [ -n "$fault" ] || awk '$0 == "close" { count++ } $0 == "linkat" { print count; exit }' "$calls" >"$work/close"
    [ "$status" -ne 0 ] || [[ $fault != "close $(cat "$work/close") "* ]] || status=99
    return "$status"
}
close_broken() { files_are_whole; }

tree_run() { thrum fetch --retries 0 -j 1 --tree -o got/x/y "$url/ok/a" "$url/ok/b/"; }

# Each file is on the disk before it has its name, and each name before its line is in the log.
sync_run() {
    without_times thrum fetch --sync --retries 0 -j 1 --json --tree -o got/x "$url/ok/a" "$url/ok/b/c" || return
    [ -n "$fault" ] || in_order "$calls"
}
sync_broken() { files_are_whole; }

# in_order CALLS: the order of the calls that matter, as the log of calls has them.
in_order() {
    local order
    order=$(grep -xE 'fsync|linkat|write' "$1" | tr '\n' ' ')
    [[ $order =~ ^fsync\ fsync\ (write\ fsync\ linkat\ (fsync\ )+write\ ){2}$ ]] ||
        { echo "not in order: $order" >&2; return 1; }
}

# A body that is too long for memory, and comes back from a file.
print_run() { thrum fetch --retries 0 -j 1 --in-order "$url/ok/a" "$url/big/b" "$url/ok/c"; }

check_only_run() { thrum fetch --retries 0 -j 1 --check-only "$url/ok/a" "$url/nohead/405"; }

# An earlier run has left a part.
part_run() {
    "$program" fetch -q --retries 0 -o got "$url/part/always/part" 2>/dev/null
    without_times thrum fetch --retries 0 --json -o got "$url/part/always/part"
}
part_broken() { files_are_whole; }

resume_run() {
    "$program" fetch -q -j 1 --json -o got "$url/ok/a" >log.earlier
    printf '{"url": "cut off' >>log.earlier
    cp -p got/a got/b && printf /ok/b >got/b # as a run that was killed before it wrote the line
    without_times thrum fetch --retries 0 -j 1 --json -o got --resume log.earlier -i list
}
resume_broken() { files_are_whole; }

retry_run() {
    "$program" fetch -q -j 1 --retries 0 --json -o got "$url/ok/a" "$url/status/404" >log.earlier
    sed -i "s|/status/404|/ok/b|" log.earlier
    without_times thrum fetch --retries 0 -j 1 --json -o got --retry-failed log.earlier
}
retry_broken() { files_are_whole; }

sweep list close sync tree print check_only part resume retry
