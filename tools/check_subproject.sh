#!/bin/sh
# Other projects can build thrum along with themselves: packs the tree, and builds and runs programs that get it by a wrap
# of Meson and by FetchContent of CMake. Run in the root of the tree.
set -eu
source=$(pwd)/tests/install
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# try NAME COMMAND...: runs a command, shows what it says if it fails.
try() {
    name=$1
    shift
    "$@" >"$work/out" 2>&1 || {
        echo "$name fails: $*"
        cat "$work/out"
        exit 1
    }
}

# Tests, examples and documentation are not needed; the archive is what a release has, without them.
version=$(sed -n 's/.*THRUM_VERSION  *"\(.*\)".*/\1/p' include/thrum/version.h)
git ls-files -co --exclude-standard -- . ':!tests' ':!examples' ':!docs' ':!python' |
    while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
    tar -cf "$work/thrum-$version.tar" --transform "s|^|thrum-$version/|" -T -

mkdir -p "$work/meson/subprojects"
cp "$source/subproject/meson.build" "$source/use.c" "$source/use_curl.c" "$work/meson"
cat >"$work/meson/subprojects/thrum.wrap" <<END
[wrap-file]
directory = thrum-$version
source_url = file://$work/thrum-$version.tar
source_filename = thrum-$version.tar
source_hash = $(sha256sum "$work/thrum-$version.tar" | cut -d ' ' -f 1)

[provide]
dependency_names = thrum, thrum-curl, thrum-pq, thrum-tls
END
# Without optimisation, because the programs only have to run.
try 'the wrap of Meson' meson setup "$work/meson/build" "$work/meson" --optimization=0 --wrap-mode=forcefallback
try 'the build by a wrap' ninja -C "$work/meson/build" use use_static use_curl
for program in use use_static use_curl; do
    try "$program by a wrap" "$work/meson/build/$program"
done

mkdir "$work/cmake"
cp "$source/subproject/CMakeLists.txt" "$source/use.c" "$work/cmake"
launcher=$(command -v ccache || true)
try 'FetchContent of CMake' cmake -G Ninja -S "$work/cmake" -B "$work/cmake/build" \
    -DTHRUM_ARCHIVE="$work/thrum-$version.tar" -DCMAKE_C_COMPILER_LAUNCHER="$launcher"
try 'the build by FetchContent' cmake --build "$work/cmake/build"
for program in use use_static; do
    try "$program by FetchContent" "$work/cmake/build/$program"
done
for build in "$work/cmake/build" "$work/meson/build"; do
    readelf -d "$build/use" | grep -q 'NEEDED.*libthrum\.so\.0' || {
        echo "$build/use does not need libthrum.so.0"
        exit 1
    }
    if readelf -d "$build/use_static" | grep 'NEEDED.*libthrum'; then
        echo "$build/use_static needs libthrum"
        exit 1
    fi
done
