#!/bin/sh
# Checks the type stubs: types.sh PACKAGE. mypy must accept a program that uses the package, and complain about each of
# its mistakes; each name that the stubs have must be there with the same arguments.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export MYPYPATH="$1"
/usr/bin/python3 -m mypy --strict --warn-unused-ignores --cache-dir "$work/cache" "$here/typed.py"
/usr/bin/python3 -m mypy.stubtest --allowlist "$here/stubtest_allowed.txt" --ignore-missing-stub thrum
