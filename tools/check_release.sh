#!/bin/sh
# A release can be made, signed and checked: check_release.sh, in the root of the tree. Works on a copy of the tree with one
# commit, and with a key of its own.
set -eu
work=$(mktemp -d)
trap 'gpgconf --homedir "$work/keys" --kill all 2>/dev/null; rm -rf "$work"' EXIT
fail() {
    echo "$*"
    [ ! -e "$work/log" ] || tail -n 20 "$work/log"
    exit 1
}

mkdir -m 700 "$work/keys"
export GNUPGHOME="$work/keys"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Release test <test@thrum.invalid>' ed25519 sign never \
    >"$work/log" 2>&1 || fail "gpg makes no key"

mkdir "$work/tree"
git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done |
    tar -cf - -T - | tar -xf - -C "$work/tree"
cd "$work/tree"
git init --quiet .
git add --all
git -c user.name=test -c user.email=test@thrum.invalid commit --quiet --message 'release: test'

for name in one two; do
    tools/release.sh "$work/$name" test@thrum.invalid >"$work/log" 2>&1 || fail "tools/release.sh fails"
done
cmp "$work/one/SHA256SUMS" "$work/two/SHA256SUMS" || fail "two releases of one commit differ"
cd "$work/one"
sha256sum --quiet --check SHA256SUMS || fail "the digests are wrong"
gpg --verify SHA256SUMS.asc SHA256SUMS >"$work/log" 2>&1 || fail "the signature is wrong"
sed 's/^./0/' SHA256SUMS >altered
! gpg --verify SHA256SUMS.asc altered >"$work/log" 2>&1 || fail "the signature fits other digests, too"

# The bill of materials is JSON; each relation is between elements that it has; each file of the sources is in it.
python3 -m json.tool thrum-*.spdx.json >"$work/sbom" || fail "the bill of materials is no JSON"
awk -F'"' '
    $2 == "SPDXID" { known[$4] = 1 }
    $2 == "spdxElementId" || $2 == "relatedSpdxElement" { used[$4] = 1 }
    END { for (id in used) if (!(id in known)) { print id ": unknown"; bad = 1 } exit bad }' "$work/sbom" ||
    fail "the bill of materials relates what it does not have"
tar -tf thrum-*.tar.xz | sed -n 's|^[^/]*/\(.*[^/]\)$|./\1|p' | sort >"$work/packed"
awk -F'"' '$2 == "fileName" { print $4 }' "$work/sbom" | sort | diff "$work/packed" - ||
    fail "the bill of materials has other files than the sources"
! echo dirty >>"$work/tree/README.md" || ! (cd "$work/tree" && tools/release.sh "$work/two") >"$work/log" 2>&1 ||
    fail "a tree with changes is released"
