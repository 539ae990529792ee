#!/bin/sh
# The pages that people read keep the rules of prose that a program can check: check_prose.sh, in the root of the tree.
# tools/prose.awk has the rules.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2046 # a list of files
awk -f "$here/prose.awk" $(find . -maxdepth 1 -name '*.md') $(find docs examples -name '*.md')
