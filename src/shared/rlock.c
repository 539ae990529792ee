/* The reentrant lock between processes: the lock of lock.c and a depth beside it.
 *
 * `depth_` counts how often the holder has taken the lock beyond the first time. Only the holder
 * reads and writes it, so the acquire and the release of the lock order it between holders. It is 0
 * whenever the lock is released. A holder that dies leaves any number there, and so the next
 * holder, which learns of the death by -EOWNERDEAD, sets it to 0.
 */
#include "base/panic.h"
#include "park/context.h"
#include <thrum/shared_rlock.h>

#include <errno.h>

static __attribute__((noreturn, noinline)) void misuse(const thrum_shared_rlock *lock,
                                                       const char *what, const void *place)
{
    int32_t holder = thrum_shared_rlock_holder(lock);
    if (holder)
        thrum__panic(place,
                     "shared reentrant lock %p %s by thread \"%s\"; it is held in process %d",
                     (const void *)lock, what, thrum__self()->name, holder);
    thrum__panic(place, "shared reentrant lock %p %s by thread \"%s\"; it is held by nobody",
                 (const void *)lock, what, thrum__self()->name);
}

void thrum_shared_rlock_init(thrum_shared_rlock *lock)
{
    *lock = (thrum_shared_rlock)THRUM_SHARED_RLOCK_INIT;
}

/* Takes the lock once more if the caller holds it. */
static bool deepen(thrum_shared_rlock *lock, const void *place)
{
    if (!thrum_shared_lock_owned(&lock->lock_))
        return false;
    if (lock->depth_ + 1 >= THRUM_RLOCK_DEPTH_MAX)
        misuse(lock, "acquired more often than it can count", place);
    thrum__plain_write(&lock->depth_);
    lock->depth_++;
    return true;
}

/* After an acquire of the lock itself that gave `rc`. */
static int begin(thrum_shared_rlock *lock, int rc)
{
    if (rc == -EOWNERDEAD) {
        thrum__plain_write(&lock->depth_);
        lock->depth_ = 0;
    }
    return rc;
}

int thrum_shared_rlock_acquire(thrum_shared_rlock *lock)
{
    return deepen(lock, thrum__caller()) ? 0 : begin(lock, thrum_shared_lock_acquire(&lock->lock_));
}

int thrum_shared_rlock_try(thrum_shared_rlock *lock)
{
    return deepen(lock, thrum__caller()) ? 0 : begin(lock, thrum_shared_lock_try(&lock->lock_));
}

int thrum_shared_rlock_acquire_until(thrum_shared_rlock *lock, thrum_deadline deadline)
{
    return deepen(lock, thrum__caller())
               ? 0
               : begin(lock, thrum_shared_lock_acquire_until(&lock->lock_, deadline));
}

void thrum_shared_rlock_consistent(thrum_shared_rlock *lock)
{
    if (!thrum_shared_lock_owned(&lock->lock_))
        misuse(lock, "called consistent", thrum__caller());
    thrum_shared_lock_consistent(&lock->lock_);
}

void thrum_shared_rlock_release(thrum_shared_rlock *lock)
{
    if (!thrum_shared_lock_owned(&lock->lock_))
        misuse(lock, "released", thrum__caller());
    thrum__plain_write(&lock->depth_);
    if (lock->depth_)
        lock->depth_--;
    else
        thrum_shared_lock_release(&lock->lock_);
}

uint32_t thrum_shared_rlock_depth(const thrum_shared_rlock *lock)
{
    return thrum_shared_lock_owned(&lock->lock_) ? lock->depth_ + 1 : 0;
}

int32_t thrum_shared_rlock_holder(const thrum_shared_rlock *lock)
{
    return thrum_shared_lock_holder(&lock->lock_);
}
