#!/bin/sh
# gdb sees fibers as they are: check_gdb.sh PROGRAM, which is made of tests/fibers_sample.c. A
# backtrace in a fiber that runs ends where the fiber begins; fibers.gdb lists the waiting fiber and shows
# where it stands, to the same end; and the program goes on as if nobody had looked.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'set width 0' \
    -ex "source $here/fibers.gdb" -ex 'break stop_here' -ex run \
    -ex 'echo PART runs\n' -ex backtrace \
    -ex 'echo PART list\n' -ex thrum-fibers \
    -ex 'echo PART waits\n' -ex 'thrum-fiber sleeper' \
    -ex 'echo PART thread\n' -ex 'thrum-fiber 1' \
    -ex 'echo PART end\n' -ex continue "$1" >"$out" 2>&1

# What gdb said in a part, as one line.
part() { awk -v part="$1" '$1 == "PART" { on = $2 == part; next } on' "$out" | tr '\n' ' '; }

status=0
# expect PART PATTERN WHAT
expect() {
    part "$1" | grep -q -e "$2" || {
        echo "gdb does not see $3"
        status=1
    }
}
expect runs 'stop_here .* running_task .* begin .*#[0-9]* *0x[0-9a-f]* in thrum.switch_begin () *$' \
    'the fiber that runs, from its place to its beginning'
expect list '"fiber-[0-9]*" waits for event 0x' 'what a fiber waits for'
expect list '"fiber-[0-9]*" runs' 'which fiber runs'
expect waits 'wait_inside .* wait_outside .* begin .*#[0-9]* *0x[0-9a-f]* in thrum.switch_begin () *$' \
    'the fiber that waits, from its place to its beginning'
expect thread '^1 is no fiber *$' 'that a thread is no fiber'
expect end 'the event came: 0 and was seen .*exited normally' 'the program go on and end'
[ $status -eq 0 ] || cat "$out"
exit $status
