#!/bin/sh
# What the library shows to others: check_symbols.sh BUILD-DIR, in the root of the tree.
#  - every exported symbol begins with thrum_, is declared in a public header under THRUM_API with a
#    comment above it, has a manual page, and is used by a test;
#  - every function that a public header declares is exported;
#  - the static library has no global name but thrum_ and thrum__;
#  - the library needs nothing but libc;
#  - of an adapter the same, but for what it needs.
set -u
build=$1
here=$(cd "$(dirname "$0")" && pwd)
status=0
complain() {
    echo "$*"
    status=1
}

shared=$build/src/libthrum.so
[ -e "$shared" ] || complain "$shared is missing"
exported=$(nm -D --defined-only "$shared" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u)
[ -n "$exported" ] || complain "$shared exports nothing"
declared=$(awk -f "$here/declarations.awk" include/thrum/*.h | sort -u)
tested=$(awk -f "$here/strip.awk" tests/*.c | grep -ow 'thrum_[a-z0-9_]*' | sort -u)

has() { printf '%s\n' "$1" | grep -qx "$2"; }

for name in $exported; do
    case $name in
    thrum__*) complain "$name: an internal name is exported" ;;
    thrum_*) ;;
    *) complain "$name: exported without the prefix thrum_" ;;
    esac
    has "$declared" "$name documented" ||
        complain "$name: no public header declares it under THRUM_API with a comment above"
    [ -e "$build/docs/man/$name.3" ] || complain "$name: has no manual page"
    has "$tested" "$name" || complain "$name: no test uses it"
done
for name in $(printf '%s\n' "$declared" | awk '{ print $1 }'); do
    has "$exported" "$name" || complain "$name: declared in a public header, but not exported"
done
for name in $(nm -g --defined-only "$build/src/libthrum.a" 2>/dev/null | awk 'NF == 3 { print $3 }'); do
    case $name in
    thrum_*) ;;
    *) complain "$name: a global name without the prefix thrum_ in the static library" ;;
    esac
done
for needed in $(readelf -d "$shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case $needed in
    libc.so.* | ld-linux*) ;;
    *) complain "the library needs $needed" ;;
    esac
done

for header in adapter/*/thrum_*.h; do
    [ -e "$header" ] || continue
    name=$(basename "$header" .h | tr _ -)
    shared=$build/adapter/lib$name.so
    [ -e "$shared" ] || complain "$shared is missing"
    exported=$(nm -D --defined-only "$shared" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u)
    declared=$(awk -f "$here/declarations.awk" "$header" | sort -u)
    tested=$(awk -f "$here/strip.awk" tests/adapter/*.c | grep -ow 'thrum_[a-z0-9_]*' | sort -u)
    [ -n "$exported" ] || complain "$shared exports nothing"
    for symbol in $exported; do
        has "$declared" "$symbol documented" || complain "$symbol: $header does not declare it with a comment above"
        [ -e "$build/docs/man/$symbol.3" ] || complain "$symbol: has no manual page"
        has "$tested" "$symbol" || complain "$symbol: no test uses it"
    done
    for symbol in $(printf '%s\n' "$declared" | awk '{ print $1 }'); do
        has "$exported" "$symbol" || complain "$symbol: declared in $header, but not exported"
    done
    for symbol in $(nm -g --defined-only "$build/adapter/lib$name.a" 2>/dev/null | awk 'NF == 3 { print $3 }'); do
        case $symbol in
        thrum_*) ;;
        *) complain "$symbol: a global name without the prefix thrum_ in lib$name.a" ;;
        esac
    done
done
exit $status
