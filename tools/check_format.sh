#!/bin/sh
# clang-format would change nothing. Run in the root of the tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/sources.sh" | xargs -r clang-format-14 --dry-run --Werror
