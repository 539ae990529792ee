#!/bin/bash
# What is made from the tables of options: the manual pages and the completions of three shells.
#
#     pages_test.sh THRUM PAGES DIRECTORY
#
# THRUM is the command, PAGES the program that makes them, DIRECTORY where the build has put them.
# zsh and fish are asked only where they are.
# shellcheck disable=SC2001,SC2030,SC2031,SC2086 # patterns; PATH of a subshell; lists of words
set -u
# shellcheck source=tests/cli/tap.sh
. "$(dirname "$0")/tap.sh"
thrum=$(realpath "$1") pages=$(realpath "$2") made=$(cd "$3" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# The long options of a subcommand, as its --help names them.
options_of() {
    "$thrum" "$1" --help | sed -n 's/^  \(-., \|    \)--\([a-z0-9-]*\).*/\2/p'
}

# Each subcommand has a page, which names each option; the page of all names each subcommand.
every_option_is_in_the_manual() {
    [ -n "$("$pages" names)" ] || return 1
    for name in $("$pages" names); do
        [ -s "$made/thrum-$name.1" ] || return 1
        grep -q "thrum..$name (1)" "$made/thrum.1" || return 1
        [ "$(options_of "$name" | wc -l)" -ge 3 ] || return 1
        for option in $(options_of "$name"); do
            grep -q -F -- "\\-\\-$(echo "$option" | sed 's/-/\\-/g')\\fR" "$made/thrum-$name.1" || {
                echo "# thrum-$name.1 does not name --$option"
                return 1
            }
        done
    done
}

# offered WORDS...: what bash offers for the last word.
offered() {
    # shellcheck disable=SC2016 # the inner shell reads that
    bash -c '
        source "$1"
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _thrum
        printf "%s\n" "${COMPREPLY[@]}"' bash "$made/thrum.bash" "$@"
}

# offers TEXT WORDS...: bash offers just these words.
offers() {
    wanted=$1
    shift
    got=$(offered "$@" | tr '\n' ' ')
    [ "${got% }" = "$wanted" ] || {
        echo "# for '$*': '$got', not '$wanted'"
        return 1
    }
}

bash_completes_subcommands_and_options() {
    for name in $("$pages" names); do
        offers "$name" thrum "$name" || return 1
        for option in $(options_of "$name"); do
            offered thrum "$name" "--$option" | grep -q -x -- "--$option" || return 1
        done
    done
    offers --quick thrum demo --qu
}

bash_completes_values() {
    offers cpu thrum demo --only c && offers cpu thrum demo -o c &&
        offers cpu thrum demo --only = c && offers '' thrum demo --workers '' &&
        (cd "$made" && offers thrum.bash thrum demo --json thrum.ba)
}

# Behind -- there is another command: its name, then its files.
bash_completes_the_command_that_is_run() {
    (
        mkdir -p "$work/bin" "$work/here" && cd "$work/here" && touch argument.txt "$work/bin/thrumming" &&
            chmod +x "$work/bin/thrumming" || exit 1
        export PATH=$work/bin:$PATH
        for before in 'run --' 'run' 'run -j 4 --' 'run -j 4' 'run --jobs = 4' 'every 2s --' 'every 2s' \
            'every -n 3 2s --' 'every 2s -n 3'; do
            # shellcheck disable=SC2086 # a list of words
            offers thrumming thrum $before thrummi || exit 1
            # shellcheck disable=SC2086
            offers argument.txt thrum $before thrumming arg || exit 1
            # shellcheck disable=SC2086
            offers argument.txt thrum $before thrumming -j arg || exit 1
        done
        offers argument.txt thrum run --joblog arg && offers '--joblog' thrum run --jobl
    )
}

# zsh and fish complete in a terminal of their own, or by a command.
fish_completes_the_command_that_is_run() {
    command -v fish >/dev/null || return 0
    (
        cd "$work/here" || exit 1
        export PATH="$work/bin:$PATH" HOME="$work"
        for before in 'run --' 'every 2s --' 'run -j 4 --'; do
            fish --no-config -c "source '$made/thrum.fish'; complete -C 'thrum $before thrummi'" |
                grep -q '^thrumming' || exit 1
            fish --no-config -c "source '$made/thrum.fish'; complete -C 'thrum $before thrumming arg'" |
                grep -q '^argument.txt' || exit 1
        done
    )
}

zsh_completes_the_command_that_is_run() {
    command -v zsh >/dev/null && command -v tmux >/dev/null || return 0
    mkdir -p "$work/zsh" && cp "$made/_thrum" "$work/zsh" || return 1
    cat >"$work/zsh/.zshrc" <<END
fpath=($work/zsh \$fpath); PATH=$work/bin:${thrum%/*}:\$PATH; autoload -Uz compinit; compinit -u -D
PS1='ready> '; cd $work/here
END
    server=0
    for before in 'run --' 'every 2s --'; do
        server=$((server + 1)) # one that was told to end may not have ended yet
        tmux -L "thrum-zsh-$$-$server" -f /dev/null new-session -d -x 100 -y 10 "ZDOTDIR=$work/zsh TERM=screen zsh -i" || return 1
        shown 'ready>' && tmux -L "thrum-zsh-$$-$server" send-keys "thrum $before thrummi" Tab && shown thrumming &&
            tmux -L "thrum-zsh-$$-$server" send-keys 'arg' Tab && shown 'argument.txt'
        status=$?
        tmux -L "thrum-zsh-$$-$server" kill-server
        [ $status -eq 0 ] || return 1
    done
}

# shown TEXT: the terminal shows it.
shown() { until_true shows "$1" || { tmux -L "thrum-zsh-$$-$server" capture-pane -p >&2; return 1; }; }
shows() { tmux -L "thrum-zsh-$$-$server" capture-pane -p | grep -q -F -- "$1"; }

zsh_reads_its_file() {
    ! command -v zsh >/dev/null || zsh -n "$made/_thrum"
}

fish_completes_options() {
    command -v fish >/dev/null || return 0
    fish --no-config -c "source '$made/thrum.fish'; complete -C 'thrum demo --qui'" |
        grep -q '^--quick' &&
        fish --no-config -c "source '$made/thrum.fish'; complete -C 'thrum demo --only c'" |
        grep -q '^cpu'
}

tests='every_option_is_in_the_manual bash_completes_subcommands_and_options bash_completes_values
bash_completes_the_command_that_is_run zsh_reads_its_file zsh_completes_the_command_that_is_run
fish_completes_options fish_completes_the_command_that_is_run'
# shellcheck disable=SC2086 # a list of words
run_tests $tests
