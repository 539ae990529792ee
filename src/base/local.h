/* The one thread-local variable of the library: the running context, as a pointer and a number.
 *
 * park/context owns its meaning. The number stands beside the pointer because a lock compares it on
 * each release, between two atomic operations, where one more load is measurable. Other files reach
 * it by a function call, so that a compiler cannot keep the slot's address across a fiber's move to
 * another thread.
 */
#ifndef THRUM_BASE_LOCAL_H
#define THRUM_BASE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef THRUM_EXPLORE

#include "base/explore.h"

static inline void *thrum__local(void)
{
    return *thrum__explore_local();
}

static inline uint32_t thrum__local_number(void)
{
    return *thrum__explore_local_number();
}

static inline void thrum__local_end(void)
{
}

static inline bool thrum__local_ends(void)
{
    return false; /* no destructors of a thread are explored */
}

#else

struct thrum__local_slot {
    void *value; /* first */
    uint32_t number;
    bool ends;
};

/* Exported: thrum/parallel.h reads `value` in programs. */
extern __thread struct thrum__local_slot thrum__local_slot
    __attribute__((tls_model("initial-exec"), visibility("default")));

static inline void *thrum__local(void)
{
    return thrum__local_slot.value;
}

static inline uint32_t thrum__local_number(void)
{
    return thrum__local_slot.number;
}

/* Notes that the calling thread only has its destructors to run, and asks for that. */
static inline void thrum__local_end(void)
{
    thrum__local_slot.ends = true;
}

static inline bool thrum__local_ends(void)
{
    return thrum__local_slot.ends;
}

#endif

/* Sets the slot. When the thread ends with the slot set, at_exit(value) runs on it, after which the
 * slot is empty; `at_exit` is the same function in every call. Returns 0, or -EAGAIN or -ENOMEM
 * where the system has no room for the destructor; the slot is then unchanged. */
int thrum__local_set(void *value, uint32_t number, void (*at_exit)(void *value));

/* Sets the slot for a thread whose end the caller handles itself. Cannot fail. */
void thrum__local_assign(void *value, uint32_t number);

#endif
