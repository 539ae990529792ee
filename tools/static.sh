#!/bin/sh
# The command as one file that needs no library: static.sh OUT-DIR [x86_64] [aarch64], in the root of the tree; both
# processors if none is named. Makes OUT-DIR/thrum-PROCESSOR, linked with musl, and starts it; in an emulator if need be.
#
# Debian has libraries for glibc alone, and a static glibc still wants its own shared parts to look up names. So the file is
# linked with musl, and with what can be built for it here: jansson, from Debian's sources. Without libcurl, OpenSSL, SQLite,
# libpq, libmicrohttpd and libb2 for musl, and without dlopen, five subcommands are left out: demo, fetch, hash, worker and
# cluster.
#
# `thrum doctor --`, `thrum trace --` and `thrum explore --` preload a library into the program that they run. That library
# is of glibc, and is not part of the file: they need the library that is installed with the package thrum-doctor.
#
# musl for aarch64 and the sources of jansson are fetched by apt, into OUT-DIR alone: the system does not change.
set -eu
out=$1
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
fail() {
    printf 'static: %s\n' "$*" >&2
    exit 1
}

# run COMMAND...: shows what it prints if it fails.
run() {
    "$@" >"$out/log" 2>&1 || {
        tail -n 40 "$out/log" >&2
        fail "failed: $*"
    }
}

# apt COMMAND...: with lists and a cache of its own, for aarch64, and for sources.
apt() {
    apt-get -o Dir::State="$out/apt" -o Dir::State::status=/dev/null -o Dir::Cache="$out/apt" \
        -o Dir::Etc::SourceList="$out/apt/sources.list" -o Dir::Etc::SourceParts=- -o APT::Architecture=arm64 \
        -o APT::Architectures=arm64 -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# The lists are fetched once.
need_apt() {
    [ ! -e "$out/apt/sources.list" ] || return 0
    mkdir -p "$out/apt/lists/partial" "$out/apt/archives/partial"
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    for kind in deb deb-src; do
        echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main"
    done >"$out/apt/sources.list.new"
    cp "$out/apt/sources.list.new" "$out/apt/sources.list"
    run apt update || rm "$out/apt/sources.list"
}

need_jansson() {
    ls "$out"/jansson-*/CMakeLists.txt >/dev/null 2>&1 && return 0
    need_apt
    (cd "$out" && run apt source jansson)
}

# compiler PROCESSOR: makes OUT-DIR/PROCESSOR/cc, a compiler for musl. The headers of the kernel stand beside those of musl.
compiler() {
    folder=$out/$1
    target=$1-linux-gnu
    mkdir -p "$folder/kernel"
    case $1 in
    x86_64) root='' kernel=/usr/include/x86_64-linux-gnu ;;
    aarch64)
        root=$folder/root kernel=/usr/aarch64-linux-gnu/include
        if [ ! -e "$root/usr/lib/aarch64-linux-musl/libc.a" ]; then
            need_apt
            (cd "$folder" && run apt download musl-dev:arm64)
            dpkg-deb -x "$folder"/musl-dev_*_arm64.deb "$root"
        fi
        ;;
    *) fail "there is no processor $1; there are x86_64 and aarch64" ;;
    esac
    for header in linux asm-generic asm; do
        if [ -d "$kernel/$header" ]; then at=$kernel/$header; else at=/usr/include/$header; fi
        ln -sfn "$at" "$folder/kernel/$header"
    done
    # As Debian's musl-gcc, but with paths below the root, and for programs that are static.
    sed "s|/usr/include/$1-linux-musl|$root&|g; s|/usr/lib/$1-linux-musl|$root&|g; s|Scrt1\.o|crt1.o|; s|crtbeginS|crtbeginT|; s|crtendS|crtend|" \
        "$root/usr/lib/$1-linux-musl/musl-gcc.specs" >"$folder/specs"
    # What libgcc has for atomic operations on aarch64 asks glibc which the processor knows.
    [ "$1" = x86_64 ] || arguments=-mno-outline-atomics
    printf '#!/bin/sh\nexec %s %s-gcc -static -specs %s %s "$@"\n' "$(command -v ccache || true)" "$target" "$folder/specs" \
        "${arguments:-}" >"$folder/cc"
    chmod +x "$folder/cc"
}

# build_jansson PROCESSOR
build_jansson() {
    [ ! -e "$out/$1/lib/libjansson.a" ] || return 0
    need_jansson
    run cmake -G Ninja -S "$(echo "$out"/jansson-*/)" -B "$out/$1/jansson" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$1" \
        -DCMAKE_C_COMPILER="$out/$1/cc" -DCMAKE_C_FLAGS="-isystem $out/$1/kernel" \
        -DCMAKE_INSTALL_PREFIX="$out/$1" -DCMAKE_BUILD_TYPE=Release -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON \
        -DJANSSON_EXAMPLES=OFF
    run cmake --build "$out/$1/jansson" --target install
}

# build_command PROCESSOR: only the program is linked statically, so only it is built.
build_command() {
    folder=$out/$1
    cat >"$folder/cross.ini" <<END
[binaries]
c = '$folder/cc'
ar = '$1-linux-gnu-gcc-ar'
strip = '$1-linux-gnu-strip'
pkgconfig = 'pkg-config'
$([ "$1" = x86_64 ] || echo "exe_wrapper = 'qemu-$1'")
[properties]
pkg_config_libdir = '$folder/lib/pkgconfig'
needs_exe_wrapper = $([ "$1" = "$(uname -m)" ] && echo false || echo true)
[built-in options]
c_args = ['-isystem', '$folder/kernel']
[host_machine]
system = 'linux'
cpu_family = '$1'
cpu = '$1'
endian = 'little'
END
    if [ ! -e "$folder/build/build.ninja" ]; then
        rm -rf "$folder/build"
        run meson setup "$folder/build" --cross-file "$folder/cross.ini" --buildtype=release -Dprefer_static=true \
            -Dcli=enabled -Dcli_libraries=jansson -Dcluster=disabled -Dcurl=disabled -Dpq=disabled -Dtls=disabled -Dtests=false -Dbench=false \
            -Dexamples=false -Ddocs=false
    fi
    run ninja -C "$folder/build" cli/thrum
    "$1-linux-gnu-strip" -o "$out/thrum-$1" "$folder/build/cli/thrum"
}

# start PROCESSOR: the file needs nothing, and works. The emulator knows no subreapers (prctl), without which no subcommand
# starts others; there the results that the file of this machine has measured are reported.
start() {
    program=$out/thrum-$1
    if readelf -l "$program" | grep -q INTERP; then fail "$program needs a dynamic linker"; fi
    emulator=
    if [ "$1" != "$native" ]; then emulator=qemu-$1; fi
    $emulator "$program" --version | grep -q '^thrum ' || fail "$program does not start"
    if [ -z "$emulator" ]; then
        for number in 1 2 3; do echo $number; done | "$program" run -j 2 -- echo number | sort >"$out/printed"
        printf 'number %s\n' 1 2 3 | diff - "$out/printed" || fail "$program: thrum run does not work"
        run "$program" bench --quiet --rounds 3 --json "$out/results.json" true true
    fi
    rm -f "$out/results.html"
    run $emulator "$program" report "$out/results.json" -o "$out/results.html"
    [ -s "$out/results.html" ] || fail "$program: thrum report makes no page"
    printf 'ok    %s, %s bytes, starts%s\n' "$program" "$(stat -c %s "$program")" "${emulator:+ in $emulator}"
}

make_one() {
    compiler "$1"
    build_jansson "$1"
    build_command "$1"
    start "$1"
}

native=$(uname -m)
[ $# -gt 0 ] || set -- x86_64 aarch64
for processor; do
    [ "$processor" = "$native" ] || [ -e "$out/results.json" ] || make_one "$native"
    make_one "$processor"
done
