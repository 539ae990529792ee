/* Fork-join (parallel/fork.c, staff.c): each part runs once, by its owner or by a thief; what it did is there
 * after the join; a part that waits meets its sibling; a request to stop reaches a part elsewhere; and nobody
 * touches a part or forks that are gone. The executor here starts a thread for each helper, so that few steps
 * are not fork-join's own; the last clients use real pools. */
#include "base/process.h"
#include "executor/core/pool.h"
#include "explore.h"
#include "parallel/fork.h"
#include "park/scope.h"
#include <thrum/event.h>
#include <thrum/fiber.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

/* ---------------------------------------------------------------------------- the executor's stand-in */

static uint32_t refuse; /* how many helpers */

static void run_helper(void *argument)
{
    thrum_future *future = argument;
    EXPLORE_CHECK(thrum__future_run(future));
    thrum__future_unreference(future);
}

static int submit(thrum_executor *executor, thrum_future *future, const char **ret_reason)
{
    (void)executor, (void)ret_reason;
    if (refuse) {
        refuse--;
        return -EAGAIN;
    }
    explore_spawn("helper", run_helper, future);
    return 0;
}

static size_t workers = 2;

static size_t width(const thrum_executor *executor)
{
    (void)executor;
    return workers;
}

static int ready(thrum_executor *executor, const char **ret_reason)
{
    (void)executor, (void)ret_reason;
    return 0;
}

static const thrum__executor_ops ops = {.submit = submit, .ready = ready, .width = width};
static thrum__pool fake;

static thrum_executor *begin(thrum__forks *forks)
{
    fake.base.ops = &ops;
    fake.process = thrum__process_generation;
    thrum__memory_live(forks);
    thrum__forks_begin(forks, &fake.base);
    return &fake.base;
}

static void end(thrum__forks *forks)
{
    thrum__forks_end(forks);
    thrum__memory_dead(forks);
    explore_join_all();
    EXPLORE_CHECK(fake.base.offers.helpers == 0 && fake.base.offers.called == 0);
    EXPLORE_CHECK(fake.base.offers.count == 0 && !fake.base.offers.blocked);
}

/* ------------------------------------------------------------------------------------------ parts */

static int cells[4];

static int fill(void *arg)
{
    int *cell = arg;
    EXPLORE_CHECK(EXPLORE_READ(*cell) == 0);
    EXPLORE_WRITE(*cell, 1);
    return 0;
}

static void check_filled(int count)
{
    for (int i = 0; i < count; i++)
        EXPLORE_CHECK(EXPLORE_READ(cells[i]) == 1);
}

EXPLORE(fork_both, .preemptions = 3, .long_preemptions = 4, .weak = 1)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum_both(executor, fill, &cells[0], fill, &cells[1]) == 0);
    check_filled(2);
    end(&forks);
}

EXPLORE(fork_stale, .preemptions = 2, .stale = 1)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum_both(executor, fill, &cells[0], fill, &cells[1]) == 0);
    check_filled(2);
    end(&forks);
}

static int fill_two(void *arg)
{
    int *first = arg;
    return thrum_both(&fake.base, fill, first, fill, first + 1);
}

/* Two on offer at once, and forks of a thief's own. */
EXPLORE(fork_nested, .preemptions = 1, .long_preemptions = 2)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum_both(executor, fill_two, &cells[0], fill_two, &cells[2]) == 0);
    check_filled(4);
    end(&forks);
}

/* One fork after the other, on the same place of the stack; a helper may come late, and leave meanwhile. */
EXPLORE(fork_again, .preemptions = 2, .long_preemptions = 3)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    for (int i = 0; i < 4; i += 2) {
        EXPLORE_CHECK(fill_two(&cells[i]) == 0);
        check_filled(i + 2);
    }
    (void)executor;
    end(&forks);
}

/* Parts stay with their owner where nobody comes. */
EXPLORE(fork_refused, .preemptions = 2)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    refuse = 1;
    EXPLORE_CHECK(thrum_both(executor, fill_two, &cells[0], fill_two, &cells[2]) == 0);
    check_filled(4);
    end(&forks);
}

static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

static int ran;

static int run(void *arg)
{
    (void)arg;
    EXPLORE_WRITE(ran, EXPLORE_READ(ran) + 1);
    return -ENOENT;
}

EXPLORE(fork_failure, .preemptions = 2, .sees = "left out")
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum_both(executor, fail, NULL, run, NULL) == -EIO);
    if (EXPLORE_READ(ran) == 0)
        explore_seen("left out");
    EXPLORE_CHECK(EXPLORE_READ(ran) <= 1);
    end(&forks);
}

/* Three parts of a scope: the private list, the offers and the joins in their order. */
EXPLORE(fork_scope, .preemptions = 1, .long_preemptions = 2)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    thrum_scope scope;
    thrum_part parts[3];
    thrum__memory_live(&parts);
    EXPLORE_CHECK(thrum_scope_begin(&scope, executor) == 0);
    for (int i = 0; i < 3; i++)
        thrum_scope_start(&scope, &parts[i], fill, &cells[i]);
    EXPLORE_CHECK(thrum_scope_end(&scope) == 0);
    thrum__memory_dead(&parts);
    check_filled(3);
    end(&forks);
}

/* ------------------------------------------------------------------------------------------ waits */

static thrum_event event, other;

static int wait_for_event(void *arg)
{
    return thrum_event_wait(arg, THRUM_FOREVER);
}

static int set_event(void *arg)
{
    thrum_event_set(arg);
    return 0;
}

static void end_staff(thrum__forks *forks)
{
    thrum__forks_end(forks);
    thrum__memory_dead(forks);
    thrum__staff_end();
    explore_join_all();
    EXPLORE_CHECK(fake.base.offers.helpers == 0 && fake.base.offers.called == 0);
    EXPLORE_CHECK(fake.base.offers.count == 0 && !fake.base.offers.blocked);
}

/* Nothing is offered at the fork, as if enough were on offer; so only the wait offers the sibling. */
static thrum_executor *begin_quiet(thrum__forks *forks)
{
    static const uint32_t enough = 1;
    thrum_executor *executor = begin(forks);
    forks->list.enough = &enough;
    EXPLORE_CHECK(thrum__staff_begin(&fake.base) == 0);
    return executor;
}

static void do_nothing(void *argument)
{
    (void)argument;
}

/* The staff thread may be about to sleep when the request comes. */
EXPLORE(fork_wait, .preemptions = 1, .long_preemptions = 2)
{
    thrum__forks forks;
    thrum_executor *executor = begin_quiet(&forks);
    explore_join(explore_spawn("nothing", do_nothing, NULL));
    EXPLORE_CHECK(thrum_both(executor, wait_for_event, &event, set_event, &event) == 0);
    end_staff(&forks);
}

/* The only helper may be about to leave when the second part comes. */
EXPLORE(fork_wait_again, .preemptions = 1, .long_preemptions = 2)
{
    thrum__forks forks;
    workers = 1;
    thrum_executor *executor = begin_quiet(&forks);
    EXPLORE_CHECK(thrum_both(executor, wait_for_event, &event, set_event, &event) == 0);
    EXPLORE_CHECK(thrum_both(executor, wait_for_event, &other, set_event, &other) == 0);
    end_staff(&forks);
}

static void set_event_outside(void *argument)
{
    thrum_event_set(argument);
}

/* The wait ends by somebody else: its request for a helper may be in the queue then, or in the staff thread's
 * hands, and must be settled before the forks are gone. */
EXPLORE(fork_settle, .preemptions = 1, .long_preemptions = 2)
{
    thrum__forks forks;
    thrum_executor *executor = begin_quiet(&forks);
    explore_spawn("outside", set_event_outside, &event);
    EXPLORE_CHECK(thrum_both(executor, wait_for_event, &event, fill, &cells[0]) == 0);
    check_filled(1);
    end_staff(&forks);
}

/* The same for the forks of a thief, while another part is on offer: settling itself makes no request. */
EXPLORE(fork_settle_thief, .preemptions = 1, .long_only = true)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum__staff_begin(&fake.base) == 0);
    thrum_scope scope;
    thrum_part parts[2];
    explore_spawn("outside", set_event_outside, &event);
    EXPLORE_CHECK(thrum_scope_begin(&scope, executor) == 0);
    thrum_scope_start(&scope, &parts[0], wait_for_event, &event);
    thrum_scope_start(&scope, &parts[1], fill, &cells[0]);
    EXPLORE_CHECK(thrum_scope_end(&scope) == 0);
    check_filled(1);
    end_staff(&forks);
}

/* The oldest part waits for the one after it, and so does its owner. The only helper takes the oldest, and while
 * it waits there is room for another helper. */
static int set_both(void *arg)
{
    (void)arg;
    thrum_event_set(&event);
    thrum_event_set(&other);
    return 0;
}

static int wait_and_set(void *arg)
{
    (void)arg;
    return thrum_both(&fake.base, wait_for_event, &event, set_both, NULL);
}

EXPLORE(fork_waits, .preemptions = EXPLORE_NONE, .long_preemptions = 1)
{
    thrum__forks forks;
    workers = 1;
    thrum_executor *executor = begin_quiet(&forks);
    EXPLORE_CHECK(thrum_both(executor, wait_and_set, NULL, wait_for_event, &other) == 0);
    end_staff(&forks);
}

/* ----------------------------------------------------------------------------------- cancellation */

static thrum__scope *scope_of_fork;

static void cancel_fork(void *argument)
{
    (void)argument;
    thrum__scope_cancel(scope_of_fork);
}

static int wait_for_ever(void *arg)
{
    int rc = thrum_event_wait(arg, THRUM_FOREVER);
    EXPLORE_CHECK(rc == -ECANCELED);
    return rc;
}

/* The part waits for what never comes; whoever runs it, the request ends its wait. */
EXPLORE(fork_cancel, .preemptions = 1, .long_preemptions = 2)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum__staff_begin(&fake.base) == 0);
    scope_of_fork = thrum__self()->scope;
    unsigned canceller = explore_spawn("canceller", cancel_fork, NULL);
    EXPLORE_CHECK(thrum_both(executor, fill, &cells[0], wait_for_ever, &event) == -ECANCELED);
    explore_join(canceller);
    end_staff(&forks);
}

static void cancel_and_set(void *argument)
{
    cancel_fork(argument);
    thrum_event_set(argument);
}

static int wait_shielded(void *arg)
{
    thrum_shield_begin();
    EXPLORE_CHECK(thrum_event_wait(arg, THRUM_FOREVER) == 0);
    thrum_shield_end();
    return 0;
}

/* The request comes when a thief has the part and no scope for it yet: the part finds it in the parent. */
EXPLORE(fork_cancel_early, .preemptions = 1, .long_preemptions = 2, .partial = true, .runs = 4000)
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    EXPLORE_CHECK(thrum__staff_begin(&fake.base) == 0);
    scope_of_fork = thrum__self()->scope;
    explore_spawn("canceller", cancel_and_set, &other);
    EXPLORE_CHECK(thrum_both(executor, wait_shielded, &other, wait_for_ever, &event) == -ECANCELED);
    end_staff(&forks);
}

static int set_and_wait_for_ever(void *arg)
{
    (void)arg;
    thrum_event_set(&other);
    return thrum_event_wait(&event, THRUM_FOREVER);
}

/* The part is offered while the first half is under a shield of its own, which does not cover the part. */
EXPLORE(fork_shield, .preemptions = 1)
{
    thrum__forks forks;
    thrum_executor *executor = begin_quiet(&forks);
    scope_of_fork = thrum__self()->scope;
    unsigned canceller = explore_spawn("canceller", cancel_fork, NULL);
    EXPLORE_CHECK(thrum_both(executor, wait_shielded, &other, set_and_wait_for_ever, NULL) ==
                  -ECANCELED);
    explore_join(canceller);
    end_staff(&forks);
}

/* A request that meets the end of the part: the join returns once, with the part's code. */
EXPLORE(fork_cancel_late, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    thrum__forks forks;
    thrum_executor *executor = begin(&forks);
    scope_of_fork = thrum__self()->scope;
    unsigned canceller = explore_spawn("canceller", cancel_fork, NULL);
    EXPLORE_CHECK(thrum_both(executor, fill, &cells[0], fill, &cells[1]) == 0);
    check_filled(2);
    if (thrum__load_relaxed(&scope_of_fork->cancelled))
        explore_seen("cancelled");
    explore_join(canceller);
    end(&forks);
}

/* -------------------------------------------------------------------------------------- real pools */

static thrum_executor *pool;

static int meet_in_task(thrum_task *self)
{
    (void)self;
    return thrum_both(pool, wait_for_event, &event, set_event, &event);
}

static void meet_in_pool(void)
{
    thrum_future *future = thrum_submit(pool, meet_in_task, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    thrum__staff_end();
}

/* The only worker waits: another one is let in for the helper. */
EXPLORE(fork_pool_of_one, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    meet_in_pool();
}

EXPLORE(fork_pool_of_two, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    meet_in_pool();
}

EXPLORE(fork_fibers, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    meet_in_pool();
}

/* The pool is shut down while its task forks, and what is pending is cancelled, but for the helper. */
static int tell_and_meet(thrum_task *self)
{
    thrum_event_set(&other);
    return meet_in_task(self);
}

static void shut_down_meanwhile(thrum_task_fn *function)
{
    thrum_future *future = thrum_submit(pool, function, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_event_wait(&other, THRUM_FOREVER) == 0);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.cancel_pending = true});
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_NOW) == 0);
    thrum_future_free(future);
    thrum__staff_end();
}

EXPLORE(fork_pool_shutdown, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    shut_down_meanwhile(tell_and_meet);
}

/* A helper that comes to a closing pool lets nobody else in: a task that is submitted after it is refused. */
static bool is_closing(void)
{
    thrum__pool *common = (thrum__pool *)pool;
    bool closing = false;
    thrum_with (&common->lock)
        closing = common->closing;
    return closing;
}

static void submit_late(void *argument)
{
    (void)argument;
    thrum_future *future = thrum_submit(pool, meet_in_task, THRUM_NOTHING);
    (void)!thrum_future_wait(future, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(future);
    EXPLORE_CHECK(error && error->code == -EPIPE);
    thrum_future_free(future);
}

static int meet_when_closing(thrum_task *self)
{
    thrum_event_set(&other);
    while (!is_closing())
        thrum__explore_pause();
    int rc = meet_in_task(self);
    explore_join(explore_spawn("late", submit_late, NULL));
    return rc;
}

EXPLORE(fork_pool_closing, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    shut_down_meanwhile(meet_when_closing);
}

EXPLORE(fork_fibers_closing, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    shut_down_meanwhile(meet_when_closing);
}

/* The task runs in its submitter, as the backlog is full, and its pool is closing and has no worker left: one is
 * started for the helper. */
static thrum_event taken, begun, worked;

static int be_busy(thrum_task *self)
{
    (void)self;
    thrum_event_set(&taken);
    return thrum_event_wait(&begun, THRUM_FOREVER);
}

static int meet_in_submitter(thrum_task *self)
{
    thrum_event_set(&begun);
    EXPLORE_CHECK(thrum_event_wait(&worked, THRUM_FOREVER) == 0);
    return meet_in_task(self);
}

static void submit_to_full_pool(void *argument)
{
    thrum_future **futures = argument;
    for (int i = 0; i < 2; i++) {
        futures[i] = thrum_submit(pool, be_busy, THRUM_NOTHING);
        EXPLORE_CHECK(thrum_event_wait(&taken, THRUM_FOREVER) == 0);
    }
    futures[2] = thrum_submit(pool, meet_in_submitter, THRUM_NOTHING);
}

static size_t workers_of_pool(void)
{
    thrum_executor_stats stats;
    thrum_executor_stats_get(pool, &stats);
    return stats.workers;
}

static void set_when_alone(void *argument)
{
    (void)argument;
    while (workers_of_pool())
        thrum_yield();
    thrum_event_set(&worked);
}

EXPLORE(fork_in_a_submitter_shutdown, .preemptions = EXPLORE_NONE, .long_preemptions = 1,
        .steps = 20000)
{
    static thrum_future *futures[3];
    pool = thrum_thread_pool_new(&(thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_RUN});
    explore_spawn("submitter", submit_to_full_pool, futures);
    EXPLORE_CHECK(thrum_event_wait(&begun, THRUM_FOREVER) == 0);
    explore_spawn("observer", set_when_alone, NULL);
    thrum_executor_shutdown(pool);
    explore_join_all();
    for (int i = 0; i < 3; i++) {
        EXPLORE_CHECK(thrum_future_result(futures[i], NULL, 0, THRUM_NOW) == 0);
        thrum_future_free(futures[i]);
    }
    thrum__staff_end();
}

/* The pool breaks while its task forks, as another worker's initializer fails: the helper comes even so. */
static uint32_t initialized;

static int fail_the_second_time(thrum_task *self)
{
    return thrum__add_relaxed(&initialized, 1) ? thrum_fail(self, -ERANGE, "second") : 0;
}

static int meet_when_broken(thrum_task *self)
{
    thrum_future *future = thrum_submit(pool, meet_in_task, THRUM_NOTHING);
    thrum_shield_begin();
    while (!thrum__load_acquire(&((thrum__pool *)pool)->broken))
        thrum_yield();
    thrum_shield_end();
    (void)thrum_future_error(future);
    thrum_future_free(future);
    return meet_in_task(self);
}

static void ignore_failure(const thrum_failure *failure, void *context)
{
    (void)failure, (void)context;
}

EXPLORE(fork_pool_broken, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    thrum_failure_hook_set(ignore_failure, NULL);
    pool = thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = 2, .initializer = fail_the_second_time});
    thrum_future *future = thrum_submit(pool, meet_when_broken, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    thrum__staff_end();
}

EXPLORE(fork_fibers_shutdown, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .steps = 20000)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    shut_down_meanwhile(tell_and_meet);
}
