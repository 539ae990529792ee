#!/bin/sh
# The files of a release: release.sh OUT-DIR [KEY], in the root of the tree. Makes from the commit that is checked out
#
#   thrum-VERSION.tar.xz       the sources
#   thrum-VERSION.spdx.json    the bill of materials
#   SHA256SUMS                 the digests of both
#   SHA256SUMS.asc             a signature of it by the key KEY of gpg, if KEY is given
#
# The same commit gives the same bytes. docs/releases.md has the other steps.
set -eu
out=$1
key=${2:-}
fail() {
    printf 'release: %s\n' "$*" >&2
    exit 1
}

version=$(sed -n 's/.*THRUM_VERSION  *"\(.*\)".*/\1/p' include/thrum/version.h)
[ -z "$(git status --porcelain)" ] || fail "the tree has changes; commit them first"
for file in meson.build debian/changelog CHANGELOG.md docs/man/thrum.7; do
    grep -q "[\"' (]${version}[\"' )]" "$file" || fail "$file does not name the version $version of include/thrum/version.h"
done

mkdir -p "$out"
rm -f "$out"/thrum-*.tar.xz "$out"/thrum-*.spdx.json "$out"/SHA256SUMS "$out"/SHA256SUMS.asc
# One thread: the bytes depend on how xz cuts its input.
git archive --format=tar --prefix="thrum-$version/" HEAD | xz --threads=1 >"$out/thrum-$version.tar.xz"
tools/sbom.sh >"$out/thrum-$version.spdx.json"
(cd "$out" && sha256sum "thrum-$version.tar.xz" "thrum-$version.spdx.json" >SHA256SUMS)
if [ -n "$key" ]; then
    gpg --batch --yes --local-user "$key" --armor --detach-sign --output "$out/SHA256SUMS.asc" "$out/SHA256SUMS" ||
        fail "gpg does not sign with the key $key"
fi
cat "$out/SHA256SUMS"
