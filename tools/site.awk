# Makes a page of the site from a page of the tree:
#
#     awk -v folder=FOLDER -v pages=LIST -v outputs=DIR -f site.awk PAGE.md
#
# FOLDER is that of the page in the tree, such as docs/guide, and LIST a file with the path of each page of the site. DIR
# has what each example prints.
#
#  - A line that is only a link to an example becomes the program, without the comment at its top, and its output. A
#    ```python block just before it goes beside the program.
#  - A link to a page of the site stays. Sources of C have the page NAME.c.md. A link to any other file of the tree
#    becomes its text.

BEGIN {
    while ((getline < pages) > 0)
        page[$0] = 1
    close(pages)
}

{ line[NR] = $0 }

END {
    for (i = 1; i <= NR; i++) {
        if (line[i] == "```python" && (last = end_of(i)) && (name = example(line[last + 2]))) {
            print "<div class=\"pair\" markdown=\"1\">\n<div markdown=\"1\">\nPython\n"
            copy(i, last)
            print "</div>\n<div markdown=\"1\">"
            program(name)
            print "</div>\n</div>\n"
            output(name)
            i = last + 2
        } else if ((name = example(line[i]))) {
            program(name)
            output(name)
        } else if (line[i] ~ /^ *```/) {
            last = end_of(i)
            copy(i, last)
            i = last
        } else {
            print linked(line[i])
        }
    }
}

# The last line of the fence that begins in line i.
function end_of(i) {
    for (i++; i <= NR && line[i] !~ /^ *```/; i++)
        ;
    return i
}

function copy(first, last) {
    for (; first <= last; first++)
        print line[first]
}

# The name of the example, if the line is a link to one and nothing else.
function example(text) {
    if (text !~ /^\[[a-z_]+\.c\]\(\.\.\/\.\.\/examples\/[a-z_\/]+\.c\)$/)
        return ""
    sub(/^.*\/examples\//, "", text)
    sub(/\.c\)$/, "", text)
    return text
}

function program(name,    file, text, skipping, started) {
    file = "examples/" name ".c"
    print "[" name ".c](" linked_path("../../examples/" name ".c") ")\n\n```c"
    skipping = 1
    while ((getline text < file) > 0) {
        if (!skipping && (started = started || text != ""))
            print text
        if (skipping && text ~ /\*\/$/)
            skipping = 0
        else if (skipping && text !~ /^( \*|\/\*)/) {
            skipping = 0
            started = 1
            print text
        }
    }
    close(file)
    print "```\n"
}

# The programs of folders are run by the reader: some of them never end.
function output(name,    file, text) {
    if (name ~ /\//)
        return
    file = outputs "/" name
    print "<div class=\"output\" markdown=\"1\">\nOutput\n\n```text"
    while ((getline text < file) > 0)
        print text
    close(file)
    print "```\n</div>\n"
}

function linked(text,    before, label, target, whole) {
    before = ""
    while (match(text, /\[[^][]*\]\([^() ]+\)/)) {
        whole = substr(text, RSTART, RLENGTH)
        before = before substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        label = target = whole
        sub(/^\[/, "", label)
        sub(/\]\(.*/, "", label)
        sub(/^.*\]\(/, "", target)
        sub(/\)$/, "", target)
        if (target ~ /^(https?|mailto):/ || target ~ /^#/ || before ~ /!$/)
            before = before whole
        else if ((target = linked_path(target)) != "")
            before = before "[" label "](" target ")"
        else
            before = before label
    }
    return before text
}

# The page of the site for a file of the tree, relative to this page, or "" if there is none.
function linked_path(target,    anchor, path) {
    anchor = ""
    if (match(target, /#/)) {
        anchor = substr(target, RSTART)
        target = substr(target, 1, RSTART - 1)
    }
    path = folder == "" ? target : folder "/" target
    sub(/\/$/, "", path)
    while (match(path, /(^|\/)[^\/.][^\/]*\/\.\.(\/|$)/))
        path = substr(path, 1, RSTART - 1) (RSTART > 1 ? "/" : "") substr(path, RSTART + RLENGTH)
    sub(/\/$/, "", target)
    if (path in page)
        return target anchor
    if ((path ".md") in page)
        return target ".md" anchor
    if ((path "/README.md") in page)
        return target "/README.md" anchor
    return ""
}
