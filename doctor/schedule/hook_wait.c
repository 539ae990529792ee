/* Conditions, barriers, once and semaphores.
 *
 * A condition's waiters are the threads that are blocked at its address; the object itself is never
 * used. A barrier's number is noted when it is made, also before the run begins; its object keeps
 * the count of the C library, which is not used either. A control of once has the C library's values
 * for "never" (0) and "done" (2), and a bit of ours while the function runs.
 */
#include "hooks.h"
#include "race.h"

#include "preload/real.h"

#include <errno.h>
#include <limits.h>

/* ---- conditions ---- */

/* glibc keeps the clock of a condition in this bit. */
static clockid_t clock_of(const pthread_cond_t *condition)
{
    return condition->__data.__wrefs & 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

int thrum__turn_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until,
                          const void *place)
{
    thrum__turn_point(STEP_COND_WAIT, condition, true, place);
    thrum__turn_cancel_point();
    int rc = thrum__turn_mutex_release(mutex);
    if (rc != 0)
        return rc;
    bool woken = until == NEVER || until > thrum__turn_now() ? thrum__turn_block(until) : false;
    rc = thrum__turn_mutex_lock(mutex, STEP_RELOCK, NEVER, place);
    thrum__turn_cancel_point();
    return rc != 0 ? rc : woken ? 0 : ETIMEDOUT;
}

HOOK int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
    return thrum__turn_on() ? thrum__turn_cond_wait(condition, mutex, NEVER, PLACE)
                            : REAL(pthread_cond_wait)(condition, mutex);
}

HOOK int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                                const struct timespec *restrict until)
{
    return thrum__turn_on()
               ? thrum__turn_cond_wait(condition, mutex,
                                       thrum__turn_deadline(clock_of(condition), until), PLACE)
               : REAL(pthread_cond_timedwait)(condition, mutex, until);
}

HOOK int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                                clockid_t clock, const struct timespec *restrict until)
{
    return thrum__turn_on()
               ? thrum__turn_cond_wait(condition, mutex, thrum__turn_deadline(clock, until), PLACE)
               : REAL(pthread_cond_clockwait)(condition, mutex, clock, until);
}

void thrum__turn_cond_wake(pthread_cond_t *condition, bool all, const void *place)
{
    thrum__turn_point(all ? STEP_BROADCAST : STEP_SIGNAL, condition, true, place);
    thrum__turn_wake_some(condition, all ? INT_MAX : 1);
}

HOOK int pthread_cond_signal(pthread_cond_t *condition)
{
    if (!thrum__turn_on())
        return REAL(pthread_cond_signal)(condition);
    thrum__turn_cond_wake(condition, false, PLACE);
    return 0;
}

HOOK int pthread_cond_broadcast(pthread_cond_t *condition)
{
    if (!thrum__turn_on())
        return REAL(pthread_cond_broadcast)(condition);
    thrum__turn_cond_wake(condition, true, PLACE);
    return 0;
}

HOOK int pthread_cond_destroy(pthread_cond_t *condition)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, condition, true, PLACE);
    return REAL(pthread_cond_destroy)(condition);
}

/* ---- barriers ---- */

enum { BARRIERS = 256 };

static struct barrier {
    const pthread_barrier_t *object;
    unsigned parties, arrived, round;
} barriers[BARRIERS];

static struct barrier *barrier_of(const pthread_barrier_t *object)
{
    for (int i = 0; i < BARRIERS; i++)
        if (barriers[i].object == object)
            return &barriers[i];
    return NULL;
}

HOOK int pthread_barrier_init(pthread_barrier_t *restrict object,
                              const pthread_barrierattr_t *restrict attributes, unsigned parties)
{
    int rc = REAL(pthread_barrier_init)(object, attributes, parties);
    struct barrier *barrier = barrier_of(object);
    if (!barrier)
        barrier = barrier_of(NULL);
    if (rc == 0 && barrier)
        *barrier = (struct barrier){.object = object, .parties = parties};
    return rc;
}

HOOK int pthread_barrier_destroy(pthread_barrier_t *object)
{
    struct barrier *barrier = barrier_of(object);
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, object, true, PLACE);
    if (barrier)
        barrier->object = NULL;
    return REAL(pthread_barrier_destroy)(object);
}

HOOK int pthread_barrier_wait(pthread_barrier_t *object)
{
    struct barrier *barrier = thrum__turn_on() ? barrier_of(object) : NULL;
    if (!barrier)
        return REAL(pthread_barrier_wait)(object);
    thrum__turn_point(STEP_BARRIER, object, true, PLACE);
    thrum__race_release(object);
    if (++barrier->arrived == barrier->parties) {
        barrier->arrived = 0;
        barrier->round++;
        thrum__race_acquire(object);
        thrum__turn_wake(object);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    for (unsigned round = barrier->round; barrier->round == round;)
        thrum__turn_block(NEVER);
    thrum__race_acquire(object);
    return 0;
}

/* ---- once ---- */

enum { ONCE_DONE = 2, ONCE_RUNS = 1 << 20 };

void thrum__turn_once(pthread_once_t *control, void (*run)(void), const void *place)
{
    thrum__turn_point(STEP_ONCE, control, true, place);
    while (*control == ONCE_RUNS)
        thrum__turn_block(NEVER);
    if (*control == ONCE_DONE) {
        thrum__race_acquire(control);
        return;
    }
    *control = ONCE_RUNS;
    run();
    *control = ONCE_DONE;
    thrum__race_release(control);
    thrum__turn_wake(control);
}

HOOK int pthread_once(pthread_once_t *control, void (*run)(void))
{
    if (!thrum__turn_on())
        return ALIAS(pthread_once)(control, run);
    thrum__turn_once(control, run, PLACE);
    return 0;
}

/* ---- semaphores ---- */

static int take(sem_t *semaphore, int64_t until, const void *place)
{
    thrum__turn_point(STEP_SEM_WAIT, semaphore, true, place);
    for (;;) {
        thrum__turn_cancel_point();
        if (REAL(sem_trywait)(semaphore) == 0) {
            thrum__race_acquire(semaphore);
            return 0;
        }
        if (errno == EAGAIN && until != NEVER && until <= thrum__turn_now())
            errno = ETIMEDOUT;
        if (errno != EAGAIN)
            return -1;
        if (!thrum__turn_block(until))
            until = 0;
    }
}

HOOK int sem_wait(sem_t *semaphore)
{
    return thrum__turn_on() ? take(semaphore, NEVER, PLACE) : REAL(sem_wait)(semaphore);
}

HOOK int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    return thrum__turn_on() ? take(semaphore, thrum__turn_deadline(CLOCK_REALTIME, until), PLACE)
                            : REAL(sem_timedwait)(semaphore, until);
}

HOOK int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                       const struct timespec *restrict until)
{
    return thrum__turn_on() ? take(semaphore, thrum__turn_deadline(clock, until), PLACE)
                            : REAL(sem_clockwait)(semaphore, clock, until);
}

HOOK int sem_trywait(sem_t *semaphore)
{
    if (!thrum__turn_on())
        return REAL(sem_trywait)(semaphore);
    thrum__turn_point(STEP_SEM_TRY, semaphore, true, PLACE);
    int rc = REAL(sem_trywait)(semaphore);
    if (rc == 0)
        thrum__race_acquire(semaphore);
    else
        thrum__turn_behind();
    return rc;
}

HOOK int sem_post(sem_t *semaphore)
{
    if (!thrum__turn_on())
        return REAL(sem_post)(semaphore);
    thrum__turn_point(STEP_SEM_POST, semaphore, true, PLACE);
    thrum__race_release(semaphore);
    int rc = REAL(sem_post)(semaphore);
    thrum__turn_wake(semaphore);
    return rc;
}

HOOK int sem_destroy(sem_t *semaphore)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, semaphore, true, PLACE);
    return REAL(sem_destroy)(semaphore);
}
