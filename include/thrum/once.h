/* Once: runs a function at its first use, whichever thread or fiber comes first.
 *
 *     static thrum_once once;                 // all-zero: not done yet
 *     int rc = thrum_once_run(&once, open_database, &database);
 *
 * All other callers wait until the first has run the function, and see what it wrote. If the
 * function fails, its caller gets the error, and the next caller tries again.
 *
 * Replaces pthread_once, which takes no argument and cannot fail. Idea: Rust's OnceLock.
 */
#ifndef THRUM_ONCE_H
#define THRUM_ONCE_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/lock.h>

THRUM_BEGIN

/* Lives in the caller's memory and must not be copied or moved while in use. Fields are private. */
typedef struct thrum_once {
    uint32_t done_;
    thrum_lock lock_;
} thrum_once;

#define THRUM_ONCE_INIT                                                                            \
    {                                                                                              \
        0, THRUM_LOCK_INIT                                                                         \
    }

/* Calls `function` with `context` unless that was done. A function that runs its own `once` again
 * stops the program. Blocks while another caller runs it, without a deadline; cancellation does not
 * end the wait.
 *
 * Returns:
 *     0             the function has returned 0, now or before
 *     other number  what the function returned; it counts as not done */
THRUM_API THRUM_MUST_CHECK int thrum_once_run(thrum_once *once, int (*function)(void *context),
                                              void *context);

/* True if it is done; the caller then sees what the function wrote. Does not block. */
THRUM_API bool thrum_once_done(const thrum_once *once);

THRUM_END

#endif
