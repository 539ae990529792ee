/* What several tests need: waiting for a state instead of a time. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "base/atomic.h"
#include "base/fault.h"
#include "harness.h"
#include "park/context.h"

#include <string.h>
#include <thrum.h>

/* Waits until the condition holds; the test's deadline ends it otherwise. */
#define UNTIL(condition)                                                                           \
    while (!(condition))                                                                           \
    thrum_yield()

/* True while the context with that ident sleeps, or is about to, in a wait of `kind`. */
static inline bool waits_for(const uint32_t *ident, const char *kind)
{
    uint32_t number = thrum__load_acquire(ident);
    if (!number)
        return false;
    const char *waits = thrum__load_relaxed(&thrum__context_of(number)->wait_kind);
    return waits && strcmp(waits, kind) == 0;
}

/* For a task: says who it is. */
static inline void tell_ident(uint32_t *ident)
{
    thrum__store_release(ident, thrum_thread_current_ident());
}

/* Joins, expects success, or a task that has failed with the code `failure`, and frees. */
#define JOIN(thread, failure)                                                                      \
    do {                                                                                           \
        thrum_thread *joined_ = (thread);                                                          \
        CHECK_OUTCOME(thrum_thread_join(joined_, THRUM_FOREVER), thrum_thread_error(joined_),      \
                      failure);                                                                    \
        thrum_thread_free(joined_);                                                                \
    } while (0)

/* What the thread sanitizer is to allow in a program that does on purpose what it refuses or
 * reports by default. */
#define TSAN_OPTIONS(text)                                                                         \
    const char *__tsan_default_options(void);                                                      \
    const char *__tsan_default_options(void)                                                       \
    {                                                                                              \
        return text;                                                                               \
    }                                                                                              \
    typedef int tsan_options_end

/* A periodic task, which must start. */
static inline thrum_periodic *start_periodic(const thrum_periodic_options *options,
                                             thrum_task_fn *function, const void *arg, size_t size)
{
    thrum_periodic *periodic = NULL;
    CHECK_INT(thrum_periodic_start(options, function, arg, size, &periodic), ==, 0);
    return periodic;
}

#endif
