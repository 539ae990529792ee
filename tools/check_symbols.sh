#!/bin/sh
# What the libraries show to others: check_symbols.sh BUILD-DIR, in the root of the tree. For libthrum,
# and for each adapter, adapter/NAME, that was built:
#  - every exported symbol begins with thrum_, is declared in a public header under THRUM_API with a
#    comment above it, has a manual page, and is used by a test;
#  - every function that a public header declares is exported;
#  - the static library has no global name but thrum_ and thrum__ (thrum_NAME_ in an adapter);
#  - the library needs nothing but libc; an adapter that, libthrum and libNAME.
set -u
build=$1
here=$(cd "$(dirname "$0")" && pwd)
status=0
complain() {
    echo "$*"
    status=1
}

# shellcheck disable=SC2046 # a list of words
tested=$(awk -f "$here/strip.awk" tests/unit/*/*.c $(ls tests/adapter/*.[ch] 2>/dev/null) | grep -ow 'thrum_[a-z0-9_]*' | sort -u)

has() { printf '%s\n' "$1" | grep -qx "$2"; }

# check_names SHARED PREFIX HEADERS...
check_names() {
    shared=$1
    prefix=$2
    shift 2
    exported=$(nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
    [ -n "$exported" ] || complain "$shared exports nothing"
    declared=$(awk -f "$here/declarations.awk" "$@" | sort -u)
    for name in $exported; do
        case $name in
        thrum__doctor_layout) continue ;; # for `thrum doctor`, which finds it by name: park/layout.h
        thrum__local_slot | thrum__fork_outermost | thrum__fork_offer | thrum__fork_join) continue ;; # for the inline thrum_both: parallel.h
        "${prefix}"_*) complain "$name: an internal name is exported" ;;
        "$prefix"*) ;;
        *) complain "$name: exported without the prefix $prefix" ;;
        esac
        has "$declared" "$name documented" ||
            complain "$name: no public header declares it under THRUM_API with a comment above"
        [ -e "$build/docs/man/$name.3" ] || complain "$name: has no manual page"
        has "$tested" "$name" || complain "$name: no test uses it"
    done
    for name in $(printf '%s\n' "$declared" | awk '{ print $1 }'); do
        has "$exported" "$name" || complain "$name: declared in a public header, but not exported"
    done
    for name in $(nm -g --defined-only "${shared%.so}.a" 2>/dev/null | awk 'NF == 3 { print $3 }'); do
        case $name in
        "$prefix"*) ;;
        *) complain "$name: a global name without the prefix $prefix in the static library" ;;
        esac
    done
}

# check_needs SHARED LIBRARIES...: the library is linked with no others but libc.
check_needs() {
    shared=$1
    shift
    for needed in $(readelf -d "$shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        case " libc ld-linux-x86-64 ld-linux-aarch64 $* " in
        *" ${needed%%.so*} "*) ;;
        *) complain "$shared needs $needed" ;;
        esac
    done
}

if [ -e "$build/src/libthrum.so" ]; then
    # explore.h declares what libthrum-explore.a has beside all of these.
    set --
    for header in include/thrum/*.h; do
        case $header in */explore.h) ;; *) set -- "$@" "$header" ;; esac
    done
    check_names "$build/src/libthrum.so" thrum_ "$@"
    check_needs "$build/src/libthrum.so"
else
    complain "$build/src/libthrum.so is missing"
fi
for shared in "$build"/adapter/libthrum-*.so; do
    [ -e "$shared" ] || continue
    adapter=${shared##*/libthrum-}
    adapter=${adapter%.so}
    check_names "$shared" "thrum_${adapter}_" "adapter/$adapter/thrum_$adapter.h"
    case $adapter in
    cluster) libraries=libnats ;;
    tls) libraries="libssl libcrypto" ;;
    *) libraries=lib$adapter ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    check_needs "$shared" libthrum $libraries
done
exit $status
