# Prints each function that public headers declare under THRUM_API: its name, and "documented" if a
# comment stands right above, else "undocumented".   awk -f declarations.awk HEADERS
function name_of(text) {
    sub(/\(.*/, "", text) # up to the parameters; attributes before it have no parentheses
    sub(/^.*[ *]/, "", text)
    return text
}
/\*\/[ \t]*$/ { comment_ended = FNR }
/^THRUM_API / {
    text = $0
    first = FNR
    while (text !~ /;/ && (getline line) > 0)
        text = text " " line
    print name_of(text), comment_ended == first - 1 ? "documented" : "undocumented"
}
