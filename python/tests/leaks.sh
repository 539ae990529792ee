#!/bin/sh
# Builds the extension for the debug interpreter (Debian: python3-dbg) and looks for leaks: leaks.sh [ARGUMENTS].
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=python3.11d
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/thrum"
cp "$here"/../thrum/*.py "$work/thrum"
# shellcheck disable=SC2046 # a list of words
cc -O1 -g -std=gnu11 -D_GNU_SOURCE -fPIC -shared $("$python-config" --includes) "$here"/../src/*.c \
    -o "$work/thrum/_thrum$("$python-config" --extension-suffix)"
PYTHONPATH="$work" PYTHONDONTWRITEBYTECODE=1 "$python" "$here/leaks.py" "$@"
