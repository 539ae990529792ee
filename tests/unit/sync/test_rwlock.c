#include "carrier.h"
#include "harness.h"
#include "support.h"

#include <errno.h>

static thrum_rwlock lock;
static thrum_event go;
static uint32_t idents[6];

TEST(readers_share_and_a_writer_does_not)
{
    thrum_rwlock fixed = THRUM_RWLOCK_INIT;
    CHECK_INT(sizeof fixed, ==, 16);
    thrum_rwlock_init(&lock);
    thrum_rwlock_acquire_read(&lock);
    CHECK_INT(thrum_rwlock_try_read(&lock), ==, 0);
    CHECK_INT(thrum_rwlock_acquire_read_until(&lock, THRUM_NOW), ==, 0);
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 3);
    for (int i = 0; i < 3; i++)
        thrum_rwlock_release_read(&lock);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, 0);
    CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_rwlock_try_read(&lock), ==, -EAGAIN);
    CHECK_INT(thrum_rwlock_acquire_read_until(&lock, thrum_in(1)), ==, -EDEADLK);
    CHECK_INT(thrum_rwlock_acquire_write_until(&lock, thrum_in(1)), ==, -EDEADLK);
    thrum_rwlock_release_write(&lock);
    thrum_rwlock_finish(&lock);
}

TEST(a_reader_that_wants_to_write_is_refused)
{
    thrum_with (thrum_reading(&lock)) {
        CHECK_INT(thrum_rwlock_acquire_write_until(&lock, THRUM_FOREVER), ==, -EDEADLK);
        CHECK_INT(thrum_rwlock_try_write(&lock), ==, -EAGAIN);
    }
    thrum_with (thrum_writing(&lock))
        CHECK_INT(thrum_rwlock_readers(&lock), ==, 0);
    thrum_rwlock_finish(&lock);
}

struct role {
    int index;
    bool writes;
};

/* Takes its side, tells, and holds it until it is let go. */
static int hold(thrum_task *self)
{
    struct role role = thrum_arg(self, struct role);
    tell_ident(&idents[role.index]);
    int rc = role.writes ? thrum_rwlock_acquire_write_until(&lock, THRUM_FOREVER)
                         : thrum_rwlock_acquire_read_until(&lock, THRUM_FOREVER);
    if (rc < 0)
        return rc;
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    if (role.writes)
        thrum_rwlock_release_write(&lock);
    else
        thrum_rwlock_release_read(&lock);
    return 0;
}

static thrum_thread *start(int index, bool writes, const char *until)
{
    thrum_thread *thread = thrum_thread_start(hold, thrum_value(struct role, index, writes));
    UNTIL(waits_for(&idents[index], until));
    return thread;
}

TEST(a_waiting_writer_keeps_new_readers_back_and_old_ones_not)
{
    thrum_rwlock_acquire_read(&lock);
    thrum_thread *writer = start(0, true, "rwlock write");
    thrum_thread *reader = start(1, false, "rwlock read");
    CHECK_INT(thrum_rwlock_acquire_read_until(&lock, THRUM_FOREVER), ==, 0); /* reads already */
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 2);
    thrum_rwlock_release_read(&lock);
    thrum_rwlock_release_read(&lock);
    UNTIL(waits_for(&idents[0], "event")); /* the writer has it, the reader waits */
    CHECK(waits_for(&idents[1], "rwlock read"));
    thrum_event_set(&go);
    JOIN(writer, 0);
    JOIN(reader, 0);
    thrum_rwlock_finish(&lock);
}

TEST(readers_at_the_head_go_in_together)
{
    thrum_rwlock_acquire_write(&lock);
    thrum_thread *threads[5];
    for (int i = 0; i < 3; i++)
        threads[i] = start(i, false, "rwlock read");
    threads[3] = start(3, true, "rwlock write");
    threads[4] = start(4, false, "rwlock read");
    thrum_rwlock_release_write(&lock);
    for (int i = 0; i < 3; i++)
        UNTIL(waits_for(&idents[i], "event"));
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 3);
    CHECK(waits_for(&idents[3], "rwlock write") && waits_for(&idents[4], "rwlock read"));
    thrum_event_set(&go);
    for (int i = 0; i < 5; i++)
        JOIN(threads[i], 0);
    thrum_rwlock_finish(&lock);
}

TEST(a_writer_that_gives_up_lets_the_readers_behind_him_in)
{
    thrum_rwlock_acquire_read(&lock);
    thrum_thread *writer = start(0, true, "rwlock write");
    thrum_thread *reader = start(1, false, "rwlock read");
    CHECK_INT(thrum_thread_cancel(writer), ==, 0);
    JOIN(writer, -ECANCELED);
    UNTIL(waits_for(&idents[1], "event"));
    CHECK_INT(thrum_rwlock_readers(&lock), ==, 2);
    thrum_rwlock_release_read(&lock);
    thrum_event_set(&go);
    JOIN(reader, 0);
    thrum_rwlock_finish(&lock);
}

TEST(a_wait_times_out)
{
    thrum_thread *writer = start(0, true, "event");
    CHECK_INT(thrum_rwlock_acquire_read_until(&lock, thrum_in(0.003)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_rwlock_acquire_write_until(&lock, thrum_in(0.003)), ==, -ETIMEDOUT);
    CHECK_INT(thrum_rwlock_try_read(&lock), ==, -EAGAIN);
    thrum_event_set(&go);
    JOIN(writer, 0);
    thrum_rwlock_finish(&lock);
}

static long pair[2];

static int read_and_write(thrum_task *self)
{
    int index = thrum_arg(self, int);
    for (int i = 0; i < 3000; i++) {
        if ((i + index) % 8 == 0) {
            thrum_rwlock_acquire_write(&lock);
            pair[0]++;
            pair[1]++;
            thrum_rwlock_release_write(&lock);
        } else if (i % 5 || thrum_rwlock_acquire_read_until(&lock, thrum_in(1e-5)) < 0) {
            thrum_with (thrum_reading(&lock))
                CHECK_INT(pair[0], ==, pair[1]);
        } else {
            CHECK_INT(pair[0], ==, pair[1]);
            thrum_rwlock_release_read(&lock);
        }
    }
    return 0;
}

TEST_DEADLINE(readers_never_see_half_a_write, 60)
{
    thrum_thread *threads[6];
    for (int i = 0; i < 6; i++)
        threads[i] = thrum_thread_start(read_and_write, thrum_value(int, i));
    for (int i = 0; i < 6; i++)
        JOIN(threads[i], 0);
    CHECK_INT(pair[0], ==, 6 * 3000 / 8);
    thrum_rwlock_finish(&lock);
}

TEST(more_locks_than_are_listed_are_read_all_the_same)
{
    static thrum_rwlock many[10];
    for (int i = 0; i < 10; i++)
        thrum_rwlock_acquire_read(&many[i]);
    for (int i = 0; i < 10; i++)
        thrum_rwlock_release_read(&many[i]);
    for (int i = 0; i < 10; i++)
        thrum_rwlock_finish(&many[i]);
}

static int write_one(thrum_task *self)
{
    thrum_rwlock *wanted = thrum_arg(self, thrum_rwlock *);
    tell_ident(&idents[0]);
    thrum_rwlock_acquire_write(wanted);
    thrum_rwlock_release_write(wanted);
    return 0;
}

TEST(each_of_many_locks_is_read_again_past_a_writer)
{
    enum { COUNT = 7 };
    static thrum_rwlock many[COUNT];
    for (int i = 0; i < COUNT; i++)
        thrum_rwlock_acquire_read(&many[i]);
    for (int i = 0; i < COUNT; i++) {
        thrum__store_release(&idents[0], 0);
        thrum_rwlock *wanted = &many[i];
        thrum_thread *writer = thrum_thread_start(write_one, &wanted, sizeof wanted);
        UNTIL(waits_for(&idents[0], "rwlock write"));
        CHECK_INT(thrum_rwlock_try_read(wanted), ==, 0);
        thrum_rwlock_acquire_read(wanted);
        for (int readings = 0; readings < 3; readings++)
            thrum_rwlock_release_read(wanted);
        JOIN(writer, 0);
        thrum_rwlock_finish(wanted);
    }
}

TEST_STOPS(an_upgrade_stops,
           "acquired for writing by a reader or writer of it, by thread \"MainThread\"")
{
    thrum_rwlock_acquire_read(&lock);
    thrum_rwlock_acquire_write(&lock);
}

TEST_STOPS(reading_what_one_writes_stops, "acquired for reading by its writer")
{
    thrum_rwlock_acquire_write(&lock);
    thrum_rwlock_acquire_read(&lock);
}

TEST_STOPS(releasing_what_one_does_not_read_stops, "released as a reader by thread")
{
    thrum_rwlock_release_read(&lock);
}

TEST_STOPS(releasing_what_one_does_not_write_stops, "released as a writer by thread")
{
    thrum_rwlock_acquire_read(&lock);
    thrum_rwlock_release_write(&lock);
}

TEST_STOPS(finishing_one_in_use_stops, "finished while in use")
{
    thrum_rwlock_acquire_read(&lock);
    thrum_rwlock_finish(&lock);
}
