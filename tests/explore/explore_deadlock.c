/* The search for deadlocks: it reports a circle once, invents none, and touches nothing that is gone. Waits are
 * looked at from the first tick on, wherever a budget of timeouts or the rescue lets time pass. */
#include "explore.h"
#include "park/deadlock.h"
#include "park/park.h"
#include <thrum/lock.h>

enum { TICK = 1000 };

/* Two that wait for each other, until the client ends both waits. */

struct side {
    struct side *other;
    uint32_t ident;
    thrum__waiter *waiter;
};

static uint32_t ident_of_other(const void *object)
{
    const struct side *side = object;
    return thrum__load_acquire(&side->other->ident);
}

static const thrum__wait_kind side_wait = {"side", "left to", ident_of_other};

static void wait_for_other(void *argument)
{
    struct side *side = argument;
    thrum__waiter waiter;
    EXPLORE_CHECK(thrum__wait_begin(&waiter, false) == 0);
    thrum__store_release(&side->ident, thrum__self()->ident);
    thrum__store_release(&side->waiter, &waiter);
    EXPLORE_CHECK(thrum__wait_owned(&waiter, THRUM_FOREVER, &side_wait, side, NULL) == 0);
}

static void end_wait(struct side *side)
{
    thrum__waiter *waiter = thrum__load_acquire(&side->waiter);
    thrum__context *context = waiter->context;
    EXPLORE_CHECK(thrum__claim_waiter(waiter));
    thrum__unpark(context);
}

EXPLORE(deadlock_pair, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .timeouts = 1,
        .rescue = true)
{
    thrum__deadlock_after = TICK;
    struct side one = {0}, two = {.other = &one};
    one.other = &two;
    explore_spawn("one", wait_for_other, &one);
    explore_spawn("two", wait_for_other, &two);
    while (!thrum__load_acquire(&thrum__deadlock_reports))
        thrum__explore_pause();
    end_wait(&one);
    end_wait(&two);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 1);
}

/* Edges come and go while one looks, and never are a circle. */

static struct table {
    thrum_lock a, b;
    thrum_lock *freed;
    uint32_t users;
} table;

static void a_then_b(void *argument)
{
    (void)argument;
    thrum_lock_acquire(&table.a);
    thrum_lock_acquire(&table.b);
    thrum_lock_release(&table.b);
    thrum_lock_release(&table.a);
}

static void b_and_a(void *argument)
{
    (void)argument;
    thrum_lock_acquire(&table.b);
    thrum_lock_release(&table.b);
    thrum_lock_acquire(&table.a);
    thrum_lock_release(&table.a);
}

EXPLORE(deadlock_none, .preemptions = 2, .timeouts = 2)
{
    thrum__deadlock_after = TICK;
    explore_spawn("a then b", a_then_b, NULL);
    explore_spawn("b and a", b_and_a, NULL);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 0);
}

/* The object of another's wait is freed at the end of that wait. */

static void leave(thrum_lock *lock)
{
    bool last = thrum__sub_acq_rel(&table.users, 1) == 1;
    thrum_lock_release(lock);
    if (last)
        thrum__free(lock);
}

static void hold_it(void *argument)
{
    thrum_lock *lock = argument;
    thrum_lock_acquire(lock);
    leave(lock);
}

static void hold_a_and_it(void *argument)
{
    thrum_lock *lock = argument;
    thrum_lock_acquire(&table.a);
    thrum_lock_acquire(lock);
    leave(lock);
    thrum_lock_release(&table.a);
}

static void hold_a(void *argument)
{
    (void)argument;
    thrum_lock_acquire(&table.a);
    thrum_lock_release(&table.a);
}

EXPLORE(deadlock_freed, .preemptions = 1, .long_preemptions = 2, .timeouts = 2)
{
    thrum__deadlock_after = TICK;
    thrum_lock *lock = thrum__alloc(sizeof *lock);
    table.users = 2;
    explore_spawn("holder", hold_it, lock);
    explore_spawn("waiter", hold_a_and_it, lock);
    explore_spawn("searcher", hold_a, NULL);
    explore_join_all();
    EXPLORE_CHECK(thrum__deadlock_reports == 0);
}
