/* What processes share, with threads for processes: each is one of its own to the lock (base/life.h). Slices never
 * end here unless a client says so: a wake that was lost would hide behind them. */
#include "base/futex.h"
#include "base/life.h"
#include "base/spin.h"
#include "explore.h"
#include "park/park.h"
#include "park/scope.h"
#include "shared/condition.h"
#include "shared/wait.h"
#include <thrum.h>

#include <errno.h>

/* ------------------------------------------------------------------------------------------ lock */

struct bank {
    thrum_shared_lock lock;
    int balance;
};

static void deposit(void *argument)
{
    struct bank *bank = argument;
    EXPLORE_CHECK(thrum_shared_lock_acquire(&bank->lock) == 0);
    EXPLORE_WRITE(bank->balance, EXPLORE_READ(bank->balance) + 1);
    thrum_shared_lock_release(&bank->lock);
}

static void deposit_in_time(void *argument)
{
    struct bank *bank = argument;
    int rc = thrum_shared_lock_acquire_until(&bank->lock, thrum_at(thrum_now() + 1000));
    if (rc < 0) {
        EXPLORE_CHECK(rc == -ETIMEDOUT);
        explore_seen("timed out");
        deposit(bank);
        return;
    }
    EXPLORE_WRITE(bank->balance, EXPLORE_READ(bank->balance) + 1);
    thrum_shared_lock_release(&bank->lock);
}

static void bank(void (*one)(void *), void (*two)(void *), void (*three)(void *), int balance)
{
    struct bank bank = {THRUM_SHARED_LOCK_INIT, 0};
    EXPLORE_NAME(bank);
    explore_spawn("one", one, &bank);
    explore_spawn("two", two, &bank);
    if (three)
        explore_spawn("three", three, &bank);
    explore_join_all();
    if (balance >= 0)
        EXPLORE_CHECK(bank.balance == balance);
}

EXPLORE(shared_lock_two, .preemptions = 3, .spurious = 1)
{
    bank(deposit, deposit, NULL, 2);
}

EXPLORE(shared_lock_three, .preemptions = 2, .long_preemptions = 3)
{
    bank(deposit, deposit, deposit, 3);
}

/* One gives up as the release wakes him; the third must not sleep on. */
EXPLORE(shared_lock_deadline, .preemptions = 2, .timeouts = 1, .sees = "timed out")
{
    bank(deposit, deposit_in_time, deposit, 3);
}

static void die_with_it(void *argument)
{
    struct bank *bank = argument;
    int rc = thrum_shared_lock_acquire(&bank->lock);
    EXPLORE_CHECK(rc == 0 || rc == -EOWNERDEAD);
    EXPLORE_WRITE(bank->balance, 100);
    thrum__life_end();
}

static void repair(void *argument)
{
    struct bank *bank = argument;
    int rc = thrum_shared_lock_acquire(&bank->lock);
    if (rc == -EOWNERDEAD) {
        explore_seen("owner died");
        EXPLORE_CHECK(EXPLORE_READ(bank->balance) == 100);
        EXPLORE_WRITE(bank->balance, 0);
        thrum_shared_lock_consistent(&bank->lock);
    } else {
        EXPLORE_CHECK(rc == 0);
        EXPLORE_CHECK(EXPLORE_READ(bank->balance) != 100);
    }
    EXPLORE_WRITE(bank->balance, EXPLORE_READ(bank->balance) + 1);
    thrum_shared_lock_release(&bank->lock);
}

EXPLORE(shared_lock_death, .preemptions = 2, .rescue = true, .sees = "owner died")
{
    thrum__shared_slice = 1000;
    bank(die_with_it, repair, NULL, -1);
}

/* Exactly one is told. */
EXPLORE(shared_lock_death_of_one, .preemptions = 1, .long_preemptions = 2, .rescue = true,
        .sees = "owner died")
{
    thrum__shared_slice = 1000;
    bank(die_with_it, repair, repair, -1);
}

static void leave_broken(void *argument)
{
    struct bank *bank = argument;
    int rc = thrum_shared_lock_acquire(&bank->lock);
    if (rc == -ENOTRECOVERABLE)
        explore_seen("lost");
    else
        thrum_shared_lock_release(&bank->lock);
}

EXPLORE(shared_lock_lost, .preemptions = 2, .rescue = true, .sees = "lost")
{
    thrum__shared_slice = 1000;
    bank(die_with_it, leave_broken, leave_broken, -1);
}

/* ------------------------------------------------------------------------------------- semaphore */

static void take_permit(void *argument)
{
    thrum_shared_semaphore_acquire(argument);
}

static void take_permit_in_time(void *argument)
{
    if (thrum_shared_semaphore_acquire_until(argument, thrum_at(thrum_now() + 1000)) == 0)
        return;
    explore_seen("timed out");
    thrum_shared_semaphore_acquire(argument);
}

static void give_permit(void *argument)
{
    thrum_shared_semaphore_release(argument, 1);
}

EXPLORE(shared_semaphore_two, .preemptions = 3, .spurious = 1)
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init(&semaphore, 0);
    EXPLORE_NAME(semaphore);
    explore_spawn("one", take_permit, &semaphore);
    explore_spawn("two", take_permit, &semaphore);
    give_permit(&semaphore);
    give_permit(&semaphore);
    explore_join_all();
    EXPLORE_CHECK(thrum_shared_semaphore_value(&semaphore) == 0);
}

EXPLORE(shared_semaphore_release_two, .preemptions = 2, .long_preemptions = 3)
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init(&semaphore, 0);
    EXPLORE_NAME(semaphore);
    explore_spawn("one", take_permit, &semaphore);
    explore_spawn("two", take_permit, &semaphore);
    thrum_shared_semaphore_release(&semaphore, 2);
    explore_join_all();
    EXPLORE_CHECK(thrum_shared_semaphore_value(&semaphore) == 0);
}

EXPLORE(shared_semaphore_deadline, .preemptions = 2, .timeouts = 1, .sees = "timed out")
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init(&semaphore, 0);
    EXPLORE_NAME(semaphore);
    explore_spawn("one", take_permit_in_time, &semaphore);
    explore_spawn("two", take_permit, &semaphore);
    explore_spawn("giver", give_permit, &semaphore);
    give_permit(&semaphore);
    explore_join_all();
    EXPLORE_CHECK(thrum_shared_semaphore_value(&semaphore) == 0);
}

/* Cancelled as the permit comes: who leaves without it has not taken the wake with him. */
static uint32_t who;

static void take_if_not_cancelled(void *argument)
{
    thrum__store_release(&who, thrum__self()->ident);
    if (thrum_shared_semaphore_acquire_until(argument, THRUM_FOREVER) < 0) {
        explore_seen("cancelled");
        if (explore_any(2))
            return;
        thrum_shared_semaphore_acquire(argument); /* a wait that begins as if there had been none */
    }
    thrum_shared_semaphore_release(argument, 1);
}

static void take_and_give_back(void *argument)
{
    thrum_shared_semaphore_acquire(argument);
    thrum_shared_semaphore_release(argument, 1);
}

EXPLORE(shared_semaphore_cancel, .preemptions = 2, .sees = "cancelled")
{
    thrum_shared_semaphore semaphore;
    thrum_shared_semaphore_init(&semaphore, 0);
    EXPLORE_NAME(semaphore);
    explore_spawn("one", take_if_not_cancelled, &semaphore);
    explore_spawn("two", take_and_give_back, &semaphore);
    explore_spawn("giver", give_permit, &semaphore);
    uint32_t ident;
    while (!(ident = thrum__load_acquire(&who)))
        thrum__pause();
    thrum__cancel(thrum__context_of(ident));
    explore_join_all();
    EXPLORE_CHECK(thrum_shared_semaphore_value(&semaphore) == 1);
}

/* ----------------------------------------------------------------------------------------- event */

struct news {
    thrum_shared_event event;
    int text;
};

static void read_news(void *argument)
{
    struct news *news = argument;
    EXPLORE_CHECK(thrum_shared_event_wait(&news->event, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(news->text) == 7);
}

static void write_news(void *argument)
{
    struct news *news = argument;
    EXPLORE_WRITE(news->text, 7);
    thrum_shared_event_set(&news->event);
}

EXPLORE(shared_event_two, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct news news = {{0, 0}, 0};
    EXPLORE_NAME(news);
    explore_spawn("one", read_news, &news);
    explore_spawn("two", read_news, &news);
    write_news(&news);
    explore_join_all();
}

static void wait_for_flash(void *argument)
{
    struct news *news = argument;
    int rc = thrum_shared_event_wait(&news->event, thrum_at(thrum_now() + 1000));
    if (rc == 0)
        explore_seen("saw it");
}

/* A set that is taken back at once ends a wait that had begun: else this would need a deadline. */
EXPLORE(shared_event_flash, .preemptions = EXPLORE_ALL, .rescue = true, .sees = "saw it")
{
    struct news news = {{0, 0}, 0};
    EXPLORE_NAME(news);
    unsigned waiter = explore_spawn("waiter", wait_for_flash, &news);
    while (!(thrum__load_acquire(&news.event.state_) & 2))
        thrum__pause();
    thrum_shared_event_set(&news.event);
    thrum_shared_event_clear(&news.event);
    explore_join(waiter);
    EXPLORE_CHECK(explore_timeouts() == 0);
}

/* ------------------------------------------------------------------------- condition and queue */

struct room {
    thrum_shared_queue *queue;
    int got;
};

enum { ROOM = 1 };

static thrum_shared_queue *queue_new(void)
{
    thrum_shared_queue *queue = thrum__alloc_line(thrum_shared_queue_size(sizeof(int), ROOM));
    EXPLORE_CHECK(queue && thrum_shared_queue_init(queue, sizeof(int), ROOM) == 0);
    return queue;
}

static void put_two(void *argument)
{
    struct room *room = argument;
    for (int i = 1; i <= 2; i++)
        EXPLORE_CHECK(thrum_shared_queue_put(room->queue, &i, THRUM_FOREVER) == 0);
}

static void get_two(void *argument)
{
    struct room *room = argument;
    for (int i = 1; i <= 2; i++) {
        int item = 0;
        EXPLORE_CHECK(thrum_shared_queue_get(room->queue, &item, THRUM_FOREVER) == 0);
        EXPLORE_CHECK(item == i);
    }
}

EXPLORE(shared_queue_order, .preemptions = 1, .long_preemptions = 3, .spurious = 1)
{
    struct room room = {.queue = queue_new()};
    explore_spawn("putter", put_two, &room);
    explore_spawn("getter", get_two, &room);
    explore_join_all();
    thrum__free(room.queue);
}

static void get_or_end(void *argument)
{
    struct room *room = argument;
    int item;
    int rc = thrum_shared_queue_get(room->queue, &item, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -EPIPE);
}

EXPLORE(shared_queue_close, .preemptions = 2)
{
    struct room room = {.queue = queue_new()};
    int item = 1;
    explore_spawn("one", get_or_end, &room);
    explore_spawn("two", get_or_end, &room);
    if (explore_any(2))
        EXPLORE_CHECK(thrum_shared_queue_put(room.queue, &item, THRUM_FOREVER) == 0);
    thrum_shared_queue_close(room.queue);
    explore_join_all();
    thrum__free(room.queue);
}

/* A process dies in a call of the queue while another waits there, or is on its way back from a wait. */

struct beginning { /* of a queue, as queue.c has it */
    uint32_t made, capacity;
    uint64_t item_size;
    thrum_shared_lock lock;
};

static void die_at_queue(void *argument)
{
    struct room *room = argument;
    thrum_shared_lock *lock = &((struct beginning *)room->queue)->lock;
    if (thrum_shared_lock_acquire(lock) == -EOWNERDEAD)
        thrum_shared_lock_consistent(lock);
    thrum__life_end();
}

static void put_one(void *argument)
{
    struct room *room = argument;
    int item = 1;
    EXPLORE_CHECK(thrum_shared_queue_put(room->queue, &item, THRUM_FOREVER) == 0);
}

static void get_one(void *argument)
{
    struct room *room = argument;
    int item = 0;
    EXPLORE_CHECK(thrum_shared_queue_get(room->queue, &item, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(item == 1);
}

EXPLORE(shared_queue_death_get, .preemptions = 1, .long_preemptions = 2, .rescue = true)
{
    thrum__shared_slice = 1000;
    struct room room = {.queue = queue_new()};
    explore_spawn("getter", get_one, &room);
    explore_spawn("putter", put_one, &room);
    explore_spawn("victim", die_at_queue, &room);
    explore_join_all();
    thrum__free(room.queue);
}

EXPLORE(shared_queue_death_put, .preemptions = 1, .long_preemptions = 2, .rescue = true)
{
    thrum__shared_slice = 1000;
    struct room room = {.queue = queue_new()};
    put_one(&room); /* which fills it */
    explore_spawn("putter", put_one, &room);
    explore_spawn("getter", get_one, &room);
    explore_spawn("victim", die_at_queue, &room);
    explore_join_all();
    thrum__free(room.queue);
}

struct box {
    thrum_shared_lock lock;
    thrum_shared_condition changed;
    int full;
};

static void wait_for_box(void *argument)
{
    struct box *box = argument;
    int rc = thrum_shared_lock_acquire(&box->lock);
    if (rc == -EOWNERDEAD)
        thrum_shared_lock_consistent(&box->lock);
    while (!EXPLORE_READ(box->full)) {
        rc = thrum_shared_condition_wait(&box->changed, &box->lock, THRUM_FOREVER);
        if (rc == -EOWNERDEAD)
            thrum_shared_lock_consistent(&box->lock);
    }
    thrum_shared_lock_release(&box->lock);
}

static void fill_box(void *argument)
{
    struct box *box = argument;
    EXPLORE_CHECK(thrum_shared_lock_acquire(&box->lock) == 0);
    EXPLORE_WRITE(box->full, 1);
    thrum_shared_condition_notify(&box->changed, 2);
    thrum_shared_lock_release(&box->lock);
}

EXPLORE(shared_condition_two, .preemptions = 1, .long_preemptions = 2, .spurious = 1)
{
    struct box box = {.full = 0};
    EXPLORE_NAME(box);
    explore_spawn("one", wait_for_box, &box);
    explore_spawn("two", wait_for_box, &box);
    fill_box(&box);
    explore_join_all();
}

/* Dies after the change, before any wake, with the lock: as in the queue. */
static void fill_and_die(void *argument)
{
    struct box *box = argument;
    EXPLORE_CHECK(thrum_shared_lock_acquire(&box->lock) == 0);
    (void)thrum__shared_condition_announce(&box->changed);
    EXPLORE_WRITE(box->full, 1);
    thrum__life_end();
}

EXPLORE(shared_condition_death, .preemptions = 2, .rescue = true)
{
    thrum__shared_slice = 1000;
    struct box box = {.full = 0};
    EXPLORE_NAME(box);
    explore_spawn("filler", fill_and_die, &box);
    explore_spawn("waiter", wait_for_box, &box);
    explore_join_all();
}

/* --------------------------------------------------------------------------------------- barrier */

struct rounds {
    thrum_shared_barrier barrier;
    int written[3];
    uint32_t zeros, timeouts, failures;
};

static struct rounds rounds;

/* What each party wrote before a round, all see after it. */
static void pass(int party, int count)
{
    for (int round = 1; round <= count; round++) {
        EXPLORE_WRITE(rounds.written[party], round);
        int index = thrum_shared_barrier_wait(&rounds.barrier, THRUM_FOREVER);
        EXPLORE_CHECK(index >= 0);
        for (uint32_t other = 0; other < rounds.barrier.parties_; other++)
            EXPLORE_CHECK(EXPLORE_READ(rounds.written[other]) == round);
        if (index == 0)
            thrum__add_relaxed(&rounds.zeros, 1);
        EXPLORE_CHECK(thrum_shared_barrier_wait(&rounds.barrier, THRUM_FOREVER) >= 0);
    }
}

static void pass_as_one(void *argument)
{
    pass(0, *(int *)argument);
}

static void pass_as_two(void *argument)
{
    pass(1, *(int *)argument);
}

static void pass_as_three(void *argument)
{
    pass(2, *(int *)argument);
}

EXPLORE(shared_barrier_two, .preemptions = 3, .spurious = 1)
{
    int count = 1;
    thrum_shared_barrier_init(&rounds.barrier, 2);
    explore_spawn("one", pass_as_one, &count);
    explore_spawn("two", pass_as_two, &count);
    explore_join_all();
    EXPLORE_CHECK(rounds.zeros == 1);
}

EXPLORE(shared_barrier_three, .preemptions = 1, .long_preemptions = 2)
{
    int count = 1;
    thrum_shared_barrier_init(&rounds.barrier, 3);
    explore_spawn("one", pass_as_one, &count);
    explore_spawn("two", pass_as_two, &count);
    explore_spawn("three", pass_as_three, &count);
    explore_join_all();
    EXPLORE_CHECK(rounds.zeros == 1);
}

static void come(thrum_deadline deadline)
{
    int rc = thrum_shared_barrier_wait(&rounds.barrier, deadline);
    EXPLORE_CHECK(rc >= 0 || rc == -ETIMEDOUT || rc == -EPIPE);
    thrum__add_relaxed(rc == -ETIMEDOUT ? &rounds.timeouts
                       : rc < 0         ? &rounds.failures
                                        : &rounds.zeros,
                       1);
}

static void come_and_wait(void *argument)
{
    (void)argument;
    come(THRUM_FOREVER);
}

static void come_in_time(void *argument)
{
    (void)argument;
    come(thrum_at(thrum_now() + 1000));
}

/* Either all pass, or none. */
EXPLORE(shared_barrier_deadline, .preemptions = 3, .timeouts = 1, .sees = "timed out")
{
    thrum_shared_barrier_init(&rounds.barrier, 2);
    explore_spawn("one", come_and_wait, NULL);
    explore_spawn("two", come_in_time, NULL);
    explore_join_all();
    EXPLORE_CHECK(rounds.zeros == 2 || (rounds.zeros == 0 && rounds.timeouts == 1));
    EXPLORE_CHECK(thrum_shared_barrier_broken(&rounds.barrier) == (rounds.timeouts == 1));
    if (rounds.timeouts)
        explore_seen("timed out");
}

/* A waiter whose round was complete learns so, though the next one was broken before it ran. */
static void come_and_break(void *argument)
{
    (void)argument;
    come(THRUM_FOREVER);
    thrum_shared_barrier_abort(&rounds.barrier);
    thrum_shared_barrier_reset(&rounds.barrier);
    thrum_shared_barrier_abort(&rounds.barrier);
}

EXPLORE(shared_barrier_late, .preemptions = 3)
{
    thrum_shared_barrier_init(&rounds.barrier, 2);
    explore_spawn("one", come_and_wait, NULL);
    explore_spawn("two", come_and_break, NULL);
    explore_join_all();
    EXPLORE_CHECK(rounds.zeros == 2);
    EXPLORE_CHECK(thrum_shared_barrier_broken(&rounds.barrier));
}

static void break_it(void *argument)
{
    (void)argument;
    thrum_shared_barrier_abort(&rounds.barrier);
}

EXPLORE(shared_barrier_abort, .preemptions = 3, .sees = "broken")
{
    thrum_shared_barrier_init(&rounds.barrier, 2);
    explore_spawn("one", come_and_wait, NULL);
    explore_spawn("breaker", break_it, NULL);
    come(THRUM_FOREVER);
    explore_join_all();
    EXPLORE_CHECK(rounds.zeros == 2 || rounds.failures == 2);
    if (rounds.failures)
        explore_seen("broken");
}

/* ---------------------------------------------------------------------------------- reentrant lock */

struct store {
    thrum_shared_rlock lock;
    int value;
};

static void add_twice(void *argument)
{
    struct store *store = argument;
    EXPLORE_CHECK(thrum_shared_rlock_acquire(&store->lock) == 0);
    EXPLORE_CHECK(thrum_shared_rlock_acquire(&store->lock) == 0);
    EXPLORE_WRITE(store->value, EXPLORE_READ(store->value) + 1);
    thrum_shared_rlock_release(&store->lock);
    EXPLORE_WRITE(store->value, EXPLORE_READ(store->value) + 1);
    thrum_shared_rlock_release(&store->lock);
}

EXPLORE(shared_rlock_two, .preemptions = 3)
{
    struct store store = {THRUM_SHARED_RLOCK_INIT, 0};
    explore_spawn("one", add_twice, &store);
    explore_spawn("two", add_twice, &store);
    explore_join_all();
    EXPLORE_CHECK(store.value == 4);
}

static void die_within(void *argument)
{
    struct store *store = argument;
    int rc = thrum_shared_rlock_acquire(&store->lock);
    EXPLORE_CHECK(rc == 0);
    EXPLORE_CHECK(thrum_shared_rlock_acquire(&store->lock) == 0);
    thrum__life_end();
}

static void inherit_it(void *argument)
{
    struct store *store = argument;
    int rc = thrum_shared_rlock_acquire(&store->lock);
    EXPLORE_CHECK(rc == -EOWNERDEAD);
    EXPLORE_CHECK(thrum_shared_rlock_depth(&store->lock) == 1);
    explore_seen("owner died");
    thrum_shared_rlock_consistent(&store->lock);
    thrum_shared_rlock_release(&store->lock);
    EXPLORE_CHECK(thrum_shared_rlock_depth(&store->lock) == 0);
}

EXPLORE(shared_rlock_death, .preemptions = 2, .rescue = true, .sees = "owner died")
{
    struct store store = {THRUM_SHARED_RLOCK_INIT, 0};
    thrum__shared_slice = 1000;
    unsigned first = explore_spawn("dies", die_within, &store);
    explore_join(first);
    explore_spawn("inherits", inherit_it, &store);
    explore_join_all();
}
