/* Many tasks at once, and tasks in memory of the caller, in a thread pool: each runs once, they are taken in order,
 * none waits for a worker that is held up, and the free of a future is the last touch of its memory. */
#include "explore.h"
#include "future/in_place.h"
#include <thrum/event.h>
#include <thrum/executor.h>

#include <errno.h>

static thrum_executor *pool;
static thrum_event met;
static uint32_t runs;

static void make(int workers)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = workers});
}

static int wait_or_come(thrum_task *self)
{
    thrum__add_relaxed(&runs, 1);
    if (!thrum_arg(self, int))
        return thrum_event_wait(&met, THRUM_FOREVER);
    thrum_event_set(&met);
    return 0;
}

static void finish(thrum_future **futures, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        EXPLORE_CHECK(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) == 0);
        thrum_future_free(futures[i]);
    }
    EXPLORE_CHECK(runs == count);
}

/* The first of many waits for the last one. */
EXPLORE(pool_many_of_one_that_waits, .preemptions = 1, .long_preemptions = 2)
{
    static const int comes[] = {0, 1};
    thrum_future *futures[2];
    make(2);
    thrum_submit_many(pool, wait_or_come, 2, comes, sizeof comes[0], futures);
    finish(futures, 2);
    thrum_executor_shutdown(pool);
}

/* Workers take tasks in the order of submission. So when a task runs, at most one of those before it has not begun: the
 * one that the other worker has taken last. */
static int begin_in_order(thrum_task *self)
{
    uint32_t begun = thrum__add_relaxed(&runs, 1);
    EXPLORE_CHECK(begun + 1 >= (uint32_t)thrum_arg(self, int));
    return 0;
}

EXPLORE(pool_order_of_two_workers, .preemptions = 1, .long_preemptions = 2)
{
    static const int numbers[] = {2, 3};
    thrum_future *futures[4];
    make(2);
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, begin_in_order, thrum_value(int, i));
    thrum_submit_many(pool, begin_in_order, 2, numbers, sizeof numbers[0], &futures[2]);
    finish(futures, 4);
    thrum_executor_shutdown(pool);
}

/* A shutdown stops what runs, and what comes after it does not run. */
static int wait_for_stop(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&runs, 1);
    return thrum_event_wait(&met, THRUM_FOREVER);
}

EXPLORE(pool_many_shutdown, .preemptions = 2, .long_preemptions = 3)
{
    thrum_future *futures[2];
    make(1);
    thrum_submit_many(pool, wait_for_stop, 2, NULL, 0, futures);
    while (!thrum__load_relaxed(&runs))
        thrum__explore_pause();
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_running = true, .cancel_pending = true});
    EXPLORE_CHECK(runs == 1);
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(thrum_future_error(futures[i]) != NULL);
        thrum_future_free(futures[i]);
    }
}

/* The free of a future in memory of the caller is the last touch by anybody. */
static void use_own_memory(void)
{
    thrum_future_memory *memory = thrum__alloc_line(sizeof *memory);
    static const int comes = 1;
    thrum_future *future = thrum_submit_into(pool, memory, wait_or_come, &comes, sizeof comes);
    thrum_future_free(future);
    EXPLORE_CHECK(runs == 1);
    thrum__free(memory);
}

EXPLORE(pool_in_place, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    use_own_memory();
    thrum_executor_shutdown(pool);
}

/* A failure in memory of the caller, against a cancel: the end of the program tells it unless the cancel came first.
 * The future is never freed, and its memory is gone by then. */
static uint32_t told;

static void count_failure(const thrum_failure *failure, void *context)
{
    (void)failure, (void)context;
    told++;
}

static int fail_at_once(thrum_task *self)
{
    (void)self;
    return -ERANGE;
}

static void run_and_let_go(void *future)
{
    thrum__future_run(future);
    thrum__future_unreference(future);
}

EXPLORE(pool_in_place_failure, .preemptions = 2, .long_preemptions = 3, .sees = "asked",
        .leaks = true)
{
    thrum_failure_hook_set(count_failure, NULL);
    thrum_future_memory *memory = thrum__alloc_line(sizeof *memory);
    thrum_future *future = thrum__future_new_in(memory, fail_at_once, THRUM__NO_VALUE);
    explore_spawn("runner", run_and_let_go, future);
    int rc = thrum_future_cancel(future);
    explore_join_all();
    thrum__free(memory);
    thrum__in_place_report(false);
    EXPLORE_CHECK(told == (rc == -EALREADY));
    if (rc == -EINPROGRESS)
        explore_seen("asked");
}

static int count_run(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&runs, 1);
    return 0;
}

/* The only worker frees what stands between others in its inbox: it has run it in place of the wait, and another worker
 * takes it out. */
static int free_from_between(thrum_task *self)
{
    static const int order[] = {1, 0, 2};
    thrum_future_memory *memory[3];
    (void)self;
    for (int i = 0; i < 3; i++) {
        memory[i] = thrum__alloc_line(sizeof *memory[i]);
        (void)thrum_submit_into(pool, memory[i], count_run, THRUM_NOTHING);
    }
    for (int i = 0; i < 3; i++) {
        thrum_future_free((thrum_future *)(void *)memory[order[i]]);
        thrum__free(memory[order[i]]);
    }
    return 0;
}

EXPLORE(pool_in_place_between, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *future = thrum_submit(pool, free_from_between, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
    EXPLORE_CHECK(runs == 3);
    thrum_executor_shutdown(pool);
}
