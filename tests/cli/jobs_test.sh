#!/bin/bash
# `thrum run` and `thrum every` from outside: what is run and printed, what becomes of commands that
# misbehave, and that nothing is left behind.
#
#     jobs_test.sh THRUM [TEST...]
#
# In the background a shell has SIGINT ignored, so signals are SIGTERM and SIGHUP here.
#
# What stands in single quotes is for other shells; numbers of processes are single words.
# shellcheck disable=SC2016,SC2013,SC2086,SC2015,SC2181,SC1083
set -u
# A signal that is ignored from the start stays so, in thrum and its children. nohup ignores SIGHUP.
[ "${JOBS_TEST_SIGNALS:-}" ] || JOBS_TEST_SIGNALS=default exec env --default-signal=HUP,TERM "$0" "$@"
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1")
self=$(realpath "$0")
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

enter() { mkdir "$work/$1" && cd "$work/$1" || exit 1; }

# all_gone FILE COUNT: the file names so many processes or more, and all of them end.
all_gone() {
    local pid
    lines_in "$1" "$2" || return 1
    for pid in $(cat "$1"); do until_true gone "$pid" || return 1; done
}

# ends_begun FILE COUNT COMMAND...: fails with --timeout, once it has begun what writes COUNT lines to FILE. Where a timeout is
# too short for that, a longer one follows.
ends_begun() {
    local file=$1 count=$2 limit
    shift 2
    for limit in 0.5 2 8 32 128; do
        rm -f "$file"
        "$thrum" run --timeout $limit "$@" 2>err
        [ $? -eq 1 ] && grep -q "job 1: took longer than $limit s" err || return 1
        ! lines_in "$file" "$count" || break
    done
    all_gone "$file" "$count"
}

# ends STATUS PROCESS: the process ends with the status. One that does not end is killed, so that the test does.
ends() {
    until_true gone "$2" || kill -KILL "$2"
    wait "$2"
    local status=$?
    [ $status -eq "$1" ] || echo "# status $status, not $1"
    [ $status -eq "$1" ]
}

run_runs_each_argument_once() {
    [ "$(seq 300 | "$thrum" run -j 8 -- echo | sort -n)" = "$(seq 300)" ] &&
        [ "$(seq 300 | "$thrum" run -k -j 8 -- echo)" = "$(seq 300)" ] &&
        [ -z "$("$thrum" run echo </dev/null)" ] && [ -z "$("$thrum" run echo :::)" ] &&
        [ "$(printf 'a\nb' | "$thrum" run -j 1 echo)" = "$(printf 'a\nb')" ] &&
        [ "$(printf 'a\nx\0b\0\0' | "$thrum" run -k -0 -- printf '<%s>')" = "$(printf '<a\nx><b><>')" ]
}

run_puts_arguments_where_they_belong() {
    [ "$("$thrum" run -k -- echo 'x{}y' '{#}' ::: 'a b' "*'\"\$(")" = "$(printf '%s\n' 'xa by 1' "x*'\"\$(y 2")" ] &&
        [ "$("$thrum" run printf '%s|' one ::: 'a b')" = 'one|a b|' ] &&
        [ "$("$thrum" run -- echo -n ::: --help)" = --help ] &&
        [ -z "$("$thrum" run cat ::: /dev/stdin <"$self" 2>/dev/null)" ]
}

run_takes_lines_as_they_come() {
    mkfifo lines
    "$thrum" run -j 2 -- sh -c 'echo "$1" >>seen' sh <lines &
    local process=$!
    exec 7>lines
    printf 'a\nb\nc' >&7
    until_true lines_in seen 2 || return 1
    [ "$(wc -l <seen)" -eq 2 ] || return 1
    echo >&7
    until_true lines_in seen 3 || return 1
    exec 7>&-
    ends 0 $process && [ "$(sort seen)" = "$(printf 'a\nb\nc')" ]
}

run_prints_a_job_whole() {
    seq 12 | "$thrum" run -j 6 -- sh -c 'for i in 1 2 3 4 5 6; do echo "$1"; echo "e$1" >&2; done' sh >out 2>err
    [ "$(uniq out | wc -l)" -eq 12 ] && [ "$(wc -l <out)" -eq 72 ] && [ "$(uniq err | wc -l)" -eq 12 ] &&
        [ "$("$thrum" run -j 2 -- head -c 20000000 ::: /dev/zero /dev/zero | wc -c)" -eq 40000000 ]
}

# The first ends last; there are more than may wait for their turn.
run_keeps_order_when_the_first_is_last() {
    seq 150 | "$thrum" run -k -j 3 -- sh -c 'test "$1" != 1 || until test -e go; do sleep 0.01; done; echo "$1"
        test "$1" != 40 || touch go' sh >out
    [ "$(cat out)" = "$(seq 150)" ]
}

run_tells_failures() {
    "$thrum" run --joblog log -- sh -c 'test "$1" != 3 || kill -9 $$; exit "$1"' sh ::: 0 1 3 2>err
    [ $? -eq 1 ] && grep -q '2 of 3 jobs failed' err || return 1
    [ "$(sort log | cut -f 1,7,8 | tr '\t\n' ' ;')" = '1 0 0;2 1 0;3 0 9;Seq Exitval Signal;' ] || return 1
    "$thrum" run ./nothing ::: a 2>err
    [ $? -eq 1 ] && grep -q 'cannot run ./nothing: No such file' err || return 1
    "$thrum" run -- echo ::: a >/dev/full 2>err
    [ $? -eq 1 ]
}

run_tries_again() {
    "$thrum" run --retries 2 -- sh -c 'echo x >>tries; wc -l <tries; test "$(wc -l <tries)" -ge 3' sh ::: a >out &&
        [ "$(cat out)" -eq 3 ] || return 1
    "$thrum" run -q --retries 2 -- sh -c 'echo x >>thrice; false' sh ::: a
    [ $? -eq 1 ] && [ "$(wc -l <thrice)" -eq 3 ]
}

# It ignores SIGTERM, and so does what it has started.
run_ends_what_takes_too_long() {
    ends_begun pids 1 --joblog late -- sh -c 'trap "" TERM; sleep 1000 & echo $! $$ >pids; sleep 1000' sh ::: a &&
        [ "$(cut -f 7 late | tail -n 1)" = -1 ]
}

run_bears_commands_that_close_or_leave() {
    "$thrum" run -- sh -c 'exec >&- 2>&-; exit 0' sh ::: a || return 1
    # What is left in the background keeps nobody waiting.
    [ "$("$thrum" run -- sh -c 'sleep 1000 & echo $! >left; echo said' sh ::: a)" = said ] || return 1
    kill "$(cat left)"
}

run_gives_each_job_a_group() {
    "$thrum" run -- sh -c 'cut -d " " -f 1,5 /proc/$$/stat' sh ::: a b | while read -r process group; do
        [ "$process" = "$group" ] || exit 1
    done
}

run_resumes() {
    local job='echo "$1" >>ran; test "$1" != 3 -o -e fixed && echo "$1"'
    seq 5 | "$thrum" run -q --joblog list -- sh -c "$job" sh >out
    printf '6\t:\t1' >>list # a program that was killed leaves a piece of a line
    touch fixed
    seq 6 | "$thrum" run -q --joblog list --resume -- sh -c "$job" sh >>out || return 1
    [ "$(sort -n out)" = "$(seq 6)" ] && [ "$(sort ran | uniq -c | tr -s ' \n' ' ')" = ' 1 1 1 2 2 3 1 4 1 5 1 6 ' ] ||
        return 1
    # Another command is another job.
    seq 6 | "$thrum" run --joblog list --resume -- echo >out && [ "$(wc -l <out)" -eq 6 ] &&
        [ "$(grep -c Seq list)" -eq 1 ]
}

run_that_was_killed_resumes() {
    local job='test "$1" != 9 || until test -e released; do sleep 0.01; done; echo "$1"'
    seq 40 | "$thrum" run -j 3 --joblog killed -- sh -c "$job" sh >first &
    local process=$!
    until_true lines_in killed 12 || return 1
    kill -KILL $process
    wait $process 2>/dev/null
    touch released
    local logged=$(($(wc -l <killed) - 1))
    seq 40 | "$thrum" run -j 3 --joblog killed --resume -- sh -c "$job" sh >second || return 1
    [ "$(sort -n -u first second)" = "$(seq 40)" ] && [ "$(wc -l <second)" -eq $((40 - logged)) ] &&
        [ "$(cut -f 1 killed | sort -n -u)" = "$(printf 'Seq\n' && seq 40)" ]
}

run_halts() {
    local job='echo "$1"; test "$1" != 2'
    "$thrum" run -j 1 --halt soon -- sh -c "$job" sh ::: 1 2 3 4 5 6 7 8 9 >out 2>/dev/null
    [ $? -eq 1 ] && [ "$(wc -l <out)" -le 4 ] && [ "$(head -n 2 out)" = "$(printf '1\n2')" ] || return 1
    "$thrum" run -q -j 1 --halt soon,fail=2 -- sh -c "$job" sh ::: 2 1 1 1 1 1 1 1 >out
    [ $? -eq 1 ] && [ "$(wc -l <out)" -eq 8 ] || return 1
    "$thrum" run -q -j 2 --halt now -- sh -c 'test "$1" = 1 && echo $$ >halted && exec sleep 1000
        until test -s halted; do sleep 0.01; done; exec false' sh \
        ::: 1 2 3
    [ $? -eq 1 ] && until_true gone "$(cat halted)"
}

# No job starts after the failure that is the last.
run_halts_before_another_starts() {
    for how in now soon; do
        : >begun-$how
        "$thrum" run -q -j 4 --halt $how -- sh -c 'echo x >>"$1"; test "$2" -gt 4 && exit 0
            until test "$(wc -l <"$1")" -ge 4; do sleep 0.01; done; exit 1' sh begun-$how ::: $(seq 40)
        [ $? -eq 1 ] && [ "$(wc -l <begun-$how)" -eq 4 ] || return 1
    done
    [ "$("$thrum" run -q -j 1 --halt soon,success=2 -- sh -c 'echo "$1"; exit "$1"' sh ::: 1 0 1 0 0 0 | wc -l)" -eq 4 ] &&
        [ "$("$thrum" run -q -j 1 --halt soon,done=3 -- sh -c 'echo "$1"; exit "$1"' sh ::: 1 0 1 0 0 0 | wc -l)" -eq 3 ]
}

run_refuses_a_nul_in_a_line() {
    printf 'a\nb\0c\n' | "$thrum" run -k echo >out 2>err
    [ $? -eq 1 ] && [ "$(cat out)" = a ] && grep -q 'line 2 has a NUL byte; use -0' err || return 1
    printf 'a\0b' | "$thrum" run echo :::: - ::: x 2>err
    [ $? -eq 1 ] && grep -q 'line 1 has a NUL byte; use -0' err
}

# The limit is this user's present number of tasks, and a bit: less than the jobs that are asked for. Each job waits until one
# that has no room is reported, so one always is. Root has no such limit, so the command runs as another user: one without a name,
# so that nobody else has processes of it, be it another run of this test.
run_waits_for_room_for_processes() {
    local user=
    export LD_LIBRARY_PATH=$PWD
    # With its module, which lies beside it, unless the build is static.
    cp "$thrum" ./command && cp "${thrum%/*}"/thrum-run.so . 2>/dev/null
    # shellcheck disable=SC2046 # a list of words
    cp $(ldd "$thrum" "${thrum%/*}"/thrum-run.so 2>/dev/null | awk '/libthrum/ && $3 ~ /^\// {print $3}' | sort -u) . || return 1
    mkfifo gate && chmod 666 gate && exec 9<>gate || return 1
    if [ "$(id -u)" -eq 0 ]; then
        user=$((100000 + $$))
        chmod 777 . && chmod 755 .. ./command ./lib*
        setpriv --reuid $user --clear-groups true 2>/dev/null || return 0
    fi
    : >err
    ${user:+setpriv --reuid $user --clear-groups} bash -c 'tasks=$(ps -L -u "$(id -u)" -o tid= | wc -l)
        ulimit -u $((tasks + 12)); seq 60 | TMPDIR=$PWD ./command run -j 30 -- sh -c "read -r line <gate; echo \$1" sh' >out 2>err 9>&- &
    local process=$!
    until_true grep -q 'waits until another can start' err || { head -n 3 err; kill $process; return 1; }
    yes '' | head -n 60 >&9
    wait $process && [ "$(sort -n out)" = "$(seq 60)" ] || { head -n 3 err; return 1; }
}

run_fits_into_few_descriptors() {
    for limit in 40 64 100; do
        seq 100 | (ulimit -n $limit && "$thrum" run -k -j 200 -- sh -c 'echo "$1"' sh) >out 2>err || { cat err; return 1; }
        [ "$(cat out)" = "$(seq 100)" ] && grep -q 'jobs at a time, not 200' err || return 1
    done
    seq 100 | (ulimit -n 12 && "$thrum" run -- echo) >out 2>err
    [ $? -eq 1 ] && [ ! -s out ] && grep -q 'Too many open files\|cannot' err
}

# The jobs of a nested run are in groups of their own. The system sends SIGHUP to stopped processes that nothing continues.
run_ends_nested_jobs() {
    printf '%s\n' '"$0" run -- sh -c "trap \"\" TERM HUP; echo \$\$ >>nested; sleep 1000" sh ::: 1 2' >inner
    ends_begun nested 2 -- sh -c '. ./inner' ::: "$thrum" || return 1
    # One that has left the group as well as its parent.
    ends_begun apart 1 -- sh -c 'setsid sh -c "echo \$\$ >>apart; exec sleep 1000" & exec sleep 1000' sh ::: 1
}

# A process in a session of its own can end in its own way. The job waits for it.
run_asks_processes_in_other_groups_to_end() {
    "$thrum" run -- sh -c 'setsid sh -c "trap \"echo asked >asked; exit\" HUP; echo \$\$ >>apart; sleep 1000 & wait" &
        trap : HUP; wait; wait' ::: 1 2>err &
    local process=$!
    until_true lines_in apart 1 || return 1
    kill -HUP $process
    ends 129 $process && [ -s asked ] && all_gone apart 1
}

# quits SIGNAL STATUS: the first such signal ends the jobs.
quits() {
    rm -f quitting
    setsid "$thrum" run -j 2 -- sh -c 'echo $$ >>quitting; exec sleep 1000' sh ::: 1 2 3 2>err &
    local process=$!
    until_true lines_in quitting 2 || return 1
    # A background process of a shell ignores SIGINT and SIGQUIT only.
    kill -"$1" $process
    ends "$2" $process && all_gone quitting 2
}

run_leaves_nothing_behind_after_a_hang_up() {
    quits HUP 129
}

run_names_a_folder_for_output_that_is_missing() {
    TMPDIR=/nonexistent/x "$thrum" run echo ::: a >out 2>err
    [ $? -eq 1 ] && [ ! -s out ] && grep -q '/nonexistent/x: No such file or directory; set TMPDIR' err
}

run_does_not_touch_a_file_that_is_no_log() {
    printf 'my notes\nand more' >notes
    for option in '' --resume; do
        "$thrum" run --joblog notes $option -- touch ran ::: a 2>err
        [ $? -eq 1 ] && [ "$(cat notes)" = "$(printf 'my notes\nand more')" ] && [ ! -e ran ] &&
            grep -q 'notes is not a log of jobs' err || return 1
    done
}

run_gives_slots() {
    seq 60 | "$thrum" run -j 3 -- sh -c 'mkdir slot{%} || echo taken; sleep 0.01; rmdir slot{%}; echo {%} >>slots' >out
    [ ! -s out ] && [ "$(sort -u slots | tr '\n' ' ')" = '1 2 3 ' ] || return 1
    # The slot is not what makes a job the same one.
    seq 4 | "$thrum" run -j 2 --joblog slot-log -- echo {%} {} >/dev/null
    [ -z "$(seq 4 | "$thrum" run -j 1 --joblog slot-log --resume -- echo {%} {})" ]
}

run_pauses_between_retries() {
    local begin end
    begin=$(date +%s%N)
    "$thrum" run -q --retries 2 --retry-delay 0.2 -- false ::: a
    end=$(date +%s%N)
    [ $(((end - begin) / 1000000)) -ge 600 ] # 0.2 s and 0.4 s
}

# Each start comes after the one before it by the delay, so the whole takes two delays or more.
run_spreads_starts() {
    local begin end
    begin=$(date +%s%N)
    "$thrum" run -j 4 --delay 0.2 -- true ::: 1 2 3 || return 1
    end=$(date +%s%N)
    [ $(((end - begin) / 1000000)) -ge 400 ]
}

# While less than the machine has is wanted, nothing starts, and a signal ends the wait.
run_waits_for_memory() {
    "$thrum" run --memfree 1000T -- touch started ::: a 2>err &
    local process=$!
    until_true grep -q 'less memory than --memfree' err || return 1
    [ ! -e started ] && kill -TERM $process && ends 143 $process && [ ! -e started ]
}

# A process that computes is a load of one, so nothing starts beside it.
run_waits_for_a_lower_load() {
    while :; do :; done &
    local busy=$!
    "$thrum" run --load 1 -- touch loaded ::: a 2>err &
    local process=$!
    until_true grep -q -- '--load is reached' err
    local status=$?
    kill $busy
    wait $busy 2>/dev/null
    kill -TERM $process 2>/dev/null
    [ $status -eq 0 ] && ends 143 $process && [ ! -e loaded ]
}

run_prints_lines_as_they_come() {
    mkfifo lines-out
    "$thrum" run --line-buffer --tag -j 2 -- sh -c 'echo begin; until test -e "go$1"; do sleep 0.01; done; echo end' sh \
        ::: 1 2 >lines-out &
    local process=$! first second
    exec 8<lines-out
    read -r -u 8 first && read -r -u 8 second || return 1
    [ "$(printf '%s\n' "$first" "$second" | sort)" = "$(printf '1\tbegin\n2\tbegin')" ] || return 1
    touch go2
    read -r -u 8 first && [ "$first" = "$(printf '2\tend')" ] || return 1
    touch go1
    read -r -u 8 first && [ "$first" = "$(printf '1\tend')" ] && exec 8<&- && ends 0 $process
}

# The reader goes before there is output; then the first job that prints ends the run.
run_ends_when_the_reader_of_a_socket_goes() {
    command -v python3 >/dev/null || return 0
    python3 - "$thrum" <<'END'
import os, socket, subprocess, sys, time
ours, theirs = socket.socketpair()
run = subprocess.Popen([sys.argv[1], "run", "-j", "2", "--", "sh", "-c",
                        "touch begun$1; until test -e go$1; do sleep 0.01; done; echo out; exec sleep 1000", "sh",
                        ":::", "1", "2"], stdout=theirs)
theirs.close()
while not (os.path.exists("begun1") and os.path.exists("begun2")):
    time.sleep(0.01)
ours.close()
open("go1", "w").close()
sys.exit(run.wait() != 141)
END
}

# Another run, which reads it first, does not get it either; and it is free once a killed run has gone.
run_keeps_its_log_to_itself() {
    local process
    "$thrum" run --joblog mine -- true ::: a || return 1
    "$thrum" run --joblog mine --resume -- sh -c 'echo x >>started; until test -e go-on; do sleep 0.01; done' ::: b &
    process=$!
    until_true lines_in started 1 || return 1
    "$thrum" run --joblog mine --resume -- true ::: c 2>err
    [ $? -eq 1 ] && grep -q 'another run writes to mine' err || return 1
    kill -KILL $process
    wait $process 2>/dev/null
    "$thrum" run --joblog mine --resume -- true ::: c && touch go-on && [ "$(wc -l <mine)" -eq 3 ]
}

run_waits_for_its_jobs_after_a_signal() {
    yes | "$thrum" run -j 2 -- sh -c 'echo x >>begun; until test -e finish; do sleep 0.01; done; echo end' sh \
        >out 2>err &
    local process=$!
    until_true lines_in begun 2 || return 1
    kill -TERM $process
    until_true grep -q 'waiting for 2 jobs to end' err || return 1
    kill -0 $process || return 1
    touch finish
    ends 143 $process && [ "$(cat out)" = "$(printf 'end\nend')" ] && [ "$(wc -l <begun)" -eq 2 ] &&
        grep -q 'interrupted by SIGTERM after 2 jobs' err
}

run_leaves_nothing_behind_after_the_second() {
    "$thrum" run -j 2 -- sh -c 'trap "" TERM; sleep 1000 & echo $! $$ >>victims; sleep 1000' sh ::: 1 2 3 2>err &
    local process=$!
    until_true lines_in victims 2 || return 1
    kill -TERM $process
    until_true grep -q 'waiting for 2 jobs to end' err || return 1
    kill -HUP $process
    ends 143 $process && all_gone victims 2 && [ "$(wc -l <victims)" -eq 2 ]
}

run_kills_at_the_third() {
    "$thrum" run -j 2 -- sh -c 'trap "echo x >>asked" TERM; echo $$ >>stubborn; while :; do sleep 1; done' sh ::: 1 2 3 2>err &
    local process=$!
    until_true lines_in stubborn 2 || return 1
    kill -TERM $process
    until_true grep -q 'waiting for 2 jobs to end' err || return 1
    kill -TERM $process
    until_true lines_in asked 2 || return 1
    kill -TERM $process
    ends 143 $process && all_gone stubborn 2
}

run_and_every_refuse_nonsense() {
    for line in 'run' 'run --' 'run ::: a' 'run --resume -- echo' 'run -j 0 echo' 'run --halt later echo' \
        'run --halt soon,fail=0 echo' 'run --timeout no echo' 'every' 'every 2s' 'every 2s --' 'every soon true' \
        'every 0 true' 'every -1 true' 'every 2s --on-overlap dance true' 'every 2s --times 0 true'; do
        "$thrum" $line >out 2>err </dev/null
        if [ $? -ne 2 ] || [ -s out ] || ! grep -q "Try 'thrum" err; then
            echo "# thrum $line was not refused"
            return 1
        fi
    done
    "$thrum" run --keep true ::: a || return 1 # the begin of a name is enough
    "$thrum" run --timeuot 3 true 2>err
    grep -q 'did you mean --timeout?' err
}

every_runs_as_often_as_it_is_told() {
    [ "$("$thrum" every 10ms --times 5 -- echo x | wc -l)" -eq 5 ] &&
        [ "$("$thrum" every --times 2 0.01 echo x | wc -l)" -eq 2 ] || return 1
    "$thrum" every 10ms -q -n 3 -- sh -c 'echo x >>count; test "$(wc -l <count)" -lt 3'
    [ $? -eq 1 ] && [ "$(wc -l <count)" -eq 3 ] || return 1
    "$thrum" every 10ms -q --until-success -- sh -c 'echo x >>again; test "$(wc -l <again)" -ge 4' &&
        [ "$(wc -l <again)" -eq 4 ] || return 1
    "$thrum" every 10ms ./nothing 2>err
    [ $? -eq 1 ] && grep -q 'cannot run ./nothing' err
}

every_never_runs_two_at_once() {
    local job='mkdir alone || echo two >>twice; sleep 0.05; rmdir alone; echo x >>finished'
    for how in skip queue; do
        : >finished
        "$thrum" every 20ms -q -n 4 --on-overlap $how -- sh -c "$job" || return 1
        [ "$(wc -l <finished)" -eq 4 ] && [ ! -e twice ] || return 1
    done
}

every_ends_what_is_in_the_way() {
    local process
    succeeds_once signalled_during_a_run || return 1
    kill -HUP $process
    ends 143 $process && grep -q 'run 1 was ended by signal 15' err && all_gone killed-pids 3
}
# A signal that comes between two runs finds nothing to wait for.
signalled_during_a_run() {
    rm -f killed-pids
    "$thrum" every 0.3 --on-overlap kill -- sh -c 'sleep 1000 & echo $! $$ >>killed-pids; sleep 1000' 2>err &
    process=$!
    until_true lines_in killed-pids 3 || return 1
    for pid in $(head -n 2 killed-pids); do until_true gone "$pid" || return 1; done
    kill -TERM $process
    until_true waits_or_ended || return 1
    grep -q 'waiting for the command to end' err
}
waits_or_ended() { gone $process || grep -q 'waiting for the command to end' err; }

every_waits_for_its_command_after_a_signal() {
    "$thrum" every 10ms -- sh -c 'echo x >>started; until test -e enough; do sleep 0.01; done; echo x >>ended' 2>err &
    local process=$!
    until_true lines_in started 1 || return 1
    kill -TERM $process
    until_true grep -q 'waiting for the command to end' err || return 1
    touch enough
    ends 143 $process && [ "$(wc -l <started)" -eq 1 ] && [ "$(wc -l <ended)" -eq 1 ] &&
        grep -q 'interrupted by SIGTERM after 1 runs' err
}

# A sleep between two runs ends at once.
every_does_not_sleep_through_a_signal() {
    "$thrum" every 1h -- touch first-run 2>err &
    local process=$!
    until_true test -e first-run || return 1
    kill -TERM $process
    ends 143 $process
}

every_says_how_the_last_run_ended() {
    "$thrum" every 10ms -n 3 -- sh -c 'echo x >>summary; exit "$(wc -l <summary)"' 2>err
    [ $? -eq 1 ] && grep -q '3 of 3 runs failed; the last ended with status 3' err || return 1
    "$thrum" every 10ms -- sh -c 'echo x >>summary2; exit 5' 2>err &
    local process=$!
    until_true lines_in summary2 2 && kill -TERM $process && ends 143 $process &&
        grep -q 'interrupted by SIGTERM after [0-9]* runs; the last ended with status 5' err
}

# The reader of its output has gone: in a run, and between two runs.
every_ends_with_its_reader() {
    mkfifo reader
    { timeout $LIMIT "$thrum" every 10ms -- echo x 2>err; echo $? >status; } >reader &
    head -n 2 <reader >/dev/null
    # On a busy machine a run may take longer than the interval, which is said.
    until_true test -s status && [ "$(cat status)" -eq 141 ] && ! grep -v ': skipped ' err || return 1
    rm status
    { timeout $LIMIT "$thrum" every 1h -- echo x 2>err; echo $? >status; } >reader &
    head -n 1 <reader >/dev/null
    until_true test -s status && [ "$(cat status)" -eq 141 ] && [ ! -s err ] || return 1
    # A reader that goes away during a run: the command dies of it, which is no failure of its own.
    rm status
    { timeout $LIMIT "$thrum" every 1h -n 1 -- sh -c 'echo x; until [ -e gone ]; do sleep 0.01; done; echo y' 2>err; echo $? >status; } >reader &
    head -n 1 <reader >/dev/null
    touch gone
    until_true test -s status && [ "$(cat status)" -eq 141 ] && [ ! -s err ]
}

# rests PROCESS: it has no child, and each of its threads sleeps.
rests() {
    [ -z "$(cat /proc/"$1"/task/*/children)" ] && ! grep -h '^State:' /proc/"$1"/task/*/status | grep -q -v 'S (sleeping)'
}

# comes_to_rest PROCESS: two looks see it so, as threads may wake each other behind a look. A sanitizer's thread wakes
# now and then.
comes_to_rest() { until_true rests_twice "$1"; }
rests_twice() { rests "$1" && rests "$1"; }

# On a busy machine a change of two steps, as touch makes it, may start two runs.
every_runs_on_changes() {
    mkdir -p tree/below
    "$thrum" every -q --on-change tree --on-change single -- sh -c 'echo x >>changed' &
    local process=$! count
    until_true lines_in changed 1 || return 1
    for change in 'touch tree/a' 'touch tree/below/b' 'mkdir tree/new' 'touch tree/new/c' 'mv tree/a tree/d' \
        'rm tree/d' 'touch single' 'echo x >single' 'touch single.new' 'mv single.new single'; do
        comes_to_rest $process || return 1 # a change beside the run is forgotten (skip)
        count=$(wc -l <changed)
        eval "$change"
        case $change in *.new) continue ;; esac
        until_true lines_in changed $((count + 1)) || { echo "# $change"; return 1; }
    done
    comes_to_rest $process || return 1
    count=$(wc -l <changed)
    touch beside # no change of what is watched
    sleep 0.2
    [ "$(wc -l <changed)" -eq $count ] || { echo "# $(wc -l <changed) runs, not $count"; return 1; }
    kill -TERM $process && ends 143 $process
}

# A command that writes below what it watches does not start itself; with queue it does.
every_forgets_changes_of_its_own() {
    mkdir own
    "$thrum" every -q --on-change own -n 3 --on-overlap queue -- sh -c 'echo x >>own/log' || return 1
    [ "$(wc -l <own/log)" -eq 3 ] || return 1
    "$thrum" every -q --on-change own -- sh -c 'echo x >>own/once' &
    local process=$!
    until_true lines_in own/once 1 && sleep 0.3 && [ "$(wc -l <own/once)" -eq 1 ] || return 1
    kill -TERM $process && ends 143 $process || return 1
    "$thrum" every --on-change /nonexistent/x/y -- true 2>err
    [ $? -eq 1 ] && grep -q 'cannot watch /nonexistent/x/y' err
}

every_gives_input_only_on_request() {
    [ -z "$(echo hi | "$thrum" every 1s -n 1 -- cat)" ] &&
        [ "$(echo hi | "$thrum" every 1s -n 1 --stdin -- cat)" = hi ]
}

shift
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(sed -n 's/^\(\(run\|every\)_[a-z_]*\)() {$/\1/p' "$self")
run_tests "$@"
