#!/bin/bash
# The search of the site, of pages that are opened as files: search_test.sh SITE MODULES
#
# SITE is what tools/site.sh made. MODULES is a directory into which npm installs what package-lock.json pins.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/page/browser.sh
. "$here/browser.sh"
site=$(realpath "$1") modules=$2
prepare_browser
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
unshare "$namespace" node "$here/search_test.mjs" none "$modules" "$site"
