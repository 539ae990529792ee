#!/bin/sh
# The Debian packages: deb.sh OUT-DIR [build] [reproduce] [install] [test], in the root of the tree; `build` alone if no
# part is named. ./dev deb calls it, having installed the tools.
#
#   build      builds the packages of debian/ into OUT-DIR, and has lintian look at them. A tag fails it.
#   reproduce  builds them again, in another folder, time zone, locale, umask and hour. Each file must have the same bytes.
#   install    makes a fresh Debian below OUT-DIR, installs the packages there by apt, and uses them: the first program of
#              README.md, the Python package, `thrum doctor` on a program that deadlocks. Each must work within a minute.
#              Then purges the packages. What then differs from a system that never had them fails it.
#   test       runs debian/tests in such a system, by autopkgtest.
#
# install and test need root, for debootstrap and chroot. A package takes its time stamps from debian/changelog.
set -eu
out=$1
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
version=$(dpkg-parsechangelog --show-field Version)
architecture=$(dpkg --print-architecture)
changes=$out/thrum_${version}_$architecture.changes

say() { printf '%s\n' "$*"; }
fail() {
    printf 'deb: %s\n' "$*" >&2
    exit 1
}

# timed NAME COMMAND...: runs a command, which may take a minute, and says how long it took; shows its output if it fails.
# On a busy machine DEB_LIMIT may be more seconds.
timed() {
    name=$1
    shift
    began=$(date +%s%N)
    "$@" >"$out/log" 2>&1 || {
        tail -n 40 "$out/log" >&2
        fail "$name: failed"
    }
    took=$((($(date +%s%N) - began) / 1000000))
    [ $took -lt $((${DEB_LIMIT:-60} * 1000)) ] || fail "$name: took $took ms"
    say "ok    $name: $took ms"
}

# build_in FOLDER: builds the files that git knows, and those that it would add.
build_in() {
    rm -rf "$1"
    # The modes of the sources are part of the source package. They are those of git, whatever the umask is.
    (
        umask 022
        mkdir -p "$1/thrum-$version"
        git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
            tar --mode=u=rwX,go=rX -cf - -T - | tar -xf - -C "$1/thrum-$version"
    )
    [ ! -d /usr/lib/ccache ] || PATH=/usr/lib/ccache:$PATH
    if ! (cd "$1/thrum-$version" && dpkg-buildpackage -us -uc) >"$1/build.log" 2>&1; then
        tail -n 40 "$1/build.log" >&2
        fail "the packages do not build; all of the output is in $1/build.log"
    fi
}

part_build() {
    build_in "$out/first"
    find "$out" -maxdepth 1 -type f -delete
    find "$out/first" -maxdepth 1 -type f -exec cp {} "$out" \;
    lintian --fail-on error,warning,info --display-info "$changes" || fail "lintian found what is shown above"
    say "ok    $(find "$out" -maxdepth 1 -name '*.deb' | wc -l) packages are in $out, lintian is content"
}

need_packages() { [ -e "$changes" ] || part_build; }

part_reproduce() {
    need_packages
    (
        umask 027
        export TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS=parallel=1
        build_in "$out/second/a-folder-with-another-name"
    )
    compared=0
    # The sources come first: with others the packages must differ.
    for file in "$out"/*.tar.xz "$out"/*.dsc "$out"/*.deb; do
        cmp "$file" "$out/second/a-folder-with-another-name/${file##*/}" || case $file in
        *.tar.xz) fail "${file##*/} differs between two builds: did the tree change after the first?" ;;
        *) fail "${file##*/} differs between two builds" ;;
        esac
        compared=$((compared + 1))
    done
    say "ok    two builds of $compared files have the same bytes"
}

suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# make_root ROOT: a minimal system, of the release that runs here.
make_root() {
    [ "$(id -u)" -eq 0 ] || fail "this needs root, for debootstrap and chroot"
    rm -rf "$1"
    debootstrap --variant=minbase "$(suite)" "$1" >"$out/debootstrap.log" 2>&1 || {
        tail -n 20 "$out/debootstrap.log" >&2
        fail "debootstrap failed"
    }
    # No service starts there.
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod +x "$1/usr/sbin/policy-rc.d"
}

# within ROOT COMMAND...: runs a command there, with /proc; the mount ends with it.
within() {
    # shellcheck disable=SC2016 # the inner shell reads that
    unshare --mount sh -c 'root=$1; shift
        mount -t proc proc "$root/proc" || exit
        exec chroot "$root" env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive "$@"' within "$@"
}

# files ROOT: all that is there, but for what apt and dpkg note for themselves, and caches.
files() {
    (cd "$1" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt \
        -o -path ./var/lib/dpkg -o -path ./packages \) -prune -o ! -type d -print -o -type d -empty -print | LC_ALL=C sort)
}

# What apt would bring along with the packages.
dependencies() {
    within "$1" sh -c 'apt-get -s install gcc libc6-dev /packages/*.deb' | awk '/^Inst / { print $2 }' | sort -u >"$out/installed"
    for package in "$out"/*.deb; do
        dpkg-deb -f "$package" Package
    done | sort -u >"$out/ours"
    comm -23 "$out/installed" "$out/ours"
}

# after_purge ROOT PACKAGES...: removes them with all that came along, and lists what is left.
after_purge() {
    root=$1
    shift
    within "$root" apt-get -y purge "$@" >"$out/log" 2>&1 || fail "purge fails: $(tail -n 5 "$out/log")"
    within "$root" apt-get -y --purge autoremove >"$out/log" 2>&1 || fail "autoremove fails: $(tail -n 5 "$out/log")"
    files "$root"
}

part_install() {
    need_packages
    make_root "$out/root"
    say "ok    a fresh $(suite) by debootstrap"
    mkdir "$out/root/packages"
    cp "$out"/*.deb "$out/root/packages"
    within "$out/root" apt-get update >"$out/log" 2>&1 || fail "apt-get update fails: $(tail -n 5 "$out/log")"
    rm -rf "$out/without"
    cp -a "$out/root" "$out/without"

    within "$out/root" sh -c 'cd /packages && apt-get install -y --no-install-recommends gcc libc6-dev' >"$out/log" 2>&1 ||
        fail "the compiler cannot be installed: $(tail -n 5 "$out/log")"
    timed 'apt install ./*.deb' within "$out/root" sh -c 'cd /packages && apt-get install -y ./*.deb'
    use_packages "$out/root"

    others=$(dependencies "$out/without")
    # shellcheck disable=SC2046,SC2086 # lists of words
    {
        within "$out/without" apt-get install -y $others >"$out/log" 2>&1 || fail "$(tail -n 5 "$out/log")"
        after_purge "$out/without" $others >"$out/files-without"
        after_purge "$out/root" $(cat "$out/ours") $others >"$out/files-with"
    }
    diff "$out/files-without" "$out/files-with" >"$out/left" || {
        head -n 40 "$out/left" >&2
        fail "purge leaves what is shown above"
    }
    if within "$out/root" dpkg-query --show | grep thrum; then
        fail "purge leaves the packages shown above"
    fi
    say "ok    purge leaves nothing: $(wc -l <"$out/files-with") files, as on a system that never had the packages"
    rm -rf "$out/root" "$out/without"
}

# use_packages ROOT: what a newcomer does first.
use_packages() {
    work=$1/root/first
    mkdir -p "$work"
    awk '/^## / { here = /A first program/ } here && /^```c$/ { code = 1; next } /^```/ { code = 0 } code' README.md >"$work/first.c"
    line=$(awk '/^## / { here = /A first program/ } here && /^cc / { sub(/ *#.*/, ""); print }' README.md)
    [ -n "$line" ] || fail "README.md does not say how to compile the first program"
    timed "the first program: $line" within "$1" sh -c "cd /root/first && $line"
    grep -q '^10 pages of 0.2 s in 0\.' "$out/log" || fail "the first program printed: $(cat "$out/log")"
    timed "python3 -m thrum -c 'import queue; print(queue.Queue)'" within "$1" \
        python3 -m thrum -c 'import queue; print(queue.Queue)'
    grep -q "class 'thrum" "$out/log" || fail "Python printed: $(cat "$out/log")"
    timed 'cc deadlock.c' within "$1" sh -c \
        'cd /root/first && cc -g /usr/share/doc/thrum/examples/deadlock.c -o deadlock -lthrum'
    timed 'thrum doctor -- ./deadlock' within "$1" sh -c \
        'cd /root/first && thrum doctor -- ./deadlock; [ $? -eq 66 ] # the status of a deadlock'
    grep -q 'POTENTIAL DEADLOCK' "$out/log" || fail "the doctor printed: $(cat "$out/log")"
    rm -rf "$work"
}

part_test() {
    need_packages
    make_root "$out/root"
    status=0
    # autopkgtest mounts no /proc there.
    # shellcheck disable=SC2016 # the inner shell reads that
    unshare --mount sh -c 'root=$1; shift
        mount -t proc proc "$root/proc" || exit
        exec autopkgtest --no-built-binaries --apt-upgrade "$@" -- chroot "$root"' test \
        "$out/root" "$out"/*.deb "$out/first/thrum-$version/" >"$out/autopkgtest.log" 2>&1 || status=$?
    sed -n '/ summary$/,$p' "$out/autopkgtest.log"
    # 0 is success. 2 is success with tests that were skipped; none may be.
    [ $status -eq 0 ] || fail "autopkgtest failed; all of the output is in $out/autopkgtest.log"
    say "ok    debian/tests, by autopkgtest"
    rm -rf "$out/root"
}

for part in "${@:-build}"; do
    case $part in
    build | reproduce | install | test) "part_$part" ;;
    *) fail "there is no part $part; there are build, reproduce, install and test" ;;
    esac
done
