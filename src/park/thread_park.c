/* Parking of OS threads.
 *
 * The owner of the signal word moves it EMPTY -> ASLEEP before it sleeps and back to EMPTY when it
 * continues. The thread that claimed the wait moves it to TOKEN, once. So:
 *
 *     unpark first      EMPTY -> TOKEN; park finds it and does not sleep
 *     park first        EMPTY -> ASLEEP -> TOKEN; unpark saw ASLEEP and calls the kernel
 *     deadline first    the owner claims its own wait, after which no thread will unpark it: ASLEEP
 *                       -> EMPTY
 *     deadline late     the claim fails: another thread won and owes the token; wait for it without
 *                       a deadline. It is at most a few instructions away, or, for a condition's
 *                       waiter that was moved to its lock's queue, at the lock's release
 *
 * The exchange in unpark is a release and the load that sees TOKEN an acquire: the woken thread
 * sees what the waker did before. After the exchange the waker touches only the address of the
 * word, in the futex call, and the word is immortal.
 *
 * A wait that another context must end has no deadline but moments at which the search for
 * deadlocks runs (deadlock.c): the sleep ends there and begins again, and no waker notices. Such a
 * waiter is asleep by WATCHED until its first search, and LOOK asks it for that (first_look.c). A
 * waker treats both as ASLEEP.
 *
 * There is no spinning before the sleep: on few cores it takes the processor from the waker.
 */
#include "park/thread_park.h"
#include "base/futex.h"
#include "park/deadlock.h"
#include "park/first_look.h"
#include "park/park.h"

#include <errno.h>

static int thread_park(thrum__context *self, uint64_t ticket, thrum_deadline deadline)
{
    bool watched = self->look_at.ns; /* only of a wait that has no deadline */
    uint32_t signal = THRUM__SIGNAL_EMPTY;
    if (thrum__cas_acquire(&self->signal, &signal,
                           watched ? THRUM__SIGNAL_WATCHED : THRUM__SIGNAL_ASLEEP)) {
        if (watched)
            self->look_at = thrum__first_look(self);
        while ((signal = thrum__load_acquire(&self->signal)) != THRUM__SIGNAL_TOKEN) {
            if (signal == THRUM__SIGNAL_LOOK) {
                if (thrum__cas_relaxed(&self->signal, &signal, THRUM__SIGNAL_ASLEEP))
                    self->look_at = thrum__deadlock_look(self);
                continue;
            }
            thrum_deadline look_at = self->look_at;
            thrum_deadline until = look_at.ns ? look_at : deadline;
            if (thrum__futex_wait(&self->signal, signal, until) != -ETIMEDOUT)
                continue;
            if (look_at.ns) {
                self->look_at = thrum__deadlock_look(self);
                continue;
            }
            if (thrum__claim(self, ticket, THRUM__CLAIM_TIMED_OUT)) {
                thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
                return -ETIMEDOUT;
            }
            deadline = THRUM_FOREVER;
        }
    } else {
        /* The failed exchange ordered nothing; this read does, and pairs with the unpark. */
        (void)thrum__load_acquire(&self->signal);
    }
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    return 0;
}

static void thread_unpark(thrum__context *context)
{
    uint32_t signal = thrum__exchange_release(&context->signal, THRUM__SIGNAL_TOKEN);
    if (signal != THRUM__SIGNAL_EMPTY)
        thrum__futex_wake(&context->signal, 1);
}

const thrum__context_ops thrum__thread_park_ops = {thread_park, thread_unpark};
