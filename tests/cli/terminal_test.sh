#!/bin/bash
# `thrum run` and `thrum every` on a terminal: a shell with job control in tmux. Keys are pressed, the screen
# is looked at.
#
#     terminal_test.sh THRUM [TEST...]
#
# Without tmux the tests are skipped.
#
# What stands in single quotes is typed into the shell.
# shellcheck disable=SC2016,SC2015,SC1003,SC2317
set -u
thrum=$(realpath "$1")
self=$(realpath "$0")
shift
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
command -v tmux >/dev/null || { echo '1..0 # SKIP there is no tmux'; exit 0; }
work=$(mktemp -d)
trap 'terminal kill-server 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

# shellcheck source=tests/cli/terminal.sh
. "$(dirname "$self")/terminal.sh"

enter() { mkdir "$work/$1" && cd "$work/$1" || exit 1; }

# A shell that has just started a process by vfork waits for it in state D, also if that one is stopped.
in_state() { grep -q "^State:.$1" "/proc/$2/status" 2>/dev/null; }
# is_stopped PID: the process does not run. One that is stopped while it starts another may be in state D; one that runs is
# there for a moment at most.
is_stopped() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        in_state '[TD]' "$1" || return 1
        sleep 0.01
    done
}

# A job writes its number to `begun` and waits for a file `go`.
job='sh -c "echo \$\$ >>begun; until test -e go; do sleep 0.01; done; echo end \$1" sh'

a_bar_fits_into_80_columns() { bar 80 24; }
a_bar_fits_into_40_columns() { bar 40 10; }

# bar WIDTH HEIGHT: it has a total and, where there is room, the time that is left; it takes one line, and is gone in the end.
bar() {
    begin "$1" "$2" || return 1
    typed "clear; seq 30 | \$thrum run -j 1 -- sh -c 'test \"\$1\" -lt 5 || until test -e go; do sleep 0.01; done' sh"
    shown '4/30' || return 1
    [ "$(screen | grep -c '/30')" -eq 1 ] && ! screen | grep -q ".\\{$1\\}" || return 1
    [ "$1" -lt 80 ] || { shown 'running [##' && shown ' left'; } || return 1
    touch go
    shown 'ready>' && until_true not_on_screen '/30'
}

the_table_fits_the_window() {
    begin "$1" 40 && typed 'TMPDIR=/tmp $thrum demo --quick --only db' && shown 'of asyncio.' || return 1
    # The last line of the head has the widths of the columns; the rightmost column ends where the line does.
    [ "$(screen | awk '/^ *workers/ { print length($0) }')" -eq "$2" ] && [ "$(screen | grep -c -E "^.{$(($1 + 1))}")" -eq 0 ]
}
a_table_fits_into_80_columns() { the_table_fits_the_window 80 74; }
a_table_fits_into_110_columns() { the_table_fits_the_window 110 104; }

a_bar_follows_the_size_of_the_window() {
    begin 100 24 || return 1
    typed "clear; seq 30 | \$thrum run -j 1 -- sh -c 'test \"\$1\" -lt 5 || until test -e go; do sleep 0.01; done' sh"
    shown 'running [####' || return 1
    resized 40 24 || return 1
    # What is drawn from now on takes one line of the smaller window.
    touch go
    shown 'ready>' && ! screen | grep -q '.\{40\}'
}

the_bar_has_colour_unless_no_color_is_set() {
    begin 80 24 || return 1
    typed "clear; seq 3 | \$thrum run -j 1 -- sh -c 'test \"\$1\" = 1 || until test -e go; do sleep 0.01; done' sh"
    shown '1/3' && until_true on_coloured_screen $'running \\[\033\\[32m#' || return 1
    touch go && shown 'ready>' && rm go
    typed "clear; seq 4 | NO_COLOR=1 \$thrum run -j 1 -- sh -c 'test \"\$1\" = 1 || until test -e go; do sleep 0.01; done' sh"
    shown '1/4' && ! on_coloured_screen $'\033\\[3[0-9]m' && touch go
}

ctrl_c_once_waits_for_the_jobs() {
    begin 80 24 || return 1
    typed "\$thrum run -j 2 -- $job ::: 1 2 3 4"
    until_true lines_in begun 2 && key C-c && shown 'waiting for 2 jobs to end; once more ends them' || return 1
    touch go
    shown 'interrupted by SIGINT after 2 jobs' && shown 'end 2' && status 130 && [ "$(wc -l <begun)" -eq 2 ]
}

ctrl_c_twice_ends_the_jobs() {
    begin 80 24 || return 1
    typed "\$thrum run -j 2 -- $job ::: 1 2 3 4"
    until_true lines_in begun 2 && key C-c && shown 'waiting for 2 jobs' && key C-c && shown 'interrupted by SIGINT' &&
        status 130 || return 1
    while read -r pid; do until_true gone "$pid" || return 1; done <begun
}

ctrl_backslash_ends_the_jobs() {
    begin 80 24 || return 1
    typed "ulimit -c 0; \$thrum run -j 2 -- $job ::: 1 2 3 4"
    until_true lines_in begun 2 && key 'C-\' && shown 'Quit' && status 131 || return 1
    while read -r pid; do until_true gone "$pid" || return 1; done <begun
}

a_terminal_that_goes_away_ends_the_jobs() {
    begin 80 24 || return 1
    typed "\$thrum run -j 2 -- $job ::: 1 2 3 4"
    until_true lines_in begun 2 && terminal kill-server || return 1
    while read -r pid; do until_true gone "$pid" || return 1; done <begun
}

ctrl_z_stops_the_jobs_and_fg_continues_them() {
    begin 80 24 || return 1
    typed "\$thrum run -j 2 -- $job ::: 1 2"
    until_true lines_in begun 2 || return 1
    for time in 1 2; do
        key C-z
        shown 'Stopped' || return 1
        while read -r pid; do until_true is_stopped "$pid" || return 1; done <begun
        typed "clear; echo again$time" && shown "again$time" && typed fg || return 1
        while read -r pid; do until_true in_state '[SRD]' "$pid" || return 1; done <begun
    done
    touch go
    shown 'end 1' && shown 'end 2' && status 0
}

# The whole pipeline stops, and jobs that a nested run has started.
ctrl_z_reaches_nested_jobs() {
    begin 80 24 || return 1
    typed "\$thrum run -- sh -c '\$0 run -- sh -c \"echo \\\$\\\$ >>begun; until test -e go; do sleep 0.01; done\" ::: 1 ' ::: \$thrum | cat"
    until_true lines_in begun 1 && key C-z && shown 'Stopped' && until_true is_stopped "$(cat begun)" || return 1
    typed 'clear; fg' && until_true in_state '[SR]' "$(cat begun)" && touch go && status 0
}

a_job_that_reads_the_terminal_fails_at_once() {
    begin 80 24 || return 1
    typed "\$thrum run -- sh -c 'read line </dev/tty; echo got' ::: a"
    shown 'sh used the terminal; give it the terminal by --tty' && status 1
}

tty_gives_a_job_the_terminal() {
    begin 80 24 || return 1
    typed "\$thrum run --tty -- sh -c 'echo \"ask \$0\"; read line; echo \"got <\$line>\"' ::: a b"
    shown 'ask a' && typed one && shown 'got <one>' && shown 'ask b' || return 1
    # Ctrl-Z goes to the job, and stops all.
    key C-z
    shown 'Stopped' && typed 'clear; fg' || return 1
    # A line feed, not Enter: the shell may not yet have given the terminal back its translation of the key.
    terminal send-keys -l two && key C-j
    shown 'got <two>' && status 0
}

# one_line WIDTH TEXT: the text is in one line, which is narrower than the window.
one_line() {
    [ "$(screen | grep -c -F -- "$2")" -eq 1 ] && ! screen | grep -F -- "$2" | grep -q ".\\{$1\\}"
}

hash_has_a_bar_and_ends_by_ctrl_c() {
    begin 40 10 || return 1
    mkfifo silent && seq 5 >numbers || return 1
    typed 'clear; $thrum hash numbers silent'
    shown '0/2' && until_true one_line 40 '0/2' && key C-c && shown 'interrupted by SIGINT' && not_on_screen '0/2' &&
        status 130
}

fetch_has_a_bar_and_ends_by_ctrl_c() {
    begin 40 10 || return 1
    mkfifo silent || return 1
    typed 'clear; $thrum fetch -i silent'
    shown '0 URLs' && until_true one_line 40 '0 URLs' && key C-c && shown 'interrupted by SIGINT' && status 130
}

a_pipe_to_head_is_quiet() {
    begin 80 24 || return 1
    typed "clear; seq 1000 | \$thrum run -k -j 2 -- echo line | head -n 1; echo \"\${PIPESTATUS[1]}.\""
    shown '141.' && [ "$(screen | grep -c '^line')" -eq 1 ] && ! on_screen 'thrum run:'
}

arguments_from_a_terminal_are_announced() {
    begin 80 24 || return 1
    typed "\$thrum run -- echo got"
    shown 'reads arguments from the terminal' && typed word && shown 'got word' && key C-d && status 0
}

every_shows_a_screen_with_differences_marked() {
    begin 100 20 || return 1
    typed "echo before; \$thrum every 0.3 --screen -- sh -c 'echo x >>runs; echo count \$(wc -l <runs)'"
    shown 'count 1' && until_true not_on_screen before && shown 'status 0: sh' && until_true marked || return 1
    resized 90 18 || return 1
    lines=$(wc -l <runs)
    until_true lines_in runs $((lines + 2)) && shown 'count' || return 1
    key C-z
    shown 'Stopped' && shown before || return 1
    typed fg
    shown 'count' && until_true not_on_screen before && key C-c && shown before && shown 'interrupted by SIGINT' && status 130
}

# The next run is far: what is drawn again after a new size, and after fg, is the last text.
every_draws_its_screen_again() {
    begin 100 20 || return 1
    typed 'echo before; $thrum every 1h --screen -- seq -s " " 100 120'
    shown '100 101 102' && until_true not_on_screen before && shown '120' || return 1
    resized 40 12 && until_true not_on_screen '120' && shown '100 101 102' || return 1
    key C-z
    shown 'Stopped' && shown before || return 1
    typed fg
    until_true not_on_screen before && shown '100 101 102' && key C-c && shown 'interrupted by SIGINT' && status 130
}
marked() { on_coloured_screen $'count [0-9]*\033\\[7m[0-9]'; }

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # a list of words
    set -- $(sed -n 's/^\([a-z0-9_]*_[a-z0-9_]*_[a-z0-9_]*\)() {.*/\1/p' "$self" | grep -v -x -e not_on_screen -e on_coloured_screen -e the_table_fits_the_window)
fi
run_tests "$@"
