#!/bin/sh
# Builds a wheel as pip does, without the network, and uses it: wheel.sh.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work" "$top/.mesonpy-native-file.ini"' EXIT
python=/usr/bin/python3
PYTHONPATH='' "$python" -m build --no-isolation --skip-dependency-check --wheel --outdir "$work" "$top" >"$work/log" 2>&1 || {
    tail -n 20 "$work/log"
    exit 1
}
"$python" -m zipfile -e "$work"/thrum-*.whl "$work/site"
[ -e "$work/site/thrum/py.typed" ]
cd "$work"
PYTHONPATH="$work/site" "$python" -m thrum -c '
import queue, thrum
assert isinstance(queue.Queue(), thrum.queue.Queue) and thrum.__file__.startswith("'"$work"'")
'
echo "the wheel works: $(basename "$work"/thrum-*.whl)"
