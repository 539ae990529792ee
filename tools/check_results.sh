#!/bin/sh
# The commands look at the result of each call that may fail to read, write or name something: a call of
# these functions must not stand alone as a statement in cli/. Where the result does not matter, as when a file
# is closed that was only read, `(void)` stands before the call. Run in the root of the tree: check_results.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)

"$here/sources.sh" cli | xargs -r awk -f "$here/strip.awk" |
    awk '
    BEGIN {
        count = split("read pread readv write pwrite writev write_whole close fclose fflush fsync fdatasync " \
                      "rename renameat renameat2 link linkat unlink unlinkat rmdir mkdir mkdirat truncate " \
                      "ftruncate lseek fstat fstatat stat dup2 dup3 pipe pipe2 fcntl flock body_print body_keep " \
                      "part_name hasher_end hasher_add", words, " ")
        for (i = 1; i <= count; i++)
            checked[words[i]] = 1
    }
    # Lines are formatted: a call that begins a line begins a statement if the line before ends one, or is
    # the head of one.
    {
        split($0, parts, ":")
        file = parts[1]
        place = file ":" parts[2]
        text = substr($0, length(place) + 2)
        if (file != last_file)
            before = ";"
        last_file = file
        statement = before ~ /(^|[;{}):]|else|do)$/
        if (statement && match(text, /^[ \t]*(else[ \t]+|do[ \t]+)?[a-z_0-9]+\(/)) {
            name = substr(text, RSTART, RLENGTH - 1)
            sub(/^[ \t]*(else[ \t]+|do[ \t]+)?/, "", name)
            if (name in checked) {
                print place ": the result of " name " is ignored"
                bad = 1
            }
        }
        sub(/[ \t]+$/, "", text)
        if (text !~ /^[ \t]*$/ && text !~ /^[ \t]*#/)
            before = text
    }
    END { exit bad }'
