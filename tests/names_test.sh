#!/bin/sh
# What messages call functions and objects, in a program as it is linked, one that exports its symbols, and one
# that is stripped: names_test.sh PLAIN EXPORTING STRIPPED. TAP on stdout.
set -u
number=0
failed=0

# says WHAT PROGRAM ARGUMENT PATTERN: the program prints a line that matches.
says() {
    number=$((number + 1))
    output=$("$2" "$3" 2>&1)
    if printf '%s\n' "$output" | grep -Eq "$4"; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$output" | sed 's/^/# /'
        failed=1
    fi
}

address='0x[0-9a-f]+'
for program in "$1" "$2"; do
    name=${program##*/}
    says "$name: a static task function has its name" "$program" none \
        'future "[^"]*names_[a-z]*\(parse_document[.a-z0-9]*\)" failed and nobody asked: no document'
    says "$name: a place in the code has the name of its function" "$program" variable ', at [^ ]*\(main\+0x[0-9a-f]+\)$'
    says "$name: a static lock has the name of its variable" "$program" variable "lock $address \"ledger[.a-z0-9]*\" "
    says "$name: a lock in a variable has its name and the distance" "$program" element \
        "lock $address \"accounts[.a-z0-9]*\\+0x[0-9a-f]+\" "
    says "$name: a lock in a named struct has that name" "$program" named "lock $address \"savings\" "
    says "$name: a lock without any name has its address" "$program" forgotten "lock $address [a-z]"
done
name=${3##*/}
says "$name: a task function has its place" "$3" none "future \"[^\"]*names_stripped\\(\\+$address\\)\" failed"
says "$name: a static lock has its address" "$3" variable "lock $address [a-z]"
says "$name: a lock in a named struct has that name" "$3" named "lock $address \"savings\" "
echo "1..$number"
exit $failed
