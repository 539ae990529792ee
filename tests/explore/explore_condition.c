/* The condition: no notify is lost or spent on one who has given up; the lock is held on return. */
#include "base/spin.h"
#include "explore.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/condition.h>
#include <thrum/with.h>

#include <errno.h>

struct store {
    thrum_condition changed;
    int items; /* protected */
    int taken, missed;
};

static void name_store(struct store *store)
{
    thrum__explore_name(&store->changed.own_.state_, 4, "lock.state");
    thrum__explore_name(&store->changed.own_.owner_, 4, "lock.owner");
    thrum__explore_name(&store->changed.own_.waiters_, sizeof(void *), "lock.waiters");
    thrum__explore_name(&store->changed.waiters_, sizeof(void *), "condition.waiters");
    thrum__explore_name(&store->items, sizeof store->items, "items");
}

static void take(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        while (EXPLORE_READ(store->items) == 0)
            EXPLORE_CHECK(thrum_condition_wait(&store->changed, THRUM_FOREVER) == 0);
        EXPLORE_WRITE(store->items, store->items - 1);
        store->taken++;
    }
}

static void put(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        EXPLORE_WRITE(store->items, store->items + 1);
        thrum_condition_notify(&store->changed, 1);
    }
}

static void put_two(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        EXPLORE_WRITE(store->items, store->items + 2);
        thrum_condition_notify_all(&store->changed);
    }
}

static void finish(struct store *store)
{
    explore_join_all();
    thrum_condition_finish(&store->changed);
    EXPLORE_CHECK(store->changed.own_.state_ == 0 && !store->changed.own_.waiters_);
}

EXPLORE(condition_one, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("taker", take, &store);
    explore_spawn("putter", put, &store);
    finish(&store);
    EXPLORE_CHECK(store.taken == 1 && store.items == 0);
}

EXPLORE(condition_notify_two, .preemptions = 1, .long_preemptions = 2, .partial = true)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("taker", take, &store);
    explore_spawn("taker", take, &store);
    explore_spawn("putter", put, &store);
    explore_spawn("putter", put, &store);
    finish(&store);
    EXPLORE_CHECK(store.taken == 2);
}

EXPLORE(condition_notify_all, .preemptions = 1, .long_preemptions = 2, .spurious = 1)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("taker", take, &store);
    explore_spawn("taker", take, &store);
    explore_spawn("putter", put_two, &store);
    finish(&store);
    EXPLORE_CHECK(store.taken == 2);
}

EXPLORE(condition_stale, .preemptions = 2, .stale = 1, .weak = 1)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("taker", take, &store);
    explore_spawn("putter", put, &store);
    finish(&store);
}

/* A wait returns 0 only if it was notified: the if may stand for the while where there is one
 * taker. */
static void take_by_if(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        if (store->items == 0)
            EXPLORE_CHECK(thrum_condition_wait(&store->changed, THRUM_FOREVER) == 0);
        EXPLORE_CHECK(EXPLORE_READ(store->items) == 1);
    }
}

EXPLORE(condition_not_spurious, .preemptions = 4, .long_preemptions = EXPLORE_ALL, .spurious = 2)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("taker", take_by_if, &store);
    explore_spawn("putter", put, &store);
    finish(&store);
}

/* Deadlines: a notify is counted once, by the one that returns 0. */
static void take_until(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        int rc = 0;
        while (EXPLORE_READ(store->items) == 0 && rc == 0)
            rc = thrum_condition_wait(&store->changed, thrum_at(thrum_now() + 1000));
        EXPLORE_CHECK(thrum_lock_owned(&store->changed.own_));
        EXPLORE_CHECK(rc == 0 || (rc == -ETIMEDOUT && explore_timeouts()));
        if (store->items > 0) {
            EXPLORE_WRITE(store->items, store->items - 1);
            store->taken++;
        } else {
            store->missed++;
            explore_seen("timed out");
        }
    }
}

EXPLORE(condition_until, .preemptions = 3, .long_preemptions = 5, .timeouts = 1,
        .sees = "timed out")
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("taker", take_until, &store);
    explore_spawn("putter", put, &store);
    finish(&store);
    EXPLORE_CHECK(store.taken + store.missed == 1 && store.items == store.missed);
}

static bool has_items(void *context)
{
    struct store *store = context;
    return EXPLORE_READ(store->items) > 0;
}

static void wait_for_items(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        int rc = thrum_condition_wait_for(&store->changed, has_items, store,
                                          thrum_at(thrum_now() + 1000));
        EXPLORE_CHECK(rc == 0 ? store->items == 1 : store->items == 0 && rc == -ETIMEDOUT);
        if (rc < 0)
            explore_seen("timed out");
    }
}

/* What the wait is for may come when the deadline has passed and the lock is not back yet: then it has come. */
EXPLORE(condition_wait_for_until, .preemptions = 3, .long_preemptions = 5, .timeouts = 1,
        .sees = "timed out")
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("waiter", wait_for_items, &store);
    explore_spawn("putter", put, &store);
    explore_join_all();
    thrum_condition_finish(&store.changed);
}

/* One may give up while the notify is on its way: then the other must get it. */
EXPLORE(condition_until_other, .preemptions = 1, .long_preemptions = 2, .timeouts = 1)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("timed", take_until, &store);
    explore_spawn("taker", take, &store);
    explore_spawn("putter", put_two, &store);
    finish(&store);
}

static void wait_until_blindly(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed) {
        int rc = thrum_condition_wait(&store->changed, thrum_at(thrum_now() + 1000));
        if (rc == 0)
            store->taken++;
        else
            store->missed++;
    }
}

static void notify_one(void *argument)
{
    struct store *store = argument;
    thrum_with (&store->changed)
        thrum_condition_notify(&store->changed, 1);
}

EXPLORE(condition_notify_or_deadline, .preemptions = EXPLORE_NONE, .long_preemptions = 2,
        .timeouts = 1, .rescue = true)
{
    struct store store = {.changed = THRUM_CONDITION_INIT};
    name_store(&store);
    explore_spawn("waiter", wait_until_blindly, &store);
    explore_spawn("waiter", wait_until_blindly, &store);
    explore_spawn("notifier", notify_one, &store);
    finish(&store);
    EXPLORE_CHECK(store.taken + store.missed == 2 && store.taken <= 1);
}

/* Two conditions on one lock. */

struct pair {
    thrum_lock lock;
    thrum_condition one, two;
    int turn;
};

static void first(void *argument)
{
    struct pair *pair = argument;
    thrum_with (&pair->lock) {
        EXPLORE_WRITE(pair->turn, 1);
        thrum_condition_notify(&pair->two, 1);
        while (EXPLORE_READ(pair->turn) != 2)
            EXPLORE_CHECK(thrum_condition_wait(&pair->one, THRUM_FOREVER) == 0);
    }
}

static void second(void *argument)
{
    struct pair *pair = argument;
    thrum_with (&pair->lock) {
        while (EXPLORE_READ(pair->turn) != 1)
            EXPLORE_CHECK(thrum_condition_wait(&pair->two, THRUM_FOREVER) == 0);
        EXPLORE_WRITE(pair->turn, 2);
        thrum_condition_notify(&pair->one, 1);
    }
}

EXPLORE(condition_shared_lock, .preemptions = 3)
{
    struct pair pair = {.lock = THRUM_LOCK_INIT};
    thrum_condition_init(&pair.one, &pair.lock);
    thrum_condition_init(&pair.two, &pair.lock);
    explore_spawn("first", first, &pair);
    explore_spawn("second", second, &pair);
    explore_join_all();
    EXPLORE_CHECK(pair.turn == 2);
}

/* Cancelled against notified. */

struct cancelled {
    struct store store;
    thrum__context *context;
    uint32_t ready;
    int rc;
};

static void wait_cancellable(void *argument)
{
    struct cancelled *c = argument;
    c->context = thrum__self();
    thrum__store_release(&c->ready, 1);
    thrum_with (&c->store.changed) {
        c->rc = 0;
        while (c->store.items == 0 && c->rc == 0)
            c->rc = thrum_condition_wait(&c->store.changed, THRUM_FOREVER);
        EXPLORE_CHECK(thrum_lock_owned(&c->store.changed.own_));
    }
}

static void cancel_it(void *argument)
{
    struct cancelled *c = argument;
    while (!thrum__load_acquire(&c->ready))
        thrum__pause();
    thrum__cancel(c->context);
}

static void put_it(void *argument)
{
    struct cancelled *c = argument;
    put(&c->store);
}

EXPLORE(condition_cancel, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    static struct cancelled c;
    name_store(&c.store);
    explore_spawn("waiter", wait_cancellable, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_spawn("putter", put_it, &c);
    explore_join_all();
    EXPLORE_CHECK(c.rc == 0 || c.rc == -ECANCELED);
    EXPLORE_CHECK(!c.store.changed.waiters_ && !c.store.changed.own_.waiters_);
    if (c.rc)
        explore_seen("cancelled");
}

EXPLORE(condition_without_lock, .panic = "does not hold its lock")
{
    thrum_condition condition = THRUM_CONDITION_INIT;
    thrum_condition_notify(&condition, 1);
}
