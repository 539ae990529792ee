/* Futures made by hand: what an executor of one's own gives to waiters.
 *
 * Such a future begins pending, with two references: the owner's, which thrum_future_free gives
 * up, and the maker's, which the call that ends the future gives up. Two marks in the state word say
 * whether that end is owed still:
 *
 *     neither  an executor ends it; a caller that tries it by hand has mistaken the future
 *     OWED     one of set_result, set_error, or a set_running that finds it cancelled, must come
 *     ENDED    it came; the maker has no reference any more
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

#include <errno.h>
#include <stdarg.h>

thrum_future *thrum_future_new(void)
{
    thrum_task_fn *place = (thrum_task_fn *)(uintptr_t)thrum__caller();
    thrum_future *future = thrum__future_new(place, THRUM__NO_VALUE);
    if (thrum_future_done(future))
        return NULL; /* no memory */
    thrum__store_relaxed(&future->state, THRUM__FUTURE_OWED);
    return future;
}

/* Takes the guard, and stops the program unless the end is owed. Gives the state word. */
static uint32_t guard_owed(thrum_future *future, const char *verb, const void *place)
{
    uint32_t word = thrum__future_guard(future);
    if (word & THRUM__FUTURE_OWED)
        return word;
    thrum__panic(place, "future %p %s by thread \"%s\", but %s", (const void *)future, verb,
                 thrum__self()->name,
                 word & THRUM__FUTURE_ENDED ? "it is done already"
                                            : "only its executor may do that");
}

static uint32_t ended(uint32_t word)
{
    return (word & ~(uint32_t)THRUM__FUTURE_OWED) | THRUM__FUTURE_ENDED;
}

int thrum_future_set_running(thrum_future *future)
{
    const void *place = thrum__caller();
    uint32_t word = guard_owed(future, "set running", place);
    switch (word & THRUM__FUTURE_PHASE) {
    case THRUM__FUTURE_PENDING:
        thrum__future_unguard(future, word | THRUM__FUTURE_RUNNING);
        return 0;
    case THRUM__FUTURE_RUNNING:
        thrum__panic(place, "future %p set running by thread \"%s\", but it is running already",
                     (void *)future, thrum__self()->name);
    default:
        thrum__future_unguard(future, ended(word));
        thrum__future_unreference(future);
        return -ECANCELED;
    }
}

/* Gives up the maker's part. True if the future is not cancelled: it runs then, and the outcome is
 * the caller's to settle and to publish. */
static bool begin_end(thrum_future *future, const char *verb, const void *place)
{
    uint32_t word = ended(guard_owed(future, verb, place));
    bool cancelled = (word & THRUM__FUTURE_PHASE) == THRUM__FUTURE_CANCELLED;
    thrum__future_unguard(future, cancelled ? word : word | THRUM__FUTURE_RUNNING);
    return !cancelled;
}

int thrum_future_set_result(thrum_future *future, const void *value, size_t size)
{
    int rc = -ECANCELED;
    if (begin_end(future, "given a result", thrum__caller())) {
        rc = thrum_return(&future->task, value, size);
        thrum__future_end(future);
    } else {
        thrum__value_drop(thrum__value_of(value, size, thrum__caller()));
    }
    thrum__future_unreference(future);
    return rc;
}

int thrum_future_set_error(thrum_future *future, int code, const char *format, ...)
{
    int rc = -ECANCELED;
    if (begin_end(future, "given an error", thrum__caller())) {
        va_list arguments;
        va_start(arguments, format);
        thrum__task_fail_with(&future->task, code, format, arguments);
        va_end(arguments);
        thrum__future_end(future);
        rc = 0;
    }
    thrum__future_unreference(future);
    return rc;
}

bool thrum_future_cancel_requested(const thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    return word & THRUM__FUTURE_ASKED || (word & THRUM__FUTURE_PHASE) == THRUM__FUTURE_CANCELLED;
}
