# Makes the manual pages of section 3 from the public headers, whose comments are the only source.
#
#     awk -v out=DIR -v version=0.1.0 -v date=2026-01-31 -f manual.awk HEADERS     writes the pages
#     awk -v list=1 -f manual.awk HEADERS                                          prints their names
#
# A header gives one page, named after it (lock.h: thrum_lock.3): its first comment is the
# description; each function, type and macro that has a comment right above gets a subsection; each
# of their names leads to the page by a page of one line. In a comment, lines indented by four more
# spaces are code, and " - " begins an item of a list.
#
# Code right below the first line of a header is the page's example. After a line "Returns:" the indented
# lines are return values, one a line, "CODE  CONDITION": those up to the first negative errno go to the
# section RETURN VALUE, the rest to ERRORS. An item without two spaces in it stands for itself. "Returns what
# thrum_NAME returns, or:" begins such a list, too, and is its first item.

function begin_page(file) {
    header = file
    sub(/^.*include\//, "", header)
    library = "\\-lthrum"
    if (sub(/^.*adapter\/[a-z]+\//, "", header)) {
        library = header
        sub(/\.h$/, "", library)
        gsub(/_/, "\\-", library)
        library = "\\-l" library " \\-lthrum"
    }
    if (header == "thrum/explore.h") # it takes the place of libthrum
        library = "\\-lthrum\\-explore"
    page = header
    sub(/\.h$/, "", page)
    gsub(/\//, "_", page)
    others = ""
    about = ""
    count = 0
    comment = ""
    state = "top"
}

# Text of a comment without its stars.
function uncomment(line) {
    sub(/^[ \t]*\/\*[ ]?/, "", line)
    sub(/[ \t]*\*\/[ \t]*$/, "", line)
    sub(/^ \*[ ]?/, "", line)
    return line
}

function add_item(kind, name, declaration) {
    count++
    kinds[count] = kind
    names[count] = name
    declarations[count] = declaration
    comments[count] = comment
    comment = ""
}

# A function in lines of at most 69 columns, broken behind commas. Its own lines have room for what stands before it in the header.
function wrapped(text,    parts, count, i, indent, line, result) {
    gsub(/[ \n]+/, " ", text)
    indent = index(text, "(")
    if (indent > 34)
        indent = 4
    count = split(text, parts, ", ")
    line = parts[1]
    for (i = 2; i <= count; i++) {
        if (length(line) + length(parts[i]) + 3 <= 69)
            line = line ", " parts[i]
        else {
            result = result line ",\n"
            line = sprintf("%" indent "s", "") parts[i]
        }
    }
    return result line
}

function add_declaration(text,    name, kind) {
    kind = "type"
    gsub(/\n[ ]*THRUM__OPTIONS\([^)]*\)/, "", text)
    if (text ~ /^THRUM_API/) {
        kind = "function"
        gsub(/THRUM_API |THRUM_MUST_CHECK |[ \n]*THRUM_PRINTF\([^)]*\)/, "", text)
        text = wrapped(text)
    }
    name = text
    if (name ~ /\}/)
        sub(/^.*\}/, "", name)
    else if (name ~ /\(/)
        sub(/\(.*/, "", name)
    gsub(/[;\n]/, " ", name)
    sub(/[ ]+$/, "", name)
    sub(/^.*[ *]/, "", name)
    if (name ~ /^thrum__/) {
        comment = ""
        return
    }
    if (text ~ /[a-z]_;/) # private fields
        sub(/\{.*\}/, "{ ... }", text)
    add_item(kind, name, text)
}

FNR == 1 {
    if (page != "")
        end_page()
    begin_page(FILENAME)
}

state == "top" {
    line = uncomment($0)
    about = about line "\n"
    if ($0 ~ /\*\/[ \t]*$/)
        state = "code"
    next
}
state == "comment" {
    comment = comment uncomment($0) "\n"
    if ($0 ~ /\*\/[ \t]*$/)
        state = "code"
    next
}
state == "declaration" {
    declaration = declaration "\n" $0
    depth += gsub(/\{/, "{") - gsub(/\}/, "}")
    if (depth == 0 && $0 ~ /;[ \t]*(\/\*.*\*\/)?$/) {
        add_declaration(declaration)
        state = "code"
    }
    next
}
state == "macro" {
    if ($0 !~ /\\$/)
        state = "code"
    next
}
/^\/\*/ {
    comment = uncomment($0) "\n"
    if ($0 !~ /\*\/[ \t]*$/)
        state = "comment"
    next
}
/^(THRUM_API|typedef) / {
    declaration = $0
    depth = gsub(/\{/, "{") - gsub(/\}/, "}")
    if (depth == 0 && $0 ~ /;[ \t]*$/)
        add_declaration(declaration)
    else
        state = "declaration"
    next
}
/^#define (THRUM|thrum)_[A-Za-z]/ && !/_H$/ {
    match($0, /(THRUM|thrum)_[A-Za-z0-9_]*(\([^)]*\))?/)
    text = substr($0, RSTART, RLENGTH)
    name = text
    sub(/\(.*/, "", name)
    if (name !~ /^THRUM_(API|BEGIN|END|PRINTF|MUST_CHECK)$/ && name !~ /_$/) # not a private one
        add_item("macro", name, "#define " text)
    comment = ""
    if ($0 ~ /\\$/)
        state = "macro"
    next
}
/^#include <thrum\/.*\.h>/ && !/thrum\/export\.h/ {
    match($0, /thrum\/[a-z_]+/)
    others = others " thrum_" substr($0, RSTART + 6, RLENGTH - 6)
}
{ comment = "" }
END { end_page() }

# Letters that roff would take for its own.
function escape_code(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/'/, "\\(aq", text)
    gsub(/`/, "\\(ga", text)
    gsub(/\^/, "\\(ha", text)
    gsub(/~/, "\\(ti", text)
    return text
}

# Bold for the library's names and for error codes, italics for what stands in backquotes.
function mark_up(text,    result, word) {
    gsub(/\\/, "\\e", text)
    result = ""
    while (match(text, /`[^`]*`|thrum_[a-z_]+|THRUM_[A-Z_]+|-E[A-Z]+|"[^"]*"/)) {
        word = substr(text, RSTART, RLENGTH)
        result = result substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        if (word ~ /^`/)
            result = result "\\fI" substr(word, 2, length(word) - 2) "\\fR"
        else if (word ~ /^"/)
            result = result word
        else {
            sub(/^-/, "\\-", word)
            result = result "\\fB" word "\\fR"
        }
    }
    return result text
}

# A request of roff.
function put(text) {
    print text > file
}

# A line of text, which must not look like a request.
function put_line(text) {
    if (text ~ /^[.']/)
        text = "\\&" text
    print text > file
}

function put_code(text, fresh,    lines, i, n) {
    if (!fresh)
        put(".PP")
    put(".RS 4")
    put(".nf")
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++)
        put_line(escape_code(lines[i]))
    put(".fi")
    put(".RE")
}

# Takes the list of return values out of a comment, and gives what is left.
function take_returns(i,    lines, n, j, text, in_list) {
    n = split(comments[i], lines, "\n")
    text = ""
    for (j = 1; j <= n; j++) {
        if (lines[j] ~ /^Returns.*:$/) {
            in_list = 1
            if (sub(/^Returns /, "", lines[j]) && sub(/, or:$/, "", lines[j]))
                returned[i] = returned[i] lines[j] "\n"
        }
        else if (in_list && lines[j] ~ /^    /)
            returned[i] = returned[i] substr(lines[j], 5) "\n"
        else {
            in_list = 0
            text = text lines[j] "\n"
        }
    }
    return text
}

# One section of return values: those before the first negative errno, or those from there on.
function put_returns(title, errors,    i, j, n, lines, negative, begun, headed, gap, code) {
    for (i = 1; i <= count; i++) {
        n = split(returned[i], lines, "\n") - 1
        negative = headed = 0
        for (j = 1; j <= n; j++) {
            if (lines[j] ~ /^-E/)
                negative = 1
            if (negative != errors)
                continue
            if (!begun++)
                put(".SH " title)
            if (!headed++)
                put(".SS " names[i])
            if (lines[j] ~ /^ /) {
                sub(/^ +/, "", lines[j])
                put_line(mark_up(lines[j]))
                continue
            }
            gap = match(lines[j], /  +/)
            code = gap ? substr(lines[j], 1, gap - 1) : lines[j]
            if (gap || lines[j + 1] ~ /^ /) {
                put(".TP")
                put_line(code ~ /^[-A-Z0-9_, ]+$/ ? "\\fB" escape_code(code) "\\fR" : mark_up(code))
                if (gap)
                    put_line(mark_up(substr(lines[j], gap + RLENGTH)))
            } else {
                if (headed > 1)
                    put(".PP")
                put_line(mark_up(code))
            }
        }
    }
}

# Takes the example out of a header's first comment: code right below its first line.
function take_example(text,    lines, n, j, rest) {
    example = ""
    n = split(text, lines, "\n")
    for (j = 1; j <= n && (lines[j] ~ /^    / || (lines[j] == "" && lines[j + 1] ~ /^    /)); j++)
        example = example (example == "" ? "" : "\n") substr(lines[j], 5)
    for (; j <= n; j++)
        rest = rest lines[j] "\n"
    sub(/^\n+/, "", rest)
    return rest
}

# A comment as paragraphs, code and lists. `fresh` says that a heading stands right above, after
# which a paragraph needs no mark.
function put_text(text, fresh,    lines, i, n, code, in_code, gap, in_list) {
    sub(/\n+$/, "", text)
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++) {
        if (lines[i] ~ /^    / || (in_code && lines[i] == "" && lines[i + 1] ~ /^    /)) {
            code = code (in_code ? "\n" : "") substr(lines[i], 5)
            in_code = 1
            continue
        }
        if (in_code) {
            put_code(code, fresh)
            code = ""
            in_code = 0
            fresh = 0
            gap = 1
        }
        if (lines[i] == "") {
            gap = 1
        } else if (lines[i] ~ /^ - /) {
            put(".IP \\(bu 3")
            put_line(mark_up(substr(lines[i], 4)))
            in_list = 1
            gap = fresh = 0
        } else {
            if (gap && !(in_list && lines[i] ~ /^   /)) {
                if (!fresh)
                    put(".PP")
                in_list = 0
            }
            sub(/^ +/, "", lines[i])
            put_line(mark_up(lines[i]))
            gap = fresh = 0
        }
    }
    if (in_code)
        put_code(code, fresh)
}

function put_synopsis(    i, text, kind) {
    put(".SH SYNOPSIS")
    put(".nf")
    put("#include <" header ">")
    put("")
    put("cc ... " library)
    for (i = 1; i <= count; i++) {
        if (kinds[i] == "function" && kind == "function")
            ; # functions stand in one block
        else if (kinds[i] != kind || kinds[i] == "type")
            put("")
        kind = kinds[i]
        put_declaration(declarations[i])
    }
    put(".fi")
}

function put_declaration(text,    lines, i, n) {
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++)
        put_line(escape_code(lines[i]))
}

function put_others(    list, i, n) {
    n = split(others (page == "thrum" ? "" : " thrum"), list, " ")
    for (i = 1; i <= n; i++)
        put(".BR " list[i] " (3),")
    if (page == "thrum")
        put(".BR thrum (1),")
    put(".BR thrum (7)")
}

function end_page(    i, title, rest, line) {
    if (header == "thrum/export.h")
        return
    sub(/^thrum_thrum/, "thrum", page)
    if (list) {
        print page ".3"
        for (i = 1; i <= count; i++)
            if (names[i] ~ /^thrum_/ && names[i] != page)
                print names[i] ".3"
        return
    }
    file = out "/" page ".3"
    title = about
    sub(/\n.*/, "", title)
    rest = substr(about, length(title) + 2)
    sub(/^\n+/, "", rest)
    sub(/\.$/, "", title)
    if (index(title, page ": ") == 1)
        title = substr(title, length(page) + 3)
    line = page
    for (i = 1; i <= count; i++)
        if (names[i] ~ /^thrum_/ && names[i] != page)
            line = line ", " names[i]
    put(".\\\" Made from <" header "> by tools/manual.awk; do not edit.")
    put(".TH " page " 3 \"" date "\" \"thrum " version "\" \"The thrum library\"")
    put(".SH NAME")
    put(line " \\- " title)
    put_synopsis()
    put(".SH DESCRIPTION")
    put_text(take_example(rest), 1)
    for (i = 1; i <= count; i++) {
        returned[i] = ""
        if (comments[i] == "")
            continue
        comments[i] = take_returns(i)
        put(".SS " names[i])
        if (kinds[i] == "function") {
            put(".nf")
            put_declaration(declarations[i])
            put(".fi")
            put(".PP")
        }
        put_text(comments[i], 1)
    }
    put_returns("RETURN VALUE", 0)
    put_returns("ERRORS", 1)
    if (example != "") {
        put(".SH EXAMPLES")
        put_code(example, 1)
    }
    put(".SH SEE ALSO")
    put_others()
    close(file)
    for (i = 1; i <= count; i++)
        if (names[i] ~ /^thrum_/ && names[i] != page) {
            file = out "/" names[i] ".3"
            print ".so man3/" page ".3" > file
            close(file)
        }
}
