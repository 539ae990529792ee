/* The reentrant lock: the lock's word with a depth in its upper bits.
 *
 * While the lock is held, the bits from DEPTH up count how often its holder has taken it beyond the
 * first time. Only the holder changes them, by an atomic addition, as others may change the lower
 * bits meanwhile (they queue). They are 0 whenever the lock is free, so everything that lock.c does
 * with the word holds unchanged: a release that gives the lock away finds a plain lock.
 */
#include "sync/rlock.h"
#include "base/panic.h"
#include "base/probe.h"
#include "park/context.h"
#include "sync/lock.h"
#include <thrum/rlock.h>

#include <errno.h>

enum { DEPTH = 1 << THRUM__LOCK_FLAGS };

static inline uint32_t depth(const thrum_rlock *lock)
{
    return thrum__load_relaxed(&lock->lock_.state_) / DEPTH;
}

/* Once more, if the caller holds it. */
static inline bool deepen(thrum_rlock *lock, const void *place)
{
    if (!thrum_lock_owned(&lock->lock_))
        return false;
    if (depth(lock) + 1 >= THRUM_RLOCK_DEPTH_MAX)
        thrum__lock_misuse(&lock->lock_, "acquired more often than it can count", place);
    thrum__add_relaxed(&lock->lock_.state_, DEPTH);
    return true;
}

void thrum_rlock_init(thrum_rlock *lock)
{
    thrum_lock_init(&lock->lock_);
}

void thrum_rlock_finish(thrum_rlock *lock)
{
    if (thrum__load_acquire(&lock->lock_.state_))
        thrum__lock_misuse(&lock->lock_, "finished while in use", thrum__caller());
    thrum__probe(gone, THRUM__PROBE_LOCK, &lock->lock_, thrum__caller());
}

void thrum_rlock_acquire(thrum_rlock *lock)
{
    if (!deepen(lock, thrum__caller()))
        thrum__lock_acquire(&lock->lock_, thrum__caller());
}

int thrum_rlock_try(thrum_rlock *lock)
{
    return deepen(lock, thrum__caller()) ? 0 : thrum_lock_try(&lock->lock_);
}

int thrum_rlock_acquire_until(thrum_rlock *lock, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    return deepen(lock, place) ? 0 : thrum__lock_acquire_until(&lock->lock_, deadline, place);
}

void thrum_rlock_release(thrum_rlock *lock)
{
    if (!thrum_lock_owned(&lock->lock_))
        thrum__lock_misuse(&lock->lock_, "released", thrum__caller());
    if (depth(lock))
        thrum__sub_relaxed(&lock->lock_.state_, DEPTH);
    else
        thrum__lock_release(&lock->lock_);
}

bool thrum_rlock_locked(const thrum_rlock *lock)
{
    return thrum_lock_locked(&lock->lock_);
}

uint32_t thrum_rlock_depth(const thrum_rlock *lock)
{
    return thrum_lock_owned(&lock->lock_) ? depth(lock) + 1 : 0;
}

uint32_t thrum__rlock_give_up(thrum_rlock *lock)
{
    uint32_t extra = depth(lock);
    if (extra)
        thrum__sub_relaxed(&lock->lock_.state_, extra * DEPTH);
    return extra;
}

void thrum__rlock_restore(thrum_rlock *lock, uint32_t extra)
{
    if (extra)
        thrum__add_relaxed(&lock->lock_.state_, extra * DEPTH);
}
