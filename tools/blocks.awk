# Takes the code blocks out of the files that people read, and makes each a file that can be compiled:
#
#     awk -v out=DIR -v stubs=HEADER -f blocks.awk FILES
#
# Prints a line for each block, "KIND FILE:NUMBER PATH LINE", where NUMBER counts the blocks of the file. KIND is
#     program    a complete C program: it has a main
#     fragment   declarations and statements
#     part       C of a page in docs/tutorials: lines of the program that the page shows
#     sh         shell commands
# and "wrong FILE:NUMBER - LINE" for a block of no known kind.
#
# What is a block
#     *.h        lines of a comment that are indented by four more spaces. After a line that ends in "Returns...:"
#                they are the list of return codes.
#     *.md       what stands in a fence: ```c and ```sh are code, ```text is not, ```python is run by the tests of the Python
#                package, and there is no other. A block that
#                is only indented is of no known kind.
#     *.7        what stands between .nf and .fi, after the synopsis.
#
# How a fragment is made a program. Functions, types, static variables and directives of the preprocessor stand
# outside; everything else stands in a function around it, `block`. It returns nothing if a statement is "return;", else
# a number. `stubs` declares the names that fragments use and do not declare, and BLOCK_MAIN, which runs the function.
# "..." stands for code that was left out: "{ ... }" is an empty pair of braces, anywhere else it is LEFT_OUT, which
# `stubs` may define for a block.
#
# A comment "// prints TEXT" states a line of output. PATH.out has the stated lines: a block prints these and no others.

FNR == 1 {
    end_block()
    name = FILENAME
    sub(/^\.\//, "", name)
    number = 0
    in_comment = inside = 0
    section = ""
    is_header = name ~ /\.h$/
    is_page = name ~ /\.[0-9]$/
}

is_header { header_line($0) }
is_page { page_line($0) }
!is_header && !is_page { text_line($0) }
END { end_block() }

function header_line(line) {
    if (!in_comment) {
        if (line !~ /^\/\*/)
            return
        in_comment = 1
        before = ""
    }
    last = line ~ /\*\/[ \t]*$/
    sub(/[ \t]*\*\/[ \t]*$/, "", line)
    if (line ~ /^ \*     /) {
        if (!inside && before !~ /Returns[^.]*:$/)
            begin_block("fragment")
        if (inside)
            add(substr(line, 8))
    } else if (line ~ /^ \*$/) {
        if (inside)
            add("")
    } else {
        end_block()
        before = line
    }
    if (last) {
        end_block()
        in_comment = 0
    }
}

function page_line(line) {
    if (line ~ /^\.SH /)
        section = line
    else if (line == ".nf" && section != ".SH SYNOPSIS")
        begin_block("fragment")
    else if (line == ".fi")
        end_block()
    else if (inside) {
        gsub(/\\-/, "-", line)
        gsub(/\\e/, "\\", line)
        add(line)
    }
}

function text_line(line) {
    if (line !~ /^```/) {
        if (inside)
            add(line)
        else if (line ~ /^    / && before == "" && FNR > 1) {
            begin_block("wrong")
            first = FNR
            end_block()
        }
        before = line
    } else if (inside) {
        end_block()
    } else if (line == "```c") {
        begin_block("fragment")
    } else if (line == "```sh") {
        begin_block("sh")
    } else if (line == "```text" || line == "```python") {
        begin_block("text")
    } else {
        begin_block("wrong")
    }
}

function begin_block(what) {
    kind = what
    inside = 1
    count = 0
    first = is_header ? FNR : FNR + 1
}

function add(line) { lines[++count] = line }

# What a line means to the compiler: without comments and texts.
function bare(line) {
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    sub(/\/\/.*/, "", line)
    gsub(/\/\*[^*]*\*\//, "", line)
    sub(/[ \t]+$/, "", line)
    return line
}

# "..." stands for code that was left out.
function complete(line,    code, rest) {
    code = bare(line)
    if (code !~ /\.\.\./)
        return line
    rest = line
    gsub(/\{ \.\.\. \}/, "{ }", rest)
    sub(/\.\.\./, "LEFT_OUT;", rest)
    return rest
}

# Whether line i begins something that stands outside of functions.
function is_outside(i,    code) {
    code = bare(lines[i])
    return code ~ /^#/ || code ~ /^static / || code ~ /^(struct|enum|union|typedef) [^=]*\{/ || lines[i + 1] == "{"
}

# The last line of what begins at line i: where its braces are closed.
function end_of(i,    depth, code, opened) {
    for (depth = 0; i <= count; i++) {
        code = bare(lines[i])
        opened += gsub(/\{/, "{", code)
        depth += gsub(/\{/, "{", code) - gsub(/\}/, "}", code)
        if (code ~ /^#/ || (depth == 0 && (code ~ /;$/ || (opened && code ~ /\}$/))))
            return i
    }
    return count
}

function end_block(    path, i, is_program, own) {
    if (!inside)
        return
    inside = 0
    if (kind == "text")
        return
    number++
    if (kind == "wrong") {
        print kind, name ":" number, "-", first
        return
    }
    path = name
    gsub(/[^A-Za-z0-9]/, "_", path)
    own = path "_" number
    path = out "/" path "_" number (kind == "sh" ? ".sh" : ".c")
    printf "" > path
    if (kind == "fragment" && name ~ /^docs\/tutorials\//)
        kind = "part"
    if (kind == "sh" || kind == "part") {
        for (i = 1; i <= count; i++)
            print lines[i] > path
    } else {
        printf "" > (path ".out")
        for (i = 1; i <= count; i++)
            if (match(lines[i], /\/\/ prints .*/))
                print substr(lines[i], RSTART + 10, RLENGTH - 10) > (path ".out")
            else if (lines[i] ~ /^int main\(/)
                is_program = 1
        close(path ".out")
        if (is_program) {
            kind = "program"
            print "#line " first " \"" name "\"" > path
            for (i = 1; i <= count; i++)
                print lines[i] > path
        } else {
            put_fragment(path, own)
        }
    }
    close(path)
    print kind, name ":" number, path, first
}

function put_fragment(path, own,    i, end, result, taken) {
    result = "int"
    for (i = 1; i <= count; i++)
        if (bare(lines[i]) ~ /(^|[^a-z_])return;/)
            result = "void"
    print "#define IN_" own > path
    sub(/_[0-9]+$/, "", own)
    print "#define IN_" own > path
    print "#include \"" stubs "\"" > path
    for (i = 1; i <= count; i++)
        if (is_outside(i)) {
            end = end_of(i)
            print "#line " (first + i - 1) " \"" name "\"" > path
            for (; i <= end; i++) {
                print complete(lines[i]) > path
                taken[i] = 1
            }
            i = end
        }
    print result " block(thrum_task *self);\n" result " block(thrum_task *self)\n{\n    (void)self;" > path
    print "#line " first " \"" name "\"" > path
    for (i = 1; i <= count; i++)
        print (i in taken || lines[i] == "" ? "" : "    " complete(lines[i])) > path
    print (result == "int" ? "    return 0;\n" : "") "}" > path
    print "#define BLOCK_RUN(self) " (result == "int" ? "block(self)" : "(block(self), 0)") > path
    print "BLOCK_MAIN" > path
}
