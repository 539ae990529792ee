/* The lock: one holder at a time, whose writes the next one sees; nobody is left asleep. */
#include "base/process.h"
#include "base/spin.h"
#include "explore.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include "sync/lock.h"

#include <errno.h>

struct bank {
    thrum_lock lock;
    int balance; /* protected */
    int attempts;
};

static void deposit(struct bank *bank)
{
    EXPLORE_WRITE(bank->balance, EXPLORE_READ(bank->balance) + 1);
}

static void acquire_once(void *argument)
{
    struct bank *bank = argument;
    thrum_lock_acquire(&bank->lock);
    EXPLORE_CHECK(thrum_lock_owned(&bank->lock));
    deposit(bank);
    thrum_lock_release(&bank->lock);
}

/* The same without the check, for fewer steps. */
static void acquire_plainly(void *argument)
{
    struct bank *bank = argument;
    thrum_lock_acquire(&bank->lock);
    deposit(bank);
    thrum_lock_release(&bank->lock);
}

static void acquire_twice(void *argument)
{
    acquire_plainly(argument);
    acquire_plainly(argument);
}

static void name_bank(struct bank *bank)
{
    thrum__explore_name(&bank->lock.state_, 4, "lock.state");
    thrum__explore_name(&bank->lock.owner_, 4, "lock.owner");
    thrum__explore_name(&bank->lock.waiters_, sizeof(void *), "lock.waiters");
    thrum__explore_name(&bank->balance, sizeof bank->balance, "balance");
}

static void contend(void (*run)(void *), unsigned threads, int balance)
{
    static const char *const names[] = {"one", "two", "three", "four"};
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    name_bank(&bank);
    for (unsigned i = 0; i < threads; i++)
        explore_spawn(names[i], run, &bank);
    explore_join_all();
    EXPLORE_CHECK(bank.balance == balance);
    EXPLORE_CHECK(bank.lock.state_ == 0 && bank.lock.owner_ == 0 && !bank.lock.waiters_);
}

EXPLORE(lock_two, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    contend(acquire_once, 2, 2);
}

EXPLORE(lock_two_twice, .preemptions = 3, .long_preemptions = 5, .spurious = 1)
{
    contend(acquire_twice, 2, 4);
}

EXPLORE(lock_three, .preemptions = 1, .long_preemptions = 3, .spurious = 1)
{
    contend(acquire_plainly, 3, 3);
}

EXPLORE(lock_four, .preemptions = 1, .long_preemptions = 2)
{
    contend(acquire_plainly, 4, 4);
}

EXPLORE(lock_weak, .preemptions = 2, .weak = 1)
{
    contend(acquire_plainly, 2, 2);
}

EXPLORE(lock_stale, .preemptions = 2, .stale = 1)
{
    contend(acquire_plainly, 2, 2);
}

/* Time passes between a wait and the next: the starving are handed the lock. */
EXPLORE(lock_starving, .preemptions = 1, .long_preemptions = 2, .ticks = 1, .runs = 3000000)
{
    contend(acquire_plainly, 3, 3);
}

/* One that acquires again and again, so that the other starves and is handed the lock. */
static void acquire_thrice(void *argument)
{
    for (int i = 0; i < 3; i++)
        acquire_plainly(argument);
}

EXPLORE(lock_starving_two, .preemptions = 3, .ticks = 1)
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    name_bank(&bank);
    explore_spawn("greedy", acquire_thrice, &bank);
    explore_spawn("starving", acquire_plainly, &bank);
    explore_join_all();
    EXPLORE_CHECK(bank.balance == 4 && bank.lock.state_ == 0);
}

/* One that has held the lock for long while another slept for it hands it over on its first release:
 * nobody runs between the release and the look at the lock. */
EXPLORE(lock_handed_over, .preemptions = EXPLORE_NONE, .ticks = 1, .sees = "handed over")
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    name_bank(&bank);
    thrum_lock_acquire(&bank.lock);
    explore_spawn("waiter", acquire_plainly, &bank);
    while (!thrum__load_relaxed(&bank.lock.waiters_))
        thrum__explore_pause();
    deposit(&bank);
    thrum_lock_release(&bank.lock);
    if (thrum_lock_locked(&bank.lock))
        explore_seen("handed over");
    explore_join_all();
    EXPLORE_CHECK(bank.balance == 2 && bank.lock.state_ == 0);
}

static void try_once(void *argument)
{
    struct bank *bank = argument;
    if (thrum_lock_try(&bank->lock) == 0) {
        deposit(bank);
        thrum_lock_release(&bank->lock);
    }
}

EXPLORE(lock_try, .preemptions = EXPLORE_ALL)
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    name_bank(&bank);
    explore_spawn("taker", acquire_plainly, &bank);
    explore_spawn("trier", try_once, &bank);
    explore_join_all();
    EXPLORE_CHECK(bank.balance >= 1);
    EXPLORE_CHECK(bank.lock.state_ == 0);
}

static void acquire_until(void *argument)
{
    struct bank *bank = argument;
    int rc = thrum_lock_acquire_until(&bank->lock, thrum_at(thrum_now() + 1000));
    if (rc == 0) {
        deposit(bank);
        thrum_lock_release(&bank->lock);
        return;
    }
    EXPLORE_CHECK(rc == -ETIMEDOUT && explore_timeouts() > 0);
    explore_seen("timed out");
}

static void contend_timed(unsigned timed, unsigned plain)
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    name_bank(&bank);
    for (unsigned i = 0; i < plain; i++)
        explore_spawn("taker", acquire_plainly, &bank);
    for (unsigned i = 0; i < timed; i++)
        explore_spawn("timed", acquire_until, &bank);
    explore_join_all();
    EXPLORE_CHECK(bank.balance >= 1);
    EXPLORE_CHECK(bank.lock.state_ == 0 && !bank.lock.waiters_);
}

EXPLORE(lock_until, .preemptions = EXPLORE_ALL, .timeouts = 1, .sees = "timed out")
{
    contend_timed(1, 1);
}

EXPLORE(lock_until_three, .preemptions = 1, .long_preemptions = 2, .timeouts = 1, .spurious = 1)
{
    contend_timed(1, 2);
}

EXPLORE(lock_until_two_timed, .preemptions = 1, .long_preemptions = 2, .timeouts = 2)
{
    contend_timed(2, 1);
}

/* Freed by the last who held it, while those before may still be inside their release. */

struct shared {
    struct bank bank;
    uint32_t users;
};

static void use_and_free(void *argument)
{
    struct shared *shared = argument;
    thrum_lock_acquire(&shared->bank.lock);
    deposit(&shared->bank);
    bool last = --shared->users == 0;
    thrum_lock_release(&shared->bank.lock);
    if (last)
        thrum__free(shared);
}

static void free_after_release(unsigned users)
{
    struct shared *shared = thrum__alloc(sizeof *shared);
    name_bank(&shared->bank);
    shared->users = users;
    for (unsigned i = 0; i < users; i++)
        explore_spawn("user", use_and_free, shared);
    explore_join_all();
}

EXPLORE(lock_free_after_release, .preemptions = EXPLORE_ALL)
{
    free_after_release(2);
}

EXPLORE(lock_free_after_release_three, .preemptions = 2, .runs = 3000000)
{
    free_after_release(3);
}

/* Cancelled while it waits. */

struct cancelled {
    struct bank bank;
    thrum__context *context;
    uint32_t ready, done;
    int rc;
};

static void acquire_cancellable(void *argument)
{
    struct cancelled *c = argument;
    c->context = thrum__self();
    thrum__store_release(&c->ready, 1);
    c->rc = thrum_lock_acquire_until(&c->bank.lock, THRUM_FOREVER);
    if (c->rc == 0) {
        deposit(&c->bank);
        thrum_lock_release(&c->bank.lock);
    }
}

static void cancel_it(void *argument)
{
    struct cancelled *c = argument;
    while (!thrum__load_acquire(&c->ready))
        thrum__pause();
    thrum__cancel(c->context);
}

static void hold_it(void *argument)
{
    struct cancelled *c = argument;
    acquire_plainly(&c->bank);
}

EXPLORE(lock_cancel, .preemptions = 2, .long_preemptions = 3, .sees = "cancelled")
{
    static struct cancelled c;
    name_bank(&c.bank);
    explore_spawn("holder", hold_it, &c);
    explore_spawn("waiter", acquire_cancellable, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_join_all();
    EXPLORE_CHECK(c.rc == 0 || c.rc == -ECANCELED);
    EXPLORE_CHECK(c.bank.balance == 1 + (c.rc == 0));
    EXPLORE_CHECK(c.bank.lock.state_ == 0 && !c.bank.lock.waiters_);
    if (c.rc)
        explore_seen("cancelled");
}

/* WAKING of a thread of the parent process: it wakes nobody, and keeps nobody from being woken. */
EXPLORE(lock_lost_waker, .preemptions = 3)
{
    enum { WAKING = 8, STAMP_UNIT = 16 };
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    bank.lock.state_ = WAKING | thrum__process_generation * STAMP_UNIT;
    thrum__process_generation++;
    name_bank(&bank);
    explore_spawn("one", acquire_plainly, &bank);
    explore_spawn("two", acquire_plainly, &bank);
    explore_join_all();
    EXPLORE_CHECK(bank.balance == 2);
    thrum_lock_finish(&bank.lock);
}

/* A thread that is asked to stop before it queues does not: others that queue keep their turn, and an empty queue leaves
 * no mark. */
static void acquire_cancelled(void *argument)
{
    struct bank *bank = argument;
    thrum__cancel(thrum__self());
    int rc = thrum_lock_acquire_until(&bank->lock, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
    if (rc == 0)
        thrum_lock_release(&bank->lock);
    else
        explore_seen("cancelled");
}

EXPLORE(lock_cancelled_on_the_way, .preemptions = 2, .sees = "cancelled")
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    name_bank(&bank);
    thrum_lock_acquire(&bank.lock);
    explore_spawn("cancelled", acquire_cancelled, &bank);
    if (explore_any(2))
        explore_spawn("other", acquire_plainly, &bank);
    thrum_lock_release(&bank.lock);
    explore_join_all();
    EXPLORE_CHECK(bank.lock.state_ == 0);
    thrum_lock_finish(&bank.lock);
}

/* Misuse. */

static void release_foreign(void *argument)
{
    struct bank *bank = argument;
    thrum_lock_release(&bank->lock);
}

EXPLORE(lock_release_foreign, .panic = "released by thread")
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    thrum_lock_acquire(&bank.lock);
    explore_spawn("thief", release_foreign, &bank);
    explore_join_all();
    EXPLORE_CHECK(false);
}

EXPLORE(lock_acquire_again, .panic = "acquired a second time by thread")
{
    struct bank bank = {.lock = THRUM_LOCK_INIT};
    thrum_lock_acquire(&bank.lock);
    EXPLORE_CHECK(thrum_lock_try(&bank.lock) == -EAGAIN);
    EXPLORE_CHECK(thrum_lock_acquire_until(&bank.lock, thrum_at(thrum_now() + 1)) == -EDEADLK);
    thrum_lock_acquire(&bank.lock);
    EXPLORE_CHECK(false);
}
