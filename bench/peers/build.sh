#!/bin/sh
# Builds peers, mostly in other languages: build.sh DIR [NAMES]; without names those that bench_*.c
# asks for. DIR then has, for each, the program NAME and NAME.version, or NAME.missing with the reason in a line; external.h says what becomes of them.
# Nothing is fetched: Rust's crates are those of Debian's librust-*-dev. What the compilers say goes
# to DIR/build.log. Always ends with success, as a run can do without any of them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" || exit 0
dir=$(cd "$1" && pwd)
log=$dir/build.log
registry=/usr/share/cargo/registry
: >"$log"

# missing NAME REASON: there is no such program.
missing() {
    rm -f "$dir/$1" "$dir/$1.version"
    echo "$2" >"$dir/$1.missing"
    echo "peer $1: $2" >&2
}

# present NAME VERSION: there is.
present() {
    rm -f "$dir/$1.missing"
    echo "$2" >"$dir/$1.version"
}

have() { command -v "$1" >/dev/null 2>&1; }

# built NAME COMMAND...: runs the command, with its output in the log; says so if it fails.
built() {
    name=$1
    shift
    echo "$*" >>"$log"
    "$@" >>"$log" 2>&1 || {
        missing "$name" "$1 could not build it, see $log"
        return 1
    }
}

build_go() {
    have go || {
        missing go 'Go is not installed (golang-go)'
        return
    }
    cd "$here/go" || return
    GOTOOLCHAIN=local GOFLAGS=-mod=mod built go go build -buildvcs=false -o "$dir/go" . &&
        present go "$(go env GOVERSION)"
}

# The servers of bench/http.sh.
build_http_go() {
    have go || {
        missing http_go 'Go is not installed (golang-go)'
        return
    }
    GOTOOLCHAIN=local built http_go go build -o "$dir/http_go" "$here/http.go" &&
        present http_go "$(go env GOVERSION)"
}

# build_uv NAME: NAME.c, which uses libuv.
build_uv() {
    pkg-config --exists libuv 2>/dev/null || {
        missing "$1" 'libuv is not installed (libuv1-dev)'
        return
    }
    # shellcheck disable=SC2046 # a list of words
    built "$1" "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra \
        -o "$dir/$1" "$here/$1.c" $(pkg-config --cflags --libs libuv) &&
        present "$1" "libuv $(pkg-config --modversion libuv)"
}

build_tbb() {
    have g++ || {
        missing tbb 'g++ is not installed'
        return
    }
    echo '#include <oneapi/tbb/version.h>' | g++ -fsyntax-only -xc++ - 2>/dev/null || {
        missing tbb 'oneTBB is not installed (libtbb-dev)'
        return
    }
    version=$(printf '#include <oneapi/tbb/version.h>\nTBB_VERSION_STRING' | g++ -E -P -xc++ - |
        tail -n 1 | tr -d '" ')
    version="oneTBB $version, g++ $(g++ -dumpfullversion)"
    [ -n "$(find "$dir/tbb" -newer "$here/tbb.cpp" 2>/dev/null)" ] &&
        [ "$(cat "$dir/tbb.version" 2>/dev/null)" = "$version" ] && return
    built tbb g++ -std=c++17 -O2 -Wall -Wextra -o "$dir/tbb" "$here/tbb.cpp" -ltbb -pthread &&
        present tbb "$version"
}

build_boost() {
    have g++ || {
        missing boost 'g++ is not installed'
        return
    }
    echo '#include <boost/fiber/all.hpp>' | g++ -fsyntax-only -xc++ - 2>/dev/null || {
        missing boost 'Boost.Fiber is not installed (libboost-fiber-dev)'
        return
    }
    version=$(printf '#include <boost/version.hpp>\nBOOST_LIB_VERSION' | g++ -E -P -xc++ - |
        tail -n 1 | tr -d '" ' | tr _ .)
    version="Boost $version, g++ $(g++ -dumpfullversion)"
    [ -n "$(find "$dir/boost" -newer "$here/boost.cpp" 2>/dev/null)" ] &&
        [ "$(cat "$dir/boost.version" 2>/dev/null)" = "$version" ] && return
    built boost g++ -std=c++17 -O2 -Wall -Wextra -o "$dir/boost" "$here/boost.cpp" \
        -lboost_fiber -lboost_context -pthread &&
        present boost "$version"
}

# Cargo writes beside the manifest, so it gets a copy.
build_rust() {
    if ! have cargo || ! have rustc; then
        missing rust 'Rust is not installed (cargo, rustc)'
        return
    fi
    for crate in crossbeam-channel rayon tokio; do
        found=$(find "$registry" -maxdepth 1 -name "$crate-[0-9]*" 2>/dev/null)
        [ -n "$found" ] || {
            missing rust "there is no $crate in $registry (librust-$crate-dev)"
            return
        }
    done
    mkdir -p "$dir/rust-build/.cargo"
    cp -pR "$here/rust/." "$dir/rust-build" || return
    rm -f "$dir/rust-build/Cargo.lock" # of what was installed last time
    printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "%s"\n' \
        "$registry" >"$dir/rust-build/.cargo/config.toml"
    cd "$dir/rust-build" || return
    CARGO_TARGET_DIR=target built rust cargo build --release --offline || return
    cp target/release/peer "$dir/rust" || return
    present rust "$(rustc --version | cut -d ' ' -f 1,2)$(awk -F '"' '
        $1 == "name = " { name = $2 }
        $1 == "version = " && name ~ /^(crossbeam-channel|rayon|tokio)$/ { printf ", %s %s", name, $2 }
        ' Cargo.lock)"
}

build_omp() {
    echo 'int main(void) { return 0; }' | "${CC:-cc}" -fopenmp -xc -o /dev/null - 2>/dev/null || {
        missing omp 'the compiler has no OpenMP'
        return
    }
    built omp "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -fopenmp -o "$dir/omp" \
        "$here/omp.c" && present omp "OpenMP, ${CC:-cc} $("${CC:-cc}" -dumpversion)"
}

# A server over epoll, of our own: no peer, but the least that a server costs.
build_http_epoll() {
    built http_epoll "${CC:-cc}" -std=gnu11 -O2 -Wall -Wextra -o "$dir/http_epoll" \
        "$here/http_epoll.c" && present http_epoll "${CC:-cc} $("${CC:-cc}" -dumpversion)"
}

# Requests by libcurl alone: no peer, but the least that a program over libcurl costs.
build_fetch_multi() {
    pkg-config --exists libcurl 2>/dev/null || {
        missing fetch_multi 'libcurl is not installed (libcurl4-openssl-dev)'
        return
    }
    # shellcheck disable=SC2046 # a list of words
    built fetch_multi "${CC:-cc}" -std=gnu11 -O2 -Wall -Wextra -o "$dir/fetch_multi" "$here/fetch_multi.c" \
        $(pkg-config --cflags --libs libcurl) && present fetch_multi "libcurl $(pkg-config --modversion libcurl)"
}

build_python() {
    have python3 || {
        missing python 'Python is not installed (python3)'
        return
    }
    printf '#!/bin/sh\nexec python3 "%s/python.py"\n' "$here" >"$dir/python"
    chmod +x "$dir/python"
    present python "$(python3 --version)"
}

shift
[ $# -gt 0 ] || set -- go tbb boost uv rust omp python
for one in "$@"; do
    case $one in # each changes folders as it likes
    go) (build_go) ;;
    tbb) (build_tbb) ;;
    boost) (build_boost) ;;
    rust) (build_rust) ;;
    omp) (build_omp) ;;
    python) (build_python) ;;
    http_go) (build_http_go) ;;
    http_epoll) (build_http_epoll) ;;
    fetch_multi) (build_fetch_multi) ;;
    uv | http_uv) (build_uv "$one") ;;
    esac
done
exit 0
