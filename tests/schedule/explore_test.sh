#!/bin/bash
# `thrum explore` on small programs: explore_test.sh THRUM SAMPLES EXAMPLES. EXPLORE_REPEATS is how often a failure is
# repeated: 10, for want of time; 100 shows more.
#
# Which program fails is known (corpus.c, raced.c). How many schedules it takes depends on the seeds alone,
# not on the load of the machine.
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/../cli/tap.sh"
thrum=$(realpath "$1") samples=$(realpath "$2") examples=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C

# explore STATUS OPTION... -- PROGRAM...: into out and err.
explore() {
    local wanted=$1 status=0
    shift
    timeout $LIMIT "$thrum" explore -q "$@" >out 2>err || status=$?
    [ "$status" = "$wanted" ] && return 0
    echo "# status $status, not $wanted: thrum explore $*"
    head -20 out err
    return 1
}

# holds EXPRESSION: true in Python of the JSON in out; r is the object, f its failure.
holds() {
    python3 -c "
import json, sys
r = json.load(open('out'))
f = r['failure']
sys.exit(not ($1))" || {
        head -c 2000 out
        return 1
    }
}

# has TEXT...: each stands in the JSON in out. It costs less than Python, which counts in loops over all programs.
has() {
    local text
    for text; do
        grep -qF -- "$text" out || {
            echo "# no $text in: $(head -c 300 out)"
            return 1
        }
    done
}

seed_found() { sed -n 's/.*"repeated":true,"seed":\([0-9]*\),.*/\1/p' out; }

# fails_each_time PROGRAM NAME: within 1000 schedules, and then each time with the seed.
fails_each_time() {
    local seed
    explore 66 --json -- "$1" "$2" && has '"steps":[{"number":' || return 1
    seed=$(seed_found)
    explore 66 --json --seed "$seed" --repeat "$repeats" -- "$1" "$2" && has "{\"runs\":$repeats,\"same\":$repeats,"
}

names() {
    "$samples/$1" | grep "^$2_"
}

good_programs_never_fail() {
    local name
    for name in $(names corpus good); do
        explore 0 --json -r 500 -- "$samples/corpus" "$name" &&
            has '{"runs":500,' '"outcomes":{"good":500},"notice":null,"failure":null' || return 1
    done
}

repeats=${EXPLORE_REPEATS:-10}
bad_programs_fail_within_1000_schedules_and_each_time_again() {
    local name
    for name in $(names corpus bad); do
        fails_each_time "$samples/corpus" "$name" || return 1
    done
}

# Plain variables, without instrumentation.
memory_points_find_what_no_call_separates() {
    local sample name
    explore 66 -r 8 -- "$samples/plain" bad_counter && grep -q 'reads memory counter in add_one (plain.c:' out || return 1
    for sample in plain plain_cxx; do
        [ -x "$samples/$sample" ] || continue
        for name in $(names "$sample" bad); do
            fails_each_time "$samples/$sample" "$name" || return 1
        done
    done
}

memory_points_raise_no_false_alarm() {
    local sample name
    for sample in plain plain_cxx; do
        [ -x "$samples/$sample" ] || continue
        for name in $(names "$sample" good); do
            explore 0 --json -r 100 -- "$samples/$sample" "$name" && has '"outcomes":{"good":100}' || return 1
        done
        for name in $(names "$sample" good); do
            explore 0 --json -r 10 --memory all -- "$samples/$sample" "$name" &&
                has '"outcomes":{"good":10}' || return 1
        done
    done
}

# Its limit of processor time is not what ends it.
a_crash_ends_the_run() {
    explore 66 --json -j 1 --compute 1000s -- "$samples/plain" bad_main_uses_what_a_thread_makes &&
        holds "r['outcomes']['crash'] == 1"
}

a_loop_that_waits_for_ever_is_a_deadlock() {
    explore 66 -- "$samples/plain" bad_busy_wait_misses_the_flag &&
        grep -q '^deadlock: T0 main waits in a loop for memory flag in bad_busy_wait.* (plain.c:[0-9]*), which no other' out
}

# A test-and-set that finds the lock held counts as a read, so it lets others go on: else each schedule would have as many
# steps as is allowed.
a_spin_lock_costs_few_steps() {
    explore 0 --json -r 40 -- "$samples/plain" good_test_and_set_by_eight && holds "r['longest'] < 2000"
}

memory_that_was_freed_is_not_used() {
    explore 66 -- "$samples/plain" bad_argument_freed_in_use &&
        grep -q '^misuse: it is used after its memory was freed: memory 0x.* in read_later (plain.c:' out &&
        explore 66 --shrink -- "$samples/plain" bad_queue_freed_in_use &&
        grep -q '^misuse: it is used after its memory was freed: mutex 0x' out && grep -q 'memory shared --schedule' out &&
        sh -c "$(sed -n "s|^to repeat it: thrum|$thrum|p" out)" >again
    [ $? = 66 ] && diff <(sed 1d out) again
}

the_steps_that_matter_are_marked() {
    local at='^ *[0-9]*\*[ >] '
    explore 66 --memory off --shrink -- "$samples/corpus" bad_check_then_act &&
        grep -q '^the moment (marked \*): another thread came between two critical sections$' out &&
        [ "$(grep -c "$at.*locks mutex a in withdraw (corpus.c:" out)" = 3 ] || return 1
    explore 66 --shrink -- "$samples/corpus" bad_queue_destroyed_in_use &&
        grep -q '^the moment (marked \*): the object was used after its end$' out && [ "$(grep -c "$at" out)" = 2 ] || return 1
    explore 66 --json --shrink -- "$samples/corpus" bad_two_orders && holds "f['moment'] == []" || return 1
    [ "$(uname -m)" = x86_64 ] || return 0
    explore 66 --json --shrink -- "$samples/plain" bad_counter &&
        holds "[f['steps'][i - 1]['operation'] for i in f['moment']] ==
            ['reads memory counter', 'writes memory counter', 'writes memory counter']" &&
        holds "len({f['steps'][i - 1]['thread'] for i in f['moment'][::2]}) == 1 and
            f['steps'][f['moment'][1] - 1]['thread'] != f['steps'][f['moment'][0] - 1]['thread']"
}

# The page itself is tested by tests/page/; here, what it is given.
a_schedule_becomes_a_timeline() {
    explore 66 --shrink --timeline page.html -- "$samples/corpus" bad_two_orders && grep -q '^the timeline is in page.html$' out &&
        sed -n '/^{"length"/,/^<\/script>$/p' page.html | sed '$d' >names && python3 -c "
import json, re
page, story = json.load(open('names')), open('out').read()
steps = int(re.search(r'the schedule: ([0-9]+) steps', story)[1])
assert page['length'] == steps * 1000 and [t['name'] for t in page['threads']] == ['T0 main', 'T1 take_two', 'T2 take_two']
labels = [label for what, label, *_ in page['infos']]
assert sum(count for t in page['threads'] for lane, count in t['lanes'] if lane == 0) == steps
assert all(any(label.startswith('%d ' % i) for label in labels) for i in range(1, steps + 1))
assert sum(what == 1 and 'holds since' in label for what, label, *_ in page['infos']) >= 2
assert sum(what == 0 and 'locks mutex' in label for what, label, *_ in page['infos']) >= 2
" && explore 66 -r 100 --memory off --shrink --timeline marked.html -- "$samples/corpus" bad_check_then_act &&
        [ "$(grep -c '^\[3,"\* [0-9]* locks mutex a in withdraw' marked.html)" = 3 ] &&
        explore 1 --timeline no/such/page.html -- "$samples/corpus" bad_two_orders && grep -q 'cannot write no/such/page.html: No such file' err &&
        explore 0 -r 3 --timeline none.html -- "$samples/corpus" good_counter && [ ! -e none.html ]
}

jobs_do_not_change_the_answer() {
    local one two
    explore 66 --json -j 1 -- "$samples/corpus" bad_circle_of_three || return 1
    one=$(python3 -c "import json; print(json.load(open('out'))['failure']['seed'])")
    explore 66 --json -j 4 -- "$samples/corpus" bad_circle_of_three || return 1
    two=$(python3 -c "import json; print(json.load(open('out'))['failure']['seed'])")
    [ "$one" = "$two" ]
}

shrinking_leaves_two_departures() {
    local list
    explore 66 --json --memory off --shrink -- "$samples/corpus" bad_queue_destroyed_in_use &&
        holds "f['kind'] == 'misuse' and f['repeated'] and f['preemptions'] <= 1 and f['schedule'].count(',') <= 1" ||
        return 1
    list=$(python3 -c "import json; print(json.load(open('out'))['failure']['schedule'])")
    explore 66 --json --schedule "$list" --repeat 100 -- "$samples/corpus" bad_queue_destroyed_in_use &&
        holds "r['same'] == 100"
}

# One preemption is enough, whatever schedule was found.
shrinking_finds_the_fewest_preemptions() {
    local seed fewest=0
    for seed in $(seq 0 30); do
        "$thrum" explore -q --json --memory off --seed "$seed" --shrink -- "$samples/corpus" bad_upgrade >out 2>err || true
        has '"failure":null' >/dev/null && continue
        has '"preemptions":1,' || return 1
        fewest=$((fewest + 1))
    done
    [ "$fewest" -gt 5 ]
}

depth_first_search_tries_all() {
    explore 0 --json -S depth -r 100000 -- "$samples/corpus" good_two_readers &&
        holds "r['exhausted'] and r['runs'] > 100" &&
        explore 66 --json -S depth -r 100000 -- "$samples/corpus" bad_circle_of_three &&
        holds "f['kind'] == 'deadlock' and f['repeated'] and f['preemptions'] <= 2"
}

each_strategy_finds_a_deadlock() {
    local strategy
    for strategy in random pct pos depth mix; do
        explore 66 -S "$strategy" -- "$samples/corpus" bad_two_orders && grep -q '^deadlock: ' out || return 1
    done
}

a_deadlock_is_told() {
    explore 66 -- "$samples/corpus" bad_two_orders &&
        grep -q 'T1 take_two waits: locks mutex [ab] in take_two (corpus.c:[0-9]*)' out &&
        grep -q 'holds lock [ab], taken in take_two (corpus.c:[0-9]*)' out &&
        grep -q '(and has to wait)$' out && grep -q '^to repeat it: thrum explore --seed [0-9]* -- ' out &&
        sh -c "$(sed -n "s|^to repeat it: thrum|$thrum|p" out)" >again
    [ $? = 66 ] && diff <(sed 1d out) again
}

an_assertion_is_told_with_its_message() {
    explore 66 -- "$samples/corpus" bad_check_then_act && grep -q '^crash: SIGABRT$' out &&
        grep -q '^it said: .*Assertion' out && grep -q '#0  bad_check_then_act ' out
}

races_of_instrumented_programs_are_found() {
    local name
    for name in $(names raced bad); do
        explore 66 --json -- "$samples/raced" "$name" && holds "f['kind'] == 'race'" || return 1
    done
    for name in $(names raced good); do
        explore 0 --json -r 500 -- "$samples/raced" "$name" && holds "r['outcomes'] == {'good': 500}" || return 1
    done
    for name in $(names raced lost); do
        explore 66 --json --no-races -- "$samples/raced" "$name" && holds "f['kind'] == 'crash'" || return 1
    done
}

a_race_shows_both_accesses() {
    explore 66 -- "$samples/raced" bad_one_without_lock && grep -q '^race: memory counter$' out &&
        [ "$(grep -c 'memory counter in count_.*, step [0-9]*$' out)" = 2 ] && grep -q 'holds lock lock' out &&
        grep -q 'the value was [0-9]* before the first' out
}

an_instrumented_program_runs_by_itself() {
    "$samples/raced" good_publication && "$samples/raced" good_lock
}

# The runtime of the compiler gives way to ours, and its folder is removed.
a_program_with_the_runtime_of_the_compiler_is_explored() {
    local linker options name
    mkdir -p folder
    for linker in gcc clang; do
        options=-fsanitize=thread
        [ "$linker" = gcc ] || options="$options -shared-libsan"
        # shellcheck disable=SC2086 # two options
        "$linker" $options -pthread "$samples/raced.o" -o linked 2>/dev/null || continue
        TMPDIR=$work/folder explore 66 --instrument -- ./linked bad_two_locks && grep -q '^race: memory counter$' out &&
            [ "$(grep -c '^    called in add_below (raced.c:[0-9]*)$' out)" = 2 ] && grep -q '^    called in add_left (raced.c:' out &&
            grep -q '^    called in add_right (raced.c:' out && [ "$(grep -c '^    holds lock \(left\|right\)' out)" = 2 ] &&
            grep -q 'the value was [0-9]* before the first, and is [0-9]* before the second' out &&
            grep -q '^to repeat it: thrum explore --seed [0-9]* --instrument -- ' out || return 1
        for name in bad_relaxed_store_ends_the_release bad_counter; do
            explore 66 --json --instrument -- ./linked "$name" && has '"kind":"race"' || return 1
        done
        for name in good_lock good_relaxed_update_goes_on good_two_fences; do
            explore 0 --json -r 100 --instrument -- ./linked "$name" && has '"outcomes":{"good":100}' || return 1
        done
    done
    explore 1 --instrument -- "$samples/corpus" good_counter && grep -q 'does not call the instrumentation: compile' err &&
        [ -z "$(ls folder)" ]
}

a_check_decides() {
    explore 0 -r 50 --check 'grep -q "^flag [01]$"' -- "$samples/odd" prints &&
        explore 66 -r 200 --check 'grep -q "^flag 0$"' -- "$samples/odd" prints &&
        grep -q '^check: ' out && explore 66 -r 200 -o --check 'grep -q "^flag 0$"' -- "$samples/odd" prints &&
        grep -q '^flag 1$' out
}

a_thread_that_computes_is_stopped() {
    explore 0 --json -r 3 --memory off -- "$samples/odd" spins && holds "r['outcomes'] == {'good': 3}" &&
        explore 0 -r 3 --memory off -- "$samples/odd" spins && grep -q 'computed for long' out
}

a_thread_that_computes_for_ever_is_told() {
    explore 0 -r 3 --memory off --compute 0.2 -- "$samples/odd" spins_for_ever &&
        grep -q '^3 were ended because a thread computed for 0.2 s without a call$' out &&
        grep -q '^computes: T1 wait_for_flag computes without a call in wait_for_flag (odd.c:[0-9]*)$' out &&
        grep -q '#0  wait_for_flag' out && grep -q 'T0 main waits: joins T1 wait_for_flag' out &&
        explore 0 --json -r 3 --memory off --compute 0.2 -- "$samples/odd" spins_for_ever &&
        holds "r['outcomes'] == {'computes': 3} and f is None and r['notice']['kind'] == 'computes'"
}

children_run_free() {
    explore 0 -r 20 -- "$samples/odd" forks && grep -q '20 made processes, which run free' out
}

# They would compute beside all later runs, and after the command.
processes_that_a_run_leaves_end_with_it() {
    local pid
    rm -f left
    explore 0 -r 3 -- "$samples/odd" leaves_children && [ "$(wc -l <left)" -ge 6 ] || return 1
    while read -r pid; do
        gone "$pid" || return 1
    done <left
}

signals_of_the_program_are_its_own() {
    local name
    for name in handles blocks_signals; do
        explore 0 --json -r 30 -- "$samples/odd" "$name" && holds "r['outcomes'] == {'good': 30}" &&
            explore 0 --json -r 10 --memory all -- "$samples/odd" "$name" && holds "r['outcomes'] == {'good': 10}" || return 1
    done
}

# A wait for a signal is no deadlock, and --signal ends it.
a_program_may_wait_for_signals() {
    local name
    for name in serves_sigwait serves_descriptor serves_poll serves_handler; do
        explore 0 --json -r 20 -- "$samples/odd" "$name" && holds "r['outcomes'] == {'waits': 20} and f is None" &&
            explore 0 --json -r 40 --signal TERM -- "$samples/odd" "$name" && holds "r['outcomes'] == {'good': 40}" || return 1
    done
    explore 0 -r 5 -- "$samples/odd" serves_sigwait && grep -q '^5 were ended because the program waits for input or a signal from outside$' out &&
        grep -q '^waits: for input or a signal from outside$' out && grep -q 'T0 main waits: waits for a signal in by_sigwait (odd.c:' out &&
        explore 0 --json -r 40 -- "$samples/odd" sends && holds "r['outcomes'] == {'good': 40}" &&
        explore 0 --json -r 5 -- "$samples/odd" alarms && holds "r['outcomes'] == {'good': 5}" &&
        explore 66 --json -- "$samples/odd" deadlocks_beside && holds "f['kind'] == 'deadlock' and f['repeated']" &&
        explore 2 --signal NONE -- true && grep -q -- "--signal takes a signal, such as TERM or 15, not 'NONE'" err
}

# Each waits for what only this program could write: with a connection of its own, both ends are here.
waits_within_the_program_are_deadlocks() {
    local name seed
    for name in silent_pipe silent_pair silent_eventfd silent_timerfd silent_select silent_epoll silent_tcp silent_tcp6 \
        silent_unix silent_backlog silent_unix_backlog silent_udp full_tcp; do
        [ "$name" != silent_tcp6 ] || [ -e /proc/net/if_inet6 ] || continue
        explore 66 --json -r 1 -j 1 -m off -p 0.1 -- "$samples/odd" "$name" && has '"failure":{"kind":"deadlock","status":0,"repeated":true' || return 1
    done
    seed=$(seed_found)
    explore 66 --json --seed "$seed" --repeat 3 -m off -p 0.1 -- "$samples/odd" full_tcp && has '{"runs":3,"same":3,' &&
        explore 0 --json -r 50 -- "$samples/odd" speaking_tcp && has '"outcomes":{"good":50}' &&
        explore 0 --json -r 5 -- "$samples/odd" armed_timerfd && has '"outcomes":{"good":5}' &&
        explore 0 --json -r 20 -- "$samples/odd" expiring_timerfd && has '"outcomes":{"good":20}'
}

# Another process may write: a client that connects or sends, a child, or the process that left the descriptor.
waits_for_others_are_none() {
    local name
    for name in open_tcp open_udp pipe_of_child pair_of_child; do
        explore 0 --json -r 2 -j 1 -m off -p 0.05 -- "$samples/odd" "$name" && has '"outcomes":{"waits":2}' || return 1
    done
    explore 0 --json -r 200 -m off -p 0.0005 -- "$samples/odd" children_end_soon || return 1
    mkfifo fifo
    explore 0 --json -r 2 -j 1 -m off -p 0.05 -- "$samples/odd" inherited 9<>fifo && has '"outcomes":{"waits":2}' &&
        explore 0 --json -r 2 -j 1 -m off -p 0.05 -- "$samples/odd" inherited 9< <(exec sleep 1000) && has '"outcomes":{"waits":2}'
    local status=$?
    pkill -P $$ -x sleep # which holds the pipe
    return $status
}

# They come at any time, while the other thread has the turn and its accesses have closed the memory.
handlers_wait_for_the_turn_of_their_thread() {
    local name
    for name in interrupted_by_calls interrupted_by_posts; do
        explore 0 --json -r 5 --memory all -- "$samples/odd" "$name" && holds "r['outcomes'] == {'good': 5}" || return 1
        ! grep -q 'no memory points' err || return 1
    done
    explore 0 --json -r 10 --memory off -- "$samples/odd" jumps_out_of_a_handler && holds "r['outcomes'] == {'good': 10}"
}

a_program_that_executes_another_runs_free() {
    explore 66 --json -r 5 -- "$samples/odd" execs && holds "f['kind'] == 'exit' and f['status'] == 7" &&
        explore 66 --json -a -r 20 --memory all -- "$samples/odd" execs && holds "r['outcomes'] == {'exit': 20}"
}

input_is_empty() {
    explore 0 -r 2 -- "$samples/odd" waits
}

programs_of_thrum_never_fail() {
    local name
    for name in first condition_buffer pipeline producer_consumer select_events task_group worker_pool \
        three_executors futures_as_completed barrier_rounds; do
        explore 0 --json -r 50 -- "$examples/$name" && holds "r['outcomes'] == {'good': 50}" || return 1
    done
}

the_limit_of_steps_is_no_failure() {
    explore 0 --json -r 5 --steps 20 -- "$samples/corpus" good_ping_pong && holds "r['outcomes'] == {'unfinished': 5}"
}

wrong_command_lines_are_refused() {
    explore 2 && explore 2 --seed x -- true && explore 2 --schedule 3:1,2:0 -- true && explore 2 --schedule 3 -- true &&
        explore 2 --repeat 5 -- true && explore 2 --seed 1 --schedule 1:1 -- true && explore 2 -r 0 -- true
}

what_cannot_be_explored_is_said() {
    explore 1 -- ./no-such-program && grep -q 'cannot run ./no-such-program: No such file' err || return 1
    [ ! -x "$samples/odd_static" ] ||
        { explore 1 -- "$samples/odd_static" waits && grep -q 'is static or set-user-ID' err; }
}

ctrl_c_ends_the_search() {
    local status=0
    "$thrum" explore -q -r 100000000 -- "$samples/corpus" good_counter >out 2>err &
    local pid=$!
    until_true pgrep -P "$pid" >/dev/null
    kill -TERM "$pid"
    wait "$pid" || status=$?
    [ "$status" = 143 ] && grep -q ' schedules\?, 0 failed' out && until_true is_not_run "$samples/corpus good_counter"
}
is_not_run() { ! pgrep -f "$1"; }

tests='bad_programs_fail_within_1000_schedules_and_each_time_again good_programs_never_fail
memory_points_find_what_no_call_separates memory_points_raise_no_false_alarm
a_crash_ends_the_run a_loop_that_waits_for_ever_is_a_deadlock a_spin_lock_costs_few_steps memory_that_was_freed_is_not_used
the_steps_that_matter_are_marked a_schedule_becomes_a_timeline jobs_do_not_change_the_answer shrinking_leaves_two_departures shrinking_finds_the_fewest_preemptions depth_first_search_tries_all
each_strategy_finds_a_deadlock a_deadlock_is_told an_assertion_is_told_with_its_message
races_of_instrumented_programs_are_found a_race_shows_both_accesses an_instrumented_program_runs_by_itself
a_program_with_the_runtime_of_the_compiler_is_explored a_check_decides a_thread_that_computes_is_stopped a_thread_that_computes_for_ever_is_told children_run_free
processes_that_a_run_leaves_end_with_it signals_of_the_program_are_its_own a_program_may_wait_for_signals waits_within_the_program_are_deadlocks waits_for_others_are_none
handlers_wait_for_the_turn_of_their_thread a_program_that_executes_another_runs_free input_is_empty programs_of_thrum_never_fail
the_limit_of_steps_is_no_failure wrong_command_lines_are_refused what_cannot_be_explored_is_said
ctrl_c_ends_the_search'
# The programs of a sanitizer do not run under another preloaded library. The library that explores is never one of them,
# so the long searches would show nothing new.
if [ "${TEST_SANITIZE:-none}" != none ]; then
    for long in programs_of_thrum_never_fail bad_programs_fail_within_1000_schedules_and_each_time_again good_programs_never_fail \
        memory_points_find_what_no_call_separates memory_points_raise_no_false_alarm; do
        tests=${tests/"$long"/}
    done
fi
left_out() {
    [ "$1" != programs_of_thrum_never_fail ] || [ -x "$examples/first" ] || echo 'the examples are not built'
}
# shellcheck disable=SC2086 # a list of words
run_tests $tests
