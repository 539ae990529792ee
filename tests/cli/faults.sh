#!/bin/bash
# Each call of the command's own code fails once (tests/cli/faults.c). A file of scenarios, such as
# hash_faults.sh, sources this one. For a scenario NAME it defines
#
#     NAME_run     calls `thrum ARGUMENTS` once, in an empty directory, as its last command
#     NAME_broken  optional: looks at what a run that failed has left; returns 1 if something is half done
#     NAME_partial optional: returns 0 if a run says, in the file err, that it has not all; its result may then differ
#
# and then calls `sweep NAME...`. `inputs`, a function that fills the directory first, may be defined for all.
# Standard output and standard error of a run are in the files out and err. What a run has in files named log*
# may differ from run to run.
#
# Without a fault the run succeeds. Its output and its files are what every other run is compared with: a run
# with a fault either succeeds with the same, or ends with status 1 and says why on standard error.
#
#     FAULTS_EACH=N   try the first N calls of each function and the last one; 3 by default
#     FAULTS_ONLY=RE  only the faults that match, as in '^write 2 EIO'
set -u
export LC_ALL=C
program=$(realpath "$1")
work=$(mktemp -d)
fault='' failures=0 runs=0
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT

# The command; nothing else that a scenario calls has faults.
thrum() {
    if [ -n "$fault" ]; then
        THRUM_FAULT=$fault timeout 600 "$program" "$@"
    else
        THRUM_FAULT_LOG=${calls:-/dev/null} timeout 600 "$program" "$@"
    fi
}

# How a call fails where it does.
errors_of() {
    case $1 in
    write) echo ENOSPC EIO EINTR EAGAIN SHORT ;;
    read | pread) echo EIO EINTR EAGAIN SHORT ;;
    open | openat | fopen | opendir | fdopendir | mkostemp) echo EMFILE EACCES EINTR ;;
    close | fclose | fflush | fsync | fdatasync | fwrite) echo EIO ENOSPC ;;
    rename | renameat | renameat2 | link | linkat | unlink | unlinkat | mkdir | mkdirat) echo EIO ENOSPC ;;
    malloc | calloc | realloc | strdup | strndup | asprintf | vasprintf | open_memstream) echo ENOMEM ;;
    pipe | pipe2 | dup | dup2 | dup3 | inotify_init1 | eventfd | memfd_create | pidfd_open) echo EMFILE ENOMEM ;;
    fork | posix_spawnp) echo EAGAIN ENOMEM ;;
    poll | ppoll | wait4 | waitpid) echo EINTR ;;
    fcntl | flock) echo EINTR ENOMEM ;;
    sqlite3_exec) echo EIO EAGAIN ;;
    *) echo EIO ;;
    esac
}

# The files of a directory with their contents, but for those that tell of the run itself.
picture() {
    (
        cd "$1" || exit
        find . ! -name out ! -name err ! -name status ! -name 'log*' -printf '%y %p %l\n' | sort
        find . -type f ! -name out ! -name err ! -name status ! -name 'log*' -print0 | sort -z | xargs -0 -r md5sum
    )
}

# attempt NAME DIRECTORY: runs it there; leaves its status in a file.
attempt() {
    rm -rf "$2"
    mkdir "$2"
    (
        cd "$2" || exit
        [ -z "$(declare -F inputs)" ] || inputs
        ("$1_run") >out 2>err
        echo $? >status
    )
}

complain() {
    echo "# $1: THRUM_FAULT='$fault': $2"
    sed 's/^/#     /' "$work/now/err" | head -n 5
    failures=$((failures + 1))
    bad=1
}

# judge NAME: what the run in $work/now has left.
judge() {
    local status
    status=$(cat "$work/now/status")
    case $status in
    0)
        if [ -n "$(declare -F "${1}_partial")" ] && (cd "$work/now" && "${1}_partial"); then
            runs=$((runs + 1))
            return
        fi
        cmp -s "$work/whole/out" "$work/now/out" || complain "$1" 'says that all is well, and its output is another'
        [ "$(picture "$work/whole")" = "$(picture "$work/now")" ] ||
            complain "$1" 'says that all is well, and its files are others'
        ;;
    1)
        [ -s "$work/now/err" ] || complain "$1" 'fails without a word'
        [ -z "$(declare -F "${1}_broken")" ] || (cd "$work/now" && "${1}_broken") || complain "$1" 'left something half'
        ;;
    124) complain "$1" 'hangs' ;;
    *) complain "$1" "ends with status $status" ;;
    esac
    runs=$((runs + 1))
}

# numbers_of COUNT: which of so many calls are tried.
numbers_of() {
    local each=${FAULTS_EACH:-3}
    [ "$1" -gt "$each" ] || each=$1
    seq "$each"
    [ "$1" -eq "$each" ] || echo "$1"
}

sweep_one() {
    local name=$1 count call number error calls=$work/calls bad=0
    fault=''
    rm -f "$calls"
    attempt "$name" "$work/whole"
    if [ "$(cat "$work/whole/status")" -ne 0 ]; then
        rm -rf "$work/now"
        cp -r "$work/whole" "$work/now"
        complain "$name" 'fails without a fault'
        return 1
    fi
    while read -r count call; do
        for number in $(numbers_of "$count"); do
            for error in $(errors_of "$call"); do
                fault="$call $number $error"
                [[ $fault =~ ${FAULTS_ONLY:-.} ]] || continue
                attempt "$name" "$work/now"
                judge "$name"
            done
        done
    done < <(sort "$calls" | uniq -c)
    return $bad
}

# sweep NAME...: tries every scenario. Ends the program.
sweep() {
    local number=0
    echo "1..$#"
    for name; do
        number=$((number + 1))
        if sweep_one "$name"; then echo "ok $number - $name"; else echo "not ok $number - $name"; fi
    done
    echo "# $runs runs, each with one failing call"
    [ $failures -eq 0 ]
    exit
}
