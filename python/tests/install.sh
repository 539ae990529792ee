#!/bin/sh
# Installs the package as users do, without the network, each time into a fresh virtual environment, and uses it there:
# by `pip install .`, from a wheel, and by `meson install`. pip also removes it.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work" "$top/.mesonpy-native-file.ini"' EXIT
unset PYTHONPATH PYTHONHOME
python=/usr/bin/python3

# quiet COMMAND...: shows what it prints if it fails.
quiet() {
    "$@" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log"
        echo "failed: $*" >&2
        return 1
    }
}

# use NAME: the package in the environment of that name.
use() {
    (cd "$work" && "$work/$1/bin/python" -m thrum -c '
import sys
import queue, threading, thrum
from concurrent.futures import ThreadPoolExecutor

items = queue.Queue()
assert isinstance(items, thrum.queue.Queue)
assert thrum.__file__.startswith(sys.argv[1]), thrum.__file__
with ThreadPoolExecutor(2) as pool:
    pool.map(items.put, range(10))
assert sorted(items.get() for _ in range(10)) == list(range(10))
' "$work/$1/") && echo "works: $2"
}

# This one sees the packages of the system, among them those that pip needs to build without the network.
quiet "$python" -m venv --system-site-packages "$work/pip"
pip="$work/pip/bin/pip"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
quiet "$pip" install --no-build-isolation --no-index "$top"
use pip "pip install ."
site=$("$work/pip/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
[ -e "$site/thrum/py.typed" ]
quiet "$pip" uninstall --yes thrum
[ ! -e "$site/thrum" ]

quiet "$python" -m build --no-isolation --skip-dependency-check --wheel --outdir "$work" "$top"
quiet "$python" -m venv --without-pip "$work/wheel"
quiet "$pip" --python "$work/wheel" install --no-index "$work"/thrum-*.whl
use wheel "$(basename "$work"/thrum-*.whl)"

quiet "$python" -m venv --without-pip "$work/meson"
quiet meson setup "$work/build" "$top" -Dpython=alone --prefix="$work/meson"
quiet meson install -C "$work/build"
use meson "meson install"
