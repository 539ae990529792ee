# The rules of prose that a program can check: awk -f prose.awk FILE.md...
#
# A sentence has at most 40 words; that is a bound, and the aim is 25. Things are "it", people are "you" or "the caller". No mechanism has a metaphor for a name.
# What stands in fences, in tables and between backquotes is not looked at, nor are headings. Prints "FILE:LINE: WHAT".

BEGIN {
    most = 40
    count = split("he,his,him,himself,whoever,whosoever,one who,ones who,one that,ones that,for want of,borne,errand,errands," \
        "keeper,keepers,clerk,clerks,rouse,rouses,roused,whilst,shall", list, ",")
    for (i = 1; i <= count; i++)
        phrases[list[i]]
}

FNR == 1 { end_sentence(); inside = 0 }
/^ *```/ { end_sentence(); inside = !inside; next }
inside || /^ *\|/ || /^#/ || /^    / || /^<|^!\[/ { end_sentence(); next }
/^ *$/ { end_sentence(); next }
/^ *([-*]|[0-9]+\.) / { end_sentence() }
{ take($0) }
END { end_sentence(); exit bad }

function take(line,    at) {
    gsub(/`[^`]*`/, "CODE", line)
    gsub(/\]\([^)]*\)/, "]", line)
    gsub(/[*_]/, "", line)
    while (match(line, /[.!?:;][)"\]]*( |$)/)) {
        add(substr(line, 1, RSTART))
        end_sentence()
        line = substr(line, RSTART + RLENGTH)
    }
    add(line)
}

function add(part) {
    if (sentence == "") {
        first = FNR
        name = FILENAME
    }
    sentence = sentence " " part
}

function end_sentence(    plain, phrase, number, list) {
    if (sentence == "")
        return
    plain = " " tolower(sentence) " "
    gsub(/[^a-z0-9'-]+/, " ", plain)
    for (phrase in phrases)
        if (index(plain, " " phrase " "))
            complain("says \"" phrase "\"")
    number = split(plain, list, " ")
    if (number > most)
        complain("a sentence has " number " words, more than " most)
    sentence = ""
}

function complain(what) {
    print name ":" first ": " what
    bad = 1
}
