#!/bin/sh
# Unit tests pass on a kernel without the newer system calls: older_kernel_test.sh OLDER_KERNEL PROGRAM...
# Each PROGRAM is one result. tests/older_kernel.c says what is refused.
set -u
helper=$1
shift
echo "1..$#"
number=0
for program; do
    number=$((number + 1))
    name=${program##*/}
    if printed=$("$helper" "$program" 2>&1); then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        echo "$printed" | grep -v '^ok ' | sed 's/^/# /'
    fi
done
