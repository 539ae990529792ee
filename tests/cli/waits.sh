# shellcheck shell=bash
# Waits for states: bash scripts source this file, most of them by tap.sh.

tap_limit=${TAP_TRIES:-6000} # fewer where tests are meant to fail

# until_true COMMAND...: waits until the command succeeds. It gives up after 6000 tries, or TAP_TRIES of the environment. They take
# ten minutes, or longer on a busy machine.
until_true() {
    local tap_tries=0 tap_traced=$- tap_given_up=0
    set +x
    until "$@"; do
        if [ $((tap_tries += 1)) -gt "$tap_limit" ]; then
            echo "gave up after $tap_limit tries: $*" >&2
            tap_given_up=1
            break
        fi
        if [ $tap_tries -le 300 ]; then sleep 0.01; else sleep 0.1; fi
    done
    case $tap_traced in *x*) set -x ;; esac
    return $tap_given_up
}

# lives PROCESS: it runs, and is no zombie.
lives() { [ -d "/proc/$1" ] && ! grep -q -s '^State:.[ZX]' "/proc/$1/status"; }

# gone PROCESS: it does not run any more.
gone() { ! lives "$1"; }

# await_line PATTERN FILE PROCESS: waits until a line of FILE matches. It fails if the process ends without one.
await_line() {
    until_true tap_has_line_or_ended "$@" && grep -q -s -e "$1" "$2"
}
tap_has_line_or_ended() { grep -q -s -e "$1" "$2" || ! lives "$3"; }

# lines_in FILE COUNT: it has at least so many.
lines_in() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
