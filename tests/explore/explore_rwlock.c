/* The readers-writer lock: a writer is alone, readers are together, and nobody is left behind when
 * someone gives up. */
#include "explore.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/rwlock.h>

#include <errno.h>

struct table {
    thrum_rwlock lock, again;
    int data;  /* written alone, read together */
    int later; /* the same, under `again` */
    uint32_t reading;
    thrum__context *victim;
};

static void name_table(struct table *table)
{
    thrum__explore_name(&table->lock.state_, 4, "rwlock.state");
    thrum__explore_name(&table->lock.owner_, 4, "rwlock.owner");
    thrum__explore_name(&table->lock.waiters_, sizeof(void *), "rwlock.waiters");
    thrum__explore_name(&table->data, sizeof table->data, "data");
}

static void write_it(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_write(&table->lock);
    EXPLORE_WRITE(table->data, EXPLORE_READ(table->data) + 1);
    thrum_rwlock_release_write(&table->lock);
}

static void read_it(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->lock);
    if (thrum__add_relaxed(&table->reading, 1) == 1)
        explore_seen("two read at once");
    (void)EXPLORE_READ(table->data);
    thrum__sub_relaxed(&table->reading, 1);
    thrum_rwlock_release_read(&table->lock);
}

static void run(unsigned readers, unsigned writers)
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    name_table(&table);
    for (unsigned i = 0; i < writers; i++)
        explore_spawn("writer", write_it, &table);
    for (unsigned i = 0; i < readers; i++)
        explore_spawn("reader", read_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == (int)writers);
    EXPLORE_CHECK(table.lock.state_ == 0 && !table.lock.waiters_);
}

EXPLORE(rwlock_two_writers, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    run(0, 2);
}

EXPLORE(rwlock_one_each, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    run(1, 1);
}

EXPLORE(rwlock_two_readers, .preemptions = EXPLORE_ALL, .sees = "two read at once")
{
    run(2, 0);
}

EXPLORE(rwlock_two_readers_one_writer, .preemptions = 2, .long_preemptions = 3, .spurious = 1,
        .sees = "two read at once")
{
    run(2, 1);
}

EXPLORE(rwlock_two_writers_one_reader, .preemptions = 1, .long_preemptions = 3, .spurious = 1)
{
    run(1, 2);
}

EXPLORE(rwlock_two_and_two, .preemptions = 1, .long_preemptions = 2)
{
    run(2, 2);
}

EXPLORE(rwlock_stale, .preemptions = 2, .stale = 1, .weak = 1)
{
    run(1, 1);
}

/* Deadlines: whoever gives up takes nothing along and leaves the others their turn. */

static void write_in_time(void *argument)
{
    struct table *table = argument;
    int rc = thrum_rwlock_acquire_write_until(&table->lock, thrum_in(1));
    if (rc == -ETIMEDOUT) {
        explore_seen("too late");
        return;
    }
    EXPLORE_WRITE(table->data, EXPLORE_READ(table->data) + 1);
    thrum_rwlock_release_write(&table->lock);
}

static void read_in_time(void *argument)
{
    struct table *table = argument;
    int rc = thrum_rwlock_acquire_read_until(&table->lock, thrum_in(1));
    if (rc == -ETIMEDOUT) {
        explore_seen("too late");
        return;
    }
    (void)EXPLORE_READ(table->data);
    thrum_rwlock_release_read(&table->lock);
}

static void hold_until_read(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->lock);
    while (!thrum__load_acquire(&table->reading)) /* the other reader must get in beside us */
        thrum__explore_pause();
    thrum_rwlock_release_read(&table->lock);
}

static void read_and_tell(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->lock);
    thrum__store_release(&table->reading, 1);
    thrum_rwlock_release_read(&table->lock);
}

/* A writer between two readers that gives up must let the second in, as the first waits for it. */
EXPLORE(rwlock_withdrawal_admits, .preemptions = 2, .timeouts = 1, .rescue = true,
        .sees = "too late")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    name_table(&table);
    explore_spawn("holder", hold_until_read, &table);
    explore_spawn("writer", write_in_time, &table);
    explore_spawn("reader", read_and_tell, &table);
    explore_join_all();
    EXPLORE_CHECK(table.lock.state_ == 0 && !table.lock.waiters_);
}

EXPLORE(rwlock_until, .preemptions = 2, .long_preemptions = 3, .timeouts = 1, .sees = "too late")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    name_table(&table);
    explore_spawn("writer", write_it, &table);
    explore_spawn("late writer", write_in_time, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data >= 1 && table.lock.state_ == 0 && !table.lock.waiters_);
}

EXPLORE(rwlock_until_three, .preemptions = 1, .long_preemptions = 2, .timeouts = 1,
        .sees = "too late")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    name_table(&table);
    explore_spawn("writer", write_it, &table);
    explore_spawn("late reader", read_in_time, &table);
    explore_spawn("late writer", write_in_time, &table);
    explore_join_all();
    EXPLORE_CHECK(table.lock.state_ == 0 && !table.lock.waiters_);
}

/* Cancellation against a release that lets in. */

static void read_cancellably(void *argument)
{
    struct table *table = argument;
    thrum__store_release(&table->victim, thrum__self());
    int rc = thrum_rwlock_acquire_read_until(&table->lock, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
    if (rc < 0) {
        explore_seen("cancelled");
        return;
    }
    (void)EXPLORE_READ(table->data);
    thrum_rwlock_release_read(&table->lock);
}

static void cancel(void *argument)
{
    struct table *table = argument;
    thrum__context *victim = thrum__load_acquire(&table->victim);
    if (victim)
        thrum__cancel(victim);
}

EXPLORE(rwlock_cancel, .preemptions = 2, .sees = "cancelled")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    name_table(&table);
    explore_spawn("writer", write_it, &table);
    unsigned reader = explore_spawn("reader", read_cancellably, &table);
    explore_spawn("canceller", cancel, &table);
    explore_join(reader);
    explore_join_all();
    EXPLORE_CHECK(table.lock.state_ == 0 && !table.lock.waiters_);
}

/* A wait that finds the lock free against a cancellation: the wake-up that the canceller owes does not
 * end the next wait. */

static void read_again_cancelled(void *argument)
{
    struct table *table = argument;
    read_cancellably(table);
    thrum_rwlock_acquire_read(&table->again);
    EXPLORE_CHECK(EXPLORE_READ(table->later) == 1);
    thrum_rwlock_release_read(&table->again);
}

EXPLORE(rwlock_abandon, .preemptions = 3, .sees = "cancelled")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT, .again = THRUM_RWLOCK_INIT};
    name_table(&table);
    thrum_rwlock_acquire_write(&table.lock);
    thrum_rwlock_acquire_write(&table.again);
    explore_spawn("reader", read_again_cancelled, &table);
    explore_spawn("canceller", cancel, &table);
    thrum_rwlock_release_write(&table.lock);
    EXPLORE_WRITE(table.later, 1);
    thrum_rwlock_release_write(&table.again);
    explore_join_all();
    EXPLORE_CHECK(table.lock.state_ == 0 && table.again.state_ == 0);
}

/* The last to hold it may free it. */

static void read_or_write_and_leave(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_write(&table->lock);
    int left = EXPLORE_READ(table->data) - 1;
    EXPLORE_WRITE(table->data, left);
    thrum_rwlock_release_write(&table->lock);
    if (left == 0)
        thrum__free(table);
}

EXPLORE(rwlock_free_after_release, .preemptions = EXPLORE_ALL)
{
    struct table *table = thrum__alloc(sizeof *table);
    table->data = 2;
    explore_spawn("one", read_or_write_and_leave, table);
    explore_spawn("two", read_or_write_and_leave, table);
    explore_join_all();
}

/* One who reads already reads again, though a writer waits. */

static void read_twice(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->lock);
    thrum_rwlock_acquire_read(&table->lock);
    EXPLORE_CHECK(thrum_rwlock_readers(&table->lock) >= 2);
    (void)EXPLORE_READ(table->data);
    thrum_rwlock_release_read(&table->lock);
    EXPLORE_CHECK(thrum_rwlock_acquire_write_until(&table->lock, THRUM_FOREVER) == -EDEADLK);
    thrum_rwlock_release_read(&table->lock);
}

EXPLORE(rwlock_read_again, .preemptions = 3)
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    explore_spawn("reader", read_twice, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == 1 && table.lock.state_ == 0);
}

/* So does one that reads more locks than its list has places for, and another that does not read the lock
 * goes past the writer no sooner than a reader lets it. */

static void fill_list(thrum_rwlock *others)
{
    for (int i = 0; i < THRUM__READINGS; i++)
        thrum_rwlock_acquire_read(&others[i]);
}

static void read_twice_unlisted(void *argument)
{
    struct table *table = argument;
    thrum_rwlock others[THRUM__READINGS + 1] = {0};
    fill_list(others);
    thrum_rwlock_acquire_read(&table->lock);
    thrum_rwlock_acquire_read(&table->lock);
    (void)EXPLORE_READ(table->data);
    thrum_rwlock_release_read(&table->lock);
    thrum_rwlock_release_read(&table->lock);
    for (int i = 0; i < THRUM__READINGS; i++)
        thrum_rwlock_release_read(&others[i]);
}

static void read_once_unlisted(void *argument)
{
    struct table *table = argument;
    thrum_rwlock others[THRUM__READINGS + 1] = {0};
    fill_list(others);
    thrum_rwlock_acquire_read(&others[THRUM__READINGS]);
    thrum_rwlock_acquire_read(&table->lock);
    (void)EXPLORE_READ(table->data);
    thrum_rwlock_release_read(&table->lock);
    for (int i = 0; i <= THRUM__READINGS; i++)
        thrum_rwlock_release_read(&others[i]);
}

EXPLORE(rwlock_read_again_unlisted, .preemptions = 2, .long_preemptions = 3)
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    explore_spawn("reader", read_twice_unlisted, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == 1 && table.lock.state_ == 0);
}

EXPLORE(rwlock_join_readers, .preemptions = 2, .long_preemptions = 3)
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    explore_spawn("joiner", read_once_unlisted, &table);
    explore_spawn("reader", read_it, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == 1 && table.lock.state_ == 0);
}

EXPLORE(rwlock_upgrade, .preemptions = 2,
        .panic = "acquired for writing by a reader or writer of it")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    thrum_rwlock_acquire_read(&table.lock);
    thrum_rwlock_acquire_write(&table.lock);
}
