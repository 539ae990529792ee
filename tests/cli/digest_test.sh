#!/bin/bash
# What coreutils' digest commands do, as a table: each row runs `thrum hash` and says what is to come of it.
# A row with a peer runs that command of coreutils, too, where it is installed: status, output and messages
# are the same. Where thrum differs on purpose, the row has no peer and says why.
#
#     digest_test.sh THRUM
set -u
thrum=$(realpath "$1")
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/in" && cd "$work/in" || exit 1
number=0

# What commands say about themselves is no part of the comparison.
plain() { sed -E 's/^(thrum hash|[a-z0-9]+sum): //' "$1"; }

report() {
    number=$((number + 1))
    if [ -z "$wrong" ]; then echo "ok $number - $1"; else
        echo "not ok $number - $1"
        echo "# $wrong"
        sed 's/^/# out: /' "$work/out"
        sed 's/^/# err: /' "$work/err"
    fi
}

# row WHAT PEER STATUS OUTPUT ARGUMENTS...: standard input comes from the file `input`. A `-` as the peer is none.
# OUTPUT is what printf makes of it; `*` is anything.
row() {
    local what=$1 peer=$2 status=$3 output=$4 got
    shift 4
    wrong=
    "$thrum" hash "$@" <input >"$work/out" 2>"$work/err"
    got=$?
    # shellcheck disable=SC2059 # a format on purpose
    printf "$output" >"$work/wanted"
    [ "$got" -eq "$status" ] || wrong="the status is $got, not $status"
    [ "$output" = '*' ] || cmp -s "$work/out" "$work/wanted" || wrong="the output is not what it should be"
    if [ "$peer" != - ] && command -v "${peer%% *}" >/dev/null; then
        # shellcheck disable=SC2086 # words
        $peer "${peer_arguments[@]}" <input >"$work/out2" 2>"$work/err2"
        [ $? -eq "$got" ] || wrong="the status of $peer is another"
        cmp -s "$work/out" "$work/out2" || wrong="the output of $peer is another"
        [ "$(plain "$work/err")" = "$(plain "$work/err2")" ] || wrong="$peer says something else"
    fi
    report "$what"
}

# both WHAT PEER STATUS OUTPUT ARGUMENTS...: the peer gets the same arguments, but for -a, which its name says.
both() {
    local skip=0 argument
    peer_arguments=()
    for argument in "${@:5}"; do
        case $skip$argument in
        0-a) skip=1 ;;
        1*) skip=0 ;;
        *--coreutils) ;;
        *) peer_arguments+=("$argument") ;;
        esac
    done
    row "$@"
}

# list FORMAT ARGUMENTS...: the file `list` is what printf makes of it.
# shellcheck disable=SC2059
list() { printf "$@" >list; }

md5=d41d8cd98f00b204e9800998ecf8427e # of nothing
abc=900150983cd24fb0d6963f7d28e17f72
sha=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
: >input
: >empty
printf abc >abc
printf abc >'a b'
printf abc >' lead'
printf abc >'*star'
printf abc >'back\slash'
printf abc >$'new\nline'
printf abc >$'car\rriage'
printf abc >'(paren) = x'
mkdir dir
echo 1..79

# Digests of known strings, as in coreutils' tests of md5sum, sha*sum, b2sum and cksum.
both 'md5 of nothing' md5sum 0 "$md5  empty\n" -a md5 empty
both 'md5 of abc' md5sum 0 "$abc  abc\n" -a md5 abc
both 'sha1 of abc' sha1sum 0 "a9993e364706816aba3e25717850c26c9cd0d89d  abc\n" -a sha1 abc
both 'sha224 of abc' sha224sum 0 "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7  abc\n" -a sha224 abc
both 'sha256 of abc' sha256sum 0 "$sha  abc\n" abc
both 'sha384 of nothing' sha384sum 0 '*' -a sha384 empty
both 'sha512 of abc' sha512sum 0 '*' -a sha512 abc
both 'blake2b of abc' b2sum 0 '*' -a blake2b abc
both 'blake2b of 256 bits' b2sum 0 "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319  abc\n" -a blake2b -l 256 abc
both 'blake2b of 8 bits' b2sum 0 '6b  abc\n' -a blake2b --length=8 abc
both 'blake2b with length 0' b2sum 0 '*' -a blake2b -l 0 abc
both 'blake2b of many files' b2sum 0 '*' -a blake2b -l 128 abc empty 'a b'
both 'cksum of abc' cksum 0 '1219131554 3 abc\n' -a crc abc
both 'cksum of nothing' cksum 0 '4294967295 0 empty\n' -a crc empty
both 'cksum of standard input has no name' cksum 0 '4294967295 0\n' -a crc
both 'cksum of - has one' cksum 0 '4294967295 0 -\n' -a crc -
row 'a length that is no multiple of 8' - 2 '' -a blake2b -l 12 abc
row 'a length that is too long' - 2 '' -a blake2b -l 520 abc
row 'a length for an algorithm that has one only' - 2 '' -a sha256 -l 128 abc
row 'with --coreutils a wrong command line ends with 1' - 1 '' --coreutils -a sha256 -l 128 abc
row 'an algorithm by the name that is printed' - 0 "BLAKE2b-256 (abc) = bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319\n" --tag -a BLAKE2b-256 abc

# Lines, and names in them.
both 'standard input by default' md5sum 0 "$md5  -\n" -a md5
both 'standard input by name' md5sum 0 "$md5  -\n" -a md5 -
both 'a blank in a name' md5sum 0 "$abc  a b\n" -a md5 'a b'
both 'a backslash in a name' md5sum 0 "\\\\$abc  back\\\\\\\\slash\n" -a md5 'back\slash'
both 'a newline in a name' md5sum 0 "\\\\$abc  new\\\\nline\n" -a md5 $'new\nline'
both 'a carriage return in a name' md5sum 0 "\\\\$abc  car\\\\rriage\n" -a md5 $'car\rriage'
both 'no escapes with --zero' md5sum 0 "$abc  new\nline\0" -a md5 -z $'new\nline'
both 'binary mode' md5sum 0 "$abc *abc\n" -a md5 -b abc
both 'text mode' md5sum 0 "$abc  abc\n" -a md5 -t abc
both 'of -b -t the last counts' md5sum 0 "$abc  abc\n" -a md5 -b -t abc
both 'of -t -b the last counts' md5sum 0 "$abc *abc\n" -a md5 -t -b abc
both 'a tag' md5sum 0 "MD5 (abc) = $abc\n" -a md5 --tag abc
both 'a tag and a newline' md5sum 0 "\\\\MD5 (new\\\\nline) = $abc\n" -a md5 --tag $'new\nline'
both 'a tag and --zero' md5sum 0 "MD5 (new\nline) = $abc\0" -a md5 --tag -z $'new\nline'
both 'a tag after -t' md5sum 0 "MD5 (abc) = $abc\n" -a md5 -t --tag abc
both 'a tag of blake2b with a length' b2sum 0 '*' -a blake2b --tag -l 64 abc
row '--tag --text is refused' - 2 '' --tag --text abc
both 'a file that is not there' md5sum 1 "$abc  abc\n" -a md5 nothing abc
both 'a directory, as coreutils has it' md5sum 1 '' -a md5 --coreutils dir
row 'a directory is walked otherwise' - 0 '' dir
row 'base64' - 0 "MD5 (abc) = kAFQmDzST7DWlj99KOF/cg==\n" -a md5 --tag --base64 abc
row 'base64 without a tag' - 0 "kAFQmDzST7DWlj99KOF/cg==  abc\n" -a md5 --base64 abc
row 'raw' - 0 '\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72' -a md5 --raw abc
row 'raw of two files is refused' - 2 '' --raw abc empty

# -c. The peer is told the algorithm by its name, and thrum by --coreutils or -a.
list "$md5  empty\n$abc  abc\n"
both 'a list' md5sum 0 'empty: OK\nabc: OK\n' -a md5 -c list
row 'the algorithm is found by the length' - 0 'empty: OK\nabc: OK\n' -c list
both 'a list from standard input' md5sum 1 '' -a md5 -c
list "$abc  empty\n$abc  abc\n"
both 'one that does not match' md5sum 1 'empty: FAILED\nabc: OK\n' -a md5 -c list
both '--quiet' md5sum 1 'empty: FAILED\n' -a md5 --quiet -c list
both '--status' md5sum 1 '' -a md5 --status -c list
both '--status --warn is --warn' md5sum 1 'empty: FAILED\nabc: OK\n' -a md5 --status --warn -c list
both '--warn --status is --status' md5sum 1 '' -a md5 --warn --status -c list
both '--quiet --status is --status' md5sum 1 '' -a md5 --quiet --status -c list
both '--status --quiet is --quiet' md5sum 1 'empty: FAILED\n' -a md5 --status --quiet -c list
list "$abc  nothing\n$abc  abc\n"
both 'a missing file' md5sum 1 'nothing: FAILED open or read\nabc: OK\n' -a md5 -c list
both '--ignore-missing' md5sum 0 'abc: OK\n' -a md5 --ignore-missing -c list
list "$abc  abc/below\n$abc  abc\n"
both '--ignore-missing does not hide a file in the place of a directory' md5sum 1 'abc/below: FAILED open or read\nabc: OK\n' -a md5 --ignore-missing -c list
list "$abc  nothing\n"
both '--ignore-missing, and nothing is left' md5sum 1 '' -a md5 --ignore-missing -c list
list "junk\n$abc  abc\n"
both 'a malformed line' md5sum 0 'abc: OK\n' -a md5 -c list
both '--warn' md5sum 0 'abc: OK\n' -a md5 --warn -c list
both '--warn --status of an improper line' md5sum 0 '' -a md5 --warn --status -c list
both '--strict' md5sum 1 'abc: OK\n' -a md5 --strict -c list
list "junk\n"
both 'nothing but malformed lines' md5sum 1 '' -a md5 -c list
list "# comment\n\n$abc  abc\r\n"
both 'comments, blank lines, ends of DOS' md5sum 0 'abc: OK\n' -a md5 -c list
list "$abc abc\n$abc a b\n"
both 'one blank, as BSD -r' md5sum 0 'abc: OK\na b: OK\n' -a md5 -c list
list "$abc  abc\n$abc abc\n"
both 'one blank after a line with two' md5sum 0 'abc: OK\n' -a md5 -c list
list "\\\\$abc  new\\\\nline\n\\\\$abc  back\\\\\\\\slash\n\\\\$abc  car\\\\rriage\n"
both 'escaped names' md5sum 0 '*' -a md5 -c list
list "\\\\$abc  wrong\\\\qescape\n"
both 'an escape that does not exist' md5sum 1 '' -a md5 -c list
list "  $abc *abc\n\t$abc  abc\n"
both 'blanks before' md5sum 0 'abc: OK\nabc: OK\n' -a md5 -c list
list "MD5 (abc) = $abc\nMD5(a b)= $abc\nMD5 ((paren) = x) = $abc\n"
both 'tags of BSD and OpenSSL' md5sum 0 'abc: OK\na b: OK\n(paren) = x: OK\n' -a md5 -c list
list "MD5 (abc) = $abc\nSHA256 (abc) = $sha\n"
both 'a tag of another algorithm' md5sum 0 'abc: OK\n' -a md5 -c list
row 'without -a each tag counts' - 0 'abc: OK\nabc: OK\n' -c list
b2sum --tag -l 256 abc >list 2>/dev/null || list 'BLAKE2b-256 (abc) = bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319\n'
both 'a tag with a length' b2sum 0 'abc: OK\n' -a blake2b -c list
row 'a tag with a length, without -a' - 0 'abc: OK\n' -c list
list 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319  abc\n'
both 'blake2b without a tag has the length of its digits' b2sum 0 'abc: OK\n' -a blake2b -c list
list 'MD5 (abc) = kAFQmDzST7DWlj99KOF/cg==\nkAFQmDzST7DWlj99KOF/cg==  abc\n'
row 'base64 is checked' - 0 'abc: OK\nabc: OK\n' -c list
list "$abc  abc\0hidden\n$abc  abc\n"
# md5sum would verify abc in its place.
row 'a NUL in a line makes it malformed' - 0 'abc: OK\n' -a md5 -c list
row 'cksum has no lists' - 2 '' -a crc -c list
