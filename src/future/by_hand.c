/* Futures made by hand: what an executor of one's own gives to those who wait.
 *
 * Such a future begins pending, with two references: the owner's, which thrum_future_free gives
 * up, and the maker's, which the call that ends the future gives up. `maker` says whether that end
 * is owed still:
 *
 *     EXECUTORS  an executor ends it; whoever tries to by hand has mistaken the future
 *     OWED       one of set_result, set_error, or a set_running that finds it cancelled, must come
 *     ENDED      it came; the maker has no reference any more
 *
 * A cancel may come at any time before the end, from an owner who knows nothing of the maker. So
 * it is no mistake to end a future that was cancelled: the call returns -ECANCELED and has given
 * up the reference like any other end. To end one that is ENDED is a mistake, as is Python's
 * InvalidStateError, and is seen as long as the owner has not freed it.
 *
 * Its `runner` stays NULL: whether and where a thread works at it is the maker's matter, so a
 * cancel while it is running disturbs nobody, and the maker asks thrum_future_cancel_requested.
 *
 * The name under which an unseen failure is told is the place where the future was made; it stands
 * where other futures have their function.
 */
#include "base/panic.h"
#include "future/future.h"
#include <thrum/with.h>

#include <errno.h>
#include <stdarg.h>

thrum_future *thrum_future_new(void)
{
    thrum_task_fn *place = (thrum_task_fn *)(uintptr_t)thrum__caller();
    thrum_future *future = thrum__future_new(place, THRUM_NOTHING);
    if (thrum_future_done(future))
        return NULL; /* no memory */
    future->maker = THRUM__FUTURE_OWED;
    return future;
}

/* Stops the program unless the end is owed. Under the lock. */
static void check_owed(const thrum_future *future, const char *verb, const void *place)
{
    if (future->maker == THRUM__FUTURE_OWED)
        return;
    thrum__panic(place, "future %p %s by thread \"%s\", but %s", (const void *)future, verb,
                 thrum__self()->name,
                 future->maker == THRUM__FUTURE_ENDED ? "it is done already"
                                                      : "its executor does that");
}

int thrum_future_set_running(thrum_future *future)
{
    const void *place = thrum__caller();
    int rc = 0;
    thrum_with (&future->lock) {
        check_owed(future, "set running", place);
        if (future->state == THRUM__FUTURE_RUNNING)
            thrum__panic(place, "future %p set running by thread \"%s\", but it is running already",
                         (void *)future, thrum__self()->name);
        if (future->state == THRUM__FUTURE_PENDING) {
            thrum__store_relaxed(&future->state, THRUM__FUTURE_RUNNING);
        } else {
            future->maker = THRUM__FUTURE_ENDED;
            rc = -ECANCELED;
        }
    }
    if (rc < 0)
        thrum__future_unreference(future);
    return rc;
}

/* Gives up the maker's part. Under the lock; true if the future is not cancelled, and the outcome
 * to be settled and published. */
static bool begin_end(thrum_future *future, const char *verb, const void *place)
{
    check_owed(future, verb, place);
    future->maker = THRUM__FUTURE_ENDED;
    return future->state != THRUM__FUTURE_CANCELLED;
}

int thrum_future_set_result(thrum_future *future, const void *value, size_t size)
{
    const void *place = thrum__caller();
    int rc = -ECANCELED;
    thrum__future_callback *callbacks = NULL;
    thrum_with (&future->lock) {
        if (begin_end(future, "given a result", place)) {
            rc = thrum_return(&future->task, value, size);
            callbacks = thrum__future_end(future, THRUM__FUTURE_FINISHED);
        }
    }
    thrum__future_call_back(future, callbacks);
    thrum__future_unreference(future);
    return rc;
}

int thrum_future_set_error(thrum_future *future, int code, const char *format, ...)
{
    const void *place = thrum__caller();
    int rc = -ECANCELED;
    thrum__future_callback *callbacks = NULL;
    va_list arguments;
    va_start(arguments, format);
    thrum_with (&future->lock) {
        if (begin_end(future, "given an error", place)) {
            thrum__task_fail_with(&future->task, code, format, arguments);
            callbacks = thrum__future_end(future, THRUM__FUTURE_FINISHED);
            rc = 0;
        }
    }
    va_end(arguments);
    thrum__future_call_back(future, callbacks);
    thrum__future_unreference(future);
    return rc;
}

bool thrum_future_cancel_requested(const thrum_future *future)
{
    return thrum__load_relaxed(&future->asked) || thrum_future_cancelled((thrum_future *)future);
}
