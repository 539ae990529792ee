# shellcheck shell=sh disable=SC2154
# Tables of mutants: sourced by scripts that set `table` and `top`.

# One field of a mutant, as "file" or "clients".
field() {
    awk -v name="$1" -v key="$2" '
        $1 == "mutant" { mine = $2 == name }
        mine && $1 == key { $1 = ""; sub(/^ /, ""); print; exit }
    ' "$table"
}

# Writes the file with the mutant in it; fails unless its text occurs exactly once.
plant() {
    awk -v name="$1" '
        FNR == NR {
            if ($1 == "mutant" && !part) mine = $2 == name
            else if ($0 == "from") part = "from"
            else if ($0 == "to") part = "to"
            else if ($0 == "end") { if (mine) exact = 1; part = ""; mine = 0 }
            else if (mine && part == "from") from = from $0 "\n"
            else if (mine && part == "to") to = to $0 "\n"
            next
        }
        { whole = whole $0 "\n" }
        END {
            at = index(whole, from)
            if (!exact || !at) exit 3
            before = substr(whole, 1, at - 1)
            rest = substr(whole, at + length(from))
            if (index(rest, from)) exit 4
            printf "%s%s%s", before, to, rest
        }
    ' "$table" "$2"
}

# match_all NAMES: says which texts do not occur exactly once. Returns 1 if there are any.
match_all() {
    bad=0
    for name in $1; do
        plant "$name" "$top/$(field "$name" file)" >/dev/null || {
            echo "$name: its text does not occur exactly once in $(field "$name" file)"
            bad=1
        }
    done
    return $bad
}
