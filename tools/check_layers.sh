#!/bin/sh
# The layer rule: a file includes only its own folder and what tools/layers allows; a program only
# the public headers; a public header only public ones and the plainest of C's.
# Run in the root of the tree: check_layers.sh [LAYERS]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
layers=${1:-$here/layers}

"$here/sources.sh" include src adapter doctor cli python bench examples tests | xargs -r awk -f "$here/strip.awk" |
    awk -v layers="$layers" '
    # The longest folder of the file that tools/layers or the tree of public headers names.
    function folder_of(file,    folder) {
        folder = file
        while (sub(/\/[^\/]*$/, "", folder))
            if (folder in known)
                return folder
        return ""
    }
    function complain(what) {
        print place ": " what
        bad = 1
    }
    BEGIN {
        while ((getline line < layers) > 0) {
            sub(/[ \t]*#.*/, "", line)
            n = split(line, words, /[ \t]+/)
            if (words[1] == "include:") {
                edges = 1
            } else if (words[1] == "private") {
                for (i = 3; i <= n; i++)
                    may_see[words[2], words[i]] = 1
                private[words[2]] = 1
                edges = 0
            } else if (edges && words[1] ~ /:$/) {
                sub(/:$/, "", words[1])
                known[words[1]] = 1
                for (i = 2; i <= n; i++)
                    allowed[words[1], words[i]] = 1
            }
        }
        known["include"] = 1
    }
    {
        split($0, parts, ":")
        file = parts[1]
        place = file ":" parts[2]
        text = substr($0, length(place) + 2)
        if (text !~ /^[ \t]*#[ \t]*include/)
            next
        folder = folder_of(file)
        name = text
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
        quoted = name ~ /^"/
        gsub(/[<>" \t]/, "", name)
        if (folder == "") {
            complain("its folder is not in tools/layers")
        } else if (folder == "include") {
            if (quoted || name !~ /^(thrum\/.*|stdbool\.h|stddef\.h|stdint\.h)$/)
                complain("a public header includes only <thrum/...>, stdbool, stddef and stdint, not " name)
        } else if (name in private) {
            sees = 0
            count = split(file, steps, "/")
            path = steps[1]
            for (i = 2; i <= count; i++) {
                if ((name, path) in may_see)
                    sees = 1
                path = path "/" steps[i]
            }
            if (!sees)
                complain(name " is private")
        } else if (!quoted) {
            if (name ~ /\.c$/)
                complain("includes a .c file")
        } else if (name ~ /\.c$/) {
            complain("includes a .c file")
        } else if (folder ~ /^src\// && name ~ /(^|\/)\.\.\//) {
            complain("includes by way of ..")
        } else if (name ~ /^thrum(\/|\.h)/) {
            complain("public headers are included with <>")
        } else {
            target = name
            sub(/^(\.\.\/)+/, "", target)
            own = folder
            sub(/^.*\//, "", own)
            if (!sub(/\/.*/, "", target)) {
                if (folder ~ /^src\//)
                    complain("name the folder: \"" own "/" name "\"")
            } else if (!((folder, target) in allowed) && target != own &&
                       !(folder !~ /^src\// && system("test -e " folder "/" name) == 0)) {
                complain(folder " must not include " name)
            }
        }
    }
    END { exit bad }'
