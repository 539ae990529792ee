/* Readings by slots (src/sync/read_slots.c), by threads and by fibers. */
#include "carrier.h"
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"
#include "sync/read_slots.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_rwlock lock;
static thrum_event there, go;

/* Reads until the lock lets its readers use slots. */
static void open_slots(thrum_rwlock *wanted)
{
    bool by_slot = false;
    while (!by_slot) {
        thrum_rwlock_acquire_read(wanted);
        by_slot = thrum__read_slot_of(thrum__self(), wanted) != NULL;
        thrum_rwlock_release_read(wanted);
    }
}

TEST(a_reading_in_a_slot_keeps_writers_out)
{
    open_slots(&lock);
    thrum_rwlock_acquire_read(&lock);
    CHECK(thrum__read_slot_of(thrum__self(), &lock) != NULL);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 1);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN); /* it reads itself */
    CHECK_INT(thrum_rwlock_acquire_write_until(&lock, THRUM_FOREVER), ==, -EDEADLK);
    CHECK_INT(thrum_rwlock_try_read(&lock), ==, 0);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 2);
    thrum_rwlock_release_read(&lock);
    thrum_rwlock_release_read(&lock);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 0);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, 0);
    thrum_rwlock_release_write(&lock);
    thrum_rwlock_finish(&lock);
}

static int read_until_told(thrum_task *self)
{
    (void)self;
    open_slots(&lock);
    thrum_rwlock_acquire_read(&lock);
    thrum_event_set(&there);
    int rc = thrum_event_wait(&go, THRUM_FOREVER);
    thrum_rwlock_release_read(&lock);
    return rc;
}

TEST(a_reader_that_waits_keeps_a_writer_out)
{
    thrum_thread *reader = thrum_thread_start(read_until_told, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&there, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 1);
    CHECK_INT(thrum_rwlock_acquire_write_until(&lock, thrum_in(0.003)), ==, -ETIMEDOUT);
    open_slots(&lock); /* the reading was counted before */
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    thrum_event_set(&go);
    thrum_rwlock_acquire_write(&lock);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 0);
    thrum_rwlock_release_write(&lock);
    JOIN(reader, 0);
    thrum_rwlock_finish(&lock);
}

/* A fiber gives its slot up where it yields; another fiber of its thread may use it then. */
static int read_and_yield(thrum_task *self)
{
    (void)self;
    bool fiber = thrum__self()->fiber != NULL;
    open_slots(&lock);
    for (int i = 0; i < 100; i++) {
        thrum_rwlock_acquire_read(&lock);
        thrum_yield();
        CHECK(!fiber || !thrum__read_slot_of(thrum__self(), &lock));
        CHECK_INT(thrum_rwlock_readers(&lock), >=, 1);
        thrum_rwlock_release_read(&lock);
    }
    return 0;
}

TEST(a_fiber_that_yields_gives_up_its_slot)
{
    thrum_thread *readers[4];
    for (int i = 0; i < 4; i++)
        readers[i] = thrum_thread_start(read_and_yield, THRUM_NOTHING);
    for (int i = 0; i < 4; i++)
        JOIN(readers[i], 0);
    thrum_rwlock_finish(&lock);
}

TEST(more_locks_than_there_are_slots)
{
    enum { COUNT = THRUM__SLOTS + THRUM__READINGS + 2 };
    static thrum_rwlock many[COUNT];
    for (int i = 0; i < COUNT; i++)
        open_slots(&many[i]);
    for (int i = 0; i < COUNT; i++)
        thrum_rwlock_acquire_read(&many[i]);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(thrum_rwlock_try_write(&many[i]), ==, -EAGAIN);
    for (int i = 0; i < COUNT; i++) {
        thrum_rwlock_release_read(&many[i]);
        CHECK_INT(thrum_rwlock_try_write(&many[i]), ==, 0);
        thrum_rwlock_release_write(&many[i]);
        thrum_rwlock_finish(&many[i]);
    }
}

static long pair[2];

enum { THREADS = 6, ROUNDS = SANITIZED ? 3000 : 60000, WRITE_EVERY = 500 };

static int read_mostly(thrum_task *self)
{
    int index = thrum_arg(self, int);
    for (int i = 0; i < ROUNDS; i++) {
        if ((i + index * 77) % WRITE_EVERY == 0) {
            thrum_rwlock_acquire_write(&lock);
            pair[0]++;
            pair[1]++;
            thrum_rwlock_release_write(&lock);
        } else {
            thrum_rwlock_acquire_read(&lock);
            CHECK_INT(pair[0], ==, pair[1]);
            if (i % 64 == 0)
                thrum_yield();
            CHECK_INT(pair[0], ==, pair[1]);
            thrum_rwlock_release_read(&lock);
        }
    }
    return 0;
}

static void run_read_mostly(void)
{
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_thread_start(read_mostly, thrum_value(int, i));
    for (int i = 0; i < THREADS; i++)
        JOIN(threads[i], 0);
    CHECK_INT(pair[0], ==, THREADS * ROUNDS / WRITE_EVERY);
    thrum_rwlock_finish(&lock);
}

TEST_DEADLINE(readers_by_slots_never_see_half_a_write, 60)
{
    run_read_mostly();
}

TEST_DEADLINE(without_membarrier_readers_never_see_half_a_write, 60)
{
    thrum__store_relaxed(&thrum__section_gate, THRUM__GATE_UNFENCED);
    run_read_mostly();
}

/* A reader leaves by its slot; then the writer frees the lock at once. */
static int write_and_free(thrum_task *self)
{
    thrum_rwlock *mine = thrum_arg(self, thrum_rwlock *);
    thrum_rwlock_acquire_write(mine);
    thrum_rwlock_release_write(mine);
    free(mine);
    return 0;
}

TEST(a_lock_may_be_freed_once_a_writer_was_in)
{
    for (int i = 0; i < 50; i++) {
        thrum_rwlock *fresh = calloc(1, sizeof *fresh);
        CHECK(fresh != NULL);
        open_slots(fresh);
        thrum_rwlock_acquire_read(fresh);
        thrum_thread *writer =
            thrum_thread_start(write_and_free, thrum_value(thrum_rwlock *, fresh));
        thrum_rwlock_release_read(fresh);
        JOIN(writer, 0);
    }
}

static int leave_a_reading(thrum_task *self)
{
    (void)self;
    open_slots(&lock);
    thrum_rwlock_acquire_read(&lock);
    return 0;
}

static int read_and_write(thrum_task *self)
{
    thrum_rwlock *other = thrum_arg(self, thrum_rwlock *);
    open_slots(other);
    thrum_rwlock_acquire_read(other);
    CHECK_INT(thrum_rwlock_readers(other), ==, 1);
    thrum_yield();
    thrum_rwlock_release_read(other);
    CHECK_INT(thrum_rwlock_try_write(other), ==, 0);
    thrum_rwlock_release_write(other);
    return 0;
}

TEST(a_thread_that_ends_while_it_reads_leaves_its_reading_and_nothing_else)
{
    thrum_rwlock other = THRUM_RWLOCK_INIT;
    THREADS_ONLY;
    JOIN(thrum_thread_start(leave_a_reading, THRUM_NOTHING), 0);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 1);
    for (int i = 0; i < 4; i++) /* in the place of the task that has ended */
        JOIN(thrum_thread_start(read_and_write, thrum_value(thrum_rwlock *, &other)), 0);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    thrum_rwlock_finish(&other);
}

TEST(a_child_of_fork_does_not_wait_for_lost_readers_in_slots)
{
    THREADS_ONLY;
    thrum_thread *reader = thrum_thread_start(read_until_told, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&there, THRUM_FOREVER), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int rc = thrum_rwlock_try_write(&lock);
        _exit(rc == 0 && thrum_rwlock_readers(&lock) == 0 ? 0 : 1);
    }
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    thrum_event_set(&go);
    JOIN(reader, 0);
    thrum_rwlock_finish(&lock);
}

TEST(a_child_of_fork_keeps_the_readings_of_its_own_thread)
{
    THREADS_ONLY;
    open_slots(&lock);
    thrum_rwlock_acquire_read(&lock);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int rc = thrum_rwlock_try_write(&lock);
        thrum_rwlock_release_read(&lock);
        _exit(rc == -EAGAIN && thrum_rwlock_try_write(&lock) == 0 ? 0 : 1);
    }
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    thrum_rwlock_release_read(&lock);
    thrum_rwlock_finish(&lock);
}

TEST_STOPS(releasing_a_reading_in_a_slot_twice_stops, "released as a reader by thread")
{
    open_slots(&lock);
    thrum_rwlock_acquire_read(&lock);
    thrum_rwlock_release_read(&lock);
    thrum_rwlock_release_read(&lock);
}

TEST_STOPS(finishing_one_that_is_read_in_a_slot_stops, "finished while in use")
{
    open_slots(&lock);
    thrum_rwlock_acquire_read(&lock);
    thrum_rwlock_finish(&lock);
}
