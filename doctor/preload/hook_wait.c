/* Conditions, semaphores and barriers: what orders threads.
 *
 * A semaphore may be a lock (each thread that waits for it posts it) or a signal. It counts as a lock
 * until a thread posts it that does not hold it; from then on it only orders threads.
 *
 * A mutex stays in the list of those held while its thread waits for a condition: a handler of cancellation
 * finds it there. That it is taken again afterwards is recorded before the wait.
 */
#include "destroyed.h"
#include "hooks.h"
#include "real.h"
#include "trace.h"

#include <errno.h>

#define PLACE __builtin_return_address(0)

HOOK int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    int rc = REAL(pthread_cond_init)(condition, attributes);
    if (rc == 0)
        thrum__watch_lock_init(condition, LOCK_CONDITION, 0, PLACE, 0);
    return rc;
}

HOOK int pthread_cond_destroy(pthread_cond_t *condition)
{
    thrum__watch_lock_retire(condition, LOCK_CONDITION, PLACE);
    return REAL(pthread_cond_destroy)(condition);
}

/* With other locks held: the mutex becomes the last, as it will be taken last, and that order is
 * recorded. */
static void take_again(struct slot *slot, pthread_cond_t *condition, pthread_mutex_t *mutex,
                       const void *place)
{
    struct held *top = &slot->held[slot->depth - 1];
    uint64_t site = site_make(place, MODE_REACQUIRE);
    uint32_t other = 0;
    if (!thrum__watch_holds(slot, mutex))
        return;
    thrum__watch_leave(slot, mutex, LOCK_MUTEX);
    uint32_t node = thrum__watch_enter(slot, mutex, LOCK_MUTEX, site);
    top = &slot->held[slot->depth - 1];
    if (top->lock)
        other = thrum__watch_held_lock(top);
    if (other && thrum__watch_region->locks[other].kind != LOCK_SEMAPHORE)
        thrum__watch_finding(slot, &(struct finding_record){
                                       .kind = FINDING_CONDITION_HOLDING,
                                       .lock = other,
                                       .object = thrum__watch_lock_find(condition, LOCK_CONDITION),
                                       .site = site,
                                       .other_site = top->site});
    thrum__watch_push(slot, mutex, LOCK_MUTEX, site, node);
}

int thrum__watch_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until, enum condition_call call,
                           const void *place)
{
    struct slot *slot = thrum__watch_slot();
    struct watched_wait wait;
    uint64_t site = site_make(place, until ? MODE_TIMED : 0);
    int rc;
    uint32_t began = 0;
    if (slot) {
        if (destroyed_condition(condition))
            thrum__watch_use_destroyed(slot, condition, LOCK_CONDITION, site);
        if (slot->depth > 1)
            take_again(slot, condition, mutex, place);
        began = __atomic_load_n(&thrum__watch_region->event_count, __ATOMIC_ACQUIRE);
        thrum__trace_event(slot, RING_RELEASE, mutex);
        thrum__watch_wait_begin(slot, condition, LOCK_CONDITION, site, 0, &wait);
    }
    if (call == CONDITION_WAIT)
        rc = REAL(pthread_cond_wait)(condition, mutex);
    else if (call == CONDITION_TIMED)
        rc = REAL(pthread_cond_timedwait)(condition, mutex, until);
    else
        rc = REAL(pthread_cond_clockwait)(condition, mutex, clock, until);
    if (slot) {
        int error = errno;
        thrum__watch_wait_end(slot, condition, LOCK_CONDITION, site, &wait);
        thrum__trace_taken(slot, mutex, LOCK_MUTEX, site);
        if (rc == 0)
            thrum__watch_event(slot, EVENT_WOKEN, thrum__watch_lock_find(condition, LOCK_CONDITION),
                               began);
        errno = error;
    }
    return rc;
}

HOOK int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return thrum__watch_cond_wait(condition, mutex, 0, NULL, CONDITION_WAIT, PLACE);
}

HOOK int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                const struct timespec *until)
{
    return thrum__watch_cond_wait(condition, mutex, 0, until, CONDITION_TIMED, PLACE);
}

HOOK int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                                const struct timespec *until)
{
    return thrum__watch_cond_wait(condition, mutex, clock, until, CONDITION_CLOCK, PLACE);
}

/* The upper bits of __wrefs count those that wait; a signal to nobody orders nothing. */
static void note_signal(pthread_cond_t *condition, int all, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    if (slot && destroyed_condition(condition))
        thrum__watch_use_destroyed(slot, condition, LOCK_CONDITION, site_make(place, 0));
    if (!slot || __atomic_load_n(&condition->__data.__wrefs, __ATOMIC_RELAXED) >> 3 == 0)
        return;
    int error = errno;
    thrum__trace_event(slot, all ? RING_BROADCAST : RING_SIGNAL, condition);
    thrum__watch_event(slot, EVENT_SIGNAL, thrum__watch_lock_find(condition, LOCK_CONDITION), 0);
    errno = error;
}

int thrum__watch_cond_wake(pthread_cond_t *condition, int all, const void *place)
{
    note_signal(condition, all, place);
    return all ? REAL(pthread_cond_broadcast)(condition) : REAL(pthread_cond_signal)(condition);
}

HOOK int pthread_cond_signal(pthread_cond_t *condition)
{
    return thrum__watch_cond_wake(condition, 0, PLACE);
}

HOOK int pthread_cond_broadcast(pthread_cond_t *condition)
{
    return thrum__watch_cond_wake(condition, 1, PLACE);
}

HOOK int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    int rc = REAL(sem_init)(semaphore, shared, value);
    if (rc == 0) {
        destroyed_unmark_words(semaphore);
        thrum__watch_lock_init(semaphore, LOCK_SEMAPHORE, 0, PLACE, value);
    }
    return rc;
}

HOOK int sem_destroy(sem_t *semaphore)
{
    thrum__watch_lock_retire(semaphore, LOCK_SEMAPHORE, PLACE);
    int rc = REAL(sem_destroy)(semaphore);
    destroyed_mark_words(semaphore, SEMAPHORE_SHARED);
    return rc;
}

/* A wait with locks held for a post by a thread that took one of them before. */
static void wait_holding(struct slot *slot, uint32_t index, const void *place)
{
    const struct lock_record *semaphore = &thrum__watch_region->locks[index];
    uint32_t poster = __atomic_load_n(&semaphore->thread, __ATOMIC_ACQUIRE);
    if (!(semaphore->flags & LOCK_HANDED) || poster >= REGION_THREADS || poster == slot->thread)
        return;
    const struct slot *other =
        &thrum__watch_region->slots[thrum__watch_region->threads[poster].slot];
    if (other->thread != poster)
        return;
    for (uint32_t i = 0; i < slot->depth; i++) {
        const struct held *held = &slot->held[i];
        const struct recent *recent = thrum__watch_recent(other, held->lock);
        if (held->lock && recent->lock == held->lock && recent->epoch >= other->first_epoch &&
            recent->epoch <= semaphore->epoch)
            thrum__watch_finding(slot,
                                 &(struct finding_record){.kind = FINDING_WAITS_HOLDING,
                                                          .lock = thrum__watch_held_lock(held),
                                                          .object = index,
                                                          .site = site_make(place, 0),
                                                          .other = poster,
                                                          .other_epoch = recent->epoch,
                                                          .other_site = held->site,
                                                          .epoch = held->epoch + 1});
    }
}

void thrum__watch_taken(struct slot *slot, const void *semaphore, enum lock_kind kind,
                        uint64_t site, uint32_t node)
{
    uint32_t index = thrum__watch_lock_find(semaphore, kind);
    if (!index)
        return;
    if (slot->depth)
        wait_holding(slot, index, (const void *)(site & SITE_MASK));
    thrum__watch_event(slot, EVENT_TAKE, index, 0);
    if (!(thrum__watch_region->locks[index].flags & LOCK_HANDED))
        thrum__watch_push(slot, semaphore, kind, site, node);
}

static int taken(struct slot *slot, sem_t *semaphore, int rc, uint64_t site, uint32_t node)
{
    int error = errno;
    if (rc == 0 && slot && thrum__traced(slot))
        thrum__trace_at(slot, RING_TAKE, semaphore, LOCK_SEMAPHORE, site);
    if (rc == 0 && slot)
        thrum__watch_taken(slot, semaphore, LOCK_SEMAPHORE, site, node);
    errno = error;
    return rc;
}

enum semaphore_call { SEMAPHORE_WAIT, SEMAPHORE_TIMED, SEMAPHORE_CLOCK };

static int wait_for(sem_t *semaphore, clockid_t clock, const struct timespec *until,
                    enum semaphore_call call, const void *place)
{
    struct slot *slot = thrum__watch_slot();
    struct watched_wait wait = {0};
    uint64_t site = site_make(place, until ? MODE_TIMED : 0);
    uint32_t node = 0;
    /* Its value is the first word, at 0 it waits. */
    bool waits = slot && __atomic_load_n((const unsigned *)semaphore, __ATOMIC_RELAXED) == 0;
    if (slot && destroyed_words(semaphore))
        thrum__watch_use_destroyed(slot, semaphore, LOCK_SEMAPHORE, site);
    if (slot)
        node = thrum__watch_enter(slot, semaphore, LOCK_SEMAPHORE, site);
    if (waits)
        thrum__watch_wait_begin(slot, semaphore, LOCK_SEMAPHORE, site, 0, &wait);
    int rc = call == SEMAPHORE_WAIT    ? REAL(sem_wait)(semaphore)
             : call == SEMAPHORE_TIMED ? REAL(sem_timedwait)(semaphore, until)
                                       : REAL(sem_clockwait)(semaphore, clock, until);
    if (waits)
        thrum__watch_wait_end(slot, semaphore, LOCK_SEMAPHORE, site, &wait);
    return taken(slot, semaphore, rc, site, node);
}

HOOK int sem_wait(sem_t *semaphore)
{
    return wait_for(semaphore, 0, NULL, SEMAPHORE_WAIT, PLACE);
}

HOOK int sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
    return wait_for(semaphore, 0, until, SEMAPHORE_TIMED, PLACE);
}

HOOK int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    return wait_for(semaphore, clock, until, SEMAPHORE_CLOCK, PLACE);
}

HOOK int sem_trywait(sem_t *semaphore)
{
    int rc = REAL(sem_trywait)(semaphore);
    return taken(thrum__watch_slot(), semaphore, rc, site_make(PLACE, MODE_TRY), 0);
}

void thrum__watch_posted(struct slot *slot, const void *semaphore, enum lock_kind kind,
                         uint64_t count)
{
    enum { POSTS_MOST = 64 };
    uint32_t index = thrum__watch_lock_find(semaphore, kind);
    if (!index)
        return;
    struct lock_record *lock = &thrum__watch_region->locks[index];
    lock->epoch = slot->epoch;
    __atomic_store_n(&lock->thread, slot->thread, __ATOMIC_RELEASE);
    for (uint64_t i = 0; i < count && i < POSTS_MOST; i++)
        thrum__watch_event(slot, EVENT_POST, index, 0);
    thrum__watch_leave(slot, semaphore, kind);
}

HOOK int sem_post(sem_t *semaphore)
{
    struct slot *slot = thrum__watch_slot();
    if (slot) {
        int error = errno;
        if (destroyed_words(semaphore))
            thrum__watch_use_destroyed(slot, semaphore, LOCK_SEMAPHORE, site_make(PLACE, 0));
        thrum__trace_event(slot, RING_POST, semaphore);
        thrum__watch_posted(slot, semaphore, LOCK_SEMAPHORE, 1);
        errno = error;
    }
    return REAL(sem_post)(semaphore);
}

HOOK int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes,
                              unsigned count)
{
    int rc = REAL(pthread_barrier_init)(barrier, attributes, count);
    if (rc == 0) {
        destroyed_unmark_words(barrier);
        thrum__watch_lock_init(barrier, LOCK_BARRIER, 0, PLACE, count);
    }
    return rc;
}

HOOK int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    thrum__watch_lock_retire(barrier, LOCK_BARRIER, PLACE);
    int rc = REAL(pthread_barrier_destroy)(barrier);
    destroyed_mark_words(barrier, BARRIER_SHARED);
    return rc;
}

HOOK int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    struct slot *slot = thrum__watch_slot();
    struct watched_wait wait;
    uint64_t site = site_make(PLACE, 0);
    if (!slot)
        return REAL(pthread_barrier_wait)(barrier);
    int error = errno;
    if (destroyed_words(barrier))
        thrum__watch_use_destroyed(slot, barrier, LOCK_BARRIER, site);
    thrum__watch_event(slot, EVENT_BARRIER, thrum__watch_lock_find(barrier, LOCK_BARRIER), 0);
    thrum__watch_wait_begin(slot, barrier, LOCK_BARRIER, site, 0, &wait);
    errno = error;
    int rc = REAL(pthread_barrier_wait)(barrier);
    thrum__watch_wait_end(slot, barrier, LOCK_BARRIER, site, &wait);
    return rc;
}
