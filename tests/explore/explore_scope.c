/* Scopes of cancellation (park/scope.h): a request reaches the task that it names and no other, however
 * tasks run one inside the other in one context. */
#include "explore.h"
#include "future/future.h"
#include "park/scope.h"

#include <errno.h>
#include <thrum/event.h>
#include <thrum/thread.h>

static thrum_future *outer, *inner;
static thrum_event event;
static thrum__context *carrier;
static bool outer_asked, inner_asked, thread_asked;

static int wait_inside(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&event, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || (rc == -ECANCELED && inner_asked));
    return rc;
}

/* Runs the inner task as a wait would, and then waits for itself. */
static int run_inner(thrum_task *self)
{
    thrum__future_run(inner);
    int rc = thrum_sleep(thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == (thrum_cancelled(self) ? -ECANCELED : 0));
    EXPLORE_CHECK(rc == 0 || outer_asked);
    return rc;
}

static void carry(void *argument)
{
    (void)argument;
    thrum__store_release(&carrier, thrum__self());
    thrum__future_run(outer);
    int rc = thrum_sleep(thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == (thrum__load_relaxed(&thrum__self()->scope->cancelled) ? -ECANCELED : 0));
    EXPLORE_CHECK(rc == 0 || thread_asked);
}

static void set_event(void *argument)
{
    (void)argument;
    thrum_event_set(&event);
}

static void begin(void)
{
    event = (thrum_event)THRUM_EVENT_INIT;
    carrier = NULL;
    outer_asked = inner_asked = thread_asked = false;
    outer = thrum__future_new(run_inner, THRUM__NO_VALUE);
    inner = thrum__future_new(wait_inside, THRUM__NO_VALUE);
    thrum__future_ignore(outer);
    thrum__future_ignore(inner);
    explore_spawn("carrier", carry, NULL);
}

static void end(void)
{
    explore_join_all();
    thrum_future *futures[] = {outer, inner};
    for (int i = 0; i < 2; i++) {
        thrum__future_unreference(futures[i]);
        thrum_future_free(futures[i]);
    }
}

/* The outer task is asked to stop while the inner one may be running: the inner one is spared, and the
 * outer one does not lose the request. */
EXPLORE(scope_outer_request, .preemptions = 2, .long_preemptions = 3, .rescue = true,
        .sees = "both")
{
    begin();
    explore_spawn("setter", set_event, NULL);
    outer_asked = true;
    int rc = thrum_future_cancel(outer);
    bool inner_runs = thrum_future_running(inner);
    explore_join_all();
    if (rc == -EINPROGRESS && inner_runs)
        explore_seen("both");
    if (rc != 0 && thrum_future_done(inner))
        EXPLORE_CHECK(thrum_future_error(inner) == NULL);
    end();
}

/* The inner task is asked to stop: its wait ends, and the outer one goes on. */
EXPLORE(scope_inner_request, .preemptions = 2, .long_preemptions = 3, .rescue = true,
        .sees = "asked")
{
    begin();
    inner_asked = true;
    int rc = thrum_future_cancel(inner);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS);
    if (rc == -EINPROGRESS)
        explore_seen("asked");
    explore_join_all();
    EXPLORE_CHECK(thrum_future_error(outer) == NULL);
    end();
}

/* The thread is asked to stop while it runs tasks: they are spared, and its own next wait ends. */
EXPLORE(scope_thread_request, .preemptions = 2, .long_preemptions = 3, .rescue = true,
        .sees = "asked")
{
    begin();
    explore_spawn("setter", set_event, NULL);
    thrum__context *found = thrum__load_acquire(&carrier);
    if (found) {
        thread_asked = true;
        thrum__cancel(found);
        explore_seen("asked");
    }
    explore_join_all();
    EXPLORE_CHECK(thrum_future_error(outer) == NULL && thrum_future_error(inner) == NULL);
    end();
}

static int wait_with_shield(thrum_task *self)
{
    (void)self;
    thrum_shield_begin(); /* is never ended: it must not outlive the task */
    return 0;
}

/* A shield that a task leaves behind ends with the task. */
EXPLORE(scope_ends_shields, .preemptions = 1)
{
    thrum_future *future = thrum__future_new(wait_with_shield, THRUM__NO_VALUE);
    thrum__future_run(future);
    thrum__cancel(thrum__self());
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == -ECANCELED);
    thrum__future_unreference(future);
    thrum_future_free(future);
}

static int sleep_long(thrum_task *self)
{
    (void)self;
    int rc = thrum_sleep(thrum_at(thrum_now() + 5000));
    EXPLORE_CHECK(rc == 0);
    return rc;
}

/* A deadline of the outer task is none of the inner one, and is in force again after it. */
EXPLORE(scope_deadline, .preemptions = 1, .rescue = true)
{
    thrum_future *future = thrum__future_new(sleep_long, THRUM__NO_VALUE);
    thrum__self()->scope->ends_at = thrum_at(thrum_now() + 1000);
    thrum__future_run(future);
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 5000)) == -ECANCELED);
    thrum__future_unreference(future);
    thrum_future_free(future);
}

/* ---------------------------------------------------------------------------------- items of a map */

/* An item that has an item of its own, in the context of the task that maps. */
static thrum_future *items[2];
static thrum_event never;

static thrum_future *new_item(thrum_task_fn *function)
{
    thrum_future *future = thrum__future_new(function, THRUM__NO_VALUE);
    thrum__store_relaxed(&future->state, future->state | THRUM__FUTURE_ITEM);
    thrum__future_ignore(future);
    return future;
}

static int wait_for_event(thrum_task *self)
{
    int rc = thrum_event_wait(&event, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || (rc == -ECANCELED && thrum_cancelled(self)));
    return rc;
}

static int run_innermost(thrum_task *self)
{
    thrum__future_run(items[1]);
    EXPLORE_CHECK(thrum_event_wait(&never, THRUM_FOREVER) == -ECANCELED && thrum_cancelled(self));
    return -ECANCELED;
}

static int run_outermost(thrum_task *self)
{
    thrum__future_run(items[0]);
    int rc = thrum_sleep(thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == (outer_asked ? -ECANCELED : 0));
    EXPLORE_CHECK(thrum_cancelled(self) == outer_asked);
    return rc;
}

static void carry_outer(void *argument)
{
    (void)argument;
    thrum__future_run(outer);
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == 0);
}

/* Cancels the outer task, or its item, while the item's own item waits, and is served or not. */
static void cancel_with_items(bool outer_one)
{
    outer = thrum__future_new(run_outermost, THRUM__NO_VALUE);
    items[0] = new_item(run_innermost);
    items[1] = new_item(wait_for_event);
    thrum__future_ignore(outer);
    outer_asked = outer_one;
    explore_spawn("carrier", carry_outer, NULL);
    if (explore_any(2))
        explore_spawn("setter", set_event, NULL);
    thrum_future *asked = outer_one ? outer : items[0];
    while (!thrum_future_running(asked))
        thrum__pause();
    EXPLORE_CHECK(thrum_future_cancel(asked) == -EINPROGRESS);
    if (thrum_future_running(items[1]))
        explore_seen("the innermost waits");
    explore_join_all();
    thrum_future *all[] = {outer, items[0], items[1]};
    for (int i = 0; i < 3; i++) {
        thrum__future_unreference(all[i]);
        thrum_future_free(all[i]);
    }
}

EXPLORE(scope_item_outer_request, .preemptions = 2, .long_preemptions = 3, .rescue = true,
        .sees = "the innermost waits")
{
    cancel_with_items(true);
}

EXPLORE(scope_item_request, .preemptions = 2, .long_preemptions = 3, .rescue = true,
        .sees = "the innermost waits")
{
    cancel_with_items(false);
}

static int run_with_shield(thrum_task *self)
{
    (void)self;
    thrum_shield_begin();
    thrum__future_run(items[1]);
    thrum_shield_end();
    EXPLORE_CHECK(thrum_event_wait(&never, THRUM_FOREVER) == -ECANCELED);
    return -ECANCELED;
}

static void carry_shielded(void *argument)
{
    (void)argument;
    thrum__future_run(outer);
}

/* A request that the task is shielded from spares its item, too. */
EXPLORE(scope_item_shielded, .preemptions = 2, .long_preemptions = 3)
{
    outer = thrum__future_new(run_with_shield, THRUM__NO_VALUE);
    items[1] = new_item(wait_for_event);
    thrum__future_ignore(outer);
    explore_spawn("carrier", carry_shielded, NULL);
    explore_spawn("setter", set_event, NULL);
    while (!thrum_future_running(outer))
        thrum__pause();
    EXPLORE_CHECK(thrum_future_cancel(outer) == -EINPROGRESS);
    explore_join_all();
    EXPLORE_CHECK(thrum_future_error(items[1]) == NULL);
    thrum_future *all[] = {outer, items[1]};
    for (int i = 0; i < 2; i++) {
        thrum__future_unreference(all[i]);
        thrum_future_free(all[i]);
    }
}

static int sleep_until_asked(thrum_task *self)
{
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 5000)) == -ECANCELED);
    EXPLORE_CHECK(thrum_cancelled(self));
    return -ECANCELED;
}

/* The deadline of the task is one of its items. */
EXPLORE(scope_item_deadline, .preemptions = 1, .rescue = true)
{
    thrum_future *future = new_item(sleep_until_asked);
    thrum__self()->scope->ends_at = thrum_at(thrum_now() + 1000);
    thrum__future_run(future);
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 5000)) == -ECANCELED);
    thrum__future_unreference(future);
    thrum_future_free(future);
}

/* ---------------------------------------------------------------- a half in another context */

static thrum__scope *forked;

static void run_half(void *argument)
{
    (void)argument;
    thrum__scope half;
    thrum__scope_open(&half, NULL);
    half.parent = forked;
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == -ECANCELED && thrum_cancelled(NULL));
    thrum_shield_begin();
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == 0 && thrum_cancelled(NULL));
    thrum_shield_end();
    thrum__scope_close(&half);
    thrum__memory_dead(&half);
}

/* A worker is asked to stop by its pool. The half of its task elsewhere stops, too; and a shield of either
 * spares their waits, but hides nothing. */
EXPLORE(scope_half_of_a_stopped_task, .preemptions = EXPLORE_NONE, .rescue = true)
{
    thrum__scope scope;
    thrum__scope_open(&scope, NULL);
    forked = &scope;
    (void)thrum__scopes_stop(thrum__self());
    explore_spawn("half", run_half, NULL);
    explore_join_all();
    thrum_shield_begin();
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == 0 && thrum_cancelled(NULL));
    thrum_shield_end();
    thrum__store_relaxed(&thrum__self()->stop, 0);
    thrum__scope_close(&scope);
    thrum__memory_dead(&scope);
}

/* -------------------------------------------------------------------------------------- callbacks */

static int sleep_in_callback(thrum_future *future, void *context)
{
    (void)future, (void)context;
    EXPLORE_CHECK(thrum_sleep(thrum_at(thrum_now() + 1000)) == 0 && !thrum_cancelled(NULL));
    return 0;
}

/* A callback runs in a thread that was asked to stop, as its tasks were: its waits are its own. */
EXPLORE(callback_has_a_scope, .preemptions = 1, .rescue = true)
{
    thrum_future *future = thrum__future_new(wait_with_shield, THRUM__NO_VALUE);
    thrum__cancel(thrum__self());
    (void)thrum__scopes_stop(thrum__self());
    EXPLORE_CHECK(thrum_future_add_done_callback(future, sleep_in_callback, NULL) == 0);
    thrum__future_run(future);
    thrum__future_unreference(future);
    thrum_future_free(future);
}
