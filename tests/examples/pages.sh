# What tests of pages share: the blocks of shell of a page, and what the page says that they print.
# shellcheck shell=bash

# split_page FILE: its blocks of shell as 1.sh, 2.sh ...; a block of text that follows one directly, or after a sentence that
# begins with "Then", as 1.text ...
split_page() {
    awk '/^```sh$/ { file = ++count ".sh"; next }
        /^```text$/ { file = fresh ? count ".text" : ""; fresh = 0; next }
        /^```/ { fresh = file ~ /sh$/; file = ""; next }
        file { print > file; next }
        /./ && !/^Then/ { fresh = 0 }' "$1"
}

# any_run FILE: numbers of three and more digits, such as 1.2, of fibers, seeds and schedules are those of one run, and count
# as the same.
any_run() { sed -E "s/(fiber[ -])[0-9]+/\1N/g; s/0x[0-9a-f]+|[0-9]+\.[0-9]+|[0-9]{3,}/N/g; s/--(schedule '[^']*'|seed [0-9]+)/--N/" "$1"; }

# line_without FILE LINES: the first of LINES that FILE lacks; "..." stands for any lines.
line_without() {
    local line
    while read -r line; do
        [ "$line" = ... ] || grep -qF -- "$line" "$1" || {
            echo "$line"
            return
        }
    done <"$2"
}
