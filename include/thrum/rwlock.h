/* A readers-writer lock: many readers at a time, or one writer.
 *
 *     static thrum_rwlock lock;               // all-zero is a free one
 *     thrum_with (thrum_reading(&lock))
 *         value = find(table, key);
 *     thrum_with (thrum_writing(&lock))
 *         insert(table, key, value);
 *
 * It pays where writers are rare. Then a reader notes its reading in memory of its own thread, and
 * readers on several processors do not slow each other down. A writer that comes after many readers
 * pays some microseconds for that. Where writes are frequent, a lock is faster.
 *
 * Order: first come, first served, in batches. A reader that comes while a writer waits queues
 * behind it, so writers do not starve. When the readers' turn comes, all readers at the head of the
 * queue enter together, so they do not starve either. A thread or fiber that reads may acquire the
 * lock for reading again, past a waiting writer; otherwise it would wait for itself. A caller that
 * reads more than four locks at once may also pass writers that wait for the others.
 *
 * A reader cannot become a writer before it has released its reading: two readers that tried would
 * wait for each other. thrum_rwlock_acquire_write by a reader stops the program; the form with a
 * deadline returns -EDEADLK. Both know the first four locks that the caller reads.
 *
 * In a child made by fork, a reading of another thread of the parent may have ended, or may stay.
 *
 * Not in Python. Ideas: phase-fair locks (Brandenburg and Anderson); the queue of nsync; BRAVO
 * (Dice and Kogan).
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

/* Makes `lock` a free lock, as all-zero memory and THRUM_RWLOCK_INIT are. Cannot fail. */
THRUM_API void thrum_rwlock_init(thrum_rwlock *lock);

/* Ends the use of `lock`: stops the program if it is held or waited for. Frees nothing. */
THRUM_API void thrum_rwlock_finish(thrum_rwlock *lock);

/* Acquires the lock for reading, without a limit of time. Cancellation does not interrupt the wait.
 * A caller that writes stops the program. Blocks. */
THRUM_API void thrum_rwlock_acquire_read(thrum_rwlock *lock);

/* Acquires the lock for reading if that needs no wait. Never blocks.
 *
 * Returns:
 *     0        the caller reads
 *     -EAGAIN  it would have to wait */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_try_read(thrum_rwlock *lock);

/* Acquires the lock for reading before the deadline. Blocks.
 *
 * Returns:
 *     0           the caller holds the lock for reading
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and it would have to wait
 *     -ECANCELED  the running task was cancelled
 *     -EDEADLK    the caller writes
 */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_acquire_read_until(thrum_rwlock *lock,
                                                               thrum_deadline deadline);

/* Releases one reading, on the thread or fiber that acquired it; the last one admits a writer. A
 * caller that does not read stops the program. Does not block. */
THRUM_API void thrum_rwlock_release_read(thrum_rwlock *lock);

/* Acquires the lock for writing, without a limit of time. Cancellation does not interrupt the wait.
 * A caller that already reads or writes stops the program. Blocks. */
THRUM_API void thrum_rwlock_acquire_write(thrum_rwlock *lock);

/* Acquires the lock for writing if it is free. Never blocks.
 *
 * Returns:
 *     0        the caller writes
 *     -EAGAIN  the lock is taken */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_try_write(thrum_rwlock *lock);

/* Acquires the lock for writing before the deadline. Blocks.
 *
 * Returns:
 *     0           the caller holds the lock for writing
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and it would have to wait
 *     -ECANCELED  the running task was cancelled
 *     -EDEADLK    the caller already reads or writes; at once
 */
THRUM_API THRUM_MUST_CHECK int thrum_rwlock_acquire_write_until(thrum_rwlock *lock,
                                                                thrum_deadline deadline);

/* Ends the writing and wakes the waiters whose turn it is. A caller that does not write stops the
 * program. Does not block. */
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
