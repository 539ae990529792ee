#!/bin/sh
# Lists the C sources of the tree, one a line: sources.sh [FOLDERS]. What git ignores is left out
# where there is a git tree; build directories always.
set -eu
[ $# -gt 0 ] || set -- include src adapter doctor cli python bench examples tests tools
for folder; do
    shift
    [ -d "$folder" ] && set -- "$@" "$folder"
done
[ $# -gt 0 ] || exit 0
find "$@" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cpp' \) | LC_ALL=C sort
