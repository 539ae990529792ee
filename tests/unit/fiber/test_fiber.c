/* Fibers: what they promise beyond what every executor does. */
#include "harness.h"
#include "queue/bounded_queue.h"
#include "support.h"

#include <errno.h>

static thrum_executor *pool;

static void make_pool(int workers)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = workers});
    CHECK(pool != NULL);
}

static void expect(thrum_future *future, int code)
{
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  code);
    thrum_future_free(future);
}

static int twice(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 2 * thrum_arg(self, int)));
}

TEST(a_task_runs_and_gives_its_result)
{
    make_pool(2);
    for (int i = 0; i < 1000; i++) {
        int result = 0;
        thrum_future *future = thrum_submit(pool, twice, thrum_value(int, i));
        CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
        CHECK_INT(result, ==, 2 * i);
        thrum_future_free(future);
    }
    thrum_executor_shutdown(pool);
}

static int nap(thrum_task *self)
{
    return thrum_sleep(thrum_in(thrum_arg(self, double)));
}

TEST(many_sleep_at_once)
{
    make_pool(1);
    thrum_future *futures[1000];
    for (int i = 0; i < 1000; i++)
        futures[i] = thrum_submit(pool, nap, thrum_value(double, 0.05));
    for (int i = 0; i < 1000; i++)
        expect(futures[i], 0);
    thrum_executor_shutdown(pool);
}

static int idents_differ(thrum_task *self)
{
    uint32_t *ident = thrum_arg(self, uint32_t *);
    *ident = thrum_thread_current_ident();
    return 0;
}

TEST(a_task_that_never_waits_costs_no_fiber)
{
    enum { TASKS = 100 };
    static uint32_t idents[TASKS];
    make_pool(1);
    thrum_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, idents_differ, thrum_value(uint32_t *, &idents[i]));
    for (int i = 0; i < TASKS; i++) {
        expect(futures[i], 0);
        CHECK_INT(idents[i], ==, idents[0]);
    }
    thrum_executor_shutdown(pool);
}

static uint32_t order[16], placed;

static int note_order(thrum_task *self)
{
    order[placed++] = thrum_arg(self, uint32_t);
    thrum_yield();
    order[placed++] = thrum_arg(self, uint32_t) + 8;
    return 0;
}

TEST(one_worker_begins_in_the_order_of_submission_and_yields_go_round)
{
    make_pool(1);
    thrum_future *futures[8];
    for (uint32_t i = 0; i < 8; i++)
        futures[i] = thrum_submit(pool, note_order, thrum_value(uint32_t, i));
    for (int i = 0; i < 8; i++)
        expect(futures[i], 0);
    uint32_t first = 0, second = 8;
    for (uint32_t i = 0; i < placed; i++)
        CHECK_INT(order[i], ==, order[i] < 8 ? first++ : second++);
    CHECK_INT(placed, ==, 16);
    thrum_executor_shutdown(pool);
}

/* --------------------------------------------------------------------- what is a task's own */

static int destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

static thrum_local own = THRUM_LOCAL_INIT(destroy);
static int ones[2] = {1, 1};

static int set_own(thrum_task *self)
{
    bool waits = thrum_arg(self, bool);
    CHECK(thrum_local_get(&own) == NULL);
    CHECK_INT(thrum_local_set(&own, &ones[waits]), ==, 0);
    if (waits)
        thrum_yield();
    CHECK(thrum_local_get(&own) == &ones[waits]);
    return 0;
}

TEST(each_task_has_values_of_its_own)
{
    make_pool(1);
    thrum_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = thrum_submit(pool, set_own, thrum_value(bool, i % 2));
    for (int i = 0; i < 20; i++)
        expect(futures[i], 0);
    thrum_executor_shutdown(pool);
    CHECK_INT(destroyed, ==, 20);
}

static thrum_event never;

static int wait_for_ever(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int is_not_cancelled(thrum_task *self)
{
    CHECK(!thrum_cancelled(self));
    return thrum_sleep(thrum_in(0.001));
}

TEST(a_request_to_stop_is_for_one_task)
{
    make_pool(1);
    for (int i = 0; i < 50; i++) {
        thrum_future *first = thrum_submit(pool, wait_for_ever, THRUM_NOTHING);
        thrum_future *second = thrum_submit(pool, is_not_cancelled, THRUM_NOTHING);
        thrum_future_cancel(first);
        expect(first, -ECANCELED);
        expect(second, 0);
    }
    thrum_executor_shutdown(pool);
}

static int keep_errno(thrum_task *self)
{
    int mine = thrum_arg(self, int);
    errno = mine;
    for (int i = 0; i < 10; i++) {
        thrum_yield();
        CHECK_INT(errno, ==, mine);
        thrum_sleep(thrum_in(0.001));
        CHECK_INT(errno, ==, mine);
    }
    return 0;
}

TEST(errno_is_a_tasks_own_across_waits)
{
    make_pool(1);
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = thrum_submit(pool, keep_errno, thrum_value(int, 100 + i));
    for (int i = 0; i < 3; i++)
        expect(futures[i], 0);
    thrum_executor_shutdown(pool);
}

struct identity {
    uint32_t ident;
    int32_t native_id;
    bool thread, named;
};

static int tell_identity(thrum_task *self)
{
    struct identity identity = {
        .ident = thrum_thread_current_ident(),
        .native_id = thrum_thread_current_native_id(),
        .thread = thrum_thread_current() != NULL,
        .named = strncmp(thrum_thread_current_name(), "carrier-", 8) == 0,
    };
    thrum_sleep(thrum_in(0.01));
    CHECK_INT(thrum_thread_current_ident(), ==, identity.ident);
    return thrum_return(self, &identity, sizeof identity);
}

TEST(a_fiber_has_a_name_and_an_ident_and_is_no_thread)
{
    struct identity both[2];
    thrum_fiber_pool_options options = {.max_workers = 1, .name_prefix = "carrier"};
    pool = thrum_fiber_pool_new(&options);
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, tell_identity, THRUM_NOTHING);
    for (int i = 0; i < 2; i++) {
        int rc = thrum_future_result(futures[i], &both[i], sizeof both[i], THRUM_FOREVER);
        CHECK_INT(rc, ==, 0);
        CHECK(both[i].named && !both[i].thread);
        thrum_future_free(futures[i]);
    }
    CHECK_INT(both[0].ident, !=, both[1].ident);
    CHECK_INT(both[0].native_id, ==, both[1].native_id);
    thrum_thread_info infos[8];
    size_t count = thrum_thread_enumerate(infos, 8);
    CHECK_INT(count, ==, 2);
    CHECK_STR(infos[0].name, "MainThread");
    CHECK_STR(infos[1].name, "carrier-worker-0");
    thrum_executor_shutdown(pool);
}

static thrum_lock lock;

static int release_anothers(thrum_task *self)
{
    (void)self;
    thrum_lock_release(&lock);
    return 0;
}

TEST_STOPS(releasing_another_fibers_lock_stops_the_program, "by thread \"fiber-")
{
    make_pool(1);
    thrum_lock_acquire(&lock);
    expect(thrum_submit(pool, release_anothers, THRUM_NOTHING), 0);
}

/* ------------------------------------------------------------------------------- main as a fiber */

static int main_task(thrum_task *self)
{
    thrum_executor *own_pool = thrum_fiber_pool_current();
    CHECK(own_pool != NULL);
    int result = 0;
    thrum_future *future = thrum_submit(own_pool, twice, thrum_value(int, 21));
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 42);
    thrum_future_free(future);
    return thrum_arg(self, int);
}

static void keep_error(const thrum_failure *failure, void *context)
{
    *(thrum_error *)context = *failure->error;
}

TEST(main_runs_as_a_fiber)
{
    thrum_error told = {0};
    CHECK(thrum_fiber_pool_current() == NULL);
    CHECK_INT(thrum_run(main_task, thrum_value(int, 0)), ==, 0);
    thrum_failure_hook_set(keep_error, &told);
    CHECK_INT(thrum_run(main_task, thrum_value(int, -EPROTO)), ==, THRUM_FAILED);
    CHECK_INT(told.code, ==, -EPROTO);
    CHECK_INT(thrum_run_with(&(thrum_fiber_pool_options){.max_workers = 1}, main_task,
                             thrum_value(int, 0)),
              ==, 0);
}

/* --------------------------------------------------------------------------------------- the end */

static uint32_t ran;

static int count_late(thrum_task *self)
{
    (void)self;
    thrum_sleep(thrum_in(0.01));
    thrum__add_relaxed(&ran, 1);
    return 0;
}

TEST(a_shutdown_waits_for_all)
{
    make_pool(2);
    for (int i = 0; i < 100; i++)
        thrum_future_free(thrum_submit(pool, count_late, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    CHECK_INT(ran, ==, 100);
}

static int compute_until_cancelled(thrum_task *self)
{
    while (!thrum_cancelled(self))
        ;
    return -ECANCELED;
}

TEST(a_shutdown_cancels_what_waits_and_what_computes)
{
    make_pool(2);
    thrum_future *futures[20],
        *computes = thrum_submit(pool, compute_until_cancelled, THRUM_NOTHING);
    for (int i = 0; i < 20; i++)
        futures[i] = thrum_submit(pool, wait_for_ever, THRUM_NOTHING);
    UNTIL(thrum_future_running(computes) && thrum_future_running(futures[3]));
    thrum_shutdown_options options = {.cancel_pending = true, .cancel_running = true};
    thrum_executor_shutdown_with(pool, &options);
    for (int i = 0; i < 20; i++)
        expect(futures[i], -ECANCELED);
    expect(computes, -ECANCELED);
}

TEST(an_abandoned_pool_ends_by_itself)
{
    make_pool(2);
    thrum_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = thrum_submit(pool, count_late, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    for (int i = 0; i < 20; i++)
        expect(futures[i], 0);
    UNTIL(thrum_thread_active_count() == 1);
    CHECK_INT(ran, ==, 20);
}

TEST(a_pool_that_was_never_used_ends_too)
{
    make_pool(3);
    thrum_executor_shutdown(pool);
    make_pool(3);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
}

static int shut_down_own(thrum_task *self)
{
    (void)self;
    thrum_executor_shutdown(thrum_fiber_pool_current());
    return 0;
}

TEST_STOPS(a_pool_shut_down_by_its_fiber_stops_the_program, "which would wait for itself")
{
    make_pool(1);
    expect(thrum_submit(pool, shut_down_own, THRUM_NOTHING), 0);
}

TEST_STOPS(a_pool_of_less_than_nothing_stops_the_program, "cannot have -1 workers")
{
    make_pool(-1);
}

TEST(the_figures_tell)
{
    make_pool(2);
    thrum_executor_stats stats;
    thrum_future *waits[5];
    for (int i = 0; i < 5; i++)
        waits[i] = thrum_submit(pool, wait_for_ever, THRUM_NOTHING);
    do {
        thrum_executor_stats_get(pool, &stats);
    } while (stats.running != 5 || stats.idle != 2);
    CHECK_INT(stats.workers, ==, 2);
    CHECK_INT(stats.pending, ==, 0);
    CHECK_INT(stats.done, ==, 0);
    thrum_event_set(&never);
    for (int i = 0; i < 5; i++)
        expect(waits[i], 0);
    do {
        thrum_executor_stats_get(pool, &stats);
    } while (stats.done != 5);
    CHECK_INT(stats.failed, ==, 0);
    thrum_executor_shutdown(pool);
}

/* One who frees a queue waits for a putter that has yet to wake somebody. If both are fibers of one
 * worker, that putter goes on only if the other gives way. */

static thrum_queue *queue;
static uint32_t putter, freeing;

static int put_one(thrum_task *self)
{
    tell_ident(&putter);
    return thrum_queue_put(queue, &thrum_arg(self, int), THRUM_FOREVER);
}

static int free_queue(thrum_task *self)
{
    (void)self;
    thrum__store_release(&freeing, 1);
    thrum_queue_free(queue);
    return 0;
}

TEST(one_who_frees_a_queue_gives_way_to_its_last_putter)
{
    make_pool(1);
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 2});
    int item;
    CHECK_INT(thrum_queue_get(queue, &item, thrum_in(0.001)), ==, -ETIMEDOUT); /* left its flag */
    thrum_lock_acquire(&queue->lock);
    thrum_future *put = thrum_submit(pool, put_one, thrum_value(int, 1));
    UNTIL(waits_for(&putter, "lock"));
    thrum_future *freed = thrum_submit(pool, free_queue, THRUM_NOTHING);
    UNTIL(thrum__load_acquire(&freeing));
    thrum_lock_release(&queue->lock);
    expect(put, 0);
    expect(freed, 0);
    thrum_executor_shutdown(pool);
}

/* One who submits a task and waits until it has begun, as one who accepts connections, is the first
 * who could begin it, each time. The other worker, which is woken for it, is to get some nevertheless. */

static thrum_semaphore begun;
static int32_t submitter;
static uint32_t elsewhere;

static int32_t worker_here(void)
{
    return thrum__context_of(thrum_thread_current_ident())->native_id;
}

static int begin_and_stay(thrum_task *self)
{
    (void)self;
    if (worker_here() != submitter)
        thrum__add_relaxed(&elsewhere, 1);
    thrum_semaphore_release(&begun, 1);
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int submit_one_by_one(thrum_task *self)
{
    submitter = worker_here();
    for (int i = 0; i < thrum_arg(self, int); i++) {
        thrum_future_free(thrum_submit(pool, begin_and_stay, THRUM_NOTHING));
        thrum_semaphore_acquire(&begun);
    }
    return 0;
}

TEST(tasks_that_stay_are_shared_out)
{
    enum { MANY = 2000 };
    thrum_executor_stats stats;
    make_pool(2);
    expect(thrum_submit(pool, nap, thrum_value(double, 0)), 0);
    do {
        thrum_executor_stats_get(pool, &stats);
    } while (stats.idle != 2); /* both have been started */
    expect(thrum_submit(pool, submit_one_by_one, thrum_value(int, MANY)), 0);
    CHECK_INT(elsewhere, >, 0);
    thrum_event_set(&never);
    thrum_executor_shutdown(pool);
}

/* A getter finds nothing while a putter of its worker is ready: the put comes before the sleep. */

static thrum_event about_to_get;
static bool put_for_a_sleeper;

static int look_and_put(thrum_task *self)
{
    (void)self;
    CHECK_INT(thrum_event_wait(&about_to_get, THRUM_FOREVER), ==, 0);
    const thrum__bounded *bounded = thrum__bounded_of(queue);
    put_for_a_sleeper = (thrum__load_relaxed(&bounded->tail.word) & THRUM__WAITED) != 0;
    return thrum_queue_put(queue, &(int){1}, THRUM_FOREVER);
}

static int tell_and_get(thrum_task *self)
{
    (void)self;
    int item;
    thrum_event_set(&about_to_get);
    return thrum_queue_get(queue, &item, THRUM_FOREVER);
}

TEST(a_fiber_gives_its_worker_away_before_it_sleeps_for_an_item)
{
    make_pool(1);
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 1});
    thrum_future *put = thrum_submit(pool, look_and_put, THRUM_NOTHING);
    expect(thrum_submit(pool, tell_and_get, THRUM_NOTHING), 0);
    expect(put, 0);
    CHECK(!put_for_a_sleeper);
    thrum_executor_shutdown(pool);
    thrum_queue_free(queue);
}
