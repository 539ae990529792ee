#!/bin/bash
# The unit of `thrum worker` under systemd, which is started in a container: systemd-nspawn on an overlay of this machine's
# files, with a network of its own.
#
#     worker_systemd_test.sh THRUM SAMPLE UNIT
#
# SAMPLE is cluster_sample, UNIT the file of the unit. It starts a system, so it runs only with WORKER_SYSTEMD=1. Without the rights or
# programs that this takes, it is skipped. Inside of the container the script runs itself.
# shellcheck disable=SC2317,SC2015 # called by name; the last of A && B || C is for both
set -u
export LC_ALL=C NATS_URL=nats://127.0.0.1:4222 POOL=pages
self=$(realpath "$0") thrum=$(realpath "$1") sample=$(realpath "$2") unit=$(realpath "$3")
worker='thrum-worker@pages'

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

value_of() { systemctl show -p "$2" --value "$1"; }
squares() { timeout 600 "$sample" squares 3 | grep -q -x '3 results'; }
said() { journalctl -u "$1" -o cat | grep -q "$2"; }

tasks_run_without_the_rights_of_root() {
    systemctl start $worker && squares && [ "$(stat -c %u "/proc/$(value_of $worker MainPID)")" -ne 0 ]
}

a_worker_that_is_killed_is_started_again() {
    kill -KILL "$(value_of $worker MainPID)" && squares && [ "$(value_of $worker NRestarts)" -eq 1 ]
}

a_stop_waits_for_the_task() {
    timeout 600 "$sample" hold /run/held >/run/client 2>&1 &
    local client=$! stop
    until_true test -s /run/held/begun || return 1
    systemctl stop $worker &
    stop=$!
    until_true said $worker 'finishing what runs' && [ "$(value_of $worker ActiveState)" = deactivating ] || return 1
    touch /run/held/go
    wait $stop && wait $client && grep -q -x "done" /run/client &&
        [ "$(value_of $worker Result) $(value_of $worker ExecMainStatus)" = 'success 0' ]
}

a_program_without_tasks_fails_with_a_message() {
    systemctl start thrum-worker@bad
    until_true said thrum-worker@bad 'does not use the shared library libthrum' &&
        until_true test "$(value_of thrum-worker@bad ExecMainStatus)" -eq 1 && systemctl stop thrum-worker@bad
}

# The work of the unit test.service.
inside() {
    # shellcheck source=tests/cli/tap.sh
    . "$(dirname "$self")/tap.sh"
    cd /run || exit
    ip link set lo up 2>/dev/null
    mkdir -p /etc/thrum/worker /run/held "/etc/systemd/system/thrum-worker@.service.d"
    chmod 1777 /run/held
    printf '[Service]\nReadWritePaths=/run/held\n' >"/etc/systemd/system/thrum-worker@.service.d/held.conf"
    printf 'PROGRAM=%s\nOPTIONS=--pool pages --executor processes --lease 2s\n' "$sample" >/etc/thrum/worker/pages.conf
    printf 'PROGRAM=/bin/true\nOPTIONS=--pool pages\n' >/etc/thrum/worker/bad.conf
    printf 'NATS_URL=%s\n' $NATS_URL | tee -a /etc/thrum/worker/pages.conf >>/etc/thrum/worker/bad.conf
    systemctl daemon-reload
    nats-server -js -a 127.0.0.1 -p 4222 -sd /run/nats >/run/nats.log 2>&1 &
    until_true timeout 60 "$sample" squares 0 >/dev/null 2>&1
    show_failure() {
        sed 's/^/# /' said
        journalctl -u 'thrum-worker@*' -o cat | tail -n 20 | sed 's/^/# /'
    }
    run_tests tasks_run_without_the_rights_of_root a_worker_that_is_killed_is_started_again a_stop_waits_for_the_task \
        a_program_without_tasks_fails_with_a_message
}

# In a namespace of mounts of its own.
outside() {
    mount -t tmpfs tmpfs "$work" 2>/dev/null && mkdir "$work/upper" "$work/work" "$work/root" "$work/units" "$work/out" &&
        mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root" 2>/dev/null ||
        skip 'no overlay can be mounted here'
    sed "s#^ExecStart=[^ ]*#ExecStart=$thrum#" "$unit" >"$work/units/thrum-worker@.service"
    cat >"$work/units/test.service" <<END
[Unit]
After=basic.target
Requires=basic.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
StandardOutput=file:/out/tap
ExecStart=/bin/bash $self $thrum $sample $unit inside
END
    local binds=() folder
    for folder in "$(dirname "$(dirname "$thrum")")" "$(dirname "$self")"; do binds+=("--bind-ro=$folder"); done
    for folder in "$work"/units/*; do binds+=("--bind-ro=$folder:/etc/systemd/system/${folder##*/}"); done
    timeout 1800 systemd-nspawn -q -D "$work/root" --private-network --register=no --keep-unit "${binds[@]}" \
        --bind="$work/out:/out" -b -- --unit=test.service </dev/null >"$work/console" 2>&1
    if [ -s "$work/out/tap" ]; then
        cat "$work/out/tap"
    elif grep -q -i 'systemd .* running in system mode' "$work/console"; then
        echo 'Bail out! the container has not run the tests'
        tail -n 20 "$work/console" | sed 's/^/# /'
    else
        skip 'systemd does not start in a container here'
    fi
}

case ${4:-} in
inside) inside ;;
outside) outside ;;
*)
    [ -n "${WORKER_SYSTEMD:-}" ] || skip 'WORKER_SYSTEMD=1 starts a container with systemd'
    for program in nats-server systemd-nspawn unshare; do
        command -v "$program" >/dev/null || skip "there is no $program"
    done
    [ "${TEST_SANITIZE:-none}" = none ] || skip 'the sanitizers need options that the unit does not give'
    [ "$(id -u)" -eq 0 ] || skip 'only root starts a container'
    [ -d /run/systemd ] || [ -e /lib/systemd/systemd ] || skip 'there is no systemd'
    work=$(mktemp -d)
    trap 'rmdir "$work"' EXIT
    export work
    unshare -m true 2>/dev/null || skip 'no namespace can be made here'
    unshare -m "$self" "$thrum" "$sample" "$unit" outside
    ;;
esac
