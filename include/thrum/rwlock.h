/* A readers-writer lock: many readers at a time, or one writer.
 *
 *     static thrum_rwlock lock;               // all-zero is a free one
 *     thrum_with (thrum_reading(&lock))
 *         value = find(table, key);
 *     thrum_with (thrum_writing(&lock))
 *         insert(table, key, value);
 *
 * It pays where readers hold it long and writers are rare; for short sections a lock is faster.
 *
 * Order: first come, first served, in batches: a reader that comes while a writer waits queues
 * behind it, so writers are not starved; when readers' turn comes, all that stand at the head of
 * the queue go in together, so they are not starved either. A thread or fiber that reads may take
 * the lock for reading again, past any writer that waits, as it would wait for itself otherwise.
 * While it reads more than four locks at once, it also goes past the writers that wait for others.
 *
 * A reader cannot become a writer without giving its reading up first: two that tried would wait for
 * each other. thrum_rwlock_acquire_write by a reader stops the program; the form with a deadline
 * returns -EDEADLK. Both know of the first four locks that the caller reads.
 *
 * Not in Python. Ideas: phase-fair locks (Brandenburg and Anderson); the queue of nsync.
 */
#ifndef THRUM_RWLOCK_H
#define THRUM_RWLOCK_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_rwlock {
    uint32_t state_;
    uint32_t owner_;
    void *waiters_;
} thrum_rwlock;

#define THRUM_RWLOCK_INIT                                                                          \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/* Makes `lock` a free one, as all-zero memory and THRUM_RWLOCK_INIT are. Cannot fail. */
THRUM_API void thrum_rwlock_init(thrum_rwlock *lock);

/* Ends the use of `lock`: stops the program if it is held or waited for. Frees nothing. */
THRUM_API void thrum_rwlock_finish(thrum_rwlock *lock);

/* Takes the lock for reading, however long that takes. Cancellation does not interrupt it. A writer
 * that asks for it stops the program. Blocks. */
THRUM_API void thrum_rwlock_acquire_read(thrum_rwlock *lock);

/* Takes the lock for reading if that needs no wait. Returns 0 or -EAGAIN. Never blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_try_read(thrum_rwlock *lock);

/* Takes the lock for reading before `deadline`. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is
 * THRUM_NOW; -ECANCELED if the running task was cancelled; -EDEADLK if the caller writes. Blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_acquire_read_until(thrum_rwlock *lock,
                                                               thrum_deadline deadline);

/* Gives one reading back, on the thread or fiber that took it; the last one lets a writer in.
 * Stops the program if the caller does not read. Does not block. */
THRUM_API void thrum_rwlock_release_read(thrum_rwlock *lock);

/* Takes the lock for writing, however long that takes. Cancellation does not interrupt it. One who
 * reads or writes already is stopped. Blocks. */
THRUM_API void thrum_rwlock_acquire_write(thrum_rwlock *lock);

/* Takes the lock for writing if it is free. Returns 0 or -EAGAIN. Never blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_try_write(thrum_rwlock *lock);

/* Takes the lock for writing before `deadline`. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is
 * THRUM_NOW; -ECANCELED if the running task was cancelled; -EDEADLK at once if the caller reads or
 * writes already. Blocks. */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_acquire_write_until(thrum_rwlock *lock,
                                                                thrum_deadline deadline);

/* Gives the writing back and lets the next in. Stops the program if the caller does not write.
 * Does not block. */
THRUM_API void thrum_rwlock_release_write(thrum_rwlock *lock);

/* The number of readers at this moment; for displays. Does not block. */
THRUM_API uint32_t thrum_rwlock_readers(const thrum_rwlock *lock);

/* The reading or writing side of a lock, for thrum_with. */
typedef struct thrum_rwlock_reader thrum_rwlock_reader;
typedef struct thrum_rwlock_writer thrum_rwlock_writer;

static inline thrum_rwlock_reader *thrum_reading(thrum_rwlock *lock)
{
    return (thrum_rwlock_reader *)lock;
}

static inline thrum_rwlock_writer *thrum_writing(thrum_rwlock *lock)
{
    return (thrum_rwlock_writer *)lock;
}

THRUM_END

#endif
