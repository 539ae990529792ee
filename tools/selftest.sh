#!/bin/sh
# Proves that each check can fail: gives it a small tree that is right, which it must accept, then
# the same with one thing wrong, which it must reject and name. TAP on stdout.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# | /' "$work/out"
        failed=1
    fi
}

# A small tree that is right in every way, and the current directory.
fresh() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree" && cd "$work/tree" || exit 2
    mkdir -p include/thrum src/base src/park src/sync tests/unit/sync cli bench examples tools build/src build/docs/man
    cat >include/thrum.h <<'END'
#ifndef THRUM_H
#define THRUM_H
#include <thrum/thing.h>
#endif
END
    cat >include/thrum/thing.h <<'END'
/* A thing. */
#ifndef THRUM_THING_H
#define THRUM_THING_H
#include <stdint.h>
#define THRUM_API        __attribute__((visibility("default")))
#define THRUM_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif
/* Does it. Returns 0. */
THRUM_API THRUM_MUST_CHECK int thrum_thing_do(int32_t how);
#ifdef __cplusplus
}
#endif
#endif
END
    cat >include/meson.build <<'END'
public_headers = files('thrum.h', 'thrum/thing.h')
END
    cat >src/base/gate.h <<'END'
/* volatile and syscall( are welcome here. */
int thrum__gate_pass(volatile int *p);
END
    echo '#include "base/gate.h"' >src/park/park.h
    cat >src/sync/thing.c <<'END'
#include "sync/thing.h"
#include "base/gate.h"
#include "park/park.h"
#include <stdlib.h>
#include <thrum/thing.h>

/* No volatile, no atomic_load(p), no malloc(1) here, nor "pthread_create" in a text. */
int thrum_thing_do(int32_t how)
{
    const char *text = "pthread_create /* \" volatile";
    return how + (text != 0);
}
END
    echo 'int thrum__thing_help(void);' >src/sync/thing.h
    echo "sources = files('sync/thing.c')" >src/meson.build
    echo '#include <thrum.h>' >cli/main.c
    echo "cli_sources = files('main.c')" >cli/meson.build
    echo "bench_names = []" >bench/meson.build
    mkdir bench/peers && echo 'print(1)' >bench/peers/peer.py
    cat >examples/first.c <<'END'
#include <thrum.h>
int main(void)
{
    return thrum_thing_do(0) != 1;
}
END
    echo "example_names = ['first']" >examples/meson.build
    cat >tests/unit/sync/test_thing.c <<'END'
#include "sync/thing.h"
int main(void)
{
    return thrum_thing_do(0);
}
END
    echo >tests/meson.build
    {
        echo 'A first program:'
        echo '```c'
        cat examples/first.c
        echo '```'
    } >README.md
    cp "$here/layers" tools/layers
    echo '# none' >tools/unchecked
    cp "$here/../.clang-format" .clang-format
    mkdir -p docs/man
    awk -v out=build/docs/man -v version=0.1 -v date=2026-01-31 -f "$here/manual.awk" include/thrum/thing.h
    echo '.TH thrum 7 "2026-01-31" "thrum" "thrum"' >docs/man/thrum.7
    printf '.SH NAME\nthrum \\- a concept\n.SH SEE ALSO\n.BR thrum_thing (3)\n' >>docs/man/thrum.7
    sed 's/^\.TH thrum 7/.TH thrum 3/' docs/man/thrum.7 >build/docs/man/thrum.3
}

# Adds the tables of what meets what, a client and a test.
fresh_tables() {
    fresh
    mkdir -p docs tests/explore
    printf 'EXPLORE(thing_twice, .preemptions = 1)\n{\n}\n' >tests/explore/explore_thing.c
    printf '\nTEST(it_does)\n{\n}\n' >tests/unit/sync/test_thing.c
    {
        printf '# The explorer\n\n## Executors\n\n| | stop |\n|---|---|\n'
        # shellcheck disable=SC2016 # a quotation
        printf '| do | `thing_twice` |\n| do not | `thing::it_does` |\n'
    } >docs/explorer.md
}

# Compiles what check_symbols looks at.
link_library() {
    gcc -fvisibility=hidden -Iinclude -Isrc -fPIC -c src/sync/thing.c -o build/thing.o &&
        gcc -shared build/thing.o -o build/src/libthrum.so &&
        rm -f build/src/libthrum.a && ar rc build/src/libthrum.a build/thing.o
} >"$work/out" 2>&1

accepts() {
    "$here/check_$1.sh" ${2:+"$2"} >"$work/out" 2>&1
    result $? "$1 accepts a tree that is right"
}

# rejects CHECK ARGUMENT TEXT WHAT: the check fails, and says TEXT.
rejects() {
    if "$here/check_$1.sh" ${2:+"$2"} >"$work/out" 2>&1; then
        result 1 "$1 rejects $4"
    else
        grep -q -e "$3" "$work/out"
        result $? "$1 rejects $4"
    fi
}

fresh
for check in layers gate results sizes format headers tree readme; do
    accepts $check
done

# Results.
fresh && printf 'int main(void)\n{\n    if (1)\n        (void)close(0);\n    return a &&\n           write(1, "", 0);\n}\n' >cli/main.c
accepts results
fresh && printf 'int main(void)\n{\n    close(0);\n}\n' >cli/main.c
rejects results '' 'cli/main.c:3: the result of close is ignored' 'a close that nobody looks at'
fresh && printf 'int main(void)\n{\n    if (1)\n        write(1, "", 0);\n}\n' >cli/main.c
rejects results '' 'cli/main.c:4: the result of write is ignored' 'a write that nobody looks at'
fresh && printf 'int main(void)\n{\n    if (1)\n        a = 1;\n    else\n        rename(a, b);\n}\n' >cli/main.c
rejects results '' 'cli/main.c:6: the result of rename is ignored' 'a rename that nobody looks at'

# Layers.
fresh && echo '#include "sync/thing.h"' >>src/park/park.h
rejects layers '' 'src/park must not include sync/thing.h' 'an include upward'
fresh && echo '#include "base/gate.h"' >>cli/main.c
rejects layers '' 'cli must not include base/gate.h' 'a program that looks inside'
fresh && echo '#include "thing.h"' >>src/sync/thing.c
rejects layers '' 'name the folder: "sync/thing.h"' 'an include without a folder'
fresh && echo '#include "base/explore.h"' >>src/sync/thing.c
rejects layers '' 'base/explore.h is private' 'an include of a private header'
fresh && echo '#include <stdio.h>' >>include/thrum/thing.h
rejects layers '' 'not stdio.h' 'a public header with a heavy include'
fresh && echo '#include "thrum.h"' >>cli/main.c
rejects layers '' 'included with <>' 'a public header in quotes'
fresh && echo '#include "base/gate.c"' >>src/sync/thing.c
rejects layers '' 'includes a .c file' 'a .c that includes a .c'
fresh && mkdir doctor && echo '#include "sync/thing.h"' >doctor/look.c
rejects layers '' 'doctor must not include sync/thing.h' 'a doctor that needs the library'
fresh && mkdir src/odd && echo '#include "odd/odd.h"' >src/odd/odd.c
rejects layers '' 'its folder is not in tools/layers' 'an unknown folder'
fresh && mkdir src/thread && echo '#include "thread/x.h"' >>bench/bench.c
rejects layers '' 'bench must not include thread/x.h' 'a benchmark that looks inside'

# Gate.
for word in 'volatile int x;' '_Atomic int x;' 'int x = atomic_load(p);' \
    'int x = __atomic_load_n(p, 0);' 'int x = __sync_fetch_and_add(p, 1);' 'long x = syscall(1);' \
    'pthread_t x;' '#include <stdatomic.h>' 'void *x = malloc(1);' 'int x = nanosleep(0, 0);'; do
    fresh && echo "$word" >>src/sync/thing.c
    rejects gate '' 'src/sync/thing.c:13:.* belongs behind src/base/' "'$word' in the library"
done
fresh && echo 'int x(struct l *l) { return l->owner_ == 1; }' >>src/sync/thing.c
rejects gate '' 'src/sync/thing.c:13: an owner word' 'an owner word that is compared by hand'
fresh && echo 'int x(struct l *l) { return thrum__owner_is_self(&l->owner_); }' >>src/sync/thing.c
accepts gate
fresh && echo 'volatile int x;' >>cli/main.c
rejects gate '' 'cli/main.c:2:' 'volatile in a program'
fresh && mkdir doctor && echo 'pthread_t x;' >doctor/look.c
rejects gate '' 'doctor/look.c:1:' 'pthread in the doctor'
fresh && echo 'pthread_t x;' >>tests/unit/sync/test_thing.c
rejects gate '' 'tests/unit/sync/test_thing.c:6:' 'pthread in a test'
fresh && echo 'may tests/unit/sync/test_thing.c pthread_' >>tools/layers && echo 'pthread_t x;' >>tests/unit/sync/test_thing.c
accepts gate tools/layers

# Sizes.
fresh && {
    printf 'int thrum__long(void)\n{\n'
    awk 'BEGIN { for (i = 0; i < 69; i++) print "    x();" }'
    echo '}'
} >src/sync/long.c
rejects sizes '' 'a function of 71 lines' 'a long function'
fresh && awk 'BEGIN { for (i = 0; i < 601; i++) print "int x;" }' >src/sync/long.c
rejects sizes '' 'a file of 601 lines' 'a long file'

# Format.
fresh && printf 'int  x ;\n' >src/sync/ugly.c
rejects format '' 'ugly.c:1' 'an ugly line'

# Headers.
fresh && echo 'size_t thrum_size(void);' >include/thrum/bad.h
rejects headers '' 'include/thrum/bad.h: does not compile alone with gcc as c11' 'a header that needs another'
fresh && sed -i 's/Does it. Returns 0./Does it./' include/thrum/thing.h
rejects headers '' 'thing.h:.*does not say what the function returns' 'a function whose return codes are not told'
fresh && sed -i 's/Does it. Returns 0./Does it. Blocks. Returns 0./' include/thrum/thing.h
rejects headers '' 'thing.h: thrum_thing_do: may wait, and the comment' 'a wait without a deadline that is not told'
fresh && echo 'int thrum_use(int class);' >include/thrum/bad.h
rejects headers '' 'bad.h: does not compile alone with clang as c++17' 'a header that is no C++'
fresh && printf 'typedef enum thrum_bad_kind {\n    THRUM_BAD_GOOD, /* BAD */\n    THRUM_GOOD = 1,\n} thrum_bad_kind;\n' >include/thrum/bad.h
rejects headers '' 'bad.h:3: THRUM_GOOD does not begin with THRUM_BAD_' 'a constant with another name than its enum'
fresh && printf 'enum thrum_bad_kind { THRUM_BAD_ONE };\n' >include/thrum/bad.h
rejects headers '' 'bad.h:1: enum thrum_bad_kind has no typedef' 'an enum without a typedef'
fresh && printf 'enum { THRUM_BAD_ONE = 1, THRUM_TWO };\n' >include/thrum/bad.h
rejects headers '' 'bad.h:1: THRUM_TWO does not begin with THRUM_BAD_' 'a lone constant without the name of its header'
fresh && sed -i 's/THRUM_MUST_CHECK int/int/' include/thrum/thing.h
rejects headers '' 'thing.h: thrum_thing_do: is not THRUM_MUST_CHECK' 'a code that may be dropped without a reason'
fresh && echo 'thrum_thing_do harms nobody' >>tools/unchecked
rejects headers '' 'thing.h: thrum_thing_do: is THRUM_MUST_CHECK and in tools/unchecked' 'a needless exception'
fresh && sed -i 's/THRUM_MUST_CHECK int/int/' include/thrum/thing.h && echo 'thrum_thing_do' >>tools/unchecked
rejects headers '' 'tools/unchecked: thrum_thing_do: gives no reason' 'an exception without a reason'
fresh && echo 'thrum_gone harms nobody' >>tools/unchecked
rejects headers '' 'tools/unchecked: thrum_gone: no such function returns a code' 'an exception for nothing'

fresh && mkdir -p adapter/pq && echo 'size_t thrum_pq_size(void);' >adapter/pq/thrum_pq.h
rejects headers '' 'adapter/pq/thrum_pq.h: does not compile alone with gcc as c11' 'such a header of an adapter'

# Outputs.
fresh_outputs() {
    fresh
    # shellcheck disable=SC2016 # C
    printf 'const char *poison(const char *call);\n#define FAILS(call) poison(#call)\n' >tests/untouched.h
    printf '#include "untouched.h"\nint f(void);\nint f(void)\n{\n    return FAILS(%s)[0];\n}\n' "$2" \
        >tests/unit/sync/test_outputs.c
    sed -i "s/^THRUM_API.*/$1/" include/thrum/thing.h
}
fresh_outputs 'THRUM_API int thrum_thing_get(int *ret_it);' 'thrum_thing_get(0)'
accepts untouched
fresh_outputs 'THRUM_API int thrum_thing_get(int *ret_it);' 'thrum_thing_do(0)'
rejects untouched '' 'thrum_thing_get: has outputs, and no test' 'an output that no test looks at'
fresh_outputs 'THRUM_API thrum_case thrum_case_thing(int *ret_it);' 'thrum_thing_do(0)'
rejects untouched '' 'thrum_case_thing: has outputs, and no test' 'an output of a case that no test looks at'
fresh
rejects untouched '' 'no function has an output' 'headers in which no output is found'

# Mistakes that must not compile.
fresh_mistakes() {
    fresh && mkdir -p tests/interface
    printf '#include <thrum.h>\nint f(void);\nint f(void)\n{\n#if CASE == 1\n    return %s;\n#endif\n    return 0;\n}\n' \
        "$1" >tests/interface/refused.c
}
fresh_mistakes 'thrum_thing_do()'
accepts refused
fresh_mistakes 'thrum_thing_do(1)'
rejects refused '' 'refused.c: case 1 is accepted by gcc as gnu11' 'a mistake that compiles'
fresh_mistakes '1' && echo 'int x = y;' >>tests/interface/refused.c
rejects refused '' 'the correct program is refused by clang as c++17' 'a program that never compiles'

# What must compile.
fresh_accepted() {
    fresh && mkdir -p tests/interface && rm -f examples/*.c
    printf '#include <thrum.h>\nint f(int x);\nint f(int x)\n{\n%s\n}\n' "$1" >tests/interface/accepted.c
    printf '#include <thrum.h>\nint main(void)\n{\n    return %s;\n}\n' "$2" >examples/show.c
    printf '%s' "$3" >tests/interface/only_c.txt
}
fresh_accepted '    return x;' 'thrum_thing_do(1)' ''
accepts accepted
fresh_accepted '    if (x) return x;' 'thrum_thing_do(1)' ''
rejects accepted '' 'accepted.c: does not compile by gcc as gnu11 at -O0' 'a warning'
fresh_accepted '    return x;' '*(int *)(void *)&(int){1}' ''
rejects accepted '' 'examples/show.c: does not compile as C++17 by' 'an example that is no C++'
fresh_accepted '    return x;' 'thrum_thing_do(1)' 'show.c is C alone
'
rejects accepted '' 'examples/show.c: compiles as C++17; take it off' 'an exception without need'
fresh_accepted '    return x;' 'thrum_thing_do(1)' 'gone.c is C alone
'
rejects accepted '' '"gone.c" is no example' 'an exception for no example'

# Tree.
fresh && mkdir -p adapter/odd && echo >adapter/odd/forgotten.c && echo >adapter/meson.build
rejects tree '' 'adapter/odd/forgotten.c' 'a source of an adapter that is not built'
fresh && echo >src/sync/forgotten.c
rejects tree '' 'src/sync/forgotten.c' 'a source that is not built'
fresh && echo >tests/test_forgotten.c
rejects tree '' 'tests/test_forgotten.c' 'a test that is not run'
fresh && mkdir tests/cli && echo >tests/cli/test_forgotten.c
rejects tree '' 'tests/cli/test_forgotten.c' 'a test in a folder that is not run'
fresh && echo >include/thrum/forgotten.h
rejects tree '' 'include/thrum/forgotten.h' 'a header that is not listed'
fresh && printf '%s HEAD\n' '<<<<<<<' >>README.md
rejects tree '' 'README.md: has marks of a merge conflict' 'a conflict that was not resolved'
fresh && echo >tools/odd.py
rejects tree '' 'tools/odd.py' 'a script in another language'
fresh && printf '#!/usr/bin/env perl\n' >tools/odd
rejects tree '' 'tools/odd' 'one without a suffix, too'

# README.
fresh && echo '/* more */' >>examples/first.c
rejects readme '' 'differs' 'a README whose program is not the example'
fresh && yes 'a line' | head -n 150 >>README.md
rejects readme '' 'three screens are 150' 'a README that is too long'

# The tables of what meets what.
fresh_tables
accepts matrix
fresh_tables && sed -i 's/thing_twice/thing_thrice/' docs/explorer.md
rejects matrix '' 'docs/explorer.md:7: there is no client thing_thrice' 'a client that is not there'
fresh_tables && sed -i 's/::it_does/::it_did/' docs/explorer.md
rejects matrix '' 'docs/explorer.md:8: there is no test thing::it_did' 'a test that is not there'
fresh_tables && sed -i 's/thing::it_does/other::it_does/' docs/explorer.md
rejects matrix '' 'docs/explorer.md:8: there is no test other::it_does' 'a test in another file'
fresh_tables && sed -i 's/[^ ]*thing::it_does[^ ]*//' docs/explorer.md
rejects matrix '' 'docs/explorer.md:8: a cell is empty' 'an empty cell'
fresh_tables && sed -i 's/^## Executors/## Others/' docs/explorer.md
rejects matrix '' 'name no client and no test' 'a page without the tables'

# Symbols.
fresh && link_library
accepts symbols build
fresh && rm build/docs/man/* && link_library
rejects symbols build 'thrum_thing_do: has no manual page' 'a function without a manual page'
fresh && sed -i 's|^/\* Does it. Returns 0. \*/||' include/thrum/thing.h && link_library
rejects symbols build 'thrum_thing_do: no public header declares it' 'a function without a comment'
fresh && sed -i 's/thrum_thing_do/other/' tests/unit/sync/test_thing.c && link_library
rejects symbols build 'thrum_thing_do: no test uses it' 'a function without a test'
fresh && printf 'THRUM_API int odd(void);\nint odd(void)\n{\n    return 0;\n}\n' >>src/sync/thing.c && link_library
rejects symbols build 'odd: exported without the prefix' 'an exported name without the prefix'
fresh && printf 'int odd(void);\nint odd(void)\n{\n    return 0;\n}\n' >>src/sync/thing.c && link_library
rejects symbols build 'odd: a global name without the prefix' 'a global name without the prefix'
fresh && printf 'THRUM_API int thrum__x(void);\nint thrum__x(void)\n{\n    return 0;\n}\n' >>src/sync/thing.c && link_library
rejects symbols build 'thrum__x: an internal name is exported' 'an exported internal name'
fresh && printf '/* Is not there. */\nTHRUM_API void thrum_gone(void);\n' >>include/thrum/thing.h && link_library
rejects symbols build 'thrum_gone: declared in a public header, but not exported' 'a function that is only declared'

# An adapter, with a name of its own and one that is not.
link_adapter() {
    mkdir -p adapter/odd tests/adapter build/adapter && link_library &&
        printf '#include <thrum/thing.h>\n/* Odd. */\nTHRUM_API int thrum_odd_do(void);\n' >adapter/odd/thrum_odd.h &&
        printf '#include "thrum_odd.h"\nint thrum_odd_do(void)\n{\n    return 0;\n}\n%s\n' "$1" >adapter/odd/odd.c &&
        echo 'int x = thrum_odd_do();' >tests/adapter/test_odd.c && echo >build/docs/man/thrum_odd_do.3 &&
        gcc -fvisibility=hidden -Iinclude -fPIC -c adapter/odd/odd.c -o build/odd.o &&
        gcc -shared build/odd.o -o build/adapter/libthrum-odd.so &&
        ar rc build/adapter/libthrum-odd.a build/odd.o
} >"$work/out" 2>&1
fresh && link_adapter ''
accepts symbols build
fresh && link_adapter '' && echo >tests/adapter/test_odd.c
rejects symbols build 'thrum_odd_do: no test uses it' 'a function of an adapter without a test'
fresh && link_adapter 'int thrum_thing(void);int thrum_thing(void) { return 0; }'
rejects symbols build 'thrum_thing: a global name without the prefix thrum_odd_' "an adapter's name without its prefix"
fresh && link_adapter '' && gcc -shared build/odd.o -Wl,--no-as-needed -lm -o build/adapter/libthrum-odd.so
rejects symbols build 'libthrum-odd.so needs libm.so.6' 'an adapter that needs something else'

# The binary interface: a library, which is released, and then another in its place.
link_abi() {
    printf '#include <thrum/thing.h>\n%s\n' "$2" >abi.c && gcc -g -Iinclude -fPIC -shared -Wl,--version-script=src/thrum.map \
        -Wl,-soname,"$1" abi.c -o build/src/libthrum.so
} >"$work/out" 2>&1
abi_do='int thrum_thing_do(int32_t how) { return how; }'
abi_more='int thrum_thing_more(const struct thrum_thing *thing) { return thing->a; }'
fresh_abi() {
    fresh && sed -i 's/^THRUM_API.*/&\nstruct thrum_thing { int32_t a; };/' include/thrum/thing.h &&
        printf 'THRUM_0.1 {\nglobal:\n    thrum_*;\nlocal:\n    *;\n};\n' >src/thrum.map && link_abi libthrum.so.0 "$abi_do $abi_more" &&
        "$here/check_abi.sh" --record build >"$work/out" 2>&1
}
fresh_abi
accepts abi build
link_abi libthrum.so.0 "$abi_do $abi_more int thrum_thing_new(void) { return 1; }"
accepts abi build
link_abi libthrum.so.0 "$abi_do"
rejects abi build 'thrum_thing_more' 'a function that is gone'
link_abi libthrum.so.1 "$abi_do"
accepts abi build
fresh_abi && sed -i 's/int32_t a;/int32_t a, b;/' include/thrum/thing.h && link_abi libthrum.so.0 "$abi_do $abi_more"
rejects abi build 'type size changed' 'a struct that has grown'
fresh_abi && link_abi libthrum.so.0 "$abi_do int thrum_thing_more(const struct thrum_thing *thing, int b) { return thing->a + b; }"
rejects abi build 'thrum_thing_more' 'a function with another parameter'
fresh_abi && echo '{ global: thrum_*; local: *; };' >src/thrum.map && link_abi libthrum.so.0 "$abi_do $abi_more"
rejects abi build 'thrum_thing_do has no version' 'a symbol without a version'
fresh_abi && rm build/src/libthrum.so
rejects abi build 'libthrum.so is missing' 'a library that is gone'

# Prose.
fresh && mkdir -p docs/guide && {
    # shellcheck disable=SC2016 # quotations
    printf '# Whoever reads\n\nA lock has one holder. `whoever` is a name.\n\n```text\nhis\n```\n\n| he | shall |\n|---|---|\n'
    printf -- '- The first item has no full stop\n- The second'
    seq -s ' ' 34
} >docs/guide/page.md
accepts prose
printf '\nThe lock goes to whoever comes.\n' >>docs/guide/page.md
rejects prose '' 'docs/guide/page.md:14: says "whoever"' 'a word that is not for things'
sed -i '$s/.*/A release wakes the one\nthat waits./' docs/guide/page.md
rejects prose '' 'docs/guide/page.md:14: says "one that"' 'a phrase over two lines'
sed -i '13,$d; 12s/$/ 35 36 37 38 39 40/' docs/guide/page.md
rejects prose '' 'docs/guide/page.md:12: a sentence has 42 words, more than 40' 'a long sentence'

# The oldest glibc.
# shellcheck disable=SC2016 # a quotation
fresh_floor() {
    fresh && mkdir -p docs && echo 'int pidfd_open(int, unsigned); int f(void) { return pidfd_open(1, 0); }' >src/newer.c &&
        gcc -shared -fPIC src/newer.c -o build/src/newer.so &&
        echo 'int getpid(void); int f(void) { return getpid(); }' >src/older.c && gcc -shared -fPIC src/older.c -o build/src/older.so &&
        printf '| file | glibc |\n|---|---|\n| `src/newer.so` | 2.36 |\n| `src/*er.so` | 2.36 |\n' >docs/releases.md
}
fresh_floor
accepts floor build
sed -i '3s/2\.36/2.34/' docs/releases.md
rejects floor build 'newer.so needs glibc 2.36; docs/releases.md states 2.34. The newest symbols: pidfd_open' 'a library that needs a newer glibc'
fresh_floor && sed -i '3s/2\.36/2.40/' docs/releases.md
rejects floor build 'src/newer.so needs glibc 2.36, not 2.40' 'a floor that is too high'
fresh_floor && sed -i '3s/newer/absent/' docs/releases.md
rejects floor build 'there is no build/src/absent.so' 'a floor of no file'
echo >docs/releases.md
rejects floor build 'there is no table' 'a page without floors'

# Code blocks.
fresh_blocks() {
    fresh && link_library && mkdir -p tests/interface && {
        echo '#include <stdio.h>'
        echo '#include <thrum.h>'
        echo 'typedef struct thrum_task thrum_task;'
        echo 'static int how;'
        echo '#define LEFT_OUT'
        echo '#define BLOCK_MAIN int main(void) { return BLOCK_RUN(NULL); }'
    } >tests/interface/blocks.h && {
        printf '/* A thing.\n *\n *     int rc = thrum_thing_do(how);\n *     ...\n *     if (rc < 0)\n'
        printf ' *         return rc;\n */\n'
        sed 1d include/thrum/thing.h
    } >thing.h && mv thing.h include/thrum/thing.h
}
fresh_blocks
accepts blocks build
fresh_blocks && sed -i 's/do(how)/do(why)/' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: does not compile as C$' 'a fragment with a name that is nowhere declared'
fresh_blocks && sed -i 's/^ \*     \.\.\./ *     int *p = (void *)0;/' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: does not compile as C++$' 'a fragment that C++ refuses'
echo 'include/thrum/thing.h:1 not-c++ the pointer is C' >tests/interface/blocks
accepts blocks build
fresh_blocks && echo 'include/thrum/thing.h:1 not-c++ the pointer is C' >tests/interface/blocks
rejects blocks build 'compiles as C++, so that' 'an exception that is not needed'
fresh_blocks && echo 'include/thrum/thing.h:7 not-c it is gone' >tests/interface/blocks
rejects blocks build 'there is no block include/thrum/thing.h:7' 'an exception for no block'
fresh_blocks && sed -i 's|^ \*     \.\.\.| *     printf("%d\\n", rc); // prints 1|; s/do(how)/do(0)/' include/thrum/thing.h
accepts blocks build
sed -i 's/prints 1/prints 2/' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: prints something else' 'a block that prints something else'
sed -i 's| // prints 2||' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: prints something else' 'a block that prints something and states nothing'
echo 'include/thrum/thing.h:1 not-run it prints' >tests/interface/blocks
accepts blocks build
fresh_blocks && sed -i 's|^ \*     \.\.\.| *     printf("1 a\\n2 b\\n3 c in 4.56 s\\n"); // prints ...\n *     // prints 3 ... in 1.00 s|' include/thrum/thing.h
accepts blocks build
sed -i 's/prints 3/prints 4/' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: prints something else' 'a block that never prints a line that it states'
sed -i 's/prints 4 .*/prints 3/' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: prints something else' 'a block that prints more in a line than it states'
fresh_blocks && sed -i 's/^ \*     \.\.\./ *     return 3;/' include/thrum/thing.h
rejects blocks build 'include/thrum/thing.h:1: ends with status 3' 'a block that fails'
# shellcheck disable=SC2016 # a quotation
fresh_blocks && printf '```\nint x;\n```\n' >>README.md
rejects blocks build 'README.md:2: line 10: no fence that says' 'a fence without a language'
fresh_blocks && printf '\n    int x;\n' >>README.md
rejects blocks build 'README.md:2: line 10: no fence that says' 'a block that is only indented'
# shellcheck disable=SC2016 # a quotation
fresh_blocks && printf '```sh\n./dev frob\n```\n' >>README.md && echo 'test) ;;' >dev
rejects blocks build 'README.md:2: there is no ./dev frob' 'a command that does not exist'
# shellcheck disable=SC2016 # a quotation
fresh_blocks && mkdir -p build/cli && printf '#!/bin/sh\necho "  -q, --quick  be quick"\n' >build/cli/thrum && chmod +x build/cli/thrum &&
    echo "command_names = ['demo']" >>cli/meson.build &&
    printf '```sh\nls | thrum demo -q --quick -- x --any\nthrum demo --slow      # --any\n```\n' >>README.md
rejects blocks build 'README.md:2: thrum demo has no option --slow' 'an option that does not exist'
sed -i '/^thrum demo --slow/d' README.md
accepts blocks build
# shellcheck disable=SC2016 # a quotation
fresh_blocks && mkdir docs/tutorials && {
    printf '# First\n\n```c\n    return thrum_thing_do(0)\n        != 1;\n```\n\n'
    echo '[first.c](../../examples/first.c)'
} >docs/tutorials/first.md
accepts blocks build
sed -i 's/!= 1/!= 2/' docs/tutorials/first.md
rejects blocks build 'docs/tutorials/first.md:1: is not in examples/first.c' 'a part of a program that the program does not have'
sed -i '/^\[first/d' docs/tutorials/first.md
rejects blocks build 'docs/tutorials/first.md: links to no program' 'a tutorial without its program'

# Manual.
fresh
accepts manual build
fresh && rm build/docs/man/thrum_thing.3
rejects manual build 'leads to thrum_thing.3, which is not there' 'an alias to nowhere'
fresh && echo '.so man3/thrum_thing.3' >build/docs/man/thrum_other.3
rejects manual build 'does not name it' 'an alias to a page about something else'
fresh && echo '.XY' >>docs/man/thrum.7
rejects manual build 'docs/man/thrum.7: mandoc warns' 'a request that does not exist'
fresh && sed -i 's/^thrum .- a concept/a concept/' docs/man/thrum.7
rejects manual build 'docs/man/thrum.7: man -k cannot read' 'a page that man -k does not find'
fresh && echo '.BR thrum_gone (3)' >>docs/man/thrum.7
rejects manual build 'thrum_gone.3' 'a reference to nowhere'

# Links.
fresh && mkdir site && echo '<h1 id="top">x</h1><a href="b.html#part">y</a>' >site/a.html && echo '<h2 id="part">z</h2>' >site/b.html
accepts links site
sed -i 's/b.html/c.html/' site/a.html
rejects links site './a.html: c.html#part is not there' 'a link to nowhere'
sed -i 's/c.html#part/b.html#gone/' site/a.html
rejects links site './a.html: b.html#gone: the page has no such anchor' 'a link to no anchor'
rm site/a.html
rejects links site 'there is no link' 'a site without links'

# Counts.
fresh && echo '| unit tests of the library | 1000000 |' >docs/tested.md
rejects tested '' 'docs/tested.md: unit tests of the library: 1000000, and there are' 'a number that is too large'
rejects tested '' 'docs/tested.md: there is no row "clients of the explorer"' 'a row that is gone'
mkdir -p build/meson-logs && echo 'ok 1 - a (dfs, unbounded): 30 runs, 9 of them cut short, 700 states, 90 choices, exhausted' >build/meson-logs/testlog.txt
echo '| states that it visits in them | 701 |' >>docs/tested.md
rejects tested build 'docs/tested.md: states that it visits in them: 701, and there are 700' 'more states than a log has'

# Valgrind: a program that is right, one that reads what nobody wrote, and one that changes its stack.
fresh && {
    echo '#include <stdlib.h>'
    echo '#include <ucontext.h>'
    echo 'static ucontext_t home, away;'
    echo 'static void go(void) { swapcontext(&away, &home); }'
    echo 'int main(void) { int *p = malloc(sizeof *p); if (SAMPLE == 0) *p = 1;'
    echo 'if (SAMPLE == 2) { *p = 1; getcontext(&away); away.uc_stack.ss_size = 1 << 16;'
    echo 'away.uc_stack.ss_sp = malloc(1 << 24); makecontext(&away, go, 0); swapcontext(&home, &away); }'
    echo 'return *p == 7; }'
} >sample.c && for sample in 0 1 2; do
    gcc -g -DSAMPLE=$sample sample.c -o sample$sample
done
accepts valgrind ./sample0
rejects valgrind ./sample1 'uninitialised' 'a value that nobody has written'
rejects valgrind ./sample2 'switching stacks' 'a stack that was not announced'

# gdb: a program without fibers.
fresh && printf '#include <stdio.h>\nvoid stop_here(void) { puts("here"); }\nint main(void) { stop_here(); }\n' >sample.c &&
    gcc -g sample.c -o sample
rejects gdb ./sample 'gdb does not see the fiber that waits' 'a fiber that cannot be seen'

# The installed copy, and the counting of tests: small builds that go wrong.
fresh && rm -rf build && {
    echo "project('x', 'c')"
    echo "test('plain', find_program('true'))"
    echo "test('fails', find_program('false'))"
    echo "test('tap', find_program('tap.sh'), protocol: 'tap')"
    echo "test('cut', find_program('cut.sh'), protocol: 'tap')"
    echo "test('skip', find_program('skip.sh'), protocol: 'tap')"
} >meson.build
printf '#!/bin/sh\necho ok 1 - good\necho not ok 2 - bad\necho "# why"\necho 1..2\nexit 1\n' >tap.sh
printf '#!/bin/sh\necho ok 1 - good\nkill -9 $$\n' >cut.sh
printf '#!/bin/sh\necho "ok 1 - left # SKIP there is no server"\necho 1..1\n' >skip.sh
chmod +x tap.sh cut.sh skip.sh
meson setup build >"$work/out" 2>&1
rejects install build 'thrum.pc is not installed' 'a build that installs nothing'
"$here/run_tests.sh" build >"$work/out" 2>&1
result $(($? != 1)) 'run_tests ends with status 1 if a test fails'
test "$(tail -n 1 "$work/out")" = '3 passed, 3 failed'
result $? 'run_tests counts each test, and a program that dies between two'
grep -q '^skipped: left: there is no server$' "$work/out"
result $? 'run_tests names a test that was skipped, and does not count it'
grep -q '^not ok 2 - bad$' "$work/out" && grep -q '^# why$' "$work/out"
result $? 'run_tests shows what a failed test said'
"$here/run_tests.sh" build plain >"$work/out" 2>&1
result $? 'run_tests ends with status 0 if all pass'
rm build/meson-private/*.dat
"$here/run_tests.sh" build >"$work/out" 2>&1
result $(($? != 1)) 'run_tests fails if there is nothing to run'

echo "1..$number"
exit $failed
