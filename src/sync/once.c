/* Once: a flag that is read first, and a lock for callers that find it unset.
 *
 * The flag is set by a release under the lock, after the function has returned, and read by an
 * acquire: a caller that sees it sees what the function wrote. The function runs under the lock, so
 * a second caller waits for it. A function that calls its own `once` is stopped by the lock's
 * check.
 */
#include "base/atomic.h"
#include <thrum/once.h>
#include <thrum/with.h>

bool thrum_once_done(const thrum_once *once)
{
    return thrum__load_acquire(&once->done_);
}

int thrum_once_run(thrum_once *once, int (*function)(void *context), void *context)
{
    if (thrum_once_done(once))
        return 0;
    int rc = 0;
    thrum_with (&once->lock_) {
        if (!once->done_) {
            rc = function(context);
            if (rc == 0)
                thrum__store_release(&once->done_, 1);
        }
    }
    return rc;
}
