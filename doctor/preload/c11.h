/* C11's objects and results, as those of POSIX threads, for the hooks of both preload libraries. The C
 * library has the same objects for both. Results are mapped as it does. */
#ifndef DOCTOR_PRELOAD_C11_H
#define DOCTOR_PRELOAD_C11_H

#include <errno.h>
#include <pthread.h>
#include <threads.h>

static inline int mapped(int rc)
{
    switch (rc) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

static inline pthread_mutex_t *mutex_of(mtx_t *mutex)
{
    return (pthread_mutex_t *)mutex;
}

static inline pthread_cond_t *condition_of(cnd_t *condition)
{
    return (pthread_cond_t *)condition;
}

#endif
