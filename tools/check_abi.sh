#!/bin/sh
# The binary interface keeps its promises: check_abi.sh [--record] BUILD-DIR, in the root of the tree. For libthrum and
# each adapter in BUILD-DIR, which has debug information:
#
#  - every exported symbol has a version, and src/thrum.map knows it
#  - nothing that a program uses has changed since the library was described: neither a function nor a type of a public
#    header was removed or changed. What is new is no change. abi/NAME.abi.xz is the description. A library whose soname
#    differs from that of the description makes no promise to it.
#
# --record writes the descriptions; docs/releases.md says when.
set -u
record=
if [ "${1:-}" = --record ]; then
    record=yes
    shift
fi
build=${1:-build}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
compared=0
complain() {
    echo "$*"
    status=1
}

# describe LIBRARY FILE: its functions, and the types of the public headers. Other types are opaque.
describe() {
    set -- "$1" "$2" --headers-dir include
    for folder in adapter/*/; do
        [ ! -d "$folder" ] || set -- "$@" --headers-dir "$folder"
    done
    library=$1
    target=$2
    shift 2
    abidw --drop-private-types --exported-interfaces-only --no-comp-dir-path --no-corpus-path --no-show-locs "$@" --out-file "$target" "$library"
}

soname() { readelf -d "$1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'; }

check_versions() {
    nm -D --defined-only "$1" | awk '$2 ~ /[A-Z]/ && $2 != "A" { print $3 }' | while read -r symbol; do
        case $symbol in
        *@*) grep -q "^${symbol##*@} {\$" src/thrum.map || echo "$1: $symbol has a version that src/thrum.map lacks" ;;
        *) echo "$1: $symbol has no version" ;;
        esac
    done >"$work/versions"
    [ ! -s "$work/versions" ] || complain "$(cat "$work/versions")"
}

check_library() {
    check_versions "$1"
    baseline=abi/$(basename "$1" .so).abi
    if [ -n "$record" ]; then
        mkdir -p abi
        if ! describe "$1" "$baseline" || ! xz -9e -f "$baseline"; then complain "$1: cannot be described"; fi
        return
    fi
    [ -e "$baseline.xz" ] || return 0
    if ! xz -dc "$baseline.xz" >"$work/before.abi" || ! describe "$1" "$work/now.abi"; then
        complain "$1: cannot be described"
        return
    fi
    compared=$((compared + 1))
    grep -q "soname='$(soname "$1")'" "$work/before.abi" || return 0
    abidiff --no-added-syms --suppressions "$here/abi.suppressions" "$work/before.abi" "$work/now.abi" >"$work/differences" 2>&1 ||
        complain "$1: differs from its description, $baseline.xz:
$(cat "$work/differences")
A change that programs cannot survive needs another soname, or, before a release, a new description: docs/releases.md"
}

[ -e "$build/src/libthrum.so" ] || complain "$build/src/libthrum.so is missing"
for library in "$build/src/libthrum.so" "$build"/adapter/libthrum-*.so; do
    [ ! -e "$library" ] || check_library "$library"
done
for baseline in abi/*.abi.xz; do
    [ ! -e "$baseline" ] || [ -n "$record" ] || ls "$build"/*/"$(basename "$baseline" .abi.xz).so" >/dev/null 2>&1 ||
        complain "$baseline: there is no such library any more"
done
[ -n "$record" ] || [ $compared -gt 0 ] || echo 'no library has been described yet'
exit $status
