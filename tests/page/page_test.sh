#!/bin/bash
# The pages of `thrum report` and `thrum trace` in a browser that has no network: page_test.sh THRUM MODULES [PICTURES]
#
# MODULES is a directory into which npm installs what package-lock.json pins. PICTURES, if given, gets a picture of each view.
# Whatever is missing is a failure, never a reason to leave tests out.
set -u
here=$(cd "$(dirname "$0")" && pwd)
thrum=$(realpath "$1") modules=$2 pictures=${3:-}
# shellcheck source=tests/page/browser.sh
. "$here/browser.sh"
prepare_browser
[ -z "$pictures" ] || mkdir -p "$pictures"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work
"$thrum" demo --quick --only db --repeat 5 --json "$work/demo.json" >"$work/said" 2>&1 ||
    fail "thrum demo failed: $(tail -n 3 "$work/said" | tr '\n' ' ')"
# THRUM is in a build directory, which has the samples of the doctor's tests, too.
sample=$(dirname "$thrum")/../tests/doctor/traced
[ -x "$sample" ] || fail "there is no $sample"
for name in contended many_events; do
    "$thrum" trace --all -o "$work/$name.thrum" -- "$sample" "$name" >"$work/said" 2>&1 ||
        fail "thrum trace failed: $(tail -n 3 "$work/said" | tr '\n' ' ')"
done
# The browser and thrum report --serve see each other, and nothing else.
status=0
for test in page timeline; do
    unshare "$namespace" sh -c 'ip link set lo up && exec node "$@"' sh \
        "$here/${test}_test.mjs" "$thrum" "$modules" "$work" "$pictures" || status=1
done
exit "$status"
