/* C11's threads. The C library calls the POSIX functions by inner names there, past any hook; the objects
 * are the same. */
#include "hooks.h"

#include "preload/c11.h"
#include "preload/real.h"

HOOK void mtx_destroy(mtx_t *mutex)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, mutex, true, PLACE);
    ALIAS(pthread_mutex_destroy)(mutex_of(mutex));
}

HOOK int mtx_lock(mtx_t *mutex)
{
    return mapped(thrum__turn_on()
                      ? thrum__turn_mutex_lock(mutex_of(mutex), STEP_LOCK, NEVER, PLACE)
                      : ALIAS(pthread_mutex_lock)(mutex_of(mutex)));
}

HOOK int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return mapped(thrum__turn_on()
                      ? thrum__turn_mutex_lock(mutex_of(mutex), STEP_LOCK,
                                               thrum__turn_deadline(CLOCK_REALTIME, until), PLACE)
                      : REAL(pthread_mutex_timedlock)(mutex_of(mutex), until));
}

HOOK int mtx_trylock(mtx_t *mutex)
{
    return mapped(thrum__turn_on() ? thrum__turn_mutex_trylock(mutex_of(mutex), PLACE)
                                   : ALIAS(pthread_mutex_trylock)(mutex_of(mutex)));
}

HOOK int mtx_unlock(mtx_t *mutex)
{
    return mapped(thrum__turn_on() ? thrum__turn_mutex_unlock(mutex_of(mutex), PLACE)
                                   : ALIAS(pthread_mutex_unlock)(mutex_of(mutex)));
}

HOOK void cnd_destroy(cnd_t *condition)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_DESTROY, condition, true, PLACE);
    REAL(pthread_cond_destroy)(condition_of(condition));
}

HOOK int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return mapped(
        thrum__turn_on()
            ? thrum__turn_cond_wait(condition_of(condition), mutex_of(mutex), NEVER, PLACE)
            : REAL(pthread_cond_wait)(condition_of(condition), mutex_of(mutex)));
}

HOOK int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                       const struct timespec *restrict until)
{
    return mapped(
        thrum__turn_on()
            ? thrum__turn_cond_wait(condition_of(condition), mutex_of(mutex),
                                    thrum__turn_deadline(CLOCK_REALTIME, until), PLACE)
            : REAL(pthread_cond_timedwait)(condition_of(condition), mutex_of(mutex), until));
}

static int wake(cnd_t *condition, bool all, const void *place)
{
    if (!thrum__turn_on())
        return mapped(all ? REAL(pthread_cond_broadcast)(condition_of(condition))
                          : REAL(pthread_cond_signal)(condition_of(condition)));
    thrum__turn_cond_wake(condition_of(condition), all, place);
    return thrd_success;
}

HOOK int cnd_signal(cnd_t *condition)
{
    return wake(condition, false, PLACE);
}

HOOK int cnd_broadcast(cnd_t *condition)
{
    return wake(condition, true, PLACE);
}

/* On x86-64 and aarch64 a function that returns int may be called through a type that returns a
 * pointer. Only the lower half of the result counts. The C library does the same. */
HOOK int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
    void *(*start)(void *) = (void *(*)(void *))(uintptr_t)run;
    return mapped(thrum__turn_on() ? thrum__turn_create(thread, NULL, start, argument, PLACE)
                                   : REAL(pthread_create)(thread, NULL, start, argument));
}

HOOK int thrd_join(thrd_t thread, int *ret_code)
{
    void *result = NULL;
    int rc = thrum__turn_on() ? thrum__turn_join(thread, &result, NEVER, PLACE)
                              : REAL(pthread_join)(thread, &result);
    if (ret_code && rc == 0)
        *ret_code = (int)(intptr_t)result;
    return mapped(rc);
}

HOOK int thrd_detach(thrd_t thread)
{
    return mapped(thrum__turn_detach(thread));
}

HOOK void thrd_yield(void)
{
    if (thrum__turn_on()) {
        thrum__turn_behind();
        thrum__turn_point(STEP_YIELD, NULL, false, PLACE);
    } else
        REAL(sched_yield)();
}

HOOK int thrd_sleep(const struct timespec *time, struct timespec *rest)
{
    if (!thrum__turn_on())
        return -REAL(clock_nanosleep)(CLOCK_REALTIME, 0, time, rest);
    thrum__turn_sleep(thrum__turn_after(time), PLACE);
    return 0;
}

HOOK void call_once(once_flag *flag, void (*run)(void))
{
    if (thrum__turn_on())
        thrum__turn_once((pthread_once_t *)flag, run, PLACE);
    else
        ALIAS(pthread_once)((pthread_once_t *)flag, run);
}
