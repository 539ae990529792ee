#!/bin/bash
# `thrum cluster status` on a terminal, against a nats-server of the test's own.
#
#     cluster_terminal_test.sh THRUM SAMPLE
#
# SAMPLE is cluster_sample, which makes the pools. Without nats-server or tmux the tests are skipped.
# What stands in single quotes is typed into the shell.
# shellcheck disable=SC2016,SC2317 # called by name
set -u
self=$(realpath "$0") thrum=$(realpath "$1") sample=$(realpath "$2")
# shellcheck source=tests/cli/cluster_server.sh
. "$(dirname "$self")/cluster_server.sh"
# shellcheck source=tests/cli/terminal.sh
. "$(dirname "$self")/terminal.sh"
trap 'terminal kill-server 2>/dev/null; finish' EXIT
long=a-pool-whose-name-has-32-letters

left_out() {
    command -v nats-server >/dev/null || echo 'there is no nats-server'
    command -v tmux >/dev/null || echo 'there is no tmux'
}
make_pool() { POOL=$1 "$sample" squares 0 >/dev/null; }

# lines TEXT COUNT: so many lines of the screen have it.
lines() { [ "$(screen | grep -c -F -- "$1")" -eq "$2" ]; }

# drawn WIDTH LAST: the table stands there once, below what was there before, in lines of at most WIDTH, and its last column
# is LAST. A line that the terminal has broken would be a second one.
drawn() {
    lines before 1 && lines 'pool ' 1 && lines a-pool 1 && lines sample 1 && screen | grep -q -E "^pool .* $2\$" &&
        ! screen | grep -q -E "^.{$(($1 + 1))}"
}

# With an interval of an hour, what is drawn later is drawn for a new size. The lines before fill the window: where there are
# empty rows at its end, tmux moves the first lines out of it when it breaks others.
watch_pools() { typed "clear; seq 100 130; echo before; \$thrum cluster status --interval $1"; }

the_table_fits_into_80_columns() {
    make_pool sample && make_pool "$long" && begin 80 24 && watch_pools 1h && until_true drawn 80 done/s || return 1
    # The long name is cut, and each column is there.
    screen | grep -q -E '^pool +workers +running +queued +out +again +oldest +in/s +out/s +done/s$' && lines "$long" 0 &&
        key C-c && shown 'ready>' && status 130
}

a_narrow_terminal_has_fewer_columns() {
    begin 50 24 && watch_pools 1h && until_true drawn 50 done/s && ! on_screen oldest && on_screen again && key C-c &&
        begin 30 24 && watch_pools 1h && until_true drawn 30 queued && on_screen running && ! on_screen again && key C-c &&
        begin 12 24 && watch_pools 1h && until_true on_screen 'sample' && ! on_screen workers && key C-c && shown 'ready>'
}

a_table_follows_the_size_of_the_window() {
    begin 110 24 && watch_pools 1h && until_true drawn 110 done/s && on_screen "$long" || return 1
    for width in 80 50 30 100; do
        last=done/s
        [ $width -ne 30 ] || last=queued
        terminal resize-window -x $width -y 24
        until_true drawn $width $last || return 1
    done
    # Few rows: the first pools, and how many are missing.
    terminal resize-window -x 80 -y 3
    until_true on_screen '... and 2 more' && terminal resize-window -x 80 -y 24 && until_true lines sample 1 && key C-c &&
        shown 'ready>'
}

each_look_takes_the_place_of_the_one_before() {
    begin 80 24 && watch_pools 10ms && until_true drawn 80 done/s || return 1
    # A new pool stands in the same table, and the rates are known by then.
    make_pool other && until_true lines other 1 && until_true lines 0.0 3 && until_true drawn 80 done/s || return 1
    terminal resize-window -x 60 -y 24
    until_true drawn 60 done/s && key C-c && shown 'ready>'
}

a_failure_takes_the_place_of_the_table() {
    begin 80 24 && watch_pools 10ms && until_true drawn 80 done/s || return 1
    kill -KILL "$server"
    shown 'cannot connect' && until_true lines sample 0 && until_true lines before 1 && until_true lines 'cannot connect' 1 && key C-c && shown 'ready>' &&
        status 130
}

run_tests the_table_fits_into_80_columns a_narrow_terminal_has_fewer_columns a_table_follows_the_size_of_the_window \
    each_look_takes_the_place_of_the_one_before a_failure_takes_the_place_of_the_table
