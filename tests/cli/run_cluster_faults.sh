#!/bin/bash
# `thrum run --cluster`, `thrum worker --commands` and `thrum cluster status` with one failing call: run_cluster_faults.sh
# THRUM-WITH-FAULTS. See faults_cluster.sh.
# shellcheck disable=SC2317,SC2016 # called by name; what stands in single quotes is for other shells
FAULTS_EACH=${FAULTS_EACH:-0} # the last call of each function; run_faults.sh has the others
# shellcheck source=tests/cli/faults_cluster.sh
. "$(dirname "$0")/faults_cluster.sh"

# A lease of ten minutes: so no command runs twice, however busy the machine is.
(cd "$work" && exec "$program" worker --commands --pool shared --lease 600s) >/dev/null 2>"$work/shared.err" &
until_true grep -q -s works "$work/shared.err"

inputs() { seq 4 >list; }

job='echo "out $1"; echo "err $1" >&2'

client_run() { thrum run --cluster '' --pool shared -k -j 2 --tag -- sh -c "$job" sh <list; }

retried_run() {
    thrum run --cluster '' --pool shared -k -j 1 --retries 2 --retry-delay 1ms -t 60s -- sh -c \
        'echo x >>"$2/log-tried$1"; [ "$(wc -l <"$2/log-tried$1")" -ne 1 ] || exit 1; echo "out $1"' sh :::: list ::: "$PWD"
}

# After a fault the log knows no job that was not printed, and a resumed run does the rest.
logged_run() { thrum run --cluster '' --pool shared -k -j 2 --joblog log -- sh -c "$job" sh <list; }
logged_broken() {
    touch log
    awk -F '\t' 'NR > 1 && NF == 9 && $7 == 0 && $8 == 0 {print "out " $1}' log | sort >done.logged
    sort -u out >done.printed
    [ -z "$(comm -23 done.logged done.printed)" ] || return 1
    "$program" run -q --cluster '' --pool shared -k --joblog log --resume -- sh -c "$job" sh <list >>out 2>/dev/null || return 1
    [ "$(sort -u out)" = "$(seq 4 | sed 's/^/out /')" ]
}

# The fault is in a worker of a pool of its own. The jobs print to standard output alone, which is compared: so the last call that
# reads output reads that.
worker_run() {
    local pool=pool$BASHPID
    worker_words=(--commands --pool "$pool" --lease 600s -j 2)
    beside "$program" run --cluster '' --pool "$pool" -k -j 2 -t 60s -- sh -c 'echo "out $1"' sh <list
}

# The numbers change from look to look, but for that of the workers.
table_run() {
    thrum cluster status --pool shared --interval 10ms -n 2 >log.look
    local status=$?
    awk '{ print $1, $2 }' log.look
    return "$status"
}

json_run() {
    thrum cluster status --pool shared --interval 10ms -n 2 --json >log.look
    local status=$?
    sed -E 's/("workers":[0-9]+)|:[0-9.]+|:null/\1/g' log.look
    return "$status"
}

sweep client retried logged worker table json
