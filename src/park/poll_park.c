/* Parking of OS threads on descriptors.
 *
 * A thread that waits for a socket sleeps in poll, on the descriptor and on one of its own that a
 * waker writes to. So the wait ends by the descriptor, by a waker that claims it (a close, a
 * cancellation), or by its deadline, as every wait does. Nobody else polls for it, no thread runs
 * in the background, and a wait costs one system call. Each thread that ever waits for a descriptor
 * has one more. A select waits for several at once.
 *
 * It is thread_park.c with another way to sleep: the signal word has the same three values, and
 * the claimer pays by TOKEN. The one difference is that the thread itself claims the waiter of
 * a descriptor that is ready; if that fails, somebody else has won and owes the token, and the thread waits
 * for it, no longer for descriptors.
 *
 *     unpark first      EMPTY -> TOKEN; park finds it and does not sleep
 *     park first        EMPTY -> ASLEEP -> TOKEN; unpark saw ASLEEP and writes. A write that comes
 *                       before the sleep in poll is there when poll looks: nothing is lost
 *     ready first       the claim: WAITING -> NOTIFIED; ASLEEP -> EMPTY
 *
 * A context's `ops` are put over before the wait is opened and back after it ended. Only the winner
 * of a claim reads them: the claim was opened after the one change (a release) and is settled
 * before the other.
 *
 * The wake descriptor belongs to the context's place in the table and is never closed: a waker that
 * is late writes to a descriptor that still is one, and the worst that this does is to wake the
 * place's next owner for no reason. If it were closed, the number might be a file by then. A child
 * of fork makes one of its own, as the parent reads the other.
 *
 * Where the system refuses a wake descriptor, the thread looks at the word each SLICE_NS instead: a
 * wait never fails because descriptors have run out.
 *
 * Rejected: a thread in the background that polls for all: two switches for each wait. Signals to
 * end a poll: they belong to the program.
 */
#include "park/poll_park.h"
#include "base/clock.h"
#include "base/process.h"
#include "park/thread_park.h"

#include <errno.h>

enum { SLICE_NS = 10000000 };

int thrum__wake_descriptor(thrum__context *self)
{
    if (self->wake_process == thrum__process_generation)
        return self->wake_descriptor;
    int fresh = thrum__wake_new();
    if (fresh < 0)
        return -1;
    self->wake_descriptor = fresh;
    self->wake_process = thrum__process_generation;
    return fresh;
}

/* Sleeps until one of the first `count` descriptors is ready, a token may be there, or the deadline has
 * passed. Gives the waiter of one that is ready, or NULL. */
static thrum__waiter *doze(const thrum__polls *polls, uint32_t count, int wake,
                           thrum_deadline deadline)
{
    thrum__polled *polled = polls->polled;
    thrum_deadline limit = deadline;
    if (wake < 0)
        limit =
            thrum_deadline_sooner(thrum__deadline_after(thrum__clock_now(), SLICE_NS), deadline);
    polled[count] = thrum__polled_of(wake, THRUM__READABLE);
    if (thrum__poll_all(polled, count + 1, limit) == 0)
        return NULL;
    if (polled[count].found)
        thrum__wake_drain(wake);
    for (uint32_t i = 0; i < count; i++)
        if (polled[i].found)
            return polls->waiters[i];
    return NULL;
}

static int poll_park(thrum__context *self, uint64_t ticket, thrum_deadline deadline)
{
    const thrum__polls *polls = self->polls;
    uint32_t count = polls->count;
    int error = errno;
    int wake = self->wake_process == thrum__process_generation ? self->wake_descriptor : -1;
    uint32_t signal = THRUM__SIGNAL_EMPTY;
    bool asleep = thrum__cas_acquire(&self->signal, &signal, THRUM__SIGNAL_ASLEEP);
    while (asleep && thrum__load_acquire(&self->signal) == THRUM__SIGNAL_ASLEEP) {
        thrum__waiter *ready = doze(polls, count, wake, deadline);
        bool late =
            !ready && !thrum_deadline_is_forever(deadline) && thrum__clock_now() >= deadline.ns;
        if (!ready && !late)
            continue;
        if (ready ? thrum__claim_waiter(ready)
                  : thrum__claim(self, ticket, THRUM__CLAIM_TIMED_OUT)) {
            thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
            errno = error;
            return ready ? 0 : -ETIMEDOUT;
        }
        count = 0; /* somebody has won: the token is on its way */
        deadline = THRUM_FOREVER;
    }
    (void)thrum__load_acquire(&self->signal); /* pairs with the unpark, if it came first */
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    errno = error;
    return 0;
}

static void poll_unpark(thrum__context *context)
{
    int wake = context->wake_process == thrum__process_generation ? context->wake_descriptor : -1;
    uint32_t signal = thrum__exchange_release(&context->signal, THRUM__SIGNAL_TOKEN);
    if (signal == THRUM__SIGNAL_ASLEEP && wake >= 0)
        thrum__wake_send(wake);
}

static const thrum__context_ops poll_park_ops = {poll_park, poll_unpark};

void thrum__poll_park_begin(thrum__context *self, thrum__polls *polls)
{
    (void)thrum__wake_descriptor(self);
    self->polls = polls;
    self->ops = &poll_park_ops;
}

void thrum__single_poll_begin(thrum__context *self, thrum__single_poll *poll, int descriptor,
                              int side, thrum__waiter *waiter)
{
    poll->polled[0] = thrum__polled_of(descriptor, side);
    poll->waiter = waiter;
    poll->polls = (thrum__polls){poll->polled, &poll->waiter, 1};
    thrum__poll_park_begin(self, &poll->polls);
}

void thrum__poll_park_end(thrum__context *self)
{
    self->ops = &thrum__thread_park_ops;
}
