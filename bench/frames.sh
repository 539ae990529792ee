#!/bin/sh
# How fast the page of `thrum trace view` is drawn, in headless Chromium without a graphics processor:
#
#     bench/frames.sh THRUM [SECONDS]
#
# Records a program with more than a million spans, makes the page, and lets it zoom in and out by a factor of 160 000 for
# SECONDS (10). Prints the number of spans, the frames a second, and the milliseconds that drawing one takes: the median,
# the 95th percentile, the longest.
set -eu
thrum=$(realpath "$1") seconds=${2:-10}
here=$(cd "$(dirname "$0")/.." && pwd)
browser=$(command -v chromium || command -v chromium-browser) || {
    echo 'bench/frames.sh: needs chromium' >&2
    exit 1
}
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-frames-XXXXXX")
page=
finish() {
    [ -z "$page" ] || kill "$page" 2>/dev/null || :
    [ -z "$page" ] || wait "$page" 2>/dev/null || :
    rm -rf "$work" 2>/dev/null || :
}
trap finish EXIT

cc -O2 -pthread "$here/bench/doctor_pairs.c" -o "$work/pairs"
"$thrum" trace --no-lines --events 1048576 -o "$work/trace" -- "$work/pairs" 4 2 150000 4 >/dev/null 2>&1
"$thrum" trace view "$work/trace" -o "$work/page.html"
cat >>"$work/page.html" <<END
<script>
(async () => {
  const page = window.thrumTimeline, whole = page.trace.length, times = [], most = $seconds * 1000;
  const began = performance.now(), first = page.frames;
  let now = began;
  while (now - began < most) {
    const deep = (1 - Math.cos((now - began) / 2000 * Math.PI)) / 2; // 0 to 1 and back in four seconds
    const span = whole / Math.pow(160000, deep), middle = whole * .6;
    page.show(middle - span / 2, middle + span / 2);
    await new Promise(requestAnimationFrame);
    times.push(page.drawTime);
    now = performance.now();
  }
  times.sort((a, b) => a - b);
  const at = part => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(1);
  console.log("frames: " + page.spanCount + " spans, " + ((page.frames - first) / (now - began) * 1000).toFixed(1) +
    " frames a second; one takes " + at(.5) + " ms, " + at(.95) + " ms at the 95th percentile, " + at(1) + " ms the longest;");
})();
</script>
END

"$browser" --headless --no-sandbox --disable-gpu --remote-debugging-port=0 --user-data-dir="$work/profile" \
    --window-size=1280,900 --enable-logging=stderr "file://$work/page.html" 2>"$work/said" >/dev/null &
page=$!
while ! grep -q '"frames: .*;"' "$work/said"; do
    kill -0 "$page" 2>/dev/null || {
        echo 'bench/frames.sh: chromium has ended' >&2
        exit 1
    }
    sleep 0.2
done
sed -n 's/.*"frames: \(.*\);".*/\1/p' "$work/said"
