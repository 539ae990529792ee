#!/bin/sh
# Builds the site: site.sh BUILD-DIR [OUT-DIR], in the root of the tree. OUT-DIR is BUILD-DIR/site by default; the pages
# are made in OUT-DIR.source. BUILD-DIR has the manual pages and the examples; what an example prints on its page it
# printed now.
#
#  - The pages of the tree, with the paths that they have in it, so that their links hold (tools/site.awk).
#  - A page for each example, each header and each manual page.
#  - No link of the site is dead. The Python of the guide parses, and each name of thrum in it exists. codespell knows each
#    word.
set -eu
build=${1:?usage: site.sh BUILD-DIR [OUT-DIR]}
out=${2:-$build/site}
here=$(cd "$(dirname "$0")" && pwd)
source=$out.source
rm -rf "$source" "$out"
mkdir -p "$source" "$source.outputs" "$source/man" "$source/include/thrum" "$source/examples"
build=$(realpath "$build")
source=$(realpath "$source")
outputs=$source.outputs
pages=$(find ./*.md docs examples -name '*.md' | sed 's|^\./||' | sort)
headers=$(find include -name '*.h' | sort && find adapter -name 'thrum_*.h' | sort)

# Each example once, as its test runs it.
for program in examples/*.c; do
    name=$(basename "$program" .c)
    [ -x "$build/examples/$name" ] || { echo "site: $build/examples/$name is not built" >&2; exit 1; }
    args=$(cat "tests/examples/$name.args" 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of words
    (cd tests/examples && timeout 600 "$build/examples/$name" $args) >"$outputs/$name" 2>&1 </dev/null ||
        { echo "site: examples/$name failed" >&2; exit 1; }
done

{
    for page in $pages; do echo "$page"; done
    for header in $headers; do echo "$header.md"; done
    for program in examples/*.c examples/*/*.c; do echo "$program.md"; done
    echo include/README.md
    echo man/README.md
} >"$source.pages"

made() { awk -v folder="$1" -v pages="$source.pages" -v outputs="$outputs" -f "$here/site.awk" "$2"; }

for page in $pages; do
    folder=$(dirname "$page")
    mkdir -p "$source/$folder"
    [ "$folder" = . ] && folder=
    made "$folder" "$page" >"$source/$page"
done

for folder in examples/*/; do mkdir -p "$source/$folder"; done
for program in examples/*.c examples/*/*.c; do
    name=${program#examples/}
    name=${name%.c}
    {
        printf '# %s\n\n' "$(basename "$name")"
        awk '/^\/\*/ { inside = 1 } inside { line = $0; sub(/^(\/\*| \*\/?) ?/, "", line); sub(/ *\*\/$/, "", line); print line }
            /\*\// || !inside { exit }' "$program"
        printf '\n[%s.c](../../examples/%s.c)\n' "$(basename "$name")" "$name"
    } >"$source.one"
    made docs/guide "$source.one" | awk 'skipped || !/^\[[a-z_\/]*\.c\]/ { print } /^\[[a-z_\/]*\.c\]/ { skipped = 1 }' >"$source/$program.md"
done

{
    printf '# Headers\n\nThe comment of each declaration is its documentation, and the manual pages are made of it.\n\n'
    for header in $headers; do
        printf -- '- [%s](%s): %s\n' "$(basename "$header")" "../$header.md" "$(sed -n '1s/^\/\* *//; 1s/ *\*\/$//; 1p' "$header")"
    done
} >"$source/include/README.md"
for header in $headers; do
    mkdir -p "$source/$(dirname "$header")"
    { printf '# %s\n\n```c\n' "$(basename "$header")"; cat "$header"; printf '```\n'; } >"$source/$header.md"
done

# A page of the manual is a page of the site; a name that another page explains is a line of the index.
{
    printf '# Manual pages\n\n'
    for page in "$build"/cli/*.1 "$build"/docs/man/*.7 docs/man/*.7 "$build"/docs/man/*.3; do
        [ -f "$page" ] || continue
        name=$(basename "$page")
        target=$(sed -n '1s|^\.so man[0-9]/||p' "$page")
        if [ -z "$target" ]; then
            target=$name
            {
                printf '# %s\n\n<div class="manual">\n' "$name"
                # The name of the page is its heading. Those of mandoc stand one level below, and its head and foot are not
                # needed: the search would show them in place of the text. In code a line ends by itself.
                mandoc -T html -O fragment "$page" |
                    sed '/<table class="\(head\|foot\)">/,/<\/table>/d; s|\(</*\)h2\b|\1h3|g; s|\(</*\)h1\b|\1h2|g' |
                    awk '(!/^ *$/ || inside) && !(inside && /^<br\/>$/) { print } /<pre/ { inside = 1 } /<\/pre>/ { inside = 0 }'
                printf '</div>\n'
            } >"$source/man/$name.md"
        fi
        printf -- '- [%s](%s.md)\n' "$name" "$target"
    done
} >"$source/man/README.md"

for page in docs/guide/*.md docs/tutorials/*.md; do
    awk '/^```python$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >"$source.py"
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$source.py" ||
        { echo "site: $page: the Python does not parse" >&2; exit 1; }
    # shellcheck disable=SC2016 # a quotation
    grep -o '`[^`]*`' "$page" | grep -oE '\b(thrum_[a-z_]+[a-z]|THRUM_[A-Z_]+[A-Z])\b' | sort -u | while read -r name; do
        grep -rqw "$name" include adapter src || { echo "site: $page: there is no $name" >&2; exit 1; }
    done
done
# shellcheck disable=SC2086 # a list of files
codespell --ignore-words docs/words $pages

cp docs/*.svg docs/*.png "$source/docs/"
cp docs/site.css "$source/"
{ cat docs/mkdocs.yml; printf 'docs_dir: %s\nsite_dir: %s\n' "$source" "$(realpath -m "$out")"; } >"$source.yml"
mkdocs --quiet build --strict --config-file "$source.yml"

# The search. A page that is opened as a file may neither fetch the index nor start the worker of the theme. There a script
# has both. `__search` is what the theme reads.
python3 - "$out" <<'END'
import glob, json, re, sys

out = sys.argv[1]
# The manual has the text of the headers, and the guide the code of the examples. Found twice, they would come before both,
# as a word of a title counts a thousand times as much as one of a text. A word is found by its beginning.
index = json.load(open(f"{out}/search/search_index.json"))
index["docs"] = [page for page in index["docs"] if not re.match(r"(include|adapter)/.*\.h\.html", page["location"])]
for page in index["docs"]:
    if page["location"].startswith("examples/"):
        page["text"] = page["title"] + " " + page["text"].split("#include")[0]
        page["title"] = "examples/" + page["title"]
index = json.dumps(index)
open(f"{out}/search/search_index.json", "w").write(index)
worker = open(glob.glob(f"{out}/assets/javascripts/workers/search.*.min.js")[0]).read()
with open(f"{out}/search/offline.js", "w") as script:
    script.write(f"var __search = {{ index: Promise.resolve({index}),\n"
                 f"worker: URL.createObjectURL(new Blob([{json.dumps(worker)}], {{ type: 'text/javascript' }})) }};\n")
for path in glob.glob(f"{out}/**/*.html", recursive=True):
    text = open(path).read()
    changed, count = re.subn(r'(<script id="__config" type="application/json">{"base": "([^"]*)")',
        r'''<script>if (location.protocol == "file:") document.write('<script src="\2/search/offline.js"><\/script>')</script>\1''',
        text)
    if count != 1 and not path.endswith("/404.html"):
        sys.exit(f"site: {path}: the theme has no place for the search")
    open(path, "w").write(changed)
END
"$here/check_links.sh" "$out"
