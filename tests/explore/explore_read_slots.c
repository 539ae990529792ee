/* Readings by slots: a writer finds each of them, counts each once, and no reader touches the lock
 * after an uncounted release. */
#include "base/section.h"
#include "explore.h"
#include "park/context.h"
#include "sync/rwlock.h"
#include <thrum/rwlock.h>

#include <errno.h>

struct table {
    thrum_rwlock lock, other;
    int data, more; /* under `lock`, under `other` */
    uint32_t reading;
};

/* From here on readers use slots; one reading by the word opens them for a lock. */
static void open_slots(thrum_rwlock *lock)
{
    thrum__read_slots_after = 1;
    thrum_rwlock_acquire_read(lock);
    thrum_rwlock_release_read(lock);
    thrum__read_slots_after = 0;
}

static void write_it(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_write(&table->lock);
    EXPLORE_WRITE(table->data, EXPLORE_READ(table->data) + 1);
    thrum_rwlock_release_write(&table->lock);
}

static void write_other(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_write(&table->other);
    EXPLORE_WRITE(table->more, EXPLORE_READ(table->more) + 1);
    thrum_rwlock_release_write(&table->other);
}

static void read_data(struct table *table)
{
    if (thrum__read_slot_of(thrum__self(), &table->lock))
        explore_seen("a slot");
    (void)EXPLORE_READ(table->data);
}

static void read_it(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->lock);
    read_data(table);
    thrum_rwlock_release_read(&table->lock);
}

static void check_free(struct table *table)
{
    thrum_rwlock_finish(&table->lock);
    thrum_rwlock_finish(&table->other);
    EXPLORE_CHECK(table->lock.state_ == 0 && !table->lock.waiters_);
    EXPLORE_CHECK(table->other.state_ == 0 && !table->other.waiters_);
}

static void run(unsigned readers, unsigned writers)
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    for (unsigned i = 0; i < writers; i++)
        explore_spawn("writer", write_it, &table);
    for (unsigned i = 0; i < readers; i++)
        explore_spawn("reader", read_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == (int)writers);
    check_free(&table);
}

EXPLORE(read_slots_one_each, .preemptions = 4, .sees = "a slot")
{
    run(1, 1);
}

EXPLORE(read_slots_stale, .preemptions = 2, .stale = 1, .weak = 1, .sees = "a slot")
{
    run(1, 1);
}

EXPLORE(read_slots_two_readers, .preemptions = 1, .long_preemptions = 2, .sees = "a slot")
{
    run(2, 1);
}

EXPLORE(read_slots_two_writers, .preemptions = 2, .long_preemptions = 3, .sees = "a slot")
{
    run(1, 2);
}

/* Where the kernel has no membarrier. */
EXPLORE(read_slots_fenced, .preemptions = 3, .stale = 1, .sees = "a slot")
{
    thrum__section_gate = THRUM__GATE_UNFENCED;
    run(1, 1);
    thrum__section_gate = 0;
}

/* A reader that comes again and again, so that its slot is filled anew at any step of a writer. */
static void read_twice(void *argument)
{
    read_it(argument);
    read_it(argument);
}

EXPLORE(read_slots_again_and_again, .preemptions = 2, .long_preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    explore_spawn("reader", read_twice, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    check_free(&table);
}

/* One slot for one lock and then for another, with a writer of each. */
static void read_both(void *argument)
{
    struct table *table = argument;
    read_it(table);
    thrum_rwlock_acquire_read(&table->other);
    (void)EXPLORE_READ(table->more);
    thrum_rwlock_release_read(&table->other);
}

EXPLORE(read_slots_two_locks, .preemptions = 1, .long_preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    open_slots(&table.other);
    explore_spawn("reader", read_both, &table);
    explore_spawn("writer", write_it, &table);
    explore_spawn("other writer", write_other, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == 1 && table.more == 1);
    check_free(&table);
}

/* The slot has another lock by the time when its first one's writer decides. */
EXPLORE(read_slots_other_lock_meanwhile, .preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    open_slots(&table.other);
    thrum_rwlock_acquire_read(&table.lock);
    read_data(&table);
    explore_spawn("writer", write_it, &table);
    while (thrum__load_relaxed(&table.lock.state_) & 8) /* until the writer clears SLOTS */
        thrum__explore_pause();
    thrum_rwlock_release_read(&table.lock);
    thrum_rwlock_acquire_read(&table.other);
    thrum_rwlock_release_read(&table.other);
    explore_join_all();
    check_free(&table);
}

/* What a writer wrote is seen by a slot that was opened after it. */
static void write_and_open(void *argument)
{
    struct table *table = argument;
    write_it(table);
    thrum__read_slots_after = 1;
    read_it(table);
    thrum__read_slots_after = 0;
}

EXPLORE(read_slots_opened_after_a_write, .preemptions = 2, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    explore_spawn("reader", read_twice, &table);
    explore_spawn("writer", write_and_open, &table);
    explore_join_all();
    check_free(&table);
}

/* Both at once, in two slots; and one of them twice. */
static void read_nested(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->other);
    thrum_rwlock_acquire_read(&table->lock);
    thrum_rwlock_acquire_read(&table->lock);
    read_data(table);
    (void)EXPLORE_READ(table->more);
    EXPLORE_CHECK(thrum_rwlock_acquire_write_until(&table->lock, THRUM_FOREVER) == -EDEADLK);
    thrum_rwlock_release_read(&table->lock);
    thrum_rwlock_release_read(&table->lock);
    (void)EXPLORE_READ(table->more);
    thrum_rwlock_release_read(&table->other);
}

EXPLORE(read_slots_nested, .preemptions = 2, .long_preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    open_slots(&table.other);
    explore_spawn("reader", read_nested, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    check_free(&table);
}

EXPLORE(read_slots_nested_other, .preemptions = 2, .long_preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    open_slots(&table.other);
    explore_spawn("reader", read_nested, &table);
    explore_spawn("other writer", write_other, &table);
    explore_join_all();
    check_free(&table);
}

/* The writer frees what the reader has released. */
static void write_and_free(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_write(&table->lock);
    thrum_rwlock_release_write(&table->lock);
    thrum__free(table);
}

EXPLORE(read_slots_free_after_release, .preemptions = EXPLORE_ALL, .sees = "a slot")
{
    struct table *table = thrum__alloc(sizeof *table);
    open_slots(&table->lock);
    thrum_rwlock_acquire_read(&table->lock);
    explore_spawn("writer", write_and_free, table);
    read_data(table);
    thrum_rwlock_release_read(&table->lock);
    explore_join_all();
}

/* A writer counts a reading and gives up; slots are opened again; the next writer comes. */
static void try_to_write(void *argument)
{
    struct table *table = argument;
    if (thrum_rwlock_try_write(&table->lock) < 0)
        return;
    EXPLORE_WRITE(table->data, EXPLORE_READ(table->data) + 1);
    thrum_rwlock_release_write(&table->lock);
}

static void open_and_write(void *argument)
{
    struct table *table = argument;
    try_to_write(table);
    thrum__read_slots_after = 1;
    read_it(table);
    thrum__read_slots_after = 0;
    write_it(table);
}

EXPLORE(read_slots_counted_before, .preemptions = 2, .long_preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    explore_spawn("reader", read_it, &table);
    explore_spawn("writer", open_and_write, &table);
    explore_join_all();
    check_free(&table);
}

/* A fiber that waits while it reads leaves its thread's slot: here a thread does so. */
static void read_and_fall_back(void *argument)
{
    struct table *table = argument;
    thrum_rwlock_acquire_read(&table->lock);
    read_data(table);
    thrum__rwlock_before_switch(thrum__self());
    EXPLORE_CHECK(!thrum__read_slot_of(thrum__self(), &table->lock));
    (void)EXPLORE_READ(table->data);
    thrum_rwlock_release_read(&table->lock);
}

EXPLORE(read_slots_fall_back, .preemptions = 3, .sees = "a slot")
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    open_slots(&table.lock);
    explore_spawn("reader", read_and_fall_back, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == 1);
    check_free(&table);
}

/* A wait in the queue of the lock and slots: a reader that opens them leaves no waiter behind. */
static void read_and_open(void *argument)
{
    struct table *table = argument;
    thrum__read_slots_after = 1;
    read_it(table);
    read_it(table);
}

EXPLORE(read_slots_opened_beside_a_writer, .preemptions = 3, .weak = 1)
{
    struct table table = {.lock = THRUM_RWLOCK_INIT};
    explore_spawn("reader", read_and_open, &table);
    explore_spawn("writer", write_it, &table);
    explore_join_all();
    EXPLORE_CHECK(table.data == 1);
    check_free(&table);
}
