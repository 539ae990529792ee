/* What all pools share (executor/core): who gets a place in a full backlog, and who frees a pool, when
 * shutdowns, submitters, workers and the end of the program meet. */
#include "executor/core/pool.h"
#include "explore.h"
#include "park/scope.h"
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/fiber.h>
#include <thrum/group.h>
#include <thrum/local.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

static thrum_executor *pool;
static uint32_t ran, refused;
static thrum_event go;
static thrum__context *submitter;

static void make(thrum_thread_pool_options options)
{
    pool = thrum_thread_pool_new(&options);
}

static int count(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    return 0;
}

static int wait_for_go(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&go, THRUM_FOREVER);
    return rc == -ECANCELED ? 0 : rc; /* no failure to be told of */
}

static thrum_event runs_here;

static int say_and_wait(thrum_task *self)
{
    thrum_event_set(&runs_here);
    return wait_for_go(self);
}

static size_t bound;

static void check_bound(void)
{
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    EXPLORE_CHECK(stats.pending <= bound);
}

static void submit_one(void *argument)
{
    (void)argument;
    thrum__store_release(&submitter, thrum__self());
    thrum_future *future = thrum_submit(pool, count, THRUM_NOTHING);
    thrum_shield_begin();
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    thrum_shield_end();
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE || rc == -ECANCELED);
    thrum__add_relaxed(&refused, rc < 0);
    thrum_future_free(future);
}

static void submit_within_bound(void *argument)
{
    (void)argument;
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    check_bound();
}

/* More submitters than places: each place goes to one of them, and no task gets in beside them. */
EXPLORE(pool_backlog_bound, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    bound = 2;
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = bound});
    explore_spawn("submitter 1", submit_within_bound, NULL);
    explore_spawn("submitter 2", submit_within_bound, NULL);
    explore_spawn("submitter 3", submit_within_bound, NULL);
    submit_within_bound(NULL);
    submit_within_bound(NULL);
    explore_join_all();
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 5);
}

/* The same for one place. */
EXPLORE(pool_backlog_bound_one, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    bound = 1;
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = bound});
    explore_spawn("submitter 1", submit_within_bound, NULL);
    explore_spawn("submitter 2", submit_within_bound, NULL);
    submit_within_bound(NULL);
    submit_within_bound(NULL);
    explore_join_all();
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 4);
}

/* A submitter is cancelled while it waits for a place: the place is not lost with it. */
EXPLORE(pool_backlog_cancel, .preemptions = 1, .long_preemptions = 2, .sees = "cancelled")
{
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = 1});
    thrum_future *busy = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    explore_spawn("submitter", submit_one, NULL);
    thrum__context *found = thrum__load_acquire(&submitter);
    if (found)
        thrum__cancel(found);
    thrum_event_set(&go);
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    explore_join_all();
    thrum_executor_shutdown(pool);
    uint32_t not_taken = thrum__load_relaxed(&refused);
    if (not_taken)
        explore_seen("cancelled");
    EXPLORE_CHECK(thrum__load_relaxed(&ran) + not_taken == 3);
    thrum_future_free(busy);
}

/* A submitter that was cancelled is taken out of the queue by the next who would invite it. It must not take
 * itself out a second time: another submitter may be the whole queue by then. The carriers of the pool are this
 * client. */
static thrum__pool made_by_hand = {.max_pending = 1, .pending_count = 1, .holders = 1};

static void ask_for_a_place(void *argument)
{
    const char *reason;
    bool inside = false;
    int rc = 0;
    thrum__store_release(&submitter, thrum__self());
    thrum_with (&made_by_hand.lock)
        rc = thrum__pool_admit(&made_by_hand, &reason, &inside);
    *(int *)argument = thrum__pool_end_submit(&made_by_hand, NULL, rc, inside);
}

/* Takes a task out, and gives its place to another task unless a submitter waits for it. */
static void take_a_task(bool another)
{
    thrum__waiter *invited = NULL;
    thrum_with (&made_by_hand.lock) {
        made_by_hand.pending_count--;
        invited = thrum__pool_invite(&made_by_hand);
        EXPLORE_CHECK(!invited == another);
        made_by_hand.pending_count += another;
    }
    thrum__unpark_chain(invited);
}

static void wait_for_a_submitter(void)
{
    bool waits = false;
    do {
        thrum_with (&made_by_hand.lock)
            waits = made_by_hand.submitters;
        if (!waits)
            thrum_yield();
    } while (!waits);
}

EXPLORE(pool_backlog_withdraw, .preemptions = 1, .long_preemptions = 2)
{
    static int cancelled = 1, second = 1;
    explore_spawn("cancelled", ask_for_a_place, &cancelled);
    wait_for_a_submitter();
    thrum__cancel(thrum__load_acquire(&submitter));
    take_a_task(true);
    explore_spawn("second", ask_for_a_place, &second);
    wait_for_a_submitter();
    take_a_task(false);
    explore_join_all();
    EXPLORE_CHECK(cancelled == -ECANCELED && second == 0);
    EXPLORE_CHECK(!made_by_hand.invited && made_by_hand.holders == 1 && !made_by_hand.submitters);
}

static size_t submitters_waiting(void)
{
    thrum__pool *common = (thrum__pool *)pool;
    thrum_lock_acquire(&common->lock);
    size_t holders = common->holders;
    thrum_lock_release(&common->lock);
    return holders - 1; /* the worker */
}

/* Submitters wait for a place while another thread shuts the pool down: each is refused or its task runs,
 * and none touches a pool that was freed. */
static void close_on_submitters(unsigned count_of_submitters, bool cancels)
{
    make((thrum_thread_pool_options){.max_workers = 1, .max_pending = 1});
    thrum_future *busy = thrum_submit(pool, say_and_wait, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    thrum_future *pending = thrum_submit(pool, count, THRUM_NOTHING);
    for (unsigned i = 0; i < count_of_submitters; i++)
        explore_spawn("submitter", submit_one, NULL);
    while (submitters_waiting() <
           count_of_submitters) /* else one might come to a pool that is gone */
        thrum_yield();
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = cancels, .cancel_running = true});
    explore_join_all();
    uint32_t not_taken = thrum__load_relaxed(&refused);
    if (not_taken)
        explore_seen("refused");
    not_taken += thrum_future_cancelled(pending);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) + not_taken == 1 + count_of_submitters);
    thrum_future_free(busy);
    thrum_future_free(pending);
}

EXPLORE(pool_backlog_close, .preemptions = 1, .long_preemptions = 2, .sees = "refused")
{
    close_on_submitters(1, false);
}

EXPLORE(pool_backlog_close_cancels, .preemptions = EXPLORE_NONE, .long_preemptions = 1,
        .sees = "refused")
{
    close_on_submitters(2, true);
}

static void submit_and_run(void *argument)
{
    (void)argument;
    thrum_future_free(thrum_submit(pool, say_and_wait, THRUM_NOTHING));
}

/* A submitter runs its own task while another thread shuts the pool down: the pool stands until then. */
EXPLORE(pool_run_here, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    thrum_future *busy = thrum_submit(pool, say_and_wait, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    thrum_event_clear(&runs_here);
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING)); /* fills the backlog */
    explore_spawn("submitter", submit_and_run, NULL);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    thrum_event_set(&go);
    thrum_executor_shutdown(pool);
    explore_join_all();
    thrum_future_free(busy);
}

/* A shutdown that cancels both what is pending and what runs: no task slips through between the two. */
EXPLORE(pool_close_cancels, .preemptions = 2, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(thrum_future_done(futures[i])); /* cancelled, or asked to stop */
        thrum_future_free(futures[i]);
    }
}

/* The same without waiting: the last worker frees the pool. */
EXPLORE(pool_close_cancels_abandoned, .preemptions = 2, .long_preemptions = 3)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_executor_shutdown_with(
        pool,
        &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true, .no_wait = true});
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(thrum_future_wait(futures[i], THRUM_FOREVER) == 0);
        thrum_future_free(futures[i]);
    }
}

static thrum_future *inner;
static thrum_event inner_is_there;

static int wait_for_inner(thrum_task *self)
{
    (void)self;
    EXPLORE_CHECK(thrum_event_wait(&inner_is_there, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_future_wait(inner, THRUM_FOREVER) == 0);
    return 0;
}

static int check_not_stopped(thrum_task *self)
{
    EXPLORE_CHECK(!thrum_cancelled(self));
    thrum__add_relaxed(&ran, 1);
    return 0;
}

/* A shutdown asks a task that runs in place of a wait to stop as well, and not the task after it. */
EXPLORE(pool_stop, .preemptions = 1, .long_preemptions = 2, .sees = "both")
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *first = thrum_submit(pool, wait_for_inner, THRUM_NOTHING);
    inner = thrum_submit(pool, say_and_wait, THRUM_NOTHING);
    thrum_event_set(&inner_is_there);
    thrum_future *next = thrum_submit(pool, check_not_stopped, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&runs_here, THRUM_FOREVER) == 0);
    if (thrum_future_running(first))
        explore_seen("both");
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_running = true});
    EXPLORE_CHECK(thrum_future_done(inner) && thrum_future_done(first) && thrum_future_done(next));
    thrum_future *futures[] = {first, inner, next};
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
}

/* -------------------------------------------------------------------------- the ends of threads */

/* A value of a worker's thread is destroyed after the worker's last touch of the pool. */
static uint32_t setters, ended;

static void count_end(void *unused)
{
    (void)unused;
    thrum__add_relaxed(&ended, 1);
}

static thrum_local value = THRUM_LOCAL_INIT(count_end);

static int set_value(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&ran, 1);
    if (!thrum_local_get(&value))
        thrum__add_relaxed(&setters, 1);
    return thrum_local_set(&value, &value);
}

static int set_value_and_wait(thrum_task *self)
{
    int rc = set_value(self);
    return rc < 0 ? rc : wait_for_go(self);
}

EXPLORE(pool_shutdown_joins_one, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, set_value, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 1 && thrum__load_relaxed(&ended) == 1);
}

/* The shutdown joins the worker that left last, which has joined the other. */
EXPLORE(pool_shutdown_joins_both, .preemptions = 1, .long_preemptions = 2, .sees = "two")
{
    make((thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 2; i++)
        thrum_future_free(thrum_submit(pool, set_value_and_wait, THRUM_NOTHING));
    thrum_event_set(&go);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 2);
    EXPLORE_CHECK(thrum__load_relaxed(&ended) == thrum__load_relaxed(&setters));
    if (thrum__load_relaxed(&setters) == 2)
        explore_seen("two");
}

/* --------------------------------------------------------------------------- the end of the program */

/* What the end of the program has drained is never freed; here it is, as a run of the explorer must end
 * without a leak. */
static void drain(void)
{
    thrum__pool *common = (thrum__pool *)pool;
    if (thrum__pool_drain_all() == 0)
        return; /* it was gone already */
    explore_seen("drained");
    explore_join_all();
    thrum_thread_free(common->departed);
    thrum__free(common->name_prefix);
    thrum__free(common);
}

static void shut_down(void *argument)
{
    const thrum_shutdown_options *options = argument;
    thrum_executor_shutdown_with(pool, options);
}

/* The end of the program meets a shutdown that waits: one of the two closes the pool, and both wait. */
EXPLORE(pool_drain_against_shutdown, .preemptions = 1, .long_preemptions = 2, .sees = "drained")
{
    static thrum_shutdown_options waits;
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    explore_spawn("shutdown", shut_down, &waits);
    drain();
    explore_join_all();
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 1);
}

/* The end of the program finishes what an abandoned pool was given. */
EXPLORE(pool_drain_abandoned, .preemptions = 2, .long_preemptions = 3, .sees = "drained")
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    drain();
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 1);
}

/* The same for a pool that nobody has shut down. */
EXPLORE(pool_drain_open, .preemptions = 1, .long_preemptions = 2, .sees = "drained")
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future_free(thrum_submit(pool, count, THRUM_NOTHING));
    drain();
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 1);
}

static int join_a_group(thrum_task *self)
{
    (void)self;
    thrum_group *group = thrum_group_new();
    for (int i = 0; i < 2; i++)
        thrum_future_free(thrum_group_submit(group, pool, count, THRUM_NOTHING));
    EXPLORE_CHECK(thrum_group_join(group, THRUM_FOREVER) == 0);
    thrum_group_free(group);
    return 0;
}

/* The only worker waits in the join of a group whose tasks are in its own pool: another steps in. */
EXPLORE(pool_group_joined_inside, .preemptions = 1, .long_preemptions = 2)
{
    make((thrum_thread_pool_options){.max_workers = 1});
    thrum_future *future = thrum_submit(pool, join_a_group, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum__load_relaxed(&ran) == 2);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}
