#!/bin/sh
# `thrum hash` beside other programs, in turns, on many small files and on few large ones, warm:
#
#     bench/hash.sh THRUM [ROUNDS [SMALL [LARGE]]]
#
# THRUM is the command, ROUNDS how often each is measured (7), SMALL how many small files there are
# (20000, of up to 8 KiB, 100 to a folder), LARGE how many MiB each of the four large ones has (64).
# Prints a row for each kind of work and a line for each program: the median of the seconds, the least
# and the most, and the ratio of thrum's median to it. A round that does not count comes first. A
# program that is not installed is left out.
set -eu
thrum=$(realpath "$1") rounds=${2:-7} small=${3:-20000} large=${4:-64}
work=$(mktemp -d "${TMPDIR:-/tmp}/thrum-bench-hash-XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

# The files hold what a fixed seed gives, cut to sizes that are all over the range.
make_small() {
    mkdir "$work/small"
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 16777216 >"$work/noise"
    awk -v count="$small" -v root="$work/small" 'BEGIN {
        srand(1)
        for (i = 0; i < count; i++) {
            folder = root "/" int(i / 100)
            if (i % 100 == 0)
                print "mkdir " folder
            print "tail -c +" int(rand() * 16000000) " \"$noise\" | head -c " int(rand() * 8192) " >" folder "/" i
        }
    }' | noise="$work/noise" sh
}

make_large() {
    mkdir "$work/large"
    for i in 1 2 3 4; do
        openssl enc -aes-128-ctr -K 0$i -iv 00 -in /dev/zero 2>/dev/null |
            head -c "$((large * 1048576))" >"$work/large/$i"
    done
}

# run NAME FOLDER: the work of one program.
run() {
    case $1 in
    thrum) "$thrum" hash "$2" ;;
    'xargs -P2 sha256sum') find "$2" -type f -print0 | xargs -0 -P2 -n "$3" sha256sum ;;
    hashdeep) hashdeep -r -c sha256 -j2 "$2" ;;
    rhash) rhash --sha256 -r "$2" ;;
    openssl) find "$2" -type f -print0 | xargs -0 -P2 -n "$3" openssl dgst -r -sha256 ;;
    esac >/dev/null
}

there() {
    case $1 in
    thrum) return 0 ;;
    xargs*) command -v sha256sum >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

now() { date +%s.%N; }

# row TITLE FOLDER PIECE: PIECE is how many files xargs gives to one process.
row() {
    : >"$work/times"
    round=0
    while [ "$round" -le "$rounds" ]; do
        for name in thrum 'xargs -P2 sha256sum' hashdeep rhash openssl; do
            there "$name" || continue
            begin=$(now)
            run "$name" "$2" "$3"
            end=$(now)
            [ "$round" -eq 0 ] || echo "$begin $end $name" >>"$work/times"
        done
        round=$((round + 1))
    done
    echo "$1"
    awk '{ name = $3; for (i = 4; i <= NF; i++) name = name " " $i; print $2 - $1, name }' "$work/times" |
        sort -n | awk '
        {
            time = $1
            sub(/^[^ ]* /, "")
            if (!($0 in count))
                names[++n] = $0
            times[$0, ++count[$0]] = time
        }
        function median(name) {
            return times[name, int((count[name] + 1) / 2)]
        }
        END {
            for (i = 1; i <= n; i++)
                printf "  %-22s %7.3f s  [%.3f .. %.3f]%s\n", names[i], median(names[i]), times[names[i], 1],
                    times[names[i], count[names[i]]],
                    names[i] == "thrum" ? "" : sprintf("   ratio %.2f", median("thrum") / median(names[i]))
        }'
}

make_small
make_large
row "$small small files" "$work/small" 500
row "4 files of $large MiB" "$work/large" 1
