#!/bin/sh
# The bill of materials, as JSON of SPDX 2.3, on standard output: sbom.sh, in the root of the tree. It has
#
#   - each file of the tree with its digests
#   - the libraries that a build may use, from adapter/meson.build and cli/meson.build
#   - the packages that are packed into cli/report/explorer.gz, from the list of their licences
#
# The same files give the same bytes: the time is manual_date of meson.build, and the name space has the digest of all files.
set -eu
version=$(sed -n 's/.*THRUM_VERSION  *"\(.*\)".*/\1/p' include/thrum/version.h)
day=$(sed -n "s/^manual_date = '\(.*\)'/\1/p" meson.build)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git ls-files | LC_ALL=C sort | while read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done >"$work/files"
tr '\n' '\0' <"$work/files" | xargs -0 sha1sum >"$work/sha1"
tr '\n' '\0' <"$work/files" | xargs -0 sha256sum >"$work/sha256"
# As SPDX defines it: the digest of the sorted digests of all files.
code=$(cut -c 1-40 "$work/sha1" | LC_ALL=C sort | tr -d '\n' | sha1sum | cut -c 1-40)

# Lines "NAME VERSION LICENCE KIND"; - is what is not known.
{
    echo "libc - - library"
    awk -F"'" "/'needs':/"' { sub(/[<>= ]*/, "", $8); print $4, ($8 == "" ? "-" : $8), "-", "library" }' adapter/meson.build
    awk -F"'" '/^foreach needed/ { list = 1 } /^\]/ { list = 0 }
        list && /^  \[/ { sub(/[<>= ]*/, "", $4); print $2, ($4 == "" ? "-" : $4), "-", "library" }' cli/meson.build
    # A list of alternatives is no expression of SPDX; the text of the licence is in that file.
    awk '/^[^ ]+ [0-9][^ ]* \([^)]*\)$/ {
            licence = $0
            sub(/^[^(]*\(/, "", licence)
            sub(/\)$/, "", licence)
            print $1, $2, (licence ~ /^[A-Za-z0-9.+-]+$/ ? licence : "-"), "bundled"
        }' cli/report/explorer/LICENCES
} | LC_ALL=C sort -u -k 1,1 -k 2,2r | awk '$4 != "library" || !seen[$1]++' >"$work/parts"

awk -v version="$version" -v day="$day" -v code="$code" -v files="$work/files" -v sha1s="$work/sha1" -v sha256s="$work/sha256" '
    function text(s) {
        gsub(/\\/, "\\\\", s)
        gsub(/"/, "\\\"", s)
        return "\"" s "\""
    }
    function known(s) { return text(s == "-" ? "NOASSERTION" : s) }
    function package(i,    name, where) {
        name = names[i]
        gsub(/@/, "%40", name)
        where = kinds[i] == "bundled" ? "pkg:npm/" name "@" versions[i] : "pkg:generic/" name
        printf ",\n    {\"SPDXID\": \"SPDXRef-Package-%d\", \"name\": %s, ", i, text(names[i])
        if (kinds[i] == "bundled")
            printf "\"versionInfo\": %s, ", text(versions[i])
        else if (versions[i] != "-")
            printf "\"comment\": %s, ", text("version " versions[i] " or later")
        printf "\"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"copyrightText\": \"NOASSERTION\", "
        printf "\"licenseConcluded\": \"NOASSERTION\", \"licenseDeclared\": %s, ", known(licences[i])
        printf "\"externalRefs\": [{\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\", \"referenceLocator\": %s}]}", text(where)
    }
    { names[NR] = $1; versions[NR] = $2; licences[NR] = $3; kinds[NR] = $4 }
    END {
        printf "{\n  \"spdxVersion\": \"SPDX-2.3\",\n  \"dataLicense\": \"CC0-1.0\",\n  \"SPDXID\": \"SPDXRef-DOCUMENT\",\n"
        printf "  \"name\": \"thrum-%s\",\n", version
        printf "  \"documentNamespace\": \"https://spdx.org/spdxdocs/thrum-%s-%s\",\n", version, code
        printf "  \"creationInfo\": {\"created\": \"%sT00:00:00Z\", \"creators\": [\"Tool: thrum-sbom-%s\"]},\n", day, version
        printf "  \"packages\": [\n    {\"SPDXID\": \"SPDXRef-thrum\", \"name\": \"thrum\", \"versionInfo\": \"%s\", ", version
        printf "\"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": true, \"packageVerificationCode\": {\"packageVerificationCodeValue\": \"%s\"}, ", code
        printf "\"licenseConcluded\": \"Apache-2.0\", \"licenseDeclared\": \"Apache-2.0\", \"licenseInfoFromFiles\": [\"NOASSERTION\"], \"copyrightText\": \"NOASSERTION\"}"
        for (i = 1; i <= NR; i++)
            package(i)
        printf "\n  ],\n  \"files\": ["
        count = 0
        while ((getline name < files) > 0) {
            getline first < sha1s
            getline second < sha256s
            printf "%s\n    {\"SPDXID\": \"SPDXRef-File-%d\", \"fileName\": %s, ", count ? "," : "", ++count, text("./" name)
            printf "\"checksums\": [{\"algorithm\": \"SHA1\", \"checksumValue\": \"%s\"}, ", substr(first, 1, 40)
            printf "{\"algorithm\": \"SHA256\", \"checksumValue\": \"%s\"}], ", substr(second, 1, 64)
            printf "\"licenseConcluded\": \"NOASSERTION\", \"copyrightText\": \"NOASSERTION\"}"
        }
        printf "\n  ],\n  \"relationships\": [\n"
        printf "    {\"spdxElementId\": \"SPDXRef-DOCUMENT\", \"relationshipType\": \"DESCRIBES\", \"relatedSpdxElement\": \"SPDXRef-thrum\"}"
        for (i = 1; i <= NR; i++)
            printf ",\n    {\"spdxElementId\": \"SPDXRef-thrum\", \"relationshipType\": \"%s\", \"relatedSpdxElement\": \"SPDXRef-Package-%d\"}",
                kinds[i] == "bundled" ? "CONTAINS" : "DEPENDS_ON", i
        for (i = 1; i <= count; i++)
            printf ",\n    {\"spdxElementId\": \"SPDXRef-thrum\", \"relationshipType\": \"CONTAINS\", \"relatedSpdxElement\": \"SPDXRef-File-%d\"}", i
        printf "\n  ]\n}\n"
    }' "$work/parts"
