/* The one thread-local pointer of the library: who is running here.
 *
 * park/context owns its meaning. It is reached by a function call in other files than its own so
 * that a compiler cannot keep the slot's address across a fiber's move to another thread.
 */
#ifndef THRUM_BASE_LOCAL_H
#define THRUM_BASE_LOCAL_H

#ifdef THRUM_EXPLORE

#include "base/explore.h"

static inline void *thrum__local(void)
{
    return *thrum__explore_local();
}

#else

extern __thread void *thrum__local_slot __attribute__((tls_model("initial-exec")));

static inline void *thrum__local(void)
{
    return thrum__local_slot;
}

#endif

/* Sets the slot. When the thread ends with the slot set, at_exit(value) runs on it, after which the
 * slot is empty; `at_exit` is the same function in every call. Returns 0, or -EAGAIN or -ENOMEM
 * where the system has no room for the destructor; the slot is then unchanged. */
int thrum__local_set(void *value, void (*at_exit)(void *value));

/* Sets the slot for a thread whose end the caller sees to itself. Cannot fail. */
void thrum__local_assign(void *value);

#endif
