#!/bin/sh
# All that CI checks, step by step: check.sh [--list] [--without STEP]... [STEPS]. ./dev check
# calls it, having installed the tools. The output of a step goes to a file and is shown if it fails.
# Closes with "N passed, N failed".
set -u
build=${BUILD_DIR:-build}
logs=$build-logs

# In the order in which they run: what is quick and fails often comes first.
all="selftest layers gate results sizes format tree shellcheck headers untouched refused accepted readme prose matrix tested mutants-match gcc-O2 \
blocks manual tests page site python cli-faults symbols abi install postgres valgrind gdb \
gcc-O0 gcc-O3-lto clang-O2 clang-O3-lto \
address-undefined thread fuzz musl aarch64 ucontext release mutants"
# Only by name: it takes minutes.
long="static"

# Benchmarks are not built unless asked for.
bench_programs() {
    for source in bench/bench_*.c; do
        echo "${source%.c}"
    done
}

# configure NAME COMPILER OPTIONS...: makes a build directory $dir in which warnings are errors.
configure() {
    dir=$build-$1
    compiler=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        rm -rf "$dir/meson-private" # left by an attempt that failed or was stopped
        case $compiler in
        clang) set -- "$@" --native-file tools/clang.ini ;;
        esac
        meson setup "$dir" -Dcli=enabled -Db_colorout=never --werror "$@" || return 1
    fi
    tools/unit_tests.sh . "$dir"
}

# make_build NAME COMPILER OPTIONS...: configures and compiles everything. Benchmarks run in no build, so they are compiled
# once by each compiler.
make_build() {
    case $1 in
    check | clang-O2) programs=$(bench_programs) ;;
    *) programs= ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    configure "$@" && ninja --quiet -C "$dir" all $programs
}

# targets RULE: the files in $dir that a rule of Ninja makes.
targets() { ninja -C "$dir" -t targets all | sed -n "s/^\([^:]*\): $1\(_RSP\)*\$/\1/p"; }

# make_lto_build PATTERN NAME COMPILER OPTIONS...: compiles and links the programs and libraries that match. A link
# takes seconds, and for most programs it would tell nothing new.
make_lto_build() {
    pattern=$1
    shift
    # shellcheck disable=SC2046 # a list of words
    configure "$@" -Db_lto=true && ninja --quiet -C "$dir" $(targets c_LINKER | grep -E "$pattern")
}

step_selftest() { tools/selftest.sh; }
step_layers() { tools/check_layers.sh; }
step_gate() { tools/check_gate.sh; }
step_results() { tools/check_results.sh; }
step_sizes() { tools/check_sizes.sh; }
step_format() { tools/check_format.sh; }
step_tree() { tools/check_tree.sh; }
step_headers() { tools/check_headers.sh; }
step_untouched() { tools/check_untouched.sh; }
step_refused() { tools/check_refused.sh; }
step_accepted() { tools/check_accepted.sh; }
step_prose() { tools/check_prose.sh; }
step_readme() { tools/check_readme.sh; }
step_tested() { tools/check_tested.sh; }
step_matrix() { tools/check_matrix.sh; }
step_shellcheck() {
    # shellcheck disable=SC2046,SC2016 # a list of words; awk's own variable
    shellcheck -x $(git ls-files -co --exclude-standard | xargs awk \
        'FNR == 1 && /^#!.*sh$/ { print FILENAME } { nextfile }')
}
step_blocks() { make_build check gcc && tools/check_blocks.sh "$build-check"; }
step_manual() { make_build check gcc && tools/check_manual.sh "$build-check"; }

step_gcc_O2() { make_build check gcc; }
step_tests() { make_build check gcc && tools/run_tests.sh "$build-check" && tools/check_tested.sh "$build-check"; }
step_page() { make_build check gcc && tests/page/page_test.sh "$build-check/cli/thrum" "$build-check/page"; }
# The guide, the manual and the reference as a site, with what the examples print now.
step_site() {
    make_build check gcc && tools/site.sh "$build-check" && tests/page/search_test.sh "$build-check/site" "$build-check/page"
}
# Each call of the commands' own code fails once. `FAULTS_EACH=1000 ./dev check cli-faults` tries them all.
step_cli_faults() {
    make_build check gcc && for scenarios in tests/cli/*_faults.sh; do
        "$scenarios" "$build-check/cli/thrum_faults" "$build-check/cli/serve" || return 1
    done
}

# The Python package alone, for the Python that runs Meson.
step_python() {
    [ -f "$build-python/build.ninja" ] || meson setup "$build-python" -Dpython=alone -Db_colorout=never --werror || return 1
    make_build check gcc && ninja --quiet -C "$build-python" &&
        THRUM="$(pwd)/$build-check/cli/thrum" python/tests/run.sh "$build-python"
}
step_symbols() { make_build check gcc && tools/check_symbols.sh "$build-check" && tools/check_floor.sh "$build-check"; }
step_abi() { make_build check gcc && tools/check_abi.sh "$build-check"; }
step_install() { make_build check gcc && tools/check_install.sh "$build-check" && tools/check_subproject.sh; }
step_release() { tools/check_release.sh; }
# shellcheck disable=SC2016 # the inner shell reads that
step_postgres() {
    make_build check gcc && tools/with_postgres.sh sh -c '
        "$1/cli/thrum" demo --quick --only db --postgres "$POSTGRES_URL" || exit
        for carrier in threads fibers asyncio mixed; do
            TEST_CARRIER=$carrier "$1/tests/adapter/test_pq_server" || exit
        done' sh "$build-check"
}

# Where Valgrind's headers were there when it was built, fibers announce their stacks to it.
step_valgrind() {
    make_build check gcc && (
        cd "$build-check/tests" &&
            "$OLDPWD/tools/check_valgrind.sh" unit/test_fiber unit/test_fiber_faults unit/test_socket \
                unit/test_queue unit/test_future unit/test_blocking adapter/test_pq_stop
    )
}

step_gdb() { make_build check gcc && tools/check_gdb.sh "$build-check/tests/fibers_sample"; }

# Other optimisers meet the tests, too: code that is only nearly right differs there.
# Without optimisation gcc has warnings of its own; nothing is linked.
step_gcc_O0() {
    # shellcheck disable=SC2046 # a list of words
    configure gcc-O0 gcc --optimization=0 && ninja --quiet -C "$dir" $(targets c_COMPILER)
}
# With optimisation at link time each program takes seconds to link, so only the tests of what has few locks and many
# orders of memory are linked. A test is named as its source.
lto_layers="base sync queue future executor compose fiber parallel"
step_gcc_O3_lto() {
    names=$(for layer in $lto_layers; do find "tests/unit/$layer" -name 'test_*.c'; done |
        sed 's|.*/\(.*\)\.c|\1|' | paste -s -d '|')
    # shellcheck disable=SC2046,SC2086 # lists of words
    make_lto_build "^src/|^cli/thrum$|^tests/unit/(task_module.*|$names)$|^tests/[^/]*$|^tests/fuzz/" \
        gcc-O3-lto gcc --optimization=3 && ninja --quiet -C "$dir" $(targets c_COMPILER) &&
        tools/run_tests.sh "$build-gcc-O3-lto" $(printf ' --suite %s' $lto_layers)
}
# The explorer, one of the tests, tells the same under every compiler and is left to one build. The tests of the
# commands run under gcc -O2 and the sanitizers. Warnings of clang do not depend on the optimisation, as gcc's do.
step_clang_O2() {
    make_build clang-O2 clang && tools/run_tests.sh "$build-clang-O2" --no-suite explore --no-suite cli
}
step_clang_O3_lto() { make_lto_build '^src/|^cli/thrum$|^tests/fuzz/' clang-O3-lto clang --optimization=3; }

# A report ends the program, so that the test fails.
step_address_undefined() {
    make_build asan gcc -Db_sanitize=address,undefined &&
        TEST_DEADLINE_SCALE=4 ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
            UBSAN_OPTIONS=print_stacktrace=1 tools/run_tests.sh "$build-asan"
}
# The thread sanitizer waits a second at the end of each process that has other threads, for reports that come
# late. A test is a process, so that took most of the time of this step; 50 ms are enough for what is amid a race.
step_thread() {
    make_build tsan gcc -Db_sanitize=thread &&
        TEST_DEADLINE_SCALE=6 TSAN_OPTIONS=halt_on_error=1:atexit_sleep_ms=50 \
            tools/run_tests.sh "$build-tsan"
}

# Another C library. Debian's wrapper for it finds no headers of the kernel, and asks for no build ID, by which a task
# that is not registered is found in another process.
step_musl() {
    kernel=$build-musl-kernel
    mkdir -p "$kernel" && ln -sfn /usr/include/linux /usr/include/asm-generic \
        "/usr/include/$(gcc -print-multiarch)/asm" "$kernel" || return 1
    if [ ! -f "$build-musl/build.ninja" ]; then
        CC=musl-gcc meson setup "$build-musl" -Dcli=disabled -Dcluster=disabled -Dcurl=disabled -Dpq=disabled -Dtls=disabled -Ddocs=false \
            -Dbench=false -Dexamples=false -Db_colorout=never --werror \
            -Dc_args="-isystem $(realpath "$kernel")" -Dc_link_args=-Wl,--build-id || return 1
    fi
    tools/unit_tests.sh . "$build-musl"
    ninja --quiet -C "$build-musl" &&
        tools/run_tests.sh "$build-musl" base futex local lock condition barrier event semaphore rwlock queue \
            future thread pool driver fiber fiber_load queue-fibers socket signals process process_pool \
            shared_lock shared_memory small_stack error
}

# Two minutes of random programs; ./dev fuzz runs them at length, and from another seed each time. Under the
# thread sanitizer a storm of signals leaves so little time that programs seem to hang: there they run without. Of the first 517
# programs the last takes one second or several minutes, all in the kernel: waitid of a child loops in there, while signals storm
# on one processor. So a fast machine runs 500.
fuzz_for() {
    make_build "$1" gcc "$3" && TSAN_OPTIONS=halt_on_error=1:atexit_sleep_ms=50 ASAN_OPTIONS=detect_stack_use_after_return=1 \
        UBSAN_OPTIONS=print_stacktrace=1 "$build-$1/tests/fuzz/fuzz" ${4:+"$4"} --seed 1 --programs 500 --seconds "$2" \
        --shrink 60 --deadline 300
}
step_fuzz() {
    fuzz_for check 40 -Db_sanitize=none --mixed && fuzz_for asan 40 -Db_sanitize=address,undefined --mixed &&
        fuzz_for tsan 40 -Db_sanitize=thread
}

# Another processor, in an emulator, which also knows no guards: what switches, schedules and waits. Tests that start a
# thread in a child of fork are not among them: where the parent has another thread, qemu-user 7.2 stops in
# pthread_create of the child (qemu_plugin_vcpu_init_hook), also in a program of a few lines without libthrum.
fiber_tests="fiber fiber_faults fiber_load"
for carried in lock condition event semaphore queue future; do
    for carrier in fibers asyncio mixed; do
        fiber_tests="$fiber_tests $carried-$carrier"
    done
done
step_aarch64() {
    if [ ! -f "$build-aarch64/build.ninja" ]; then
        meson setup "$build-aarch64" --cross-file tools/aarch64.ini -Dcli=disabled -Dcurl=disabled -Ddocs=false \
            -Dbench=false -Dexamples=false -Db_colorout=never --werror || return 1
    fi
    # shellcheck disable=SC2086 # a list of words
    ninja --quiet -C "$build-aarch64" &&
        TEST_DEADLINE_SCALE=10 tools/run_tests.sh "$build-aarch64" base lock condition event \
            semaphore queue future $fiber_tests
}

# The command as one file, for both processors; each is started.
step_static() { tools/static.sh "$build-static"; }

# The switch for processors that have none of their own.
step_ucontext() {
    configure ucontext gcc -Dc_args=-DTHRUM_SWITCH_UCONTEXT &&
        ninja --quiet -C "$dir" tests/unit/test_fiber tests/unit/test_fiber_faults tests/unit/test_fiber_load \
            tests/unit/test_queue &&
        tools/run_tests.sh "$build-ucontext" fiber fiber_faults fiber_load queue-fibers
}

# A change of the sources must not leave a planted fault without a place.
step_mutants_match() {
    for table in run commands replanted; do
        tests/mutants/$table "$build-check" --match || return 1
    done
}
# What the explorer must find is one of the tests. Here is what the fuzzer must find, which would otherwise pass if it
# checked nothing.
step_mutants() {
    make_build check gcc && tests/mutants/run "$build-check" --fuzz && tests/mutants/replanted "$build-check" --short
}

# What to show of a failed step: each failed test with what it said, and the end.
excerpt() {
    awk '
        /^not ok / { shown = 1 }
        /^(ok |[^#n])/ { shown = 0 }
        shown || /error:/' "$1" | head -n 100
    echo ...
    tail -n 30 "$1"
}

steps=
without=
while [ $# -gt 0 ]; do
    case $1 in
    --list)
        # shellcheck disable=SC2086 # a list of words
        printf '%s\n' $all $long
        exit 0
        ;;
    --without)
        without="$without $2"
        shift
        ;;
    *) steps="$steps $1" ;;
    esac
    shift
done
for step in $steps $without; do
    case " $all $long " in
    *" $step "*) ;;
    *)
        echo "check: there is no step $step; see --list" >&2
        exit 2
        ;;
    esac
done

mkdir -p "$logs"
passed=0
failed=0
failed_steps=
for step in ${steps:-$all}; do
    case " $without " in
    *" $step "*) continue ;;
    esac
    [ -t 1 ] && printf '      %s ...' "$step"
    began=$(date +%s)
    "step_$(echo "$step" | tr - _)" >"$logs/check-$step.log" 2>&1
    status=$?
    took=$(($(date +%s) - began))
    [ -t 1 ] && printf '\r\033[K'
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
        printf 'ok    %-18s %4d s\n' "$step" "$took"
    elif [ $status -gt 128 ] && [ $status -le 143 ] && [ $status -ne 134 ] && [ $status -ne 139 ]; then
        exit $status # stopped by the user
    else
        failed=$((failed + 1))
        failed_steps="$failed_steps $step"
        printf 'FAIL  %-18s %4d s; the end of %s:\n' "$step" "$took" "$logs/check-$step.log"
        excerpt "$logs/check-$step.log" | sed 's/^/    /'
    fi
done
[ $failed -eq 0 ] || echo "failed steps:$failed_steps"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
