/* Options that all pools have: each test is one sentence about thread, fiber and process pools, and runs once
 * for each. Tasks talk to the test by pipes, because those of a process pool share nothing else with it. */
#include "executor/core/pool.h"
#include "harness.h"
#include "process/task_slots.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { THREADS, FIBERS, PROCESSES, KINDS };

/* What a task needs: where it says that it has begun, and where it waits to be let go on. */
struct gate {
    int begun, go, byte;
};

static thrum_executor *pool;
static int begun[2], go[2]; /* pipes */

#define COMMON                                                                                     \
    .max_workers = options.max_workers, .name_prefix = options.name_prefix,                        \
    .daemon = options.daemon, .max_pending = options.max_pending, .when_full = options.when_full,  \
    .initializer = options.initializer, .initializer_arg = options.initializer_arg,                \
    .initializer_arg_size = options.initializer_arg_size

static thrum_executor *new_pool(enum kind kind, thrum__pool_options options)
{
    int descriptors[] = {begun[1], go[0]};
    switch (kind) {
    case THREADS:
        return thrum_thread_pool_new(&(thrum_thread_pool_options){COMMON});
    case FIBERS:
        return thrum_fiber_pool_new(&(thrum_fiber_pool_options){COMMON});
    default:
        return thrum_process_pool_new(&(thrum_process_pool_options){
            COMMON, .descriptors = descriptors, .descriptor_count = begun[1] ? 2 : 0});
    }
}

static void make(enum kind kind, thrum__pool_options options)
{
    fprintf(stderr, "kind %d\n", kind); /* shown if the test fails */
    CHECK(pipe(begun) == 0 && pipe(go) == 0);
    pool = new_pool(kind, options);
    CHECK(pool != NULL);
}

static void unmake(void)
{
    thrum_executor_shutdown(pool);
    for (int i = 0; i < 2; i++)
        close(begun[i]), close(go[i]);
}

#define EACH_KIND(kind) for (enum kind kind = 0; kind < KINDS; kind++)

/* Says its byte. */
static int say(thrum_task *self)
{
    struct gate gate = thrum_arg(self, struct gate);
    char byte = (char)gate.byte;
    return write(gate.begun, &byte, 1) == 1 ? 0 : -EIO;
}

/* Says its byte, and holds its worker until it is let go on. */
static int hold(thrum_task *self)
{
    char byte;
    int rc = say(self);
    return rc == 0 && read(thrum_arg(self, struct gate).go, &byte, 1) == 1 ? 0 : -EIO;
}

static thrum_future *submit_with(thrum_priority priority, thrum_task_fn *function, int byte)
{
    struct gate gate = {begun[1], go[0], byte};
    return thrum_submit_with(pool, &(thrum_submit_options){.priority = priority}, function, &gate,
                             sizeof gate);
}

static thrum_future *submit(thrum_task_fn *function, int byte)
{
    return submit_with(THRUM_PRIORITY_NORMAL, function, byte);
}

static char hear(void)
{
    char byte = 0;
    CHECK_INT(read(begun[0], &byte, 1), ==, 1);
    return byte;
}

static void let_go(int count)
{
    while (count--)
        CHECK_INT(write(go[1], "x", 1), ==, 1);
}

static void expect(thrum_future *future, int code)
{
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    const thrum_error *error = thrum_future_error(future);
    CHECK_INT(error ? error->code : 0, ==, code);
    thrum_future_free(future);
}

/* ----------------------------------------------------------------------------------- the backlog */

enum { MOST = THRUM__TASK_SLOTS + 8 };

/* Holds the one worker, and submits until the backlog is full. Returns how many tasks are in the pool. */
static int fill(thrum_future **ret_futures)
{
    int count = 1;
    thrum_executor_stats stats = {0};
    ret_futures[0] = submit(hold, 'h');
    CHECK_INT(hear(), ==, 'h');
    /* A process pool takes a few tasks for its worker before they pend. */
    for (size_t before = 0; count < MOST; count++, before = stats.pending) {
        ret_futures[count] = submit(hold, 'h');
        thrum_executor_stats_get(pool, &stats);
        if (thrum_future_done(ret_futures[count])) {
            expect(ret_futures[count], -EAGAIN);
            break;
        }
        CHECK_INT(stats.pending, ==, before + 1);
    }
    CHECK(count >= 3 && count < MOST); /* one that runs, and two that pend */
    return count;
}

static void end_all(thrum_future **futures, int count)
{
    let_go(count);
    for (int i = 0; i < count; i++)
        expect(futures[i], 0);
}

TEST(a_full_backlog_refuses)
{
    thrum_future *futures[MOST];
    EACH_KIND(kind)
    {
        make(kind, (thrum__pool_options){
                       .max_workers = 1, .max_pending = 2, .when_full = THRUM_WHEN_FULL_REFUSE});
        int count = fill(futures);
        thrum_future *refused = submit(say, 's');
        CHECK(thrum_future_done(refused));
        CHECK_STR(thrum_future_error(refused)->message, "the pool's backlog is full");
        expect(refused, -EAGAIN);
        end_all(futures, count);
        expect(submit(say, 's'), 0); /* there is room again */
        unmake();
    }
}

static thrum_future *room_waiter;
static uint32_t waiting;

static int wait_for_room(thrum_task *self)
{
    (void)self;
    tell_ident(&waiting);
    room_waiter = submit(say, 'w');
    return 0;
}

/* Fills the pool, whose submitters wait, from the main thread, which must not wait: as it is full when one
 * more would wait, a thread tries. */
static int fill_until_one_waits(thrum_future **ret_futures, thrum_thread **ret_thread)
{
    int count = 0;
    ret_futures[count++] = submit(hold, 'h');
    CHECK_INT(hear(), ==, 'h');
    for (;;) {
        waiting = 0;
        *ret_thread = thrum_thread_start(wait_for_room, THRUM_NOTHING);
        while (!waits_for(&waiting, "pool") && thrum_thread_is_alive(*ret_thread))
            thrum_yield();
        if (thrum_thread_is_alive(*ret_thread))
            return count;
        JOIN(*ret_thread, 0);
        ret_futures[count++] = room_waiter;
        CHECK_INT(count, <, MOST);
    }
}

TEST(a_submitter_waits_for_room_and_gets_it)
{
    thrum_future *futures[MOST];
    EACH_KIND(kind)
    {
        thrum_thread *thread;
        make(kind, (thrum__pool_options){.max_workers = 1, .max_pending = 1});
        int count = fill_until_one_waits(futures, &thread);
        let_go(1);
        JOIN(thread, 0);
        for (int i = 0; i < count; i++)
            expect(futures[i], 0);
        expect(room_waiter, 0);
        unmake();
    }
}

TEST(a_shutdown_refuses_those_that_wait_for_room)
{
    thrum_future *futures[MOST];
    EACH_KIND(kind)
    {
        thrum_thread *thread;
        make(kind, (thrum__pool_options){.max_workers = 1, .max_pending = 1});
        int count = fill_until_one_waits(futures, &thread);
        thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
        JOIN(thread, 0);
        expect(room_waiter, -EPIPE);
        let_go(1);
        for (int i = 0; i < count; i++)
            expect(futures[i], 0);
        for (int i = 0; i < 2; i++)
            close(begun[i]), close(go[i]);
    }
}

static uint32_t ran_in;

static int run_here(thrum_task *self)
{
    (void)self;
    thrum__store_relaxed(&ran_in, thrum_thread_current_ident());
    return thrum_fail(self, -EDOM, "of no use");
}

TEST(a_submitter_runs_the_task_that_a_full_backlog_has_no_room_for)
{
    thrum_future *futures[MOST];
    EACH_KIND(kind)
    {
        make(kind, (thrum__pool_options){
                       .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
        thrum_executor_stats stats;
        ran_in = 0;
        int count = 0;
        futures[count++] = submit(hold, 'h');
        CHECK_INT(hear(), ==, 'h');
        for (thrum_future *future;; futures[count++] = future) {
            thrum__store_relaxed(&ran_in, 0);
            future = thrum_submit(pool, run_here, THRUM_NOTHING);
            if (thrum__load_relaxed(&ran_in) == thrum_thread_current_ident()) {
                CHECK(thrum_future_done(future));
                expect(future, -EDOM);
                break;
            }
            CHECK_INT(count, <, MOST);
        }
        thrum_executor_stats_get(pool, &stats);
        CHECK_INT(stats.done, ==, 1);
        CHECK_INT(stats.failed, ==, 1);
        CHECK_INT(stats.running, ==, 1);
        let_go(1);
        expect(futures[0], 0);
        for (int i = 1; i < count; i++)
            expect(futures[i], -EDOM);
        unmake();
    }
}

/* Tasks that pend begin by their priority, and those of one priority in the order of submission. What a process
 * pool has handed to its worker ahead of time comes before. */
TEST(pending_tasks_begin_by_their_priority)
{
    static const thrum_priority priorities[] = {THRUM_PRIORITY_NORMAL, THRUM_PRIORITY_LOW,
                                                THRUM_PRIORITY_HIGH};
    EACH_KIND(kind)
    {
        for (size_t most = 0; most <= 100; most += 100) { /* with and without a bound */
            thrum_future *ahead[THRUM__TASK_SLOTS], *futures[9];
            int held = kind == PROCESSES ? THRUM__TASK_SLOTS : 1;
            make(kind, (thrum__pool_options){.max_workers = 1, .max_pending = most});
            for (int i = 0; i < held; i++) {
                ahead[i] = submit(hold, 'h');
                if (i == 0)
                    CHECK_INT(hear(), ==, 'h');
            }
            for (int i = 0; i < 9; i++)
                futures[i] = submit_with(priorities[i / 2 % 3], say, '0' + i);
            end_all(ahead, held);
            for (int i = 0; i < 9; i++)
                expect(futures[i], 0);
            char order[10] = "";
            for (int i = 1; i < held; i++)
                CHECK_INT(hear(), ==, 'h');
            for (int i = 0; i < 9; i++)
                order[i] = hear();
            CHECK_STR(order, "450167238"); /* 4 5, then 0 1 6 7, then 2 3 8 */
            unmake();
        }
    }
}

/* ---------------------------------------------------------------------------------- initializers */

static int own; /* of a worker process, or of this one */

static int initialize(thrum_task *self)
{
    thrum__add_relaxed((uint32_t *)&own, 1);
    struct gate gate = thrum_arg(self, struct gate);
    return gate.byte ? say(self) : thrum_fail(self, -EACCES, "no luck");
}

static int is_initialized(thrum_task *self)
{
    (void)self;
    return thrum__load_relaxed((uint32_t *)&own) > 0 ? 0 : -EINVAL;
}

TEST(each_worker_runs_the_initializer_with_a_copy_of_its_argument_before_its_first_task)
{
    EACH_KIND(kind)
    {
        CHECK(pipe(begun) == 0);
        struct gate gate = {begun[1], -1, 'i'};
        int ends[2] = {begun[0], begun[1]};
        own = 0;
        CHECK(pipe(go) == 0);
        pool = new_pool(kind, (thrum__pool_options){.max_workers = 2,
                                                    .initializer = initialize,
                                                    .initializer_arg = &gate,
                                                    .initializer_arg_size = sizeof gate});
        CHECK(pool != NULL);
        gate.byte = 0; /* the pool has a copy */
        for (int i = 0; i < 20; i++)
            expect(thrum_submit(pool, is_initialized, THRUM_NOTHING), 0);
        thrum_executor_stats stats;
        thrum_executor_stats_get(pool, &stats);
        thrum_executor_shutdown(pool);
        close(ends[1]);
        size_t count = 0;
        for (char byte; read(ends[0], &byte, 1) == 1; count++)
            CHECK_INT(byte, ==, 'i');
        CHECK(count >= 1 && count <= stats.workers);
        close(ends[0]), close(go[0]), close(go[1]);
    }
}

static uint32_t told;

static void hear_failure(const thrum_failure *failure, void *context)
{
    (void)context;
    CHECK_STR(failure->kind, "executor");
    CHECK_STR(failure->name, "unlucky");
    CHECK_INT(failure->error->code, ==, -EACCES);
    CHECK_STR(failure->error->message, "the pool is broken: the initializer failed: no luck");
    thrum__add_release(&told, 1);
}

TEST(an_initializer_that_fails_breaks_the_pool_and_is_told_once)
{
    thrum_failure_hook_set(hear_failure, NULL);
    EACH_KIND(kind)
    {
        struct gate gate = {0};
        thrum_future *futures[6];
        told = 0;
        make(kind, (thrum__pool_options){.max_workers = 2,
                                         .name_prefix = "unlucky",
                                         .initializer = initialize,
                                         .initializer_arg = &gate,
                                         .initializer_arg_size = sizeof gate});
        for (int i = 0; i < 5; i++)
            futures[i] = submit(say, 's');
        CHECK_INT(thrum_future_wait(futures[0], THRUM_FOREVER), ==, 0);
        UNTIL(thrum__load_acquire(&told) == 1);
        futures[5] = submit(say, 's');
        for (int i = 0; i < 6; i++) {
            CHECK_INT(thrum_future_wait(futures[i], THRUM_FOREVER), ==, 0);
            CHECK(thrum_future_error(futures[i]));
            CHECK_STR(thrum_future_error(futures[i])->message,
                      "the pool is broken: the initializer failed: no luck");
            expect(futures[i], -EACCES);
        }
        unmake();
        CHECK_INT(told, ==, 1);
    }
}

/* ---------------------------------------------------------------------------- names and the end */

static int starts_with_prefix(thrum_task *self)
{
    (void)self;
    return strncmp(thrum_thread_current_name(), "mine-", 5) == 0 ? 0 : -EINVAL;
}

TEST(tasks_run_in_workers_or_fibers_that_are_called_by_the_prefix)
{
    EACH_KIND(kind)
    {
        char prefix[] = "mine";
        make(kind, (thrum__pool_options){.max_workers = 1, .name_prefix = prefix});
        memset(prefix, 'x', 4); /* the pool has a copy */
        expect(thrum_submit(pool, starts_with_prefix, THRUM_NOTHING), 0);
        unmake();
    }
}

/* Whether the end of a program waits for a task that holds its worker. */
static bool end_waits(enum kind kind, bool daemon)
{
    fprintf(stderr, "kind %d, daemon %d\n", kind, daemon);
    CHECK(pipe(begun) == 0 && pipe(go) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pool = new_pool(kind, (thrum__pool_options){.max_workers = 1, .daemon = daemon});
        thrum_future_free(submit(hold, 'h'));
        CHECK_INT(hear(), ==, 'h');
        exit(0);
    }
    close(begun[1]);
    if (!daemon)
        let_go(1);
    close(go[1]);
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    char byte;
    bool waited = daemon ? false : read(go[0], &byte, 1) == 0; /* the task has taken it */
    if (daemon) /* nobody has the other end any more: the worker process has ended as well */
        CHECK_INT(read(begun[0], &byte, 1), ==, 0);
    close(begun[0]), close(go[0]);
    return waited;
}

TEST(the_end_of_the_program_waits_for_a_pool_unless_it_is_a_daemon)
{
    EACH_KIND(kind)
    {
        CHECK(end_waits(kind, false));
        CHECK(!end_waits(kind, true));
    }
}

/* ------------------------------------------------------------------------------------- mistakes */

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static void destroy(void *value)
{
    (void)value;
}

struct mistake {
    thrum__pool_options options;
    const char *says;
};

/* What a child that makes such a pool prints before it aborts. */
static void check_stops(enum kind kind, const struct mistake *mistake)
{
    int ends[2], status;
    char text[512] = "";
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_INT(dup2(ends[1], STDERR_FILENO), ==, STDERR_FILENO);
        (void)new_pool(kind, mistake->options);
        _exit(0);
    }
    close(ends[1]);
    for (size_t used = 0; used < sizeof text - 1;) {
        ssize_t got = read(ends[0], text + used, sizeof text - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(ends[0]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    if (!strstr(text, mistake->says))
        fprintf(stderr, "\"%s\" lacks \"%s\"\n", text, mistake->says);
    CHECK(strstr(text, mistake->says));
}

TEST(options_that_make_no_sense_stop_the_program)
{
    struct mistake mistakes[] = {
        {{.max_workers = -1}, " pool cannot have -1 workers"},
        {{.when_full = (thrum_when_full)7}, "with when_full = 7, which is no thrum_when_full"},
        {{.initializer_arg = thrum_value(int, 7)}, "for its initializer, but no initializer"},
        {{.initializer = nothing, .initializer_arg = thrum_owned(destroy, int, 7)},
         "was given an owned value"},
    };
    EACH_KIND(kind)
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        check_stops(kind, &mistakes[i]);
}
