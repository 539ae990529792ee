#!/bin/sh
# Builds the extension for the debug interpreter (Debian: python3-dbg) and looks for leaks: leaks.sh [ARGUMENTS].
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=python3.11d
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/build.sh" "$python" "$work"
PYTHONPATH="$work/python" PYTHONDONTWRITEBYTECODE=1 "$python" "$here/leaks.py" "$@"
