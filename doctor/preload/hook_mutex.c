/* Mutexes, spin locks and the once.
 *
 * Whether a lock is held is read from its word before the call: only then is the wait timed. A word that
 * changes in between costs a time that is missing, or one of some nanoseconds too many.
 */
#include "hooks.h"
#include "real.h"
#include "trace.h"

#include <errno.h>

#define PLACE __builtin_return_address(0)

static inline bool taken(int rc)
{
    return rc == 0 || rc == EOWNERDEAD;
}

HOOK int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    int rc = ALIAS(pthread_mutex_init)(mutex, attributes);
    if (rc == 0)
        thrum__watch_lock_init(mutex, LOCK_MUTEX, 0, PLACE, 0);
    return rc;
}

HOOK int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    thrum__watch_lock_retire(mutex, LOCK_MUTEX, PLACE);
    return ALIAS(pthread_mutex_destroy)(mutex);
}

static __attribute__((noinline)) int lock_held(struct slot *slot, pthread_mutex_t *mutex,
                                               uint64_t site)
{
    struct watched_wait wait;
    thrum__watch_wait_begin(slot, mutex, LOCK_MUTEX, site, (uint32_t)mutex->__data.__owner, &wait);
    int rc = ALIAS(pthread_mutex_lock)(mutex);
    thrum__watch_wait_end(slot, mutex, LOCK_MUTEX, site, &wait);
    return rc;
}

/* The lock was not taken after all. */
static __attribute__((noinline)) int not_locked(pthread_mutex_t *mutex, int rc)
{
    enum { KIND_DESTROYED = -1 }; /* as glibc's pthread_mutex_destroy leaves it */
    if (rc == EINVAL && mutex->__data.__kind == KIND_DESTROYED) {
        const struct held *held = &thrum__watch_self->held[thrum__watch_self->depth - 1];
        thrum__watch_finding(thrum__watch_self,
                             &(struct finding_record){.kind = FINDING_DESTROYED,
                                                      .lock = thrum__watch_held_lock(held),
                                                      .site = held->site});
    }
    if (rc != EOWNERDEAD)
        thrum__watch_leave(thrum__watch_self, mutex, LOCK_MUTEX);
    return rc;
}

static __attribute__((noinline)) int lock_traced(struct slot *slot, pthread_mutex_t *mutex,
                                                 uint64_t site)
{
    int rc = likely(mutex->__data.__lock == 0) ? ALIAS(pthread_mutex_lock)(mutex)
                                               : lock_held(slot, mutex, site);
    if (unlikely(!taken(rc)))
        return not_locked(mutex, rc);
    thrum__trace_at(slot, RING_ACQUIRE, mutex, LOCK_MUTEX, site);
    return rc;
}

/* The mutex counts as held before it is: so nothing has to be kept until it is, and the usual way saves no
 * registers. Those that look for its owner know that by its word. */
static inline int lock_watched(pthread_mutex_t *mutex, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    if (unlikely(!slot))
        return ALIAS(pthread_mutex_lock)(mutex);
    uint64_t site = site_make(place, 0);
    uint32_t node = thrum__watch_enter(slot, mutex, LOCK_MUTEX, site);
    thrum__watch_push(slot, mutex, LOCK_MUTEX, site, node);
    if (thrum__traced(slot))
        return lock_traced(slot, mutex, site);
    int rc = likely(mutex->__data.__lock == 0) ? ALIAS(pthread_mutex_lock)(mutex)
                                               : lock_held(slot, mutex, site);
    return likely(rc == 0) ? 0 : not_locked(mutex, rc);
}

int thrum__watch_mutex_lock(pthread_mutex_t *mutex, const void *place)
{
    return lock_watched(mutex, place);
}

HOOK int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_watched(mutex, PLACE);
}

int thrum__watch_mutex_trylock(pthread_mutex_t *mutex, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    int rc = ALIAS(pthread_mutex_trylock)(mutex);
    if (slot && taken(rc)) {
        uint64_t site = site_make(place, MODE_TRY);
        thrum__watch_push(slot, mutex, LOCK_MUTEX, site, 0);
        thrum__trace_taken(slot, mutex, LOCK_MUTEX, site);
    }
    return rc;
}

HOOK int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    return thrum__watch_mutex_trylock(mutex, PLACE);
}

int thrum__watch_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                 const struct timespec *until, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    struct watched_wait wait;
    uint64_t site = site_make(place, MODE_TIMED);
    uint32_t node = slot ? thrum__watch_enter(slot, mutex, LOCK_MUTEX, site) : 0;
    bool held = slot && mutex->__data.__lock != 0;
    if (held)
        thrum__watch_wait_begin(slot, mutex, LOCK_MUTEX, site, (uint32_t)mutex->__data.__owner,
                                &wait);
    int rc = clock == CLOCK_REALTIME ? REAL(pthread_mutex_timedlock)(mutex, until)
                                     : REAL(pthread_mutex_clocklock)(mutex, clock, until);
    if (held)
        thrum__watch_wait_end(slot, mutex, LOCK_MUTEX, site, &wait);
    if (slot && taken(rc)) {
        thrum__watch_push(slot, mutex, LOCK_MUTEX, site, node);
        thrum__trace_taken(slot, mutex, LOCK_MUTEX, site);
    }
    return rc;
}

HOOK int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
    return thrum__watch_mutex_clocklock(mutex, CLOCK_REALTIME, until, PLACE);
}

HOOK int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                 const struct timespec *until)
{
    return thrum__watch_mutex_clocklock(mutex, clock, until, PLACE);
}

HOOK int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    struct slot *slot = thrum__watch_slot();
    if (likely(slot)) {
        thrum__watch_leave(slot, mutex, LOCK_MUTEX);
        thrum__trace_event(slot, RING_RELEASE, mutex);
    }
    return ALIAS(pthread_mutex_unlock)(mutex);
}

int thrum__watch_mutex_unlock(pthread_mutex_t *mutex)
{
    return pthread_mutex_unlock(mutex);
}

/* The type of a spin lock is volatile int; it is only passed on. */

HOOK int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    int rc = REAL(pthread_spin_init)(lock, shared);
    if (rc == 0)
        thrum__watch_lock_init((const void *)lock, LOCK_SPIN, 0, PLACE, 0);
    return rc;
}

HOOK int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    thrum__watch_lock_retire((const void *)lock, LOCK_SPIN, PLACE);
    return REAL(pthread_spin_destroy)(lock);
}

HOOK int pthread_spin_lock(pthread_spinlock_t *lock)
{
    const void *object = (const void *)lock;
    struct slot *slot = thrum__watch_slot();
    if (!slot)
        return REAL(pthread_spin_lock)(lock);
    uint64_t site = site_make(PLACE, 0);
    uint32_t node = thrum__watch_enter(slot, object, LOCK_SPIN, site);
    int rc = REAL(pthread_spin_lock)(lock);
    if (rc == 0) {
        thrum__watch_push(slot, object, LOCK_SPIN, site, node);
        thrum__trace_taken(slot, object, LOCK_SPIN, site);
    }
    return rc;
}

HOOK int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    struct slot *slot = thrum__watch_slot();
    int rc = REAL(pthread_spin_trylock)(lock);
    if (slot && rc == 0) {
        uint64_t site = site_make(PLACE, MODE_TRY);
        thrum__watch_push(slot, (const void *)lock, LOCK_SPIN, site, 0);
        thrum__trace_taken(slot, (const void *)lock, LOCK_SPIN, site);
    }
    return rc;
}

HOOK int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    struct slot *slot = thrum__watch_slot();
    if (slot) {
        thrum__watch_leave(slot, (const void *)lock, LOCK_SPIN);
        thrum__trace_event(slot, RING_RELEASE, (const void *)lock);
    }
    return REAL(pthread_spin_unlock)(lock);
}

/* A once is a lock that is held while its function runs. */

static void release_once(struct slot **slot)
{
    const void *object = (const void *)(*slot)->held[(*slot)->depth - 1].lock;
    if ((*slot)->depth > 0) {
        thrum__watch_leave(*slot, object, LOCK_ONCE);
        thrum__trace_event(*slot, RING_RELEASE, object);
    }
}

static void run_once(void)
{
    struct slot *slot = thrum__watch_self;
    void (*run)(void) = slot->once;
    __attribute__((cleanup(release_once))) struct slot *guard = slot;
    thrum__watch_push(guard, slot->once_object, LOCK_ONCE, slot->once_site, slot->once_node);
    thrum__trace_taken(guard, slot->once_object, LOCK_ONCE, slot->once_site);
    run();
}

int thrum__watch_once(pthread_once_t *control, void (*run)(void), const void *place)
{
    struct slot *slot = thrum__watch_slot();
    if (!slot)
        return ALIAS(pthread_once)(control, run);
    uint64_t site = site_make(place, 0);
    /* 2: its function has run, and nobody waits any more. That value is part of the C library's binary
     * interface. With a lock held the order is of interest all the same. */
    bool done = __atomic_load_n((const int *)control, __ATOMIC_ACQUIRE) == 2;
    if (done && slot->depth == 0)
        return 0;
    uint32_t node = thrum__watch_enter(slot, control, LOCK_ONCE, site);
    if (done)
        return 0;
    void (*outer)(void) = slot->once;
    slot->once = run;
    slot->once_object = control;
    slot->once_site = site;
    slot->once_node = node;
    int rc = ALIAS(pthread_once)(control, run_once);
    slot->once = outer;
    return rc;
}

HOOK int pthread_once(pthread_once_t *control, void (*run)(void))
{
    return thrum__watch_once(control, run, PLACE);
}
