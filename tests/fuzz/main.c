/* The random-operation fuzzer: random programs over all public objects.
 *
 * The explorer proves small programs in every interleaving; this tries large ones in a few. A program is
 * drawn from a seed: up to a dozen actors, each a list of operations on shared objects, carried by threads
 * of the library, by pthreads that come and go, by fibers and by tasks of pools. program.c says what a
 * program is, and why each must end.
 *
 * What is checked: mutual exclusion, by plain memory that the thread sanitizer watches, too; each item
 * arrives once, in the order of its producer; permits are conserved; each future is done once and each of
 * its callbacks called once; a wait ends for a reason that was there (no stray cancellation, no early
 * timeout where there is no deadline); a child of fork can work; nobody is left waiting; no descriptor,
 * thread or memory is left.
 *
 * Each program runs in a process of its own, with a deadline in own time (tests/harness_clock.c). One that
 * hangs is a failure, with the stacks of all threads. A program that failed is run again, and if it fails
 * again it is made smaller: actors, then operations are taken out as long as what is left fails in one of
 * a few runs. The threads run as the system schedules them, so a seed repeats the program, not the
 * schedule. */
#include "fuzz.h"
#include "harness_clock.h"
#include "harness_dump.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: fuzz [OPTION]...\n"
    "\n"
    "Runs random programs over the public objects, and checks what these promise.\n"
    "\n"
    "  --seed S       of the first program; the others follow. By default the time\n"
    "  --programs N   so many programs; without end by default\n"
    "  --seconds N    stop after so many seconds; 60 by default, without --programs\n"
    "  --deadline N   a program that takes so many seconds of its own time hangs; 20 by default\n"
    "  --shrink N     make a program that failed smaller for so many seconds; 60 by default\n"
    "  --keep MASKS   of the program only these operations, as a report names them\n"
    "  --tries N      run each program so often; once by default\n"
    "  --signals      interrupt all threads again and again\n"
    "  --one-core     on one processor\n"
    "  --mixed        each program with or without these two, by its seed\n"
    "  --no-fork      no forks\n"
    "  --fault NAME   commit a fault: lock, permit, drop, order, hang, twice or descriptor\n"
    "  --print        print the programs, do not run them\n"
    "  --help         this text\n"
    "\n"
    "Ends with 0 if no program failed, 1 if one did, 2 for wrong options.\n";

enum { TEXT = 64 << 10, REPEATS = 12 };

struct settings {
    uint64_t seed;
    double programs, seconds, deadline, shrink, tries;
    const char *keep;
    bool mixed, print;
};

static struct settings settings = {.deadline = 20, .shrink = 60, .tries = 1};
static int output; /* what the programs print: a file in memory */

/* -------------------------------------------------------------------------------- one program */

static void kill_one(pid_t process, void *count)
{
    kill(process, SIGKILL);
    ++*(unsigned *)count;
}

/* Kills and collects whatever is left. Returns how many were alive. */
static unsigned clean_up(void)
{
    unsigned left = 0, more;
    while (waitpid(-1, NULL, WNOHANG) > 0) /* ended already */
        ;
    do {
        more = 0;
        test_descendants(kill_one, &more);
        left += more;
        while (waitpid(-1, NULL, more ? 0 : WNOHANG) > 0)
            ;
    } while (more);
    return left;
}

static void run_in_child(const struct fuzz_program *program)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, 1);
    dup2(output, 2);
    close(output);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dump_accept();
    fuzz_run(program);
    exit(0);
}

/* True if it did what it should. Else `loud` prints how it failed. */
static bool run_once(const struct fuzz_program *program, bool loud)
{
    FUZZ_CHECK(ftruncate(output, 0) == 0 && lseek(output, 0, SEEK_SET) == 0);
    fflush(stdout);
    pid_t child = fork();
    FUZZ_CHECK(child >= 0);
    if (child == 0)
        run_in_child(program);
    struct test_clock clock;
    test_clock_start(&clock, settings.deadline);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    int status = 0;
    bool late = false;
    while (waitpid(child, &status, WNOHANG) == 0 && !late) {
        double pause = test_clock_pause(&clock) + 1e-3;
        sigtimedwait(&ends, NULL, &(struct timespec){.tv_nsec = (long)(pause * 1e9)});
        late = test_clock_read(&clock) >= settings.deadline;
    }
    char text[256];
    if (late && loud) {
        test_clock_describe(&clock, text, sizeof text);
        printf("  it hangs: %s\n", text);
        dump_all(child);
    }
    unsigned left = clean_up();
    if (!late && status == 0 && !left)
        return true;
    if (loud && WIFSIGNALED(status))
        printf("  killed by signal %d\n", WTERMSIG(status));
    if (loud && !late && status == 0)
        printf("  it left %u processes\n", left);
    static char said[TEXT];
    ssize_t size = pread(output, said, sizeof said - 1, 0);
    if (loud && size > 0)
        printf("%.*s\n", (int)size, said);
    return false;
}

/* ----------------------------------------------------------------------------------- shrinking */

static double shrink_until;

/* Whether it fails in one of a few runs. */
static bool still_fails(const struct fuzz_program *program)
{
    for (int i = 0; i < REPEATS && test_now() < shrink_until; i++)
        if (!run_once(program, false))
            return true;
    return false;
}

static uint64_t all_ops(const struct fuzz_actor *actor)
{
    return (UINT64_C(1) << actor->count) - 1;
}

/* Takes the operations of `out` out of an actor if it still fails then. */
static void try_without(struct fuzz_program *program, unsigned number, uint64_t out)
{
    struct fuzz_actor *actor = &program->actor[number];
    uint64_t before = actor->mask;
    if (!(before & all_ops(actor) & out))
        return;
    actor->mask = before & ~out;
    if (!still_fails(program))
        actor->mask = before;
}

static void shrink(struct fuzz_program *program)
{
    for (unsigned a = 0; a < program->actors; a++)
        try_without(program, a, UINT64_MAX);
    for (unsigned width = 32; width; width /= 2)
        for (unsigned a = 0; a < program->actors; a++)
            for (unsigned at = 0; at < program->actor[a].count; at += width)
                try_without(program, a, ((UINT64_C(1) << width) - 1) << at);
}

static void print_keep(const struct fuzz_program *program)
{
    const char *mode[] = {fuzz_mode.signals ? " --signals" : "",
                          fuzz_mode.one_core ? " --one-core" : ""};
    printf("repeat: --seed %#jx --programs 1 --tries 100%s%s --keep ", (uintmax_t)program->seed,
           mode[0], mode[1]);
    for (unsigned a = 0; a < program->actors; a++)
        printf("%s%jx", a ? "." : "",
               (uintmax_t)(program->actor[a].mask & all_ops(&program->actor[a])));
    printf("\n");
}

static void report(struct fuzz_program *program)
{
    printf("the program with seed %#jx failed:\n", (uintmax_t)program->seed);
    shrink_until = test_now() + settings.shrink;
    if (settings.shrink <= 0 || !still_fails(program)) {
        printf(settings.shrink > 0 ? "it does not fail again in %d runs\n" : "not tried\n",
               REPEATS);
    } else {
        shrink(program);
        for (int i = 0; i < 8 * REPEATS && run_once(program, true); i++)
            ;
    }
    fuzz_print(program);
    print_keep(program);
}

/* ------------------------------------------------------------------------------------- options */

static bool keep(struct fuzz_program *program, const char *masks)
{
    for (unsigned a = 0; a < program->actors; a++) {
        char *end;
        program->actor[a].mask = strtoull(masks, &end, 16);
        if (end == masks || *end != (a + 1 < program->actors ? '.' : 0))
            return false;
        masks = end + 1;
    }
    return true;
}

static double number(const char *option, const char *text)
{
    char *end;
    double value = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || value < 0) {
        fprintf(stderr, "fuzz: %s needs a number\n", option);
        exit(2);
    }
    return value;
}

static void read_flag(const char *option)
{
    if (strcmp(option, "--signals") == 0)
        fuzz_mode.signals = true;
    else if (strcmp(option, "--one-core") == 0)
        fuzz_mode.one_core = true;
    else if (strcmp(option, "--mixed") == 0)
        settings.mixed = true;
    else if (strcmp(option, "--no-fork") == 0)
        fuzz_mode.no_fork = true;
    else if (strcmp(option, "--print") == 0)
        settings.print = true;
    else if (strcmp(option, "--help") == 0) {
        fputs(usage, stdout);
        exit(0);
    } else {
        fprintf(stderr, "fuzz: unknown option or missing value: %s\n", option);
        exit(2);
    }
}

static void read_options(char **argument)
{
    const struct {
        const char *name;
        double *value;
    } numbers[] = {{"--programs", &settings.programs}, {"--seconds", &settings.seconds},
                   {"--deadline", &settings.deadline}, {"--shrink", &settings.shrink},
                   {"--tries", &settings.tries},       {NULL, NULL}};
    for (; *argument; argument++) {
        const char *option = *argument;
        unsigned i = 0;
        while (numbers[i].name && strcmp(numbers[i].name, option) != 0)
            i++;
        if (numbers[i].name)
            *numbers[i].value = number(option, *++argument);
        else if (strcmp(option, "--seed") == 0 && argument[1])
            settings.seed = strtoull(*++argument, NULL, 0);
        else if (strcmp(option, "--keep") == 0 && argument[1])
            settings.keep = *++argument;
        else if (strcmp(option, "--fault") == 0 && argument[1])
            fuzz_mode.fault = *++argument;
        else
            read_flag(option);
        if (!*argument)
            break;
    }
    if (!settings.programs && !settings.seconds)
        settings.seconds = 60;
    if (!settings.seed)
        settings.seed = (uint64_t)time(NULL) << 20;
}

static void prepare(void)
{
    dump_prepare();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    output = memfd_create("fuzz-output", MFD_CLOEXEC);
    FUZZ_CHECK(output >= 0);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
}

int main(int count, char **arguments)
{
    (void)count;
    read_options(arguments + 1);
    prepare();
    double began = test_now();
    static struct fuzz_program program;
    uint64_t programs = 0;
    printf("the first seed is %#jx\n", (uintmax_t)settings.seed);
    for (uint64_t seed = settings.seed; !settings.programs || (double)programs < settings.programs;
         seed++) {
        if (settings.seconds && test_now() - began >= settings.seconds)
            break;
        fuzz_generate(&program, seed, FUZZ_ACTORS, FUZZ_OPS - 1);
        if (settings.keep && !keep(&program, settings.keep)) {
            fprintf(stderr, "fuzz: not the masks of that program: %s\n", settings.keep);
            return 2;
        }
        if (settings.mixed) {
            fuzz_mode.signals = seed % 3 == 1;
            fuzz_mode.one_core = seed % 5 == 2;
        }
        programs++;
        if (settings.print) {
            fuzz_print(&program);
            continue;
        }
        for (double i = 0; i < settings.tries; i++)
            if (!run_once(&program, true)) {
                report(&program);
                printf("%ju programs, 1 failed\n", (uintmax_t)programs);
                return 1;
            }
    }
    printf("%ju programs, 0 failed, in %.0f s\n", (uintmax_t)programs, test_now() - began);
    return 0;
}
