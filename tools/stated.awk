# Whether a text is what was stated: awk -f stated.awk STATED TEXT. In a stated line "..." stands for any text; a line
# "..." alone stands for any number of lines, up to the first that the next stated line matches.

FILENAME == ARGV[1] { stated[++count] = $0; next }
{ text[++lines] = $0 }

END {
    line = 1
    for (i = 1; i <= count; i++) {
        if (stated[i] == "...") {
            if (i == count)
                exit 0
            while (line <= lines && !matches(stated[i + 1], text[line]))
                line++
        } else if (line > lines || !matches(stated[i], text[line++])) {
            exit 1
        }
    }
    exit line <= lines
}

function matches(pattern, this,    parts, pieces, i, at) {
    pieces = split(pattern, parts, /\.\.\./)
    if (pieces < 2)
        return pattern == this
    if (substr(this, 1, length(parts[1])) != parts[1])
        return 0
    this = substr(this, length(parts[1]) + 1)
    for (i = 2; i < pieces; i++) {
        if (!(at = index(this, parts[i])))
            return 0
        this = substr(this, at + length(parts[i]))
    }
    return length(this) >= length(parts[i]) && substr(this, length(this) - length(parts[i]) + 1) == parts[i]
}
