#include "park/queued.h"
#include "park/park.h"

int thrum__wait_queued(void *object, const thrum__queue_ops *ops, thrum__waiter *waiter,
                       const thrum__wait_kind *kind, thrum_deadline deadline, bool cancellable,
                       const void *place)
{
    int rc = thrum__wait_begin(waiter, cancellable);
    if (rc < 0)
        return rc;
    thrum__memory_live(waiter);
    if (ops->enqueue(object, waiter)) {
        rc = kind->owner ? thrum__wait_owned(waiter, deadline, kind, object, place)
                         : thrum__wait(waiter, deadline, kind->name, object);
        if (rc < 0)
            ops->withdraw(object, waiter);
    } else {
        thrum__wait_abandon(waiter);
    }
    thrum__memory_dead(waiter);
    return rc;
}
