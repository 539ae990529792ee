/* The reentrant lock: the holder goes in again, others only after the last release; a condition on
 * it gives all of it up. */
#include "explore.h"
#include <thrum/condition.h>
#include <thrum/rlock.h>

#include <errno.h>

struct account {
    thrum_rlock lock;
    thrum_condition changed;
    int balance; /* protected */
};

static void deposit(struct account *account)
{
    thrum_rlock_acquire(&account->lock);
    EXPLORE_WRITE(account->balance, EXPLORE_READ(account->balance) + 1);
    thrum_rlock_release(&account->lock);
}

static void deposit_twice(void *argument)
{
    struct account *account = argument;
    thrum_rlock_acquire(&account->lock);
    int before = EXPLORE_READ(account->balance);
    deposit(account);
    deposit(account);
    EXPLORE_CHECK(EXPLORE_READ(account->balance) == before + 2); /* nobody came between */
    thrum_rlock_release(&account->lock);
    EXPLORE_CHECK(thrum_rlock_depth(&account->lock) == 0);
}

static void contend(unsigned threads)
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    for (unsigned i = 0; i < threads; i++)
        explore_spawn("depositor", deposit_twice, &account);
    explore_join_all();
    EXPLORE_CHECK(account.balance == 2 * (int)threads);
    EXPLORE_CHECK(account.lock.lock_.state_ == 0 && !account.lock.lock_.waiters_);
}

EXPLORE(rlock_two, .preemptions = 3, .long_preemptions = EXPLORE_ALL, .spurious = 1)
{
    contend(2);
}

EXPLORE(rlock_three, .preemptions = 1, .long_preemptions = 3, .spurious = 1)
{
    contend(3);
}

EXPLORE(rlock_four, .preemptions = EXPLORE_NONE, .long_preemptions = 2, .spurious = 1)
{
    contend(4);
}

static void deposit_in_time(void *argument)
{
    struct account *account = argument;
    int rc = thrum_rlock_acquire_until(&account->lock, thrum_in(1));
    if (rc == -ETIMEDOUT) {
        explore_seen("too late");
        return;
    }
    deposit(account);
    thrum_rlock_release(&account->lock);
}

EXPLORE(rlock_until, .preemptions = 3, .timeouts = 1, .sees = "too late")
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    explore_spawn("depositor", deposit_twice, &account);
    explore_spawn("in time", deposit_in_time, &account);
    explore_join_all();
    EXPLORE_CHECK(account.balance >= 2 && account.lock.lock_.state_ == 0);
}

/* Condition with rlock: a waiter that holds it twice lets the other in, and holds it twice again. */

static void wait_for_deposit(void *argument)
{
    struct account *account = argument;
    thrum_condition_acquire(&account->changed);
    thrum_condition_acquire(&account->changed);
    while (EXPLORE_READ(account->balance) == 0)
        EXPLORE_CHECK(thrum_condition_wait(&account->changed, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_rlock_depth(&account->lock) == 2);
    thrum_condition_release(&account->changed);
    EXPLORE_WRITE(account->balance, EXPLORE_READ(account->balance) - 1);
    thrum_condition_release(&account->changed);
}

static void deposit_and_tell(void *argument)
{
    struct account *account = argument;
    thrum_condition_acquire(&account->changed);
    deposit(account);
    thrum_condition_notify(&account->changed, 1);
    thrum_condition_release(&account->changed);
}

EXPLORE(rlock_condition, .preemptions = 3, .long_preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    thrum_condition_init_reentrant(&account.changed, &account.lock);
    explore_spawn("waiter", wait_for_deposit, &account);
    explore_spawn("depositor", deposit_and_tell, &account);
    explore_join_all();
    EXPLORE_CHECK(account.balance == 0 && account.lock.lock_.state_ == 0);
}

EXPLORE(rlock_condition_two, .preemptions = 1, .long_preemptions = 2)
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    thrum_condition_init_reentrant(&account.changed, &account.lock);
    explore_spawn("waiter 1", wait_for_deposit, &account);
    explore_spawn("waiter 2", wait_for_deposit, &account);
    deposit_and_tell(&account);
    deposit_and_tell(&account);
    explore_join_all();
    EXPLORE_CHECK(account.balance == 0 && account.lock.lock_.state_ == 0);
}

/* A condition on it: each way to acquire goes in again. */

static void acquire_each_way(void *argument)
{
    struct account *account = argument;
    thrum_condition_acquire(&account->changed);
    EXPLORE_CHECK(thrum_condition_try(&account->changed) == 0);
    EXPLORE_CHECK(thrum_condition_acquire_until(&account->changed, thrum_at(thrum_now() + 1000)) ==
                  0);
    EXPLORE_CHECK(thrum_rlock_depth(&account->lock) == 3);
    EXPLORE_WRITE(account->balance, EXPLORE_READ(account->balance) + 1);
    for (int i = 0; i < 3; i++)
        thrum_condition_release(&account->changed);
}

EXPLORE(rlock_condition_again, .preemptions = 2)
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    thrum_condition_init_reentrant(&account.changed, &account.lock);
    explore_spawn("first", acquire_each_way, &account);
    explore_spawn("second", acquire_each_way, &account);
    explore_join_all();
    EXPLORE_CHECK(account.balance == 2 && account.lock.lock_.state_ == 0);
}

EXPLORE(rlock_release_foreign, .preemptions = 2, .panic = "released")
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    thrum_rlock_release(&account.lock);
}

/* Threads that thrum did not start come and go, and the second may get the ident of the first. */

static void visit(void *argument)
{
    struct account *account = argument;
    if (thrum_rlock_try(&account->lock) < 0)
        return;
    EXPLORE_CHECK(thrum_rlock_depth(&account->lock) == 1);
    EXPLORE_WRITE(account->balance, EXPLORE_READ(account->balance) + 1);
    thrum_rlock_release(&account->lock);
}

EXPLORE(rlock_foreign, .preemptions = 3)
{
    struct account account = {.lock = THRUM_RLOCK_INIT};
    explore_spawn_foreign("first", visit, &account);
    explore_spawn_foreign("second", visit, &account);
    explore_spawn_foreign("third", visit, &account);
    explore_join_all();
    EXPLORE_CHECK(account.lock.lock_.state_ == 0);
}
