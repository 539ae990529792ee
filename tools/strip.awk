# Prints C sources without comments and without what stands in string and character literals, line
# for line, each line preceded by "FILE:LINE:". An #include keeps its file name.
#     awk -f strip.awk FILES
FNR == 1 { in_comment = 0 }
{
    line = $0
    code = ""
    if (!in_comment && line ~ /^[ \t]*#[ \t]*include/) {
        sub(/\/[*\/].*/, "", line)
        print FILENAME ":" FNR ":" line
        next
    }
    while (line != "") {
        if (in_comment) {
            end = index(line, "*/")
            if (!end)
                break
            line = substr(line, end + 2)
            in_comment = 0
            code = code " "
        } else if (match(line, /\/\*|\/\/|"|'/)) {
            code = code substr(line, 1, RSTART - 1)
            what = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (what == "//") {
                break
            } else if (what == "/*") {
                in_comment = 1
            } else {
                code = code what
                while (line != "" && substr(line, 1, 1) != what)
                    line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
                line = substr(line, 2)
                code = code what
            }
        } else {
            code = code line
            break
        }
    }
    print FILENAME ":" FNR ":" code
}
