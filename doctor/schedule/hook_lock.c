/* Locks: mutexes, rwlocks and spin locks are tried, and tried again after each release.
 *
 * The object itself decides, so errors, owners, recursion and robust mutexes are those of the C
 * library. A mutex that pthread_mutex_destroy has marked is not to be used again: that stops the run.
 */
#include "hooks.h"

#include "preload/real.h"

#include <errno.h>

/* glibc's mark in a mutex that was destroyed; the field is at the same place on all 64-bit machines. */
static bool is_destroyed(const pthread_mutex_t *mutex)
{
    return mutex->__data.__kind == -1;
}

static void check_alive(const pthread_mutex_t *mutex, const void *place)
{
    if (is_destroyed(mutex))
        thrum__turn_fail(VERDICT_MISUSE, mutex, place, "a mutex is used after it was destroyed");
}

/* Tries until it succeeds. `until` is in virtual time. */
static int acquire(int (*try)(void *), void *object, enum schedule_kind kind, int64_t until,
                   const void *place)
{
    thrum__turn_point(kind, object, true, place);
    for (;;) {
        int rc = try(object);
        if (rc == 0 || rc == EOWNERDEAD)
            thrum__turn_hold(object, place);
        if (rc != EBUSY)
            return rc;
        if (until <= thrum__turn_now() && until != NEVER)
            return ETIMEDOUT;
        if (!thrum__turn_block(until))
            until = 0;
    }
}

/* ---- mutexes ---- */

static int try_mutex(void *mutex)
{
    return ALIAS(pthread_mutex_trylock)(mutex);
}

/* The C library returns EDEADLK from lock, but EBUSY from trylock, if the owner of an error-checking
 * mutex locks it again. */
static bool owns_checked(const pthread_mutex_t *mutex)
{
    return (mutex->__data.__kind & 3) == PTHREAD_MUTEX_ERRORCHECK_NP &&
           mutex->__data.__owner == (int)thrum__turn_self->tid;
}

int thrum__turn_mutex_lock(pthread_mutex_t *mutex, enum schedule_kind kind, int64_t until,
                           const void *place)
{
    check_alive(mutex, place);
    if (owns_checked(mutex))
        return EDEADLK;
    int rc = acquire(try_mutex, mutex, kind, until, place);
    if (rc == EINVAL)
        check_alive(mutex, place);
    return rc;
}

HOOK int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!thrum__turn_on())
        return ALIAS(pthread_mutex_lock)(mutex);
    return thrum__turn_mutex_lock(mutex, STEP_LOCK, NEVER, PLACE);
}

HOOK int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                                 const struct timespec *restrict until)
{
    if (!thrum__turn_on())
        return REAL(pthread_mutex_timedlock)(mutex, until);
    return thrum__turn_mutex_lock(mutex, STEP_LOCK, thrum__turn_deadline(CLOCK_REALTIME, until),
                                  PLACE);
}

HOOK int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
                                 const struct timespec *restrict until)
{
    if (!thrum__turn_on())
        return REAL(pthread_mutex_clocklock)(mutex, clock, until);
    return thrum__turn_mutex_lock(mutex, STEP_LOCK, thrum__turn_deadline(clock, until), PLACE);
}

int thrum__turn_mutex_trylock(pthread_mutex_t *mutex, const void *place)
{
    thrum__turn_point(STEP_TRY_LOCK, mutex, true, place);
    check_alive(mutex, place);
    int rc = ALIAS(pthread_mutex_trylock)(mutex);
    if (rc == 0 || rc == EOWNERDEAD)
        thrum__turn_hold(mutex, place);
    else
        thrum__turn_behind(); /* it may try in a loop */
    return rc;
}

HOOK int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    if (!thrum__turn_on())
        return ALIAS(pthread_mutex_trylock)(mutex);
    return thrum__turn_mutex_trylock(mutex, PLACE);
}

int thrum__turn_mutex_release(pthread_mutex_t *mutex)
{
    int rc = ALIAS(pthread_mutex_unlock)(mutex);
    if (rc == 0) {
        thrum__turn_drop(mutex);
        thrum__turn_wake(mutex);
    }
    return rc;
}

int thrum__turn_mutex_unlock(pthread_mutex_t *mutex, const void *place)
{
    thrum__turn_point(STEP_UNLOCK, mutex, true, place);
    check_alive(mutex, place);
    return thrum__turn_mutex_release(mutex);
}

HOOK int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (!thrum__turn_on())
        return ALIAS(pthread_mutex_unlock)(mutex);
    return thrum__turn_mutex_unlock(mutex, PLACE);
}

HOOK int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, mutex, true, PLACE);
    return ALIAS(pthread_mutex_destroy)(mutex);
}

/* ---- rwlocks ---- */

static int try_read(void *lock)
{
    int rc = ALIAS(pthread_rwlock_tryrdlock)(lock);
    return rc == EAGAIN ? EBUSY : rc;
}

static int try_write(void *lock)
{
    return ALIAS(pthread_rwlock_trywrlock)(lock);
}

/* What the C library's own functions return to the writer itself. */
static bool writes_already(const pthread_rwlock_t *lock)
{
    return lock->__data.__cur_writer == (int)thrum__turn_self->tid;
}

static int lock_rw(pthread_rwlock_t *lock, bool write, int64_t until, const void *place)
{
    if (writes_already(lock))
        return EDEADLK;
    return acquire(write ? try_write : try_read, lock, write ? STEP_WRITE_LOCK : STEP_READ_LOCK,
                   until, place);
}

static int try_rw(pthread_rwlock_t *lock, bool write, const void *place)
{
    thrum__turn_point(write ? STEP_TRY_WRITE_LOCK : STEP_TRY_READ_LOCK, lock, write, place);
    int rc = write ? try_write(lock) : try_read(lock);
    if (rc == 0)
        thrum__turn_hold(lock, place);
    else
        thrum__turn_behind();
    return rc;
}

HOOK int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return thrum__turn_on() ? lock_rw(lock, false, NEVER, PLACE)
                            : ALIAS(pthread_rwlock_rdlock)(lock);
}

HOOK int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return thrum__turn_on() ? lock_rw(lock, true, NEVER, PLACE)
                            : ALIAS(pthread_rwlock_wrlock)(lock);
}

HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock,
                                    const struct timespec *restrict until)
{
    return thrum__turn_on()
               ? lock_rw(lock, false, thrum__turn_deadline(CLOCK_REALTIME, until), PLACE)
               : REAL(pthread_rwlock_timedrdlock)(lock, until);
}

HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock,
                                    const struct timespec *restrict until)
{
    return thrum__turn_on()
               ? lock_rw(lock, true, thrum__turn_deadline(CLOCK_REALTIME, until), PLACE)
               : REAL(pthread_rwlock_timedwrlock)(lock, until);
}

HOOK int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                                    const struct timespec *restrict until)
{
    return thrum__turn_on() ? lock_rw(lock, false, thrum__turn_deadline(clock, until), PLACE)
                            : REAL(pthread_rwlock_clockrdlock)(lock, clock, until);
}

HOOK int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                                    const struct timespec *restrict until)
{
    return thrum__turn_on() ? lock_rw(lock, true, thrum__turn_deadline(clock, until), PLACE)
                            : REAL(pthread_rwlock_clockwrlock)(lock, clock, until);
}

HOOK int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return thrum__turn_on() ? try_rw(lock, false, PLACE) : ALIAS(pthread_rwlock_tryrdlock)(lock);
}

HOOK int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return thrum__turn_on() ? try_rw(lock, true, PLACE) : ALIAS(pthread_rwlock_trywrlock)(lock);
}

HOOK int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    if (!thrum__turn_on())
        return ALIAS(pthread_rwlock_unlock)(lock);
    thrum__turn_point(STEP_RW_UNLOCK, lock, true, PLACE);
    int rc = ALIAS(pthread_rwlock_unlock)(lock);
    if (rc == 0) {
        thrum__turn_drop(lock);
        thrum__turn_wake(lock);
    }
    return rc;
}

HOOK int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, lock, true, PLACE);
    return ALIAS(pthread_rwlock_destroy)(lock);
}

/* ---- spin locks ---- */

static int try_spin(void *lock)
{
    return REAL(pthread_spin_trylock)(lock);
}

HOOK int pthread_spin_lock(pthread_spinlock_t *lock)
{
    if (!thrum__turn_on())
        return REAL(pthread_spin_lock)(lock);
    return acquire(try_spin, (void *)(uintptr_t)lock, STEP_SPIN_LOCK, NEVER, PLACE);
}

HOOK int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    if (!thrum__turn_on())
        return REAL(pthread_spin_trylock)(lock);
    const void *object = (const void *)(uintptr_t)lock;
    thrum__turn_point(STEP_TRY_LOCK, object, true, PLACE);
    int rc = REAL(pthread_spin_trylock)(lock);
    if (rc == 0)
        thrum__turn_hold(object, PLACE);
    else
        thrum__turn_behind();
    return rc;
}

HOOK int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    if (!thrum__turn_on())
        return REAL(pthread_spin_unlock)(lock);
    const void *object = (const void *)(uintptr_t)lock;
    thrum__turn_point(STEP_SPIN_UNLOCK, object, true, PLACE);
    int rc = REAL(pthread_spin_unlock)(lock);
    thrum__turn_drop(object);
    thrum__turn_wake(object);
    return rc;
}

/* ---- the locks of streams ---- */

static int try_file(void *file)
{
    return REAL(ftrylockfile)(file) == 0 ? 0 : EBUSY;
}

HOOK void flockfile(FILE *file)
{
    if (thrum__turn_on())
        acquire(try_file, file, STEP_LOCK, NEVER, PLACE);
    else
        REAL(flockfile)(file);
}

HOOK int ftrylockfile(FILE *file)
{
    if (!thrum__turn_on())
        return REAL(ftrylockfile)(file);
    thrum__turn_point(STEP_TRY_LOCK, file, true, PLACE);
    int rc = REAL(ftrylockfile)(file);
    if (rc == 0)
        thrum__turn_hold(file, PLACE);
    else
        thrum__turn_behind();
    return rc;
}

HOOK void funlockfile(FILE *file)
{
    if (!thrum__turn_on()) {
        REAL(funlockfile)(file);
        return;
    }
    thrum__turn_point(STEP_UNLOCK, file, true, PLACE);
    REAL(funlockfile)(file);
    thrum__turn_drop(file);
    thrum__turn_wake(file);
}
