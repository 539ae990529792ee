#!/bin/sh
# Each public function that returns a code and has a `ret_` parameter has a case in a test that compares the outputs after
# a failure with what was there before (tests/untouched.h). A function without a case fails. `ret_error` alone, which is
# for failures, needs none. Run in the root of the tree.
set -u
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The functions, each with its kind: a code, or a case of thrum_select, whose outputs the select leaves untouched.
# shellcheck disable=SC2046 # a list of words
awk '
    /^THRUM_API / {
        text = $0
        while (text !~ /;/ && (getline line) > 0)
            text = text " " line
        sub(/^THRUM_API (THRUM_MUST_CHECK )?/, "", text)
        kind = text
        sub(/ .*/, "", kind)
        outputs = text
        gsub(/ret_error/, "", outputs)
        if (kind !~ /^(int|ptrdiff_t|thrum_case)$/ || outputs !~ /[ *]ret_/)
            next
        sub(/\(.*/, "", text)
        sub(/.*[ *]/, "", text)
        print kind, text
    }' include/thrum/*.h $(ls adapter/*/thrum_*.h 2>/dev/null) | sort >"$work/functions"
[ -s "$work/functions" ] || {
    echo 'include/thrum: no function has an output'
    exit 1
}

# The calls that are made to fail. After the preprocessor, because macros make some of their names.
for test in tests/unit/*/test_*.c tests/adapter/test_*.c; do
    grep -qs '"untouched.h"' "$test" || continue
    flags=
    for folder in adapter/*/; do
        [ ! -d "$folder" ] || flags="$flags -I$folder $(pkg-config --cflags --silence-errors "lib$(basename "$folder")")"
    done
    # shellcheck disable=SC2086 # words
    gcc -E -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -Itests -Itests/adapter $flags "$test" >"$work/text" || exit 1
    grep -o 'poison("thrum_[a-z_0-9]*(' "$work/text" | sed 's/.*"\(.*\)(/\1/' >>"$work/called"
    grep -o 'thrum_case_[a-z_]*(' "$test" | sed 's/($//' >>"$work/cases"
done
touch "$work/called" "$work/cases"
while read -r kind name; do
    case $kind in thrum_case) list=cases ;; *) list=called ;; esac
    grep -qx "$name" "$work/$list" || {
        echo "$name: has outputs, and no test has it fail and looks at them; add FAILS($name(...)) (tests/untouched.h)"
        status=1
    }
done <"$work/functions"
exit $status
