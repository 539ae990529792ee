#!/bin/sh
# The gate rule: nothing outside src/base/, and the explorer that stands behind it, reaches atomics, system calls, threads, memory or time
# by itself; exceptions stand in tools/layers. And an owner word is read and written only through park/owner.h. Run in the root of the tree: check_gate.sh [LAYERS]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
layers=${1:-$here/layers}

"$here/sources.sh" include src adapter doctor cli python bench examples tests | xargs -r awk -f "$here/strip.awk" |
    awk -v layers="$layers" '
    BEGIN {
        while ((getline line < layers) > 0) {
            n = split(line, words, /[ \t]+/)
            if (words[1] == "may")
                for (i = 3; i <= n; i++)
                    may[words[2], words[i]] = 1
        }
        # Everywhere; then only inside the library, whose memory and time have a gate, too.
        split("_Atomic atomic_ __atomic_ __sync_ syscall volatile __volatile__ pthread_ futex_ " \
              "stdatomic.h pthread.h threads.h linux/futex.h", everywhere, " ")
        split("malloc calloc realloc aligned_alloc posix_memalign free mmap clock_gettime time " \
              "gettimeofday nanosleep clock_nanosleep usleep sleep sched_yield __thread " \
              "_Thread_local abort fork", inside, " ")
    }
    # True if `word` stands in `text` as a word, or as its beginning where it ends in _; a word of
    # the second list counts only as a call or a storage class.
    function uses(text, word, call,    rest, at, before, after) {
        rest = text
        while ((at = index(rest, word))) {
            before = at > 1 ? substr(rest, at - 1, 1) : " "
            after = substr(rest, at + length(word), 1)
            if (before !~ /[A-Za-z0-9_]/ && (word ~ /_$/ || after !~ /[A-Za-z0-9_]/) &&
                (!call || word ~ /^_/ || (after == "(" && before !~ /[.>]/)))
                return 1
            rest = substr(rest, at + length(word))
        }
        return 0
    }
    function look(words, call,    i) {
        for (i in words)
            if (uses(text, words[i], call) && !((file, words[i]) in may)) {
                print place ": " words[i] (words[i] ~ /_$/ ? "*" : "") " belongs behind src/base/"
                bad = 1
            }
    }
    {
        split($0, parts, ":")
        file = parts[1]
        place = file ":" parts[2]
        if (file ~ /^src\/(base|explorer|search)\//)
            next
        text = substr($0, length(place) + 2)
        look(everywhere, 0)
        if (file ~ /^src\// && file != "src/park/owner.h" && text ~ /[>.]owner_([^a-z]|$)/ && !uses(text, "thrum__owner_", 0)) {
            print place ": an owner word is used through park/owner.h alone"
            bad = 1
        }
        if (file ~ /^src\//)
            look(inside, 1)
    }
    END { exit bad }'
