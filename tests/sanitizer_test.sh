#!/bin/sh
# Checks that the sanitizers of this build are at work: sanitizer_test.sh SANITIZERS SAMPLE-PROGRAM
set -u
sanitizers=$1
sample=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# finds TEST TEXT: the test fails, and the report says TEXT.
finds() {
    number=$((number + 1))
    if ! "$sample" "$1" >"$work/out" 2>&1 && grep -q -e "$2" "$work/out"; then
        echo "ok $number - $1 is found"
    else
        echo "not ok $number - $1 is found"
        sed 's/^/# | /' "$work/out"
        failed=1
    fi
}

case $sanitizers in
*address*)
    finds overruns 'AddressSanitizer: heap-buffer-overflow'
    finds leaks 'LeakSanitizer: detected memory leaks'
    ;;
esac
case $sanitizers in
*undefined*) finds overflows 'signed integer overflow' ;;
esac
case $sanitizers in
*thread*) finds races 'ThreadSanitizer: data race' ;;
esac
echo "1..$number"
exit $failed
