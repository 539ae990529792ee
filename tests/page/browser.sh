# What the tests of pages share: a browser that has no network. To be sourced; `here` is this folder, and `modules` one into
# which npm installs what package-lock.json pins.
# shellcheck shell=bash disable=SC2154

fail() {
    echo "not ok 1 - ${0##*/}: $*"
    exit 1
}

# Sets `namespace`, the option of unshare, and makes `modules` an absolute path.
prepare_browser() {
    local tool began
    for tool in chromium node npm unshare ip; do
        command -v "$tool" >/dev/null || fail "there is no $tool; ./dev setup check installs it"
    done
    namespace=-rn # root needs no namespace of users, which a system may forbid
    unshare -rn true 2>/dev/null || namespace=-n
    unshare "$namespace" true || fail 'unshare gives no network namespace; the tests must not have a network'
    mkdir -p "$modules" && modules=$(realpath "$modules") || exit 1
    if ! cmp -s "$here/package-lock.json" "$modules/installed"; then
        began=$(date +%s)
        cp "$here/package.json" "$here/package-lock.json" "$modules" || fail "cannot write to $modules"
        npm ci --prefix "$modules" --ignore-scripts --no-audit --no-fund >"$modules/npm.log" 2>&1 ||
            fail "npm could not install playwright-core and axe-core: $(tail -n 3 "$modules/npm.log" | tr '\n' ' ')"
        cp "$modules/package-lock.json" "$modules/installed"
        echo "# npm took $(($(date +%s) - began)) s"
    fi
}
