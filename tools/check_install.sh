#!/bin/sh
# An installed copy is complete: installs BUILD-DIR to a place of its own, and builds and runs a C
# and a C++ program against it through pkg-config and through CMake, shared and static.
set -eu
build=$1
source=$(cd "$(dirname "$0")/../tests/install" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build" --no-rebuild --destdir "$work/root" >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
mkdir -p "$work/root"
config=$(find "$work/root" -name thrum.pc)
[ -n "$config" ] || {
    echo 'thrum.pc is not installed'
    exit 1
}
libdir=${config%/pkgconfig/thrum.pc}
prefix=$(PKG_CONFIG_PATH=${config%/*} pkg-config --variable=prefix thrum)
for file in include/thrum.h include/thrum/lock.h share/man/man3/thrum_lock.3 \
    share/man/man3/thrum_lock_try.3 share/man/man7/thrum.7 bin/thrum \
    share/man/man1/thrum.1 share/man/man1/thrum-demo.1 share/man/man1/thrum-bench.1 share/man/man1/thrum-tune.1 share/man/man1/thrum-report.1 share/man/man1/thrum-hash.1 \
    share/man/man1/thrum-fetch.1 share/man/man1/thrum-run.1 share/man/man1/thrum-every.1 \
    share/bash-completion/completions/thrum.bash share/zsh/site-functions/_thrum \
    share/fish/vendor_completions.d/thrum.fish; do
    [ -e "$work/root$prefix/$file" ] || {
        echo "$file is not installed"
        exit 1
    }
done
if find "$work/root" -name meson.build | grep .; then
    echo 'a meson.build is installed'
    exit 1
fi

# A package has each file: what no file of debian/ names makes the build of the packages fail.
find "$work/root$prefix" ! -type d | while read -r file; do
    found=
    path=usr/${file#"$work/root$prefix/"} # and, of a library, as it is in Debian
    library=${file#"$libdir/"}
    [ "$library" = "$file" ] || library=usr/lib/any/$library
    while read -r pattern _; do
        # shellcheck disable=SC2254 # a pattern
        case $path in
        $pattern | $pattern/*) found=yes ;;
        esac
        # shellcheck disable=SC2254 # a pattern
        case $library in
        $pattern | $pattern/*) found=yes ;;
        esac
    done <<END
$(cat "$source"/../../debian/*.install)
END
    [ "$found" ] || echo "no file debian/*.install names $path"
done >"$work/unpacked"
if [ -s "$work/unpacked" ]; then
    cat "$work/unpacked"
    exit 1
fi

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

# What is installed refers to the prefix, the copy lies below a root: pkg-config can be told.
config() {
    PKG_CONFIG_PATH=${config%/*} PKG_CONFIG_SYSROOT_DIR=$work/root pkg-config "$@" thrum
}

warnings='-Wall -Wextra -Werror'
# shellcheck disable=SC2046,SC2086 # lists of words
{
    try 'pkg-config, C' gcc -std=c11 $warnings $(config --cflags) "$source/use.c" \
        -o "$work/c" $(config --libs)
    try 'pkg-config, C++' g++ -std=c++17 $warnings $(config --cflags) "$source/use.cpp" \
        -o "$work/cpp" $(config --libs)
    try 'pkg-config, C, static' gcc -std=c11 $warnings $(config --cflags) "$source/use.c" \
        -o "$work/c-static" "$libdir/libthrum.a" -pthread
}
# As a reader compiles them, without the options of this build.
for program in "$source"/../../examples/*.c "$source"/../../examples/*/*.c; do
    # shellcheck disable=SC2046 # a list of words
    try "cc ${program##*/}" gcc -fsyntax-only -Wall -Werror $(config --cflags) "$program"
done
for program in c cpp; do
    try "the $program program" env LD_LIBRARY_PATH="$libdir" "$work/$program"
done
try 'the static program' "$work/c-static"
try 'the command' env LD_LIBRARY_PATH="$libdir" "$work/root$prefix/bin/thrum" --version
# The copy finds its own modules, not those of the build directory.
for subcommand in demo bench tune report fetch hash every run doctor trace explore worker cluster; do
    try "thrum $subcommand" env LD_LIBRARY_PATH="$libdir" "$work/root$prefix/bin/thrum" "$subcommand" --help
    [ -e "$libdir/thrum/thrum-$subcommand.so" ] || {
        echo "thrum-$subcommand.so is not installed"
        exit 1
    }
done
mv "$libdir/thrum" "$work/away"
if LD_LIBRARY_PATH=$libdir "$work/root$prefix/bin/thrum" hash --help >/dev/null 2>&1; then
    echo 'the installed command uses modules that are not installed'
    exit 1
fi

# The adapters, where there is what they are for; that is not below the root.
adapters=
for adapter in cluster curl pq tls; do
    outside=lib$adapter
    [ $adapter != cluster ] || outside=libnats
    [ $adapter != tls ] || outside=openssl
    [ -e "${config%/*}/thrum-$adapter.pc" ] || continue
    adapters="$adapters$adapter;"
    # shellcheck disable=SC2046,SC2086 # lists of words
    try "pkg-config, libthrum-$adapter" gcc -std=c11 $warnings $(config --cflags "thrum-$adapter") \
        $(pkg-config --cflags "$outside") "$source/use_$adapter.c" -o "$work/$adapter" $(config --libs "thrum-$adapter")
    try "the program of libthrum-$adapter" env LD_LIBRARY_PATH="$libdir" "$work/$adapter"
    [ -e "$work/root$prefix/share/man/man3/thrum_$adapter.3" ] || {
        echo "thrum_$adapter.3 is not installed"
        exit 1
    }
done

# Tests in every interleaving, where that library is built.
if [ -e "${config%/*}/thrum-explore.pc" ]; then
    adapters="${adapters}explore;"
    # shellcheck disable=SC2046,SC2086 # lists of words
    PKG_CONFIG_PATH=${config%/*} PKG_CONFIG_SYSROOT_DIR=$work/root try 'pkg-config, libthrum-explore' sh -c "
        gcc -std=c11 $warnings \$(pkg-config --cflags thrum-explore) '$source/use_explore.c' -o '$work/explore' \
            \$(pkg-config --libs thrum-explore)"
    try 'the program of libthrum-explore' "$work/explore"
    [ -e "$work/root$prefix/share/man/man3/thrum_explore.3" ] || {
        echo 'thrum_explore.3 is not installed'
        exit 1
    }
fi

try 'cmake' cmake -S "$source" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/root$prefix" \
    -DADAPTERS="$adapters"
try 'cmake --build' cmake --build "$work/cmake" -j 2
for program in use_c_thrum use_cpp_thrum use_c_static use_cpp_static \
    $(echo "$adapters" | sed 's/\([a-z]*\);/use_\1 /g'); do
    try "the $program program" "$work/cmake/$program"
done
