/* C11's threads. In the C library they call the POSIX functions by inner names, past any hook; the
 * objects are the same, so here they are given to the hooks of those. Results are mapped as the C
 * library does. */
#include "c11.h"
#include "hooks.h"
#include "real.h"
#include "watch.h"

#include <stdint.h>

#define PLACE __builtin_return_address(0)

HOOK int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    if (type != mtx_plain && type != mtx_timed && type != (mtx_plain | mtx_recursive) &&
        type != (mtx_timed | mtx_recursive))
        return thrd_error;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
                                           : type & mtx_timed   ? PTHREAD_MUTEX_TIMED_NP
                                                                : PTHREAD_MUTEX_NORMAL);
    int rc = ALIAS(pthread_mutex_init)(mutex_of(mutex), &attributes);
    if (rc == 0)
        thrum__watch_lock_init(mutex, LOCK_MUTEX, 0, PLACE, 0);
    return mapped(rc);
}

HOOK void mtx_destroy(mtx_t *mutex)
{
    thrum__watch_lock_retire(mutex, LOCK_MUTEX, PLACE);
    ALIAS(pthread_mutex_destroy)(mutex_of(mutex));
}

HOOK int mtx_lock(mtx_t *mutex)
{
    return mapped(thrum__watch_mutex_lock(mutex_of(mutex), PLACE));
}

HOOK int mtx_trylock(mtx_t *mutex)
{
    return mapped(thrum__watch_mutex_trylock(mutex_of(mutex), PLACE));
}

HOOK int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return mapped(thrum__watch_mutex_clocklock(mutex_of(mutex), CLOCK_REALTIME, until, PLACE));
}

HOOK int mtx_unlock(mtx_t *mutex)
{
    return mapped(thrum__watch_mutex_unlock(mutex_of(mutex)));
}

HOOK int cnd_init(cnd_t *condition)
{
    int rc = REAL(pthread_cond_init)(condition_of(condition), NULL);
    if (rc == 0)
        thrum__watch_lock_init(condition, LOCK_CONDITION, 0, PLACE, 0);
    return mapped(rc);
}

HOOK void cnd_destroy(cnd_t *condition)
{
    thrum__watch_lock_retire(condition, LOCK_CONDITION, PLACE);
    REAL(pthread_cond_destroy)(condition_of(condition));
}

HOOK int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return mapped(thrum__watch_cond_wait(condition_of(condition), mutex_of(mutex), 0, NULL,
                                         CONDITION_WAIT, PLACE));
}

HOOK int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                       const struct timespec *restrict until)
{
    return mapped(thrum__watch_cond_wait(condition_of(condition), mutex_of(mutex), 0, until,
                                         CONDITION_TIMED, PLACE));
}

HOOK int cnd_signal(cnd_t *condition)
{
    return mapped(thrum__watch_cond_wake(condition_of(condition), 0, PLACE));
}

HOOK int cnd_broadcast(cnd_t *condition)
{
    return mapped(thrum__watch_cond_wake(condition_of(condition), 1, PLACE));
}

/* On x86-64 and aarch64 a function that returns int may be called through a type that returns a
 * pointer. Only the lower half of the result counts. The C library does the same. */
HOOK int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
    void *(*start)(void *) = (void *(*)(void *))(uintptr_t)run;
    return mapped(thrum__watch_create(thread, NULL, start, argument, PLACE));
}

HOOK int thrd_join(thrd_t thread, int *ret_code)
{
    void *result = NULL;
    int rc = thrum__watch_join(thread, &result, PLACE);
    if (ret_code && rc == 0)
        *ret_code = (int)(intptr_t)result;
    return mapped(rc);
}

HOOK int thrd_detach(thrd_t thread)
{
    return mapped(thrum__watch_detach(thread));
}

HOOK void call_once(once_flag *flag, void (*run)(void))
{
    thrum__watch_once((pthread_once_t *)flag, run, PLACE);
}
