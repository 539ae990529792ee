#!/bin/sh
# Each public header compiles alone, as strict C11 and as C++17, with both compilers, whose
# warnings are errors. Run in the root of the tree. That of an adapter, adapter/NAME/thrum_NAME.h,
# may include the headers of libNAME as well. The comment of a function that returns an int says what it returns: it has
# the word "Returns", or begins with "The", as in "The number of items". Such a function is THRUM_MUST_CHECK, unless
# tools/unchecked gives a reason why its code may be dropped (include/thrum/export.h has the rule). An enum has a
# typedef, and its constants begin with the first word of its name: thrum_queue_order has THRUM_QUEUE_FIFO. An enum that
# only makes constants has none, and they begin with the name of the header. The comment of a function that may wait
# speaks of a deadline, even if there is none.
set -u
status=0
# shellcheck disable=SC2046 # a list of words
awk '
    /^\/\*/ { comment = ""; in_comment = 1 }
    in_comment { comment = comment $0; in_comment = !/\*\//; next }
    /^THRUM_API (THRUM_MUST_CHECK )?(int|ptrdiff_t) / && comment !~ /Returns|^\/\* The / {
        print FILENAME ":" FNR ": the comment above does not say what the function returns"
        found = 1
    }
    { comment = "" }
    END { exit found }' $(ls include/thrum/*.h adapter/*/thrum_*.h 2>/dev/null) || status=1
# shellcheck disable=SC2046 # a list of words
awk '
    /^\/\*/ { comment = ""; in_comment = 1 }
    in_comment { comment = comment " " $0; in_comment = !/\*\//; next }
    /^THRUM_API / {
        text = $0
        while (text !~ /;/ && (getline line) > 0)
            text = text " " line
        gsub(/ +\* +/, " ", comment)
        if (comment ~ /[.*] (Blocks|Waits)/ && text !~ /thrum_deadline/ && comment !~ /deadline|limit of time/) {
            sub(/\(.*/, "", text)
            sub(/.*[ *]/, "", text)
            print FILENAME ": " text ": may wait, and the comment does not say that there is no deadline"
            found = 1
        }
    }
    { comment = "" }
    END { exit found }' $(ls include/thrum/*.h adapter/*/thrum_*.h 2>/dev/null) || status=1
# shellcheck disable=SC2046 # a list of words
awk '
    function complain(what) {
        print FILENAME ":" FNR ": " what
        found = 1
    }
    # The constants of one line.
    function constants(text,    words, count, i) {
        gsub(/\/\*[^*]*\*\//, "", text)
        sub(/.*\{/, "", text)
        sub(/\}.*/, "", text)
        count = split(text, words, ",")
        for (i = 1; i <= count; i++) {
            sub(/[ \t]*(=.*)?$/, "", words[i])
            sub(/^[ \t]*/, "", words[i])
            if (words[i] ~ /^[A-Z][A-Z0-9_]+$/ && substr(words[i], 1, length(prefix)) != prefix)
                complain(words[i] " does not begin with " prefix)
        }
    }
    /^[ \t]*(typedef )?enum [a-z_]*[ ]*\{/ {
        if ($1 == "typedef") {
            prefix = $3
            sub(/^thrum_/, "", prefix)
            sub(/_.*/, "", prefix)
        } else {
            if ($2 != "{")
                complain("enum " $2 " has no typedef")
            prefix = FILENAME
            sub(/.*\//, "", prefix)
            sub(/\.h$/, "", prefix)
            sub(/^thrum_/, "", prefix)
        }
        prefix = "THRUM_" toupper(prefix) "_"
        inside = 1
    }
    inside {
        constants($0)
        inside = $0 !~ /\}/
    }
    END { exit found }' $(ls include/thrum/*.h adapter/*/thrum_*.h 2>/dev/null) || status=1
# shellcheck disable=SC2046 # a list of words
awk '
    FILENAME == "tools/unchecked" {
        if ($1 ~ /^#/ || NF == 0)
            next
        reason[$1] = NF > 1
        if (NF < 2) {
            print "tools/unchecked: " $1 ": gives no reason"
            found = 1
        }
        next
    }
    # The name of a function may stand on the next line, or behind the type.
    /^THRUM_API (THRUM_MUST_CHECK )?(int|ptrdiff_t)( |$)/ {
        text = $0
        if (text !~ /\(/ && (getline line) > 0)
            text = text " " line
        checked = text ~ /THRUM_MUST_CHECK/
        name = text
        sub(/\(.*/, "", name)
        sub(/^.*[ *]/, "", name)
        seen[name] = 1
        if (checked && name in reason) {
            print FILENAME ": " name ": is THRUM_MUST_CHECK and in tools/unchecked"
            found = 1
        } else if (!checked && !(name in reason)) {
            print FILENAME ": " name ": is not THRUM_MUST_CHECK, and tools/unchecked gives no reason"
            found = 1
        }
    }
    END {
        for (name in reason)
            if (!(name in seen)) {
                print "tools/unchecked: " name ": no such function returns a code"
                found = 1
            }
        exit found
    }' tools/unchecked $(ls include/thrum/*.h adapter/*/thrum_*.h 2>/dev/null) || status=1
for header in include/thrum.h include/thrum/*.h adapter/*/thrum_*.h; do
    [ -e "$header" ] || continue
    name=${header#include/}
    flags=
    case $header in
    adapter/*)
        name=${header##*/}
        flags="-I${header%/*} $(pkg-config --cflags --silence-errors "lib$(basename "${header%/*}")")"
        ;;
    esac
    for compiler in gcc clang; do
        for mode in 'c c11' 'c++ c++17'; do
            language=${mode% *}
            standard=${mode#* }
            # shellcheck disable=SC2086 # words
            set -- $flags
            printf '#include <%s>\n#include <%s>\ntypedef int at_least_one_declaration;\n' "$name" "$name" |
                "$compiler" -x "$language" -std="$standard" -Iinclude "$@" -Wall -Wextra -Wpedantic -Wshadow -Wundef \
                    -Wconversion -Werror -fsyntax-only - || {
                echo "$header: does not compile alone with $compiler as $standard"
                status=1
            }
        done
    done
done
exit $status
