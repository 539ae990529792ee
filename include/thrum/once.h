/* Once: do something the first time it is needed, whoever needs it first.
 *
 *     static thrum_once once;                 // all-zero: not done yet
 *     int rc = thrum_once_run(&once, open_database, &database);
 *
 * All others wait until the first has done it, and see what it wrote. One that fails has not done
 * it: it returns its error, and the next one tries again.
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

/* Calls `function` with `context` unless that was done. Returns 0 when it is done; else the negative
 * number that the function gave, after which it counts as not done. A function that runs its own
 * `once` again stops the program. Blocks while another runs it. */
THRUM_API int thrum_once_run(thrum_once *once, int (*function)(void *context), void *context);

/* True if it is done; what was written by it is then seen. Does not block. */
THRUM_API bool thrum_once_done(const thrum_once *once);

THRUM_END

#endif
