#!/bin/sh
# Builds the package for any interpreter into DIR/python, for run.sh: build.sh PYTHON DIR [OPTIONS OF THE COMPILER].
#
#     python/tests/build.sh python3.14 build-3.14 && PYTHON=python3.14 python/tests/run.sh build-3.14 unit fuzz cpython
#     python/tests/build.sh python3 build-asan -fsanitize=address,undefined
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$1
package=$2/python/thrum
shift 2
mkdir -p "$package"
cp "$here"/../thrum/*.py "$here"/../thrum/*.pyi "$package"
config() { "$python" -c "import sysconfig; print(sysconfig.get_$1)"; }
${CC:-cc} -O1 -g -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC -shared -pthread -I"$(config 'path("include")')" \
    "$@" "$here"/../src/*.c -o "$package/_thrum$(config 'config_var("EXT_SUFFIX")')"
