/* A value of one's own for each thread, and for each task of a fiber pool.
 *
 *     static thrum_local session = THRUM_LOCAL_INIT(session_free);
 *     ...
 *     if (!thrum_local_get(&session))
 *         thrum_local_set(&session, session_new());
 *
 * The value belongs to the thread that set it, or to the fiber; the destructor is called with it when
 * that thread or the fiber's task ends, by itself, and before a join or a wait for the result returns.
 * A task begins without values, whatever ran before it on the same stack. A worker of a thread pool keeps
 * its values from task to task. Unlike a __thread variable it has a destructor, and tasks of one
 * worker do not share it.
 *
 * Python: threading.local. Replaces pthread_key_create, whose keys must be made before use.
 */
#ifndef THRUM_LOCAL_H
#define THRUM_LOCAL_H

#include <stdint.h>
#include <thrum/export.h>

THRUM_BEGIN

/* Must be static: it is never given back. Fields are private. */
typedef struct thrum_local {
    uint32_t index_;
    void (*destructor_)(void *value);
} thrum_local;

/* `destructor` is called with each thread's or fiber's value, if it is not NULL, when that ends; it may
 * wait. NULL for none. All-zero memory is a variable without a destructor. */
#define THRUM_LOCAL_INIT(destructor)                                                               \
    {                                                                                              \
        0, (destructor)                                                                            \
    }

/* The calling thread's value; NULL before it was set. Does not block. */
THRUM_API void *thrum_local_get(const thrum_local *local);

/* Sets the calling thread's value; the one before is not destroyed. Returns 0 or -ENOMEM.
 * Does not block. */
THRUM_API int thrum_local_set(thrum_local *local, void *value);

THRUM_END

#endif
