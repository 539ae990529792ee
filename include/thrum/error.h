/* Failure as a value.
 *
 * A failed task leaves a thrum_error: a negative errno and a sentence for a person. It travels by
 * value with the future or thread that it belongs to and reaches whoever waits for it. One that
 * nobody asked for is handed to the failure hook, which by default prints it on stderr, as
 * Python's threading.excepthook does: nothing is silent.
 */
#ifndef THRUM_ERROR_H
#define THRUM_ERROR_H

#include <thrum/export.h>

THRUM_BEGIN

/* What went wrong. `code` is 0 or a negative errno; `message` is always a terminated string, cut
 * where it would not fit, and empty for code 0. */
typedef struct thrum_error {
    int code;
    char message[252];
} thrum_error;

/* A short English text for a return code of this library, such as "timed out" for -ETIMEDOUT.
 * Takes 0, a negative errno or a positive one. Never NULL; the text is constant. Does not block. */
THRUM_API const char *thrum_strerror(int code);

/* An unobserved failure, as the failure hook sees it. All pointers are valid only during the call.
 * `kind` is "thread", "future", "executor", "callback", "group", "periodic", "fiber", "process",
 * "socket" or "deadlock". `name` is the name of the thread, process, pool or periodic task, the
 * address of a listener, the report of a deadlock in several lines, and for the others the place of
 * the function, or where a group or a future made by hand was made. */
typedef struct thrum_failure {
    const char *kind;
    const char *name;
    const thrum_error *error;
} thrum_failure;

typedef void thrum_failure_hook(const thrum_failure *failure, void *context);

/* Sets what happens to failures that nobody asked for: `hook` is called with `context`, on the
 * thread that noticed (the one that failed if detached, else the one that freed the handle), or on a
 * background thread for a task or a process that ended after its handle was freed. It may wait for processes.
 * NULL restores the default, which prints it on stderr. A deadlock is reported by a thread of its
 * own. The hook may be called by several threads at once and must not free the object concerned.
 * Blocks only for a hook being exchanged. Python: threading.excepthook. */
THRUM_API void thrum_failure_hook_set(thrum_failure_hook *hook, void *context);

THRUM_END

#endif
