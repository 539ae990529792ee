#!/bin/sh
# Runs the tests of the Python package that was built in a directory: run.sh BUILD [NAMES] [--all].
# Names: unit, guide, programs, types, install, fuzz, sections, races, cpython, doctor. The last needs the command `thrum`, whose path is in
# THRUM; without that it is not among those that run by default. --all takes all of CPython's tests, and not the short selection.
# GUIDE_TEXT is the path of an introduction to threads as plain text: guide then runs its blocks as well.
set -u
here=$(cd "$(dirname "$0")" && pwd)
package=$(cd "$1/python" && pwd) || exit 2
shift
python=${PYTHON:-/usr/bin/python3} # for which Meson, or build.sh, has built the extension
all=
names=
for argument; do
    case $argument in
    --all) all=--all ;;
    unit | guide | programs | types | install | fuzz | sections | races | cpython | doctor) names="$names $argument" ;;
    *)
        echo "run.sh: there is no test $argument; there are: unit guide programs types install fuzz sections races cpython doctor" >&2
        exit 2
        ;;
    esac
done
export PYTHONPATH="$package" PYTHONDONTWRITEBYTECODE=1

# The sections that protect the objects where there is no GIL: see EXT_CHECK_SECTIONS in extension.h.
sections() {
    work=$(mktemp -d)
    "$here/build.sh" "$python" "$work" -O0 -DEXT_CHECK_SECTIONS &&
        (cd "$here/unit" && PYTHONPATH="$work/python" "$python" -m unittest --quiet test_turns) &&
        PYTHONPATH="$work/python" "$python" "$here/fuzz.py" --seconds 3 --seed 2
    status=$?
    rm -rf "$work"
    return $status
}

# The extension under thread sanitizer, in an interpreter that was not compiled for it. What the interpreter itself does is not
# seen, but for its mutexes: those of the global lock order all that is done with it. So what is reported is done without it.
races() {
    work=$(mktemp -d)
    "$here/build.sh" "$python" "$work" -fsanitize=thread &&
        (
            LD_PRELOAD=$(${CC:-cc} -print-file-name=libtsan.so)
            export PYTHONPATH="$work/python" LD_PRELOAD
            # In the child process of a fork, tests start threads.
            export TSAN_OPTIONS="die_after_fork=0 suppressions=$here/races_suppressed.txt"
            (cd "$here/unit" && "$python" -m unittest --quiet test_turns test_waits test_coroutines) &&
                "$python" "$here/fuzz.py" --seconds 3 --seed 3 --forks 0
        )
    status=$?
    rm -rf "$work"
    return $status
}

failed=0
for name in ${names:-unit guide programs types install fuzz sections races cpython${THRUM:+ doctor}}; do
    case $name in
    unit) "$python" -m unittest discover --start-directory "$here/unit" --top-level-directory "$here/unit" ;;
    guide)
        "$python" "$here/guide.py" &
        { [ -z "${GUIDE_TEXT:-}" ] || "$python" "$here/guide_text.py" "$GUIDE_TEXT"; }
        text=$?
        wait $! && [ $text -eq 0 ]
        ;;
    programs) "$python" "$here/programs.py" ;;
    types) "$here/types.sh" "$package" ;;
    install) "$here/install.sh" ;;
    fuzz) "$python" "$here/fuzz.py" --seconds 4 --seed 1 ;;
    sections) sections ;;
    races) races ;;
    doctor) "$python" "$here/doctor.py" "${THRUM:?is the path of the command thrum}" ;;
    cpython) (cd "$package" && "$python" "$here/cpython.py" $all) ;;
    esac || {
        echo "run.sh: $name failed"
        failed=1
    }
done
exit $failed
