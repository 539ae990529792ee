/* A local variable of a thread or fiber: each has its own value.
 *
 *     static thrum_local session = THRUM_LOCAL_INIT(session_free);
 *     ...
 *     if (!thrum_local_get(&session) && thrum_local_set(&session, session_new()) < 0)
 *         return -ENOMEM;
 *
 * The value belongs to the thread that set it, or to the fiber. When that thread ends, or the
 * fiber's task, the destructor is called with the value. This happens before a join, or a wait for
 * the result, returns. A fiber's task starts without values. A worker of a thread pool keeps its
 * values from task to task. Unlike a __thread variable, the value has a destructor, and the fibers
 * of one worker do not share it.
 *
 * Python: threading.local. It replaces pthread_key_create, whose keys must be made before use.
 */
#ifndef THRUM_LOCAL_H
#define THRUM_LOCAL_H

#include <stdint.h>
#include <thrum/export.h>

THRUM_BEGIN

/* Must be static: it is never freed. Fields are private. */
typedef struct thrum_local {
    uint32_t index_;
    void (*destructor_)(void *value);
} thrum_local;

/* A static initialiser. `destructor` is called with each value that is not NULL, when its thread or
 * fiber ends; it may wait. NULL means no destructor, as all-zero memory does. */
#define THRUM_LOCAL_INIT(destructor)                                                               \
    {                                                                                              \
        0, (destructor)                                                                            \
    }

/* The caller's value; NULL before it was set. Does not block. */
THRUM_API void *thrum_local_get(const thrum_local *local);

/* Sets the caller's value. The value before it is not destroyed. Does not block.
 *
 * Returns:
 *     0        the value is set
 *     -ENOMEM  memory ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_local_set(thrum_local *local, void *value);

THRUM_END

#endif
