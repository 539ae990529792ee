/* How a deadline is counted.
 *
 * A deadline by the wall clock fails good tests on a busy machine: with fifteen others on two
 * processors a test gets an eighth of the time that it needs. A deadline in processor time never
 * ends a test that sleeps for ever. So a deadline is counted in the test's *own time*: about the
 * wall time that the test would have taken on a machine with the same processors and no other load.
 *
 * Own time has three parts.
 *
 *   asleep     No thread of the test can run: each one sleeps. Nobody else is to blame for that, so
 *              this wall time counts in full. A test that is hung asleep ends after exactly its
 *              deadline, however busy the machine is.
 *   runnable   Some thread runs, or could run and waits for a processor. This wall time counts in
 *              the proportion of the processor time that the test got to what it would have got
 *              alone. A test that spins for ever ends when it has used up its deadline in processor
 *              time, on each of the processors that it can use.
 *
 *   held       No thread can run, but the kernel holds one in state D: it waits for a disk, or in a
 *              fork for a lock of the kernel. On a machine that is short of all, such a wait takes
 *              minutes. This wall time counts a tenth, so a test that is held for ever ends, too.
 *
 * What it would have got alone is found by sampling. Every few hundredths of a second the runner
 * counts the threads in state R (running or waiting for a processor: the kernel does not tell these
 * apart) of all processes of the test. With r such threads on n processors an idle machine would
 * give min(r, n) processors, so a sample adds min(r, n) times the time since the last one to
 * `demand`. What it got, `used`, is exact: processor time of living and ended processes. Then
 *
 *     own time = asleep + runnable * used / demand + held / 10
 *
 * The test's own crowd is not discounted: 32 spinning threads on two idle processors have a demand
 * of two, get two, and the clock runs at full speed.
 *
 * Why sampling, and not the run delay of /proc/PID/schedstat: that number is added when a thread
 * gets its processor, so one that waits right now shows nothing, and it is lost with the thread,
 * so tests that start thousands of short threads would show none. A sample of states sees each
 * moment alike, whichever threads there are.
 *
 * Errors. Threads that hand a baton to each other may be seen all asleep or two at a time, as the
 * states are read one after another: then the clock runs at the wall's rate, or at half of it.
 * A thread in vfork is held, too, while its child sleeps. Where /proc cannot be read nothing is ever
 * seen as runnable or held, and the deadline is one by the wall. The processor time of a child whose
 * parent ignores SIGCHLD is lost when it ends; that makes the clock slower, never faster.
 *
 * A sample of many threads costs; samples are therefore at least twenty times their cost apart. */
#include "harness_clock.h"

#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_COST_FACTOR = 20, HELD_FACTOR = 10 };

/* What one look at all processes of the test finds. */
struct look {
    int threads, runnable, held;
    double used;
    void (*visit)(pid_t process, void *context);
    void *context;
};

double test_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What follows the name in a stat file; the name is in parentheses and may contain any byte. */
static const char *read_stat(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    size_t length = fread(line, 1, size - 1, file);
    fclose(file);
    line[length] = 0;
    char *end = strrchr(line, ')');
    return end && end[1] == ' ' ? end + 2 : NULL;
}

/* Processor time of a process and of its children that it has waited for. */
static double processor_time(pid_t process)
{
    char path[48], line[1024];
    unsigned long long user, system;
    long long user_of_dead, system_of_dead;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    const char *rest = read_stat(path, line, sizeof line);
    if (!rest || sscanf(rest, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld",
                        &user, &system, &user_of_dead, &system_of_dead) != 4)
        return 0;
    return (double)(user + system + (unsigned long long)(user_of_dead + system_of_dead)) /
           (double)sysconf(_SC_CLK_TCK);
}

static double ended_children(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void look_at_process(pid_t process, struct look *look);

static void look_at_children(pid_t process, const char *thread, struct look *look)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)process, thread);
    FILE *children = fopen(path, "re");
    if (!children)
        return;
    for (int child; fscanf(children, "%d", &child) == 1;)
        look_at_process(child, look);
    fclose(children);
}

static void look_at_threads(pid_t process, bool count, struct look *look)
{
    char path[96], line[1024];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = opendir(path);
    if (!threads)
        return;
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.')
            continue;
        if (count) {
            snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)process, entry->d_name);
            const char *state = read_stat(path, line, sizeof line);
            look->threads++;
            look->runnable += state && *state == 'R';
            look->held += state && *state == 'D';
        }
        look_at_children(process, entry->d_name, look);
    }
    closedir(threads);
}

static void look_at_process(pid_t process, struct look *look)
{
    if (look->visit) {
        look->visit(process, look->context);
    } else {
        look->used += processor_time(process);
    }
    look_at_threads(process, !look->visit, look);
}

void test_descendants(void (*visit)(pid_t process, void *context), void *context)
{
    struct look look = {.visit = visit, .context = context};
    look_at_threads(getpid(), false, &look);
}

static int processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return 1;
}

void test_clock_start(struct test_clock *clock, double deadline)
{
    memset(clock, 0, sizeof *clock);
    clock->interval = deadline / 10 < 0.05 ? deadline / 10 : 0.05;
    clock->began = clock->last = test_now();
    clock->used_base = ended_children();
}

double test_clock_pause(const struct test_clock *clock)
{
    double wanted = clock->cost * SAMPLE_COST_FACTOR;
    double left = clock->last + (wanted > clock->interval ? wanted : clock->interval) - test_now();
    return left > 0 ? left : 0;
}

double test_clock_read(struct test_clock *clock)
{
    if (test_clock_pause(clock) <= 0) {
        double began = test_now(), since = began - clock->last;
        struct look look = {0};
        look_at_threads(getpid(), false, &look);
        double used = look.used + ended_children() - clock->used_base;
        if (used > clock->used)
            clock->used = used;
        int most = processors();
        if (look.runnable) {
            clock->runnable += since;
            clock->demand += since * (look.runnable < most ? look.runnable : most);
        } else if (look.held) {
            clock->held += since;
        } else {
            clock->asleep += since;
        }
        clock->threads = look.threads;
        clock->last = began;
        clock->cost = test_now() - began;
    }
    double share = clock->used < clock->demand ? clock->used / clock->demand : 1;
    return clock->asleep + clock->runnable * share + clock->held / HELD_FACTOR;
}

void test_clock_describe(const struct test_clock *clock, char *text, size_t size)
{
    snprintf(text, size,
             "%.3g s by the wall; %.3g s with all %d threads asleep, %.3g s held by the kernel, "
             "%.3g s of processor time of %.3g s that an idle machine would have given",
             clock->last - clock->began, clock->asleep, clock->threads, clock->held, clock->used,
             clock->demand);
}
