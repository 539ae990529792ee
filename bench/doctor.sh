#!/bin/sh
# `thrum doctor -p` beside other programs that show the stacks of a process, in turns:
#
#     bench/doctor.sh THRUM [ROUNDS]
#
# and what a lock costs in a program that is watched or traced, beside gcc's thread sanitizer and Helgrind; and what
# the flight recorder of thrum trace costs pigz and xz -T2; and how fast its page is drawn (frames.sh).
#
# THRUM is the command, ROUNDS how often each is measured (9). The processes hang in a deadlock, with 4
# and with 500 threads. Prints a line for each program: the median, the least and the most of the
# seconds, whether it named the deadlock, and how many of six blocking system calls of another process
# returned early because of one look. Then, for rows of locks, the processor time for a pair of lock and unlock. A round that does not count comes first. A program that is not
# installed is left out.
set -eu
thrum=$(realpath "$1") rounds=${2:-9}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-bench-doctor-XXXXXX")
subject=
finish() {
    [ -z "$subject" ] || kill "$subject" 2>/dev/null || :
    rm -rf "$work"
}
trap finish EXIT
export LC_ALL=C DEBUGINFOD_URLS=

for sample in hung calm; do
    cc -D_GNU_SOURCE -DSAMPLE_SECONDS=3600 -g -O2 -pthread "$here/tests/doctor/$sample.c" -o "$work/$sample"
done

# look NAME PID: what one program does.
look() {
    case $1 in
    thrum) "$thrum" doctor --no-lines -p "$2" ;;
    'thrum, with lines') "$thrum" doctor -p "$2" ;;
    gdb) gdb -q -batch -nx -ex 'thread apply all backtrace' -p "$2" ;;
    eu-stack) eu-stack -p "$2" ;;
    pstack) pstack "$2" ;;
    esac
}

there() {
    case $1 in
    thrum*) return 0 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

programs() {
    printf '%s\n' thrum 'thrum, with lines' gdb eu-stack pstack | while read -r program; do
        ! there "$program" || echo "$program"
    done
}

# begin SAMPLE CASE: starts it and waits until it is ready; its number is in `subject`.
begin() {
    : >"$work/said"
    "$work/$1" "$2" >>"$work/said" &
    subject=$!
    while ! grep -q ready "$work/said"; do sleep 0.05; done
    sleep 0.5 # until its threads have gone from "about to block" to blocked
}

end() {
    kill "$subject"
    wait "$subject" 2>/dev/null || :
    subject=
}

# How many calls of a process return early because of one look.
interrupted() {
    begin calm calls
    look "$1" "$subject" >/dev/null 2>&1 || :
    sleep 0.2
    grep -c returned "$work/said" || :
    end
}

measure() {
    begin hung "$1"
    round=0
    while [ "$round" -le "$rounds" ]; do
        programs | while read -r program; do
            before=$(date +%s%N)
            look "$program" "$subject" >"$work/out" 2>/dev/null || :
            after=$(date +%s%N)
            named=no
            ! grep -q DEADLOCK "$work/out" || named=yes
            [ "$round" -eq 0 ] || echo "$((after - before)) $named" >>"$work/$1-$program"
        done
        round=$((round + 1))
    done
    end
    printf '\n%s\n' "$2"
    printf '%-20s %9s %9s %9s  %-9s %s\n' '' median least most deadlock 'calls ended early'
    programs | while read -r program; do
        early=$(cat "$work/early-$program")
        sort -n "$work/$1-$program" | awk -v name="$program" -v early="$early" '
            { seconds[NR] = $1 / 1e9; named = $2 }
            END {
                printf "%-20s %7.4f s %7.4f s %7.4f s  %-9s %d of 6\n", name,
                    seconds[int((NR + 1) / 2)], seconds[1], seconds[NR],
                    named == "yes" ? "named" : "-", early
            }'
    done
}

programs | while read -r program; do
    interrupted "$program" >"$work/early-$program"
done
measure three_way '4 threads, three in a deadlock'
measure crowd '500 threads, two in a deadlock'

# What a lock costs. The sanitizer needs a program of its own; Helgrind makes it so slow that it does less.
cc -O2 -pthread "$here/bench/doctor_pairs.c" -o "$work/pairs"
cc -O2 -pthread -fsanitize=thread "$here/bench/doctor_pairs.c" -o "$work/pairs_thread" 2>/dev/null || :

watchers() {
    echo alone
    echo thrum
    echo 'thrum trace'
    [ ! -x "$work/pairs_thread" ] || echo 'gcc -fsanitize=thread'
    ! command -v valgrind >/dev/null || echo helgrind
}

# pairs WATCHER LOCKS DEPTH: nanoseconds for a pair.
pairs() {
    case $1 in
    alone) "$work/pairs" "$2" "$3" 5000000 ;;
    thrum) "$thrum" doctor -o /dev/null -- "$work/pairs" "$2" "$3" 5000000 ;;
    'thrum trace') "$thrum" trace -o "$work/trace" -- "$work/pairs" "$2" "$3" 5000000 2>/dev/null ;;
    gcc*) "$work/pairs_thread" "$2" "$3" 1000000 ;;
    helgrind) valgrind --tool=helgrind "$work/pairs" "$2" "$3" 20000 2>/dev/null ;;
    esac
}

cost() {
    round=0
    while [ "$round" -le "$rounds" ]; do
        watchers | while read -r watcher; do
            nanoseconds=$(pairs "$watcher" "$1" "$2") || continue
            [ "$round" -eq 0 ] || echo "$nanoseconds" >>"$work/cost-$1-$2-$watcher"
        done
        round=$((round + 1))
    done
    printf '\n%s\n%-24s %9s %9s %9s  %s\n' "$3" '' median least most 'more than alone'
    watchers | while read -r watcher; do
        [ -e "$work/cost-$1-$2-$watcher" ] || continue
        alone=$(sort -n "$work/cost-$1-$2-alone" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }')
        sort -n "$work/cost-$1-$2-$watcher" | awk -v name="$watcher" -v alone="$alone" '
            { n[NR] = $1 }
            END {
                median = n[int((NR + 1) / 2)]
                printf "%-24s %6.1f ns %6.1f ns %6.1f ns  %+.1f ns, %.1f times\n", name, median, n[1], n[NR],
                    median - alone, median / alone
            }'
    done
}

cost 1 1 'one lock'
cost 1 2 'one lock inside another'
cost 64 1 '64 locks'
cost 64 2 '64 locks, each inside another'
cost 100000 1 '100 000 locks'

# The flight recorder on programs of others. The load is 120 MB of programs; thrum bench runs both in turns. Source
# lines are looked up when the program has ended, which takes as long for a short program as for a long one.
flight() {
    command -v "$1" >/dev/null || return 0
    printf '\n%s, alone and with the flight recorder of thrum trace\n' "$*"
    "$thrum" bench --rounds "$((rounds + 6))" --most 100s "$* <$work/load >/dev/null" \
        "$thrum trace --no-lines -o $work/trace -- $* <$work/load >/dev/null 2>/dev/null"
}
cat /usr/bin/* 2>/dev/null | head -c 120000000 >"$work/load"
flight pigz -p 2 -c
flight xz -T2 -0 -c

if command -v chromium >/dev/null; then
    printf '\nthe page of thrum trace view, while it zooms\n'
    "$here/bench/frames.sh" "$thrum"
fi
