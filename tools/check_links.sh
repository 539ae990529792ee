#!/bin/sh
# No link of a site is dead: check_links.sh DIR. Each file that a page names is there, with the anchor that it names.
# Links to other sites are not followed.
set -u
cd "${1:?usage: check_links.sh DIR}" || exit 2
# shellcheck disable=SC2046 # names without spaces, made by tools/site.sh
awk '
    function full(base, target) {
        if (target == "") return base
        sub(/[^\/]*$/, "", base)
        base = base target
        while (match(base, /\/\.\//)) base = substr(base, 1, RSTART) substr(base, RSTART + RLENGTH)
        while (match(base, /[^\/.][^\/]*\/\.\.\//)) base = substr(base, 1, RSTART - 1) substr(base, RSTART + RLENGTH)
        if (base ~ /\/$/) base = base "index.html"
        if (base ~ /\/\.$/) { sub(/\.$/, "index.html", base) }
        return base
    }
    {
        rest = $0
        while (match(rest, /(id|name|href|src)="[^"]*"/)) {
            item = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            kind = item; sub(/=.*/, "", kind)
            value = item; sub(/^[a-z]*="/, "", value); sub(/"$/, "", value)
            if (kind == "id" || kind == "name") { anchors[FILENAME "#" value] = 1; continue }
            if (value ~ /^([a-z]+:|\/\/|\/)/ || value == "") continue
            links[++count] = value; from[count] = FILENAME
        }
    }
    END {
        for (i = 1; i <= count; i++) {
            value = links[i]; anchor = ""
            if ((at = index(value, "#"))) { anchor = substr(value, at + 1); value = substr(value, 1, at - 1) }
            sub(/\?.*/, "", value)
            file = full(from[i], value)
            if (!(file in known)) known[file] = (getline line < file) >= 0
            close(file)
            if (!known[file]) { print from[i] ": " links[i] " is not there"; bad = 1 }
            else if (anchor != "" && file ~ /\.html$/ && anchor !~ /^__/ && !((file "#" anchor) in anchors)) {
                print from[i] ": " links[i] ": the page has no such anchor"; bad = 1
            }
        }
        if (!count) { print "there is no link"; bad = 1 }
        exit bad
    }' $(find . -name '*.html' | sort)
