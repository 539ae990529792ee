/* Readers-writer locks. */
#include "destroyed.h"
#include "real.h"
#include "trace.h"

#define PLACE __builtin_return_address(0)

HOOK int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
    int rc = ALIAS(pthread_rwlock_init)(lock, attributes);
    if (rc == 0)
        thrum__watch_lock_init(lock, LOCK_RWLOCK, 0, PLACE, 0);
    return rc;
}

HOOK int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    thrum__watch_lock_retire(lock, LOCK_RWLOCK, PLACE);
    int rc = ALIAS(pthread_rwlock_destroy)(lock);
    destroyed_mark_rwlock(lock);
    return rc;
}

/* Whether a reader would wait, or a writer, as far as the lock's words tell: the bits of glibc's
 * __readers are "a writer", "writers' turn" and "readers wait", then the count of readers. */
static inline bool busy(const pthread_rwlock_t *lock, unsigned mode)
{
    unsigned readers = lock->__data.__readers;
    return mode & MODE_READ ? (readers & 1) != 0 : readers != 0;
}

/* Of a lock that prefers writers, two readers may wait for each other if there is a writer. */
static __attribute__((noinline)) void note_writer(pthread_rwlock_t *lock)
{
    uint32_t index = thrum__watch_lock_find(lock, LOCK_RWLOCK);
    if (index)
        __atomic_fetch_or(&thrum__watch_region->locks[index].flags,
                          LOCK_WRITTEN | LOCK_PREFERS_WRITER, __ATOMIC_RELAXED);
}

typedef int rwlock_call(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *until);

static inline int acquire(pthread_rwlock_t *lock, unsigned mode, clockid_t clock,
                          const struct timespec *until, rwlock_call *call, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    if (unlikely(!slot))
        return call(lock, clock, until);
    struct watched_wait wait;
    uint64_t site = site_make(place, mode);
    if (destroyed_rwlock(lock))
        thrum__watch_use_destroyed(slot, lock, LOCK_RWLOCK, site);
    uint32_t node = thrum__watch_enter(slot, lock, LOCK_RWLOCK, site);
    bool waits = busy(lock, mode);
    if (unlikely(lock->__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) &&
        !(mode & MODE_READ))
        note_writer(lock);
    if (unlikely(waits))
        thrum__watch_wait_begin(slot, lock, LOCK_RWLOCK, site, (uint32_t)lock->__data.__cur_writer,
                                &wait);
    int rc = call(lock, clock, until);
    if (unlikely(waits))
        thrum__watch_wait_end(slot, lock, LOCK_RWLOCK, site, &wait);
    if (likely(rc == 0)) {
        thrum__watch_push(slot, lock, LOCK_RWLOCK, site, node);
        thrum__trace_taken(slot, lock, LOCK_RWLOCK, site);
    }
    return rc;
}

static inline int call_read(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *until)
{
    (void)clock;
    (void)until;
    return ALIAS(pthread_rwlock_rdlock)(lock);
}

static inline int call_write(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *until)
{
    (void)clock;
    (void)until;
    return ALIAS(pthread_rwlock_wrlock)(lock);
}

static inline int call_clock_read(pthread_rwlock_t *lock, clockid_t clock,
                                  const struct timespec *until)
{
    return REAL(pthread_rwlock_clockrdlock)(lock, clock, until);
}

static inline int call_clock_write(pthread_rwlock_t *lock, clockid_t clock,
                                   const struct timespec *until)
{
    return REAL(pthread_rwlock_clockwrlock)(lock, clock, until);
}

HOOK int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return acquire(lock, MODE_READ, 0, NULL, call_read, PLACE);
}

HOOK int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return acquire(lock, 0, 0, NULL, call_write, PLACE);
}

HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    return acquire(lock, MODE_READ | MODE_TIMED, CLOCK_REALTIME, until, call_clock_read, PLACE);
}

HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    return acquire(lock, MODE_TIMED, CLOCK_REALTIME, until, call_clock_write, PLACE);
}

HOOK int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
                                    const struct timespec *until)
{
    return acquire(lock, MODE_READ | MODE_TIMED, clock, until, call_clock_read, PLACE);
}

HOOK int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
                                    const struct timespec *until)
{
    return acquire(lock, MODE_TIMED, clock, until, call_clock_write, PLACE);
}

static int tried(pthread_rwlock_t *lock, int rc, unsigned mode, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    if (slot && rc == 0) {
        uint64_t site = site_make(place, mode | MODE_TRY);
        thrum__watch_push(slot, lock, LOCK_RWLOCK, site, 0);
        thrum__trace_taken(slot, lock, LOCK_RWLOCK, site);
    }
    return rc;
}

HOOK int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return tried(lock, ALIAS(pthread_rwlock_tryrdlock)(lock), MODE_READ, PLACE);
}

HOOK int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return tried(lock, ALIAS(pthread_rwlock_trywrlock)(lock), 0, PLACE);
}

HOOK int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    struct slot *slot = thrum__watch_slot();
    if (likely(slot)) {
        thrum__watch_leave(slot, lock, LOCK_RWLOCK);
        thrum__trace_event(slot, RING_RELEASE, lock);
    }
    return ALIAS(pthread_rwlock_unlock)(lock);
}
