/* The runner of harness.h. It stays single-threaded, as it forks; a test's process leads a process
 * group of its own, and the runner adopts whatever that leaves behind (subreaper), so that nothing
 * of one test is alive during the next. */
#include "harness.h"
#include "harness_clock.h"
#include "harness_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_KEPT = 256 * 1024, STATUS_FAILED = 1, STATUS_SKIPPED = 77 };

static struct test *tests;
static double scale = 1;
static bool verbose;
static sigset_t inherited_mask;
static int signals = -1; /* a signalfd: SIGCHLD, and what asks the runner to stop */

/* In the order of the file: link-time optimisation runs constructors in any. */
void test_register(struct test *test)
{
    struct test **place = &tests;
    while (*place && (*place)->line < test->line)
        place = &(*place)->next;
    test->next = *place;
    *place = test;
}

double test_deadline_scale(void)
{
    return scale;
}

/* Not inlined: a compiler that sees a constant compared warns of what cannot happen. */
__attribute__((noinline)) bool test_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

void test_fail(const char *file, int line, const char *what, const char *format, ...)
{
    char text[4096];
    int length = snprintf(text, sizeof text, "%s:%d: %s\n    ", file, line, what);
    if (length > 0 && (size_t)length < sizeof text) {
        va_list args;
        va_start(args, format);
        vsnprintf(text + length, sizeof text - (size_t)length, format, args);
        va_end(args);
    }
    fprintf(stderr, "%s\n", text);
    fflush(stdout);
    _exit(STATUS_FAILED); /* other threads may be anywhere: nothing more of the test is to run */
}

void test_skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stdout);
    _exit(STATUS_SKIPPED);
}

/* One test while it runs. */
struct run {
    const struct test *test;
    pid_t process;
    int output; /* the reading end of its stdout and stderr */
    int status; /* as from waitpid, once `ended` */
    bool ended, late;
    struct test_clock clock;
    size_t length, dropped;
    char text[OUTPUT_KEPT + 1];
};

static void die(const char *what)
{
    fprintf(stderr, "test runner: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* The process of a test, in it and in its children; 0 in others. */
static pid_t test_process;

/* A child that the test forked does not search for leaks when it ends. The search takes locks of the
 * sanitizer's allocator that another thread may have held at the fork (support_sanitizer.h), and it
 * takes for lost what only such a thread knew. */
#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off(void); /* the sanitizer asks for it by this name */

int __lsan_is_turned_off(void)
{
    return test_process != 0 && getpid() != test_process;
}
#endif

static void run_body(const struct test *test, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(output, 1);
    dup2(output, 2);
    close(nothing);
    close(output);
    close(signals);
    setvbuf(stdout, NULL, _IOLBF, 0); /* so that it is not lost when the process is killed */
    if (test->stops)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    dump_accept();
    sigprocmask(SIG_SETMASK, &inherited_mask, NULL);
    test_process = getpid();
    test->body();
    exit(0);
}

static void start(struct run *run)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        die("pipe");
    fflush(NULL);
    run->process = fork();
    if (run->process < 0)
        die("fork");
    if (run->process == 0) {
        close(ends[0]);
        run_body(run->test, ends[1]);
    }
    setpgid(run->process, run->process); /* in both, so that neither runs ahead of it */
    close(ends[1]);
    run->output = ends[0];
    fcntl(run->output, F_SETFL, O_NONBLOCK);
}

static void read_output(struct run *run)
{
    char rest[4096];
    for (;;) {
        size_t room = OUTPUT_KEPT - run->length;
        ssize_t got =
            read(run->output, room ? run->text + run->length : rest, room ? room : sizeof rest);
        if (got <= 0) {
            if (got == 0) { /* no writer is left: poll must not report that for ever */
                close(run->output);
                run->output = -1;
            }
            return;
        }
        if (room)
            run->length += (size_t)got;
        else
            run->dropped += (size_t)got;
    }
}

/* Collects all that has died. */
static void reap(struct run *run)
{
    int status;
    for (pid_t dead; (dead = waitpid(-1, &status, WNOHANG)) > 0;)
        if (dead == run->process) {
            run->status = status;
            run->ended = true;
        }
}

/* Kills the test's process group, and what left the group but was adopted by the runner. */
static void kill_all(struct run *run)
{
    kill(-run->process, SIGKILL);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    if (!children)
        return;
    for (int child; fscanf(children, "%d", &child) == 1;)
        kill(child, SIGKILL);
    fclose(children);
}

static void on_signals(struct run *run)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD) {
            kill_all(run);
            printf("Bail out! stopped by signal %u during %s\n", info.ssi_signo, run->test->name);
            exit(128 + (int)info.ssi_signo);
        }
    reap(run);
}

static void wait_for_end(struct run *run, double deadline)
{
    test_clock_start(&run->clock, deadline);
    while (!run->ended) {
        if (test_clock_read(&run->clock) >= deadline) {
            run->late = true;
            return;
        }
        struct pollfd sources[] = {{run->output, POLLIN, 0}, {signals, POLLIN, 0}};
        poll(sources, 2, (int)(test_clock_pause(&run->clock) * 1000) + 1);
        read_output(run);
        on_signals(run);
    }
    read_output(run); /* what it wrote between the last read and its end */
}

/* Kills and collects what is left. Gives how many processes besides the test's own were alive. */
static int clean_up(struct run *run)
{
    int left_behind = 0;
    for (;;) {
        kill_all(run);
        int status;
        pid_t dead = waitpid(-1, &status, 0);
        if (dead < 0 && errno == EINTR)
            continue;
        if (dead < 0)
            break;
        if (dead == run->process)
            run->ended = true;
        else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            left_behind++;
    }
    read_output(run);
    if (run->output >= 0)
        close(run->output);
    run->text[run->length] = 0;
    return left_behind;
}

/* What is wrong with how the test ended, or NULL. */
static const char *verdict(const struct run *run, char *text, size_t size)
{
    int status = run->status;
    const char *stops = run->test->stops;
    if (run->late)
        snprintf(text, size, "the deadline of %.3g s has passed", run->test->deadline * scale);
    else if (WIFSIGNALED(status) && !(stops && WTERMSIG(status) == SIGABRT))
        snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (stops && !WIFSIGNALED(status))
        snprintf(text, size, "did not stop the program: it ended with status %d",
                 WEXITSTATUS(status));
    else if (stops && !strstr(run->text, stops))
        snprintf(text, size, "stopped, but did not say \"%s\"", stops);
    else if (!stops && WEXITSTATUS(status) != 0)
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
    else
        return NULL;
    return text;
}

/* The reason of a test that was skipped: the last line that it printed. */
static const char *reason_of(struct run *run)
{
    while (run->length > 0 && run->text[run->length - 1] == '\n')
        run->text[--run->length] = 0;
    const char *line = strrchr(run->text, '\n');
    return line ? line + 1 : run->text;
}

static bool is_skipped(const struct run *run)
{
    return !run->late && !run->test->stops && WIFEXITED(run->status) &&
           WEXITSTATUS(run->status) == STATUS_SKIPPED;
}

static void print_output(const struct run *run)
{
    for (const char *line = run->text; *line;) {
        size_t length = strcspn(line, "\n");
        printf("# | %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    if (run->dropped)
        printf("# | ... and %zu more bytes\n", run->dropped);
}

static bool run_test(const struct test *test, int number)
{
    static struct run run;
    memset(&run, 0, offsetof(struct run, text));
    run.test = test;
    start(&run);
    wait_for_end(&run, test->deadline * scale);
    char text[256], spent[256];
    bool skipped = is_skipped(&run);
    const char *wrong = skipped ? NULL : verdict(&run, text, sizeof text);
    printf("%sok %d - %s", wrong ? "not " : "", number, test->name);
    if (skipped)
        printf(" # SKIP %s", reason_of(&run));
    putchar('\n');
    if (wrong)
        printf("# %s: %s\n", test->name, wrong);
    if (run.late) {
        test_clock_describe(&run.clock, spent, sizeof spent);
        printf("# %s: %s\n", test->name, spent);
        dump_all(run.process);
    }
    int left_behind = clean_up(&run);
    if (wrong || verbose)
        print_output(&run);
    if (left_behind)
        printf("# %s: left %d running processes behind, now killed\n", test->name, left_behind);
    fflush(stdout);
    return !wrong;
}

/* Runs the test of this name in this process. */
static int run_here(const char *name)
{
    const struct test *test = tests;
    while (test && strcmp(test->name, name ? name : "") != 0)
        test = test->next;
    if (!test) {
        fprintf(stderr, "--here needs the name of a test; see --list\n");
        return 2;
    }
    if (test->stops)
        test_skip("it stops the program");
    test_process = getpid();
    test->body();
    return 0;
}

static double number_argument(const char *option, const char *text)
{
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0;
    if (!text || *end || !(value > 0)) {
        fprintf(stderr, "%s needs a positive number\n", option);
        exit(2);
    }
    return value;
}

static void prepare(void)
{
    const char *slower = getenv("TEST_DEADLINE_SCALE");
    if (slower && *slower)
        scale = number_argument("TEST_DEADLINE_SCALE", slower);
    dump_prepare();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, &inherited_mask);
    signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        die("signalfd");
}

static bool is_chosen(const struct test *test, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], test->name) == 0)
            return true;
    return count == 0;
}

static void refuse_unknown(char **names, int count)
{
    for (int i = 0; i < count; i++) {
        const struct test *test = tests;
        while (test && strcmp(test->name, names[i]) != 0)
            test = test->next;
        if (!test) {
            fprintf(stderr, "no test is called %s; see --list\n", names[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    double repeat = 1, slower = 1;
    int chosen = 0; /* names are moved to the front of argv */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            for (const struct test *test = tests; test; test = test->next)
                printf("%s\n", test->name);
            return 0;
        } else if (strcmp(argv[i], "--here") == 0) {
            return run_here(argv[i + 1]);
        } else if (strcmp(argv[i], "--repeat") == 0) {
            repeat = number_argument(argv[i], argv[i + 1]);
            i++;
        } else if (strcmp(argv[i], "--deadline-scale") == 0) {
            slower = number_argument(argv[i], argv[i + 1]);
            i++;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "unknown option %s\n", argv[i]);
            return 2;
        } else {
            argv[chosen++] = argv[i];
        }
    }
    refuse_unknown(argv, chosen);
    prepare();
    scale *= slower;
    int number = 0, failed = 0;
    for (double round = 0; round < repeat && failed == 0; round++)
        for (const struct test *test = tests; test; test = test->next)
            if (is_chosen(test, argv, chosen))
                failed += !run_test(test, ++number);
    printf("1..%d\n", number);
    return failed != 0;
}
