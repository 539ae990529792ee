/* Errors: what a failed task leaves, and how a return code tells it from a wait that ended early.
 *
 *     int rc = thrum_future_result(f, &length, sizeof length, thrum_in(5));
 *     if (rc == 0)
 *         printf("%zu bytes\n", length);           // prints 512 bytes
 *     else if (rc == THRUM_FAILED)                 // the task has failed: there is an error
 *         fprintf(stderr, "%s\n", thrum_future_error(f)->message);
 *     else                                         // the wait has ended without an outcome
 *         fprintf(stderr, "%s\n", thrum_strerror(rc));
 *
 * A failed task leaves a thrum_error: a negative errno and a message for a person. It belongs to
 * the task's future, thread or process. An error is unobserved if the handle is freed before
 * anybody asks for the error. The failure hook then gets it, and by default prints it on stderr, as
 * Python's threading.excepthook does.
 */
#ifndef THRUM_ERROR_H
#define THRUM_ERROR_H

#include <thrum/export.h>

THRUM_BEGIN

/* The task has failed, or was cancelled. Every call that waits for the outcome of a task returns
 *
 *  - 0: the task has succeeded
 *  - THRUM_FAILED: the task has failed or was cancelled. The error of its handle is not NULL, and
 *    has the code and the message
 *  - a negative errno: the wait ended without the outcome (-ETIMEDOUT, -EAGAIN, -ECANCELED,
 *    -EDEADLK, -ESRCH), or the result cannot be delivered as asked (-EMSGSIZE, -ENODATA, -ENOMEM)
 *
 * So -ETIMEDOUT always means the caller's own deadline; a task that failed with -ETIMEDOUT gives
 * THRUM_FAILED. Test such a call for `!= 0`, not for `< 0`. In a task, pass the failure on by
 * thrum_fail_with (task.h); do not return THRUM_FAILED itself. */
#define THRUM_FAILED 1

/* An error. `code` is 0 or a negative errno; `message` is a terminated string, cut to fit, and
 * empty for code 0. */
typedef struct thrum_error {
    int code;
    char message[252];
} thrum_error;

/* A short English text for a return code of this library, such as "timed out" for -ETIMEDOUT.
 * Takes 0, a negative errno or THRUM_FAILED; for the latter the error of the handle says more.
 * Other positive numbers count as an errno; EPERM has the number of THRUM_FAILED, so pass -EPERM.
 * Never NULL; the text is constant. Does not block. */
THRUM_API const char *thrum_strerror(int code);

/* An unobserved failure, as the failure hook sees it. All pointers are valid only during the call.
 * `kind` is "thread", "future", "executor", "callback", "group", "periodic", "fiber", "process",
 * "socket" or "deadlock". `name` depends on it: the name of the thread, process, pool or periodic
 * task; the address of a listener; the report of a deadlock, in several lines; the place where a
 * group, or a future of thrum_future_new, was made; else the place of the function. */
typedef struct thrum_failure {
    const char *kind;
    const char *name;
    const thrum_error *error;
} thrum_failure;

typedef void thrum_failure_hook(const thrum_failure *failure, void *context);

/* Sets the failure hook: the function that is called with `context` for each unobserved failure.
 * NULL restores the default, which prints the failure on stderr. Several threads may call the hook
 * at the same time. It may wait, also for processes. It must not free the object that has failed.
 * Blocks only while another thread exchanges the hook, without a deadline.
 * Python: threading.excepthook.
 *
 * The hook runs on
 *
 *  - the thread that frees the handle, if the task has ended by then
 *  - the thread that failed, if its handle was freed before
 *  - a background thread of the library, if a process, or a task in a process pool, ends after its
 *    handle was freed, and for a deadlock */
THRUM_API void thrum_failure_hook_set(thrum_failure_hook *hook, void *context);

THRUM_END

#endif
