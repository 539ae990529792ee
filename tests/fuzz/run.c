/* A program runs: in a process of its own, which ends with status 0 if all was well.
 *
 * All objects are made, all actors started at once, and joined. Then each concern checks its books and
 * ends its objects. That is a round; a program has two or more, and after the last the process must have
 * as many descriptors as after the first, and no threads but the one that watches processes; after ten rounds,
 * not much more memory than after five. */
#include "fuzz.h"

#include <dirent.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MEMORY_SLACK = 192 << 10 };

struct fuzz_mode fuzz_mode;
const struct fuzz_program *fuzz_program;
bool fuzz_last_round;

static struct runner {
    struct fuzz_self self;
    unsigned next; /* operation, for a chain of pthreads */
    bool present;
    thrum_thread *thread;
    thrum_future *future;
    thrum_event begun, ended; /* of a task that may be cancelled; of a chain */
    uint32_t asked;
} runners[FUZZ_ACTORS];

static thrum_event go;
static thrum_executor *carriers[FUZZ_CARRIERS];

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s:%d: %s, in %s\n", file, line, text, thrum_thread_current_name());
    fflush(stdout);
    _exit(1);
}

bool fuzz_fault(const char *name)
{
    return fuzz_mode.fault && strcmp(fuzz_mode.fault, name) == 0;
}

thrum_deadline fuzz_deadline(struct fuzz_self *self, unsigned wait)
{
    uint64_t random = fuzz_random(&self->random);
    switch (wait) {
    case FUZZ_FOREVER:
        return THRUM_FOREVER;
    case FUZZ_NOW:
        return THRUM_NOW;
    case FUZZ_PAST:
        return random & 1 ? thrum_at(thrum_now() - 1)
                          : (thrum_deadline){-(thrum_time)(random >> 40) - 1};
    case FUZZ_TINY:
        return thrum_in(1e-6 * (double)(random % 60));
    default:
        return thrum_in(1e-4 * (double)(random % 20));
    }
}

void fuzz_allowed(const struct fuzz_self *self, unsigned wait, int rc, const char *file, int line)
{
    if (rc == 0)
        return;
    if (rc == -ECANCELED && thrum__load_acquire(self->asked))
        return;
    if (wait == FUZZ_NOW && rc == -EAGAIN)
        return;
    if (wait != FUZZ_NOW && wait != FUZZ_FOREVER && rc == -ETIMEDOUT)
        return;
    fuzz_fail(file, line, "a wait gives %d (%s), which its deadline %u does not allow%s", rc,
              thrum_strerror(rc), wait, *self->asked ? "" : "; nobody asked it to stop");
}

void fuzz_leaf(struct fuzz_self *self, uint64_t random)
{
    for (unsigned i = 0; i <= random % 2; i++) {
        const struct fuzz_kind *kind;
        do
            kind = fuzz_kind((unsigned)(fuzz_random(&self->random) % fuzz_kind_count()));
        while (!kind->leaf);
        uint64_t more = fuzz_random(&self->random);
        struct fuzz_op op = {.object = (uint8_t)(more % kind->objects),
                             .wait = (uint8_t)((more >> 8) % FUZZ_WAITS),
                             .value = (uint16_t)(more >> 16)};
        kind->run(self, &op);
    }
}

void fuzz_cancel(unsigned actor)
{
    struct runner *runner = &runners[actor];
    if (!runner->present ||
        !thrum_event_is_set(&runner->begun)) /* one that never began would be missed */
        return;
    thrum__store_release(&runner->asked, 1);
    if (runner->thread)
        thrum_thread_cancel(runner->thread);
    else if (runner->future)
        thrum_future_cancel(runner->future);
}

/* -------------------------------------------------------------------------------------- actors */

static void leave(struct runner *runner)
{
    switch (fuzz_program->actor[runner->self.actor].role) {
    case FUZZ_PRODUCER:
    case FUZZ_CONSUMER:
        fuzz_leave_stream(&runner->self);
        break;
    case FUZZ_PARTY:
        fuzz_leave_barrier(&runner->self);
        break;
    default:
        break;
    }
}

/* Runs up to `most` operations that are left. True if there are more. */
static bool run_some(struct runner *runner, unsigned most)
{
    const struct fuzz_actor *actor = &fuzz_program->actor[runner->self.actor];
    for (; runner->next < actor->count && most; runner->next++)
        if (fuzz_has(actor, runner->next)) {
            const struct fuzz_op *op = &actor->op[runner->next];
            fuzz_kind(op->kind)->run(&runner->self, op);
            most--;
        }
    return runner->next < actor->count;
}

static int carry(thrum_task *task)
{
    struct runner *runner = thrum_arg(task, struct runner *);
    thrum_shield_begin(); /* nobody can have asked it yet */
    FUZZ_CHECK(thrum_event_wait(&go, THRUM_FOREVER) == 0);
    thrum_shield_end();
    thrum_event_set(&runner->begun);
    run_some(runner, UINT32_MAX);
    leave(runner);
    return 0;
}

/* Its thread may be asked to stop, and the request is for this task, which must not mind. */
static int carry_inline(thrum_task *task)
{
    struct runner *runner = thrum_arg(task, struct runner *);
    thrum_future *future =
        thrum_submit(carriers[FUZZ_INLINE], carry, &runner, sizeof(struct runner *));
    FUZZ_CHECK(thrum_future_done(future));
    thrum_future_free(future);
    return 0;
}

static void *link_of_chain(void *argument)
{
    struct runner *runner = argument;
    FUZZ_CHECK(thrum_event_wait(&go, THRUM_FOREVER) == 0);
    if (run_some(runner, 1 + (unsigned)(fuzz_random(&runner->self.random) % 4))) {
        pthread_t next;
        FUZZ_CHECK(pthread_create(&next, NULL, link_of_chain, runner) == 0);
        FUZZ_CHECK(pthread_detach(next) == 0);
        return NULL;
    }
    leave(runner);
    thrum_event_set(&runner->ended);
    return NULL;
}

static void start(struct runner *runner)
{
    unsigned carrier = fuzz_program->actor[runner->self.actor].carrier;
    if (carrier == FUZZ_BARE) {
        pthread_t first;
        FUZZ_CHECK(pthread_create(&first, NULL, link_of_chain, runner) == 0);
        FUZZ_CHECK(pthread_detach(first) == 0);
    } else if (carrier == FUZZ_THREAD || carrier == FUZZ_INLINE) {
        thrum_task_fn *function = carrier == FUZZ_THREAD ? carry : carry_inline;
        runner->thread = thrum_thread_start(function, &runner, sizeof(struct runner *));
        FUZZ_CHECK(runner->thread != NULL);
    } else {
        runner->future = thrum_submit(carriers[carrier], carry, &runner, sizeof(struct runner *));
    }
}

static void join(struct runner *runner)
{
    int rc = 0;
    if (runner->thread)
        rc = thrum_thread_join(runner->thread, THRUM_FOREVER);
    else if (runner->future)
        rc = thrum_future_result(runner->future, NULL, 0, THRUM_FOREVER);
    else
        rc = thrum_event_wait(&runner->ended, THRUM_FOREVER);
    FUZZ_CHECK(rc == 0);
}

static bool takes_part(const struct fuzz_actor *actor)
{
    for (unsigned i = 0; i < actor->count; i++)
        if (fuzz_has(actor, i))
            return true;
    return false;
}

static void run_actors(unsigned round)
{
    unsigned parties = 0;
    thrum_event_init(&go);
    for (unsigned a = 0; a < fuzz_program->actors; a++) {
        const struct fuzz_actor *actor = &fuzz_program->actor[a];
        runners[a] = (struct runner){
            .self = {a, fuzz_program->seed + 1000 * round + a, &runners[a].asked},
            .present = takes_part(actor),
        };
        if (runners[a].present && actor->role == FUZZ_PARTY)
            parties++;
        if (runners[a].present)
            fuzz_join_stream(actor);
    }
    fuzz_parties(parties);
    for (unsigned a = 0; a < fuzz_program->actors; a++)
        if (runners[a].present)
            start(&runners[a]);
    thrum_event_set(&go);
    for (unsigned a = 0; a < fuzz_program->actors; a++)
        if (runners[a].present)
            join(&runners[a]);
    for (unsigned a = 0; a < fuzz_program->actors; a++) {
        thrum_thread_free(runners[a].thread);
        thrum_future_free(runners[a].future);
    }
}

/* -------------------------------------------------------------------------------------- rounds */

static void hear(const thrum_failure *failure, void *context)
{
    (void)context;
    if (failure->error->code != -EIO && failure->error->code != -ECANCELED &&
        failure->error->code != -ETIMEDOUT && failure->error->code != -EAGAIN)
        fuzz_fail(__FILE__, __LINE__, "%s %s failed: %s", failure->kind, failure->name,
                  failure->error->message);
}

/* The threads that the library keeps until the end of the process, once it has needed them. */
static bool is_of_library(const char *name)
{
    static const char *const kept[] = {"shared-proxy", "parallel", "reserve-worker",
                                       "thrum-deadlock"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strncmp(name, kept[i], strlen(kept[i])) == 0)
            return true;
    return false;
}

/* How many threads there are besides those. */
static unsigned threads_left(void)
{
    unsigned count = 0;
    char path[64], name[32];
    DIR *folder = opendir("/proc/self/task");
    FUZZ_CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file && fgets(name, sizeof name, file))
            count += !is_of_library(name);
        if (file)
            fclose(file);
    }
    closedir(folder);
    return count;
}

/* How many descriptors there are. Those that the library keeps for each context that has ever waited for a
 * descriptor are not a leak (park/poll_park.c), and are not counted; nor are
 * folders that this file reads. */
static unsigned descriptors_open(void)
{
    unsigned count = 0;
    char target[64];
    DIR *folder = opendir("/proc/self/fd");
    FUZZ_CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        ssize_t size = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[size > 0 ? size : 0] = 0;
        count += size > 0 && !strstr(target, "[eventfd]") && strncmp(target, "/proc/", 6) != 0;
    }
    closedir(folder);
    return count;
}

static void run_round(unsigned round)
{
    thrum_thread_pool_options pool = {.max_workers = FUZZ_ACTORS};
    thrum_fiber_pool_options fibers = {.max_workers = 1, .stack_size = fuzz_program->fiber_stack};
    carriers[FUZZ_FIBER] = thrum_fiber_pool_new(&fibers);
    fibers.max_workers = (int)fuzz_program->workers;
    carriers[FUZZ_FIBERS] = thrum_fiber_pool_new(&fibers);
    carriers[FUZZ_POOL] = thrum_thread_pool_new(&pool);
    carriers[FUZZ_INLINE] = thrum_inline_new();
    for (unsigned i = 0; fuzz_concern(i); i++)
        fuzz_concern(i)->set_up();
    run_actors(round);
    for (unsigned i = 0; fuzz_concern(i); i++)
        fuzz_concern(i)->finish();
    for (unsigned i = 0; i < FUZZ_CARRIERS; i++)
        thrum_executor_shutdown(carriers[i]);
}

/* The heap that is in use. A sanitizer has its own, and looks for leaks itself. */
static size_t memory(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

static void take_one_core(void)
{
    cpu_set_t set;
    FUZZ_CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
    int first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    FUZZ_CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

/* The library stops the program for a mistake: where was it made? */
static void show_stack(int number)
{
    (void)number;
#ifdef __GLIBC__
    void *frames[48];
    backtrace_symbols_fd(frames, backtrace(frames, 48), 2);
#endif
}

static void do_nothing(int number)
{
    (void)number;
}

static uint32_t storm_over;

/* Interrupts every thread again and again, so that each system call may end with EINTR. */
static void *storm(void *unused)
{
    while (!thrum__load_acquire(&storm_over)) {
        DIR *threads = opendir("/proc/self/task");
        for (struct dirent *entry; threads && (entry = readdir(threads));)
            if (entry->d_name[0] != '.' && atoi(entry->d_name) != gettid())
                syscall(SYS_tgkill, getpid(), atoi(entry->d_name), SIGUSR1);
        if (threads)
            closedir(threads);
        usleep(100);
    }
    return unused;
}

/* Threads that have ended for the library are still on their way out of the system, and a pool that nobody
 * waited for ends its own. */
static unsigned threads_at_start;

static void settle_threads(unsigned others)
{
    while (threads_left() > threads_at_start + others)
        usleep(1000);
}

static void *nothing(void *unused)
{
    return unused;
}

/* A sanitizer may have threads of its own, from the first one that is started. */
static void count_threads(void)
{
    pthread_t first;
    FUZZ_CHECK(pthread_create(&first, NULL, nothing, NULL) == 0);
    FUZZ_CHECK(pthread_join(first, NULL) == 0);
    usleep(2000); /* it leaves the list a little later; one too many does no harm */
    threads_at_start = threads_left();
}

void fuzz_run(const struct fuzz_program *program)
{
    fuzz_program = program;
    count_threads();
    sigaction(SIGABRT, &(struct sigaction){.sa_handler = show_stack, .sa_flags = (int)SA_RESETHAND},
              NULL);
    thrum_failure_hook_set(hear, NULL);
    if (fuzz_mode.one_core)
        take_one_core();
    pthread_t stormer;
    if (fuzz_mode.signals) {
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = do_nothing}, NULL);
        FUZZ_CHECK(pthread_create(&stormer, NULL, storm, NULL) == 0);
    }
    unsigned descriptors = 0;
    size_t used = 0;
    for (unsigned round = 0; round < program->rounds; round++) {
        fuzz_last_round = round + 1 == program->rounds;
        run_round(round);
        if (round == 0) {
            settle_threads(fuzz_mode.signals + fuzz_uses_processes());
            descriptors = descriptors_open();
        }
        if (round == program->rounds / 2)
            used = memory();
    }
    if (fuzz_mode.signals) {
        thrum__store_release(&storm_over, 1);
        FUZZ_CHECK(pthread_join(stormer, NULL) == 0);
    }
    settle_threads(fuzz_uses_processes());
    fuzz_check_locals();
    unsigned left = descriptors_open();
    if (left != descriptors)
        fuzz_fail(__FILE__, __LINE__, "%u descriptors after a round, %u at the end", descriptors,
                  left);
    if (program->rounds >= 10 && memory() > used + MEMORY_SLACK)
        fuzz_fail(__FILE__, __LINE__, "%zu bytes after half of the rounds, %zu at the end", used,
                  memory());
}
