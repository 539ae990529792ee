#!/bin/sh
# What is made from the tables of options: the manual pages and the completions of three shells.
#
#     pages_test.sh THRUM PAGES DIRECTORY
#
# THRUM is the command, PAGES the program that makes them, DIRECTORY where the build has put them.
# zsh and fish are asked only where they are.
set -u
thrum=$(realpath "$1") pages=$(realpath "$2") made=$(cd "$3" && pwd)
number=0
answer() { # answer STATUS NAME
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

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
    offers --quick thrum bench --qu
}

bash_completes_values() {
    offers cpu thrum bench --only c && offers cpu thrum bench -o c &&
        offers cpu thrum bench --only = c && offers '' thrum bench --workers '' &&
        (cd "$made" && offers thrum.bash thrum bench --json thrum.ba)
}

zsh_reads_its_file() {
    ! command -v zsh >/dev/null || zsh -n "$made/_thrum"
}

fish_completes_options() {
    command -v fish >/dev/null || return 0
    fish --no-config -c "source '$made/thrum.fish'; complete -C 'thrum bench --qui'" |
        grep -q '^--quick' &&
        fish --no-config -c "source '$made/thrum.fish'; complete -C 'thrum bench --only c'" |
        grep -q '^cpu'
}

tests='every_option_is_in_the_manual bash_completes_subcommands_and_options bash_completes_values
zsh_reads_its_file fish_completes_options'
# shellcheck disable=SC2086 # a list of words
set -- $tests
echo "1..$#"
for test; do
    "$test"
    answer $? "$test"
done
