/* Compositions: the features of an executor that meet shutdowns, cancels, failures, a lost worker, a fork and the
 * end of main, each on all kinds of executors. docs/explorer.md has the table. Each future that a test
 * makes has a callback that counts its end, so that none ends twice or never. */
#include "executor/core/pool.h"
#include "harness.h"
#include "support.h"
#include "support_children.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <thrum/process_pool.h>
#include <unistd.h>

enum kind { INLINE, THREAD, FIBER_1, FIBER_2, PROCESS, KINDS };
static const char *const kind_names[] = {"inline", "thread", "fiber(1)", "fiber(2)", "process"};

static int inherited = -1; /* a descriptor that worker processes get */

static thrum_executor *make(enum kind kind)
{
    thrum_executor *made = NULL;
    fprintf(stderr, "# on %s\n", kind_names[kind]); /* shown if the test fails */
    switch (kind) {
    case INLINE:
        made = thrum_inline_new();
        break;
    case THREAD:
        made = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
        break;
    case FIBER_1:
    case FIBER_2:
        made = thrum_fiber_pool_new(
            &(thrum_fiber_pool_options){.max_workers = kind == FIBER_1 ? 1 : 2});
        break;
    default:
        made = thrum_process_pool_new(&(thrum_process_pool_options){
            .max_workers = 1, .descriptors = &inherited, .descriptor_count = inherited >= 0});
    }
    CHECK(made != NULL);
    return made;
}

/* Each variant of a shutdown, and two together. */
static const thrum_shutdown_options variants[] = {
    {0},
    {.cancel_pending = true},
    {.cancel_running = true},
    {.no_wait = true},
    {.cancel_pending = true, .cancel_running = true},
    {.cancel_pending = true, .cancel_running = true, .no_wait = true},
};

/* Runs `body` on each kind of executor with each variant of a shutdown. */
static void on_all(void (*body)(thrum_executor *executor, const thrum_shutdown_options *how))
{
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
            body(make(kind), &variants[i]);
}

/* -------------------------------------------------------------------------------- futures and tasks */

enum { MOST = 16 };
static thrum_future *futures[MOST];
static uint32_t made, ended;

static int count_end(thrum_future *future, void *context)
{
    (void)context;
    CHECK(thrum_future_done(future));
    thrum__add_relaxed(&ended, 1);
    return 0;
}

/* Takes part in the count. */
static thrum_future *watch(thrum_future *future)
{
    CHECK_INT(thrum_future_add_done_callback(future, count_end, NULL), ==, 0);
    futures[made++] = future;
    return future;
}

/* The same for `count` that are submitted by one call; 0 and NULL for no arguments. */
static void watch_many(thrum_executor *executor, thrum_task_fn *function, size_t count,
                       const int *args)
{
    thrum_future *many[MOST];
    thrum_submit_many(executor, function, count, args, args ? sizeof *args : 0, many);
    for (size_t i = 0; i < count; i++)
        watch(many[i]);
}

/* The same for one whose future is in memory of the test. */
static thrum_future *watch_into(thrum_executor *executor, thrum_task_fn *function, const int *arg)
{
    static thrum_future_memory places[MOST];
    return watch(thrum_submit_into(executor, &places[made], function, arg, arg ? sizeof *arg : 0));
}

/* Waits until all have ended and checks that each did so once, with success or a code that is allowed. */
static void settle(int allowed, int also_allowed)
{
    for (uint32_t i = 0; i < made; i++) {
        CHECK_INT(thrum_future_wait(futures[i], THRUM_FOREVER), ==, 0);
        int rc = OUTCOME_CODE(thrum_future_result(futures[i], NULL, 0, THRUM_NOW),
                              thrum_future_error(futures[i]));
        CHECK(rc == 0 || rc == allowed || rc == also_allowed);
    }
    UNTIL(thrum__load_acquire(&ended) >= made); /* a callback may run after its future is done */
    CHECK_INT(thrum__load_acquire(&ended), ==, made);
    while (made)
        thrum_future_free(futures[--made]);
    ended = 0;
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int wait_for_ever(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int fail_at_two(thrum_task *self)
{
    int n = thrum_arg(self, int);
    return n == 2 ? thrum_fail(self, -ERANGE, "number %d fails", n) : 0;
}

static int die_at_two(thrum_task *self)
{
    if (thrum_arg(self, int) == 2)
        _exit(3);
    return 0;
}

/* ------------------------------------------------------------------------------------- shutdowns */

static bool is_inline(const thrum_executor *executor)
{
    thrum_executor_stats stats;
    thrum_future *future = thrum_submit((thrum_executor *)executor, nothing, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_executor_stats_get((thrum_executor *)executor, &stats);
    return stats.workers == 0;
}

static void submit_of_all_priorities(thrum_executor *executor, const thrum_shutdown_options *how)
{
    if (how->cancel_running && !is_inline(executor)) {
        watch(thrum_submit(executor, wait_for_ever, THRUM_NOTHING));
        UNTIL(thrum_future_running(futures[0]));
    }
    for (int i = 0; i < 9; i++)
        watch(thrum_submit_with(executor,
                                &(thrum_submit_options){.priority = (thrum_priority)(i % 3 - 1)},
                                nothing, THRUM_NOTHING));
    thrum_executor_shutdown_with(executor, how);
    settle(-ECANCELED, -ECANCELED);
}

TEST_DEADLINE(submits_of_all_priorities_meet_each_shutdown, 60)
{
    on_all(submit_of_all_priorities);
}

static void submit_many_and_into(thrum_executor *executor, const thrum_shutdown_options *how)
{
    if (how->cancel_running && !is_inline(executor)) {
        watch_into(executor, wait_for_ever, NULL);
        UNTIL(thrum_future_running(futures[0]));
    }
    watch_many(executor, nothing, 5, NULL);
    watch_into(executor, nothing, NULL);
    watch_into(executor, nothing, NULL);
    thrum_executor_shutdown_with(executor, how);
    settle(-ECANCELED, -ECANCELED);
}

TEST_DEADLINE(submits_of_many_and_into_memory_meet_each_shutdown, 60)
{
    on_all(submit_many_and_into);
}

static void chain(thrum_executor *executor, const thrum_shutdown_options *how)
{
    for (int i = 0; i < 3; i++) {
        thrum_future *first = watch(thrum_submit(executor, nothing, THRUM_NOTHING));
        watch(thrum_future_then(first, executor, nothing));
    }
    thrum_executor_shutdown_with(executor, how);
    settle(-ECANCELED, -EPIPE);
}

TEST_DEADLINE(chains_meet_each_shutdown, 60)
{
    on_all(chain);
}

static thrum_future *late;

static int submit_late(thrum_future *future, void *context)
{
    (void)future;
    thrum__store_release(&late, thrum_submit(context, nothing, THRUM_NOTHING));
    return 0;
}

static void submit_in_callback(thrum_executor *executor, const thrum_shutdown_options *how)
{
    late = NULL;
    thrum_future *first = watch(thrum_submit(executor, nothing, THRUM_NOTHING));
    CHECK_INT(thrum_future_add_done_callback(first, submit_late, executor), ==, 0);
    thrum_executor_shutdown_with(executor, how);
    UNTIL(thrum__load_acquire(&late));
    watch(late);
    settle(-ECANCELED, -EPIPE);
}

TEST_DEADLINE(callbacks_that_submit_meet_each_shutdown, 60)
{
    on_all(submit_in_callback);
}

static void join_a_group(thrum_executor *executor, const thrum_shutdown_options *how)
{
    thrum_group *group = thrum_group_new();
    for (int i = 0; i < 6; i++)
        watch(thrum_group_submit(group, executor, nothing, THRUM_NOTHING));
    thrum_executor_shutdown_with(executor, how);
    CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0); /* a cancelled task is no failure */
    thrum_group_free(group);
    settle(-ECANCELED, -ECANCELED);
}

TEST_DEADLINE(groups_meet_each_shutdown, 60)
{
    on_all(join_a_group);
}

static void leave_a_mapping(thrum_executor *executor, const thrum_shutdown_options *how)
{
    int items[6] = {0};
    thrum_mapping *mapping = thrum_mapping_new(
        executor, fail_at_two,
        &(thrum_map_options){.count = 6, .args = items, .arg_size = sizeof *items, .window = 6});
    CHECK_INT(thrum_mapping_next(mapping, NULL, THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown_with(executor, how);
    int rc;
    size_t count = 1;
    while ((rc = thrum_mapping_next(mapping, NULL, THRUM_FOREVER)) == 0)
        count++;
    if (rc == -ENODATA)
        CHECK_INT(count, ==, 6);
    else
        CHECK_OUTCOME(rc, thrum_mapping_error(mapping), -ECANCELED);
    thrum_mapping_free(mapping);
}

TEST_DEADLINE(mappings_meet_each_shutdown, 60)
{
    on_all(leave_a_mapping);
}

/* ---------------------------------------------------------------------- cancel, failure, deadline */

TEST_DEADLINE(a_cancelled_group_ends_its_tasks_on_each_executor, 60)
{
    for (enum kind kind = THREAD; kind < KINDS; kind++) { /* inline ones are over before a cancel */
        thrum_executor *executor = make(kind);
        thrum_group *group = thrum_group_new();
        for (int i = 0; i < 4; i++)
            watch(thrum_group_submit(group, executor, wait_for_ever, THRUM_NOTHING));
        UNTIL(thrum_future_running(futures[0]));
        thrum_group_cancel(group);
        CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ECANCELED);
        thrum_group_free(group);
        settle(-ECANCELED, -ECANCELED);
        thrum_executor_shutdown(executor);
    }
}

TEST_DEADLINE(a_cancel_is_for_one_task_on_each_executor, 60)
{
    for (enum kind kind = THREAD; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        thrum_future *first = watch(thrum_submit(executor, wait_for_ever, THRUM_NOTHING));
        thrum_future *second = watch(thrum_submit(executor, nothing, THRUM_NOTHING));
        UNTIL(thrum_future_running(first));
        (void)thrum_future_cancel(first);
        CHECK_OUTCOME(thrum_future_result(first, NULL, 0, THRUM_FOREVER), thrum_future_error(first),
                      -ECANCELED);
        CHECK_INT(thrum_future_result(second, NULL, 0, THRUM_FOREVER), ==, 0);
        settle(-ECANCELED, -ECANCELED);
        watch_many(executor, wait_for_ever, 2, NULL);
        watch_into(executor, wait_for_ever, NULL);
        for (uint32_t left = made; left-- > 0;) {
            (void)thrum_future_cancel(futures[left]);
            CHECK_OUTCOME(thrum_future_result(futures[left], NULL, 0, THRUM_FOREVER),
                          thrum_future_error(futures[left]), -ECANCELED);
            for (uint32_t i = 0; i < left; i++)
                CHECK(!thrum_future_done(futures[i]));
        }
        settle(-ECANCELED, -ECANCELED);
        thrum_executor_shutdown(executor);
    }
}

/* Item 2 ends a map, a group and a chain with that code; of tasks that are submitted together it fails alone. */
static void end_by(thrum_executor *executor, thrum_task_fn *function, int code)
{
    int items[] = {0, 1, 2, 3};
    size_t failed = 0;
    thrum_error error = {0};
    thrum_map_options options = {.count = 4,
                                 .args = items,
                                 .arg_size = sizeof *items,
                                 .ret_failed = &failed,
                                 .ret_error = &error};
    CHECK_OUTCOME(thrum_map(executor, function, &options), &error, code);
    CHECK_INT(failed, ==, 2);

    thrum_group *group = thrum_group_new();
    for (int i = 0; i < 4; i++)
        watch(thrum_group_submit(group, executor, function, &items[i], sizeof *items));
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), code);
    thrum_group_free(group);
    settle(code, -ECANCELED);

    thrum_future *first = watch(thrum_submit(executor, function, &items[2], sizeof *items));
    thrum_future *second = watch(thrum_future_then(first, executor, nothing));
    CHECK_OUTCOME(thrum_future_result(second, NULL, 0, THRUM_FOREVER), thrum_future_error(second),
                  code);
    settle(code, code);

    watch_many(executor, function, 4, items);
    watch_into(executor, function, &items[2]);
    watch_into(executor, function, &items[3]);
    for (uint32_t i = 0; i < made; i++)
        CHECK_OUTCOME(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER),
                      thrum_future_error(futures[i]), i == 2 || i == 4 ? code : 0);
    settle(code, code);
}

TEST_DEADLINE(a_failure_ends_a_map_a_group_and_a_chain_on_each_executor, 60)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        end_by(executor, fail_at_two, -ERANGE);
        thrum_executor_shutdown(executor);
    }
}

TEST_DEADLINE(a_lost_worker_ends_a_map_a_group_and_a_chain, 60)
{
    thrum_executor *executor = make(PROCESS);
    end_by(executor, die_at_two, -ECHILD);
    thrum_executor_shutdown(executor);
}

static void lose_a_worker(const thrum_shutdown_options *how)
{
    static const int two = 2;
    thrum_executor *executor = make(PROCESS);
    for (int i = 0; i < 3; i++)
        watch(thrum_submit(executor, i == 1 ? die_at_two : nothing, &two, sizeof two));
    thrum_executor_shutdown_with(executor, how);
    settle(-ECHILD, -ECANCELED);
}

TEST_DEADLINE(a_lost_worker_meets_each_shutdown, 60)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        lose_a_worker(&variants[i]);
}

TEST_DEADLINE(a_deadline_ends_a_task_and_a_map_on_each_executor, 60)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        thrum_submit_options options = {.deadline = thrum_in(0.05)};
        thrum_future *first =
            watch(thrum_submit_with(executor, &options, wait_for_ever, THRUM_NOTHING));
        watch(thrum_submit(executor, nothing, THRUM_NOTHING)); /* which the deadline spares */
        CHECK_OUTCOME(thrum_future_result(first, NULL, 0, THRUM_FOREVER), thrum_future_error(first),
                      -ETIMEDOUT);
        CHECK_INT(thrum_future_result(futures[1], NULL, 0, THRUM_FOREVER), ==, 0);
        settle(-ETIMEDOUT, -ETIMEDOUT);
        thrum_executor_shutdown(executor);
    }
}

static void pass_deadlines(thrum_executor *executor, const thrum_shutdown_options *how)
{
    thrum_submit_options options = {.deadline = thrum_in(0.02)};
    for (int i = 0; i < 3; i++)
        watch(thrum_submit_with(executor, &options, wait_for_ever, THRUM_NOTHING));
    thrum_executor_shutdown_with(executor, how);
    settle(-ETIMEDOUT, -ECANCELED);
}

TEST_DEADLINE(deadlines_meet_each_shutdown, 60)
{
    on_all(pass_deadlines);
}

/* ------------------------------------------------------------------------------ fork, end of main */

static thrum_executor *parents;
static bool is_lost;

/* In a child: each way to use a pool of the parent ends at once, and the inline executor works. */
static void use_in_child(void *argument)
{
    (void)argument;
    int code = is_lost ? -ESRCH : 0;
    int items[] = {0, 1};
    thrum_future *future = watch(thrum_submit(parents, nothing, THRUM_NOTHING));
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  code);
    watch_many(parents, nothing, 2, NULL);
    watch_into(parents, nothing, NULL);
    for (uint32_t i = 1; i < made; i++)
        CHECK_OUTCOME(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER),
                      thrum_future_error(futures[i]), code);
    thrum_future *first = thrum_future_new();
    thrum_future *second = watch(thrum_future_then(first, parents, nothing));
    CHECK_INT(thrum_future_set_result(first, NULL, 0), ==, 0);
    CHECK_OUTCOME(thrum_future_result(second, NULL, 0, THRUM_FOREVER), thrum_future_error(second),
                  code);
    thrum_future_free(first);
    thrum_error error = {0};
    thrum_map_options options = {
        .count = 2, .args = items, .arg_size = sizeof *items, .ret_error = &error};
    CHECK_OUTCOME(thrum_map(parents, fail_at_two, &options), &error, code);
    thrum_group *group = thrum_group_new();
    watch(thrum_group_submit(group, parents, nothing, THRUM_NOTHING));
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), code);
    thrum_group_free(group);
    settle(code, code);
    thrum_executor_shutdown(parents);
}

TEST_DEADLINE(each_use_of_an_executor_ends_in_a_child_of_fork, 60)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        parents = make(kind);
        is_lost = kind != INLINE;
        thrum_future *future = thrum_submit(parents, nothing, THRUM_NOTHING); /* starts workers */
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(future);
        child_join(child_start(use_in_child, NULL));
        thrum_executor_shutdown(parents);
    }
}

static thrum_event held, let_go;

static int hold_lock(thrum_task *self)
{
    thrum_lock *lock = &((thrum__pool *)thrum_arg(self, thrum_executor *))->lock;
    thrum_lock_acquire(lock);
    thrum_event_set(&held);
    int rc = thrum_event_wait(&let_go, THRUM_FOREVER);
    thrum_lock_release(lock);
    return rc;
}

static void ask_in_child(void *argument)
{
    const bool *threads = argument;
    thrum_executor_stats stats;
    int32_t pid;
    thrum_executor_stats_get(parents, &stats);
    CHECK(stats.workers == 0 && stats.running == 0 && stats.pending == 0 && stats.done == 0);
    CHECK_INT(thrum_thread_pool_resize(parents, 3), ==, *threads ? -ESRCH : -EINVAL);
    CHECK_INT(thrum_process_pool_pids(parents, &pid, 1), ==, 0);
}

/* Another thread holds the lock of the pool at the fork. */
TEST_DEADLINE(a_pool_answers_in_a_child_though_its_lock_was_held, 60)
{
    for (enum kind kind = THREAD; kind < KINDS; kind++) {
        bool threads = kind == THREAD;
        parents = make(kind);
        thrum_event_clear(&held);
        thrum_event_clear(&let_go);
        thrum_thread *holder =
            thrum_thread_start(hold_lock, thrum_value(thrum_executor *, parents));
        CHECK_INT(thrum_event_wait(&held, THRUM_FOREVER), ==, 0);
        child_join(child_start(ask_in_child, &threads));
        thrum_event_set(&let_go);
        JOIN(holder, 0);
        thrum_executor_shutdown(parents);
    }
}

static int write_byte(thrum_task *self)
{
    int fd = thrum_task_arg_size(self) ? thrum_arg(self, int) : inherited;
    if (write(fd, "x", 1) != 1)
        return -errno;
    return thrum_return(self, thrum_value(int, fd));
}

static int submit_byte(thrum_future *future, void *context)
{
    (void)future;
    thrum_future *next = thrum_submit(context, write_byte, thrum_value(int, inherited));
    (void)!thrum_future_wait(next, THRUM_NOW); /* it may be pending */
    (void)thrum_future_error(next);            /* it may have been refused */
    thrum_future_free(next);
    return 0;
}

/* A task that forks and joins, maps, resizes and joins a group while the program ends. What it submits then may
 * be refused; it ends in any case, and only then writes. */
static int compose(thrum_task *self)
{
    thrum_executor *executor = thrum_arg(self, thrum_executor *);
    thrum_future *inner = thrum_submit(executor, nothing, THRUM_NOTHING);
    int rc =
        OUTCOME_CODE(thrum_future_result(inner, NULL, 0, THRUM_FOREVER), thrum_future_error(inner));
    CHECK(rc == 0 || rc == -EPIPE);
    thrum_future_free(inner);
    thrum_error error;
    rc = OUTCOME_CODE(
        thrum_map(executor, nothing, &(thrum_map_options){.count = 3, .ret_error = &error}),
        &error);
    CHECK(rc == 0 || rc == -EPIPE);
    rc = thrum_thread_pool_resize(executor, 1);
    CHECK(rc == 0 || rc == -EINVAL);
    thrum_group *group = thrum_group_new();
    thrum_future_free(thrum_group_submit(group, executor, nothing, THRUM_NOTHING));
    rc = OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group));
    CHECK(rc == 0 || rc == -EPIPE);
    thrum_group_free(group);
    return write(inherited, "y", 1) == 1 ? 0 : -errno;
}

/* What a program leaves behind at its end: a task, two that were submitted by one call, one with its future in static
 * memory, a chain, a callback that submits, a group, and a task that does the same. A worker process cannot use its
 * pool. */
static void leave_all(enum kind kind)
{
    thrum_executor *executor = make(kind);
    thrum_future *first = thrum_submit(executor, write_byte, thrum_value(int, inherited));
    thrum_future *second = thrum_future_then(first, executor, write_byte);
    CHECK_INT(thrum_future_add_done_callback(first, submit_byte, executor), ==, 0);
    thrum_group *group = thrum_group_new();
    for (int i = 0; i < 3; i++)
        thrum_future_free(
            thrum_group_submit(group, executor, write_byte, thrum_value(int, inherited)));
    if (kind != PROCESS)
        thrum_future_free(thrum_submit(executor, compose, thrum_value(thrum_executor *, executor)));
    static thrum_future_memory memory;
    int fds[2] = {inherited, inherited};
    thrum_future *many[2];
    thrum_submit_many(executor, write_byte, 2, fds, sizeof fds[0], many);
    (void)thrum_submit_into(executor, &memory, write_byte, &fds[0], sizeof fds[0]);
    thrum_future_free(many[0]);
    thrum_future_free(many[1]);
    thrum_future_free(first);
    thrum_future_free(second);
    exit(0);
}

TEST_DEADLINE(the_end_of_main_finishes_what_is_submitted_on_each_executor, 60)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        int ends[2], status;
        char bytes[16];
        if (SANITIZED && kind != INLINE) /* a sanitizer cannot start threads in such a child */
            break;
        CHECK_INT(pipe(ends), ==, 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            inherited = ends[1];
            leave_all(kind);
        }
        close(ends[1]);
        CHECK_INT(waitpid(child, &status, 0), ==, child);
        CHECK_INT(status, ==, 0);
        ssize_t total = 0;
        for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
            total += got;
        close(ends[0]);
        int least = kind == PROCESS ? 7 : 8; /* the chain and the callback may come too late */
        CHECK(total >= least && total <= least + 2);
    }
}
