/* Parking of OS threads on a descriptor.
 *
 * A thread that waits for a socket sleeps in poll, on the descriptor and on one of its own that a
 * waker writes to: so the wait ends by the descriptor, or by whoever claims it (a close, a
 * cancellation), or by its deadline, as every wait does. Nobody else polls for it, no thread runs
 * in the background, and a wait costs one system call. What it costs besides is one descriptor for
 * each thread that ever waits for one.
 *
 * It is thread_park.c with another way to sleep: the signal word has the same three values, and
 * whoever claims pays by TOKEN. The one difference is that the thread itself claims the wait,
 * NOTIFIED, when the descriptor is ready; if that fails, somebody else has won and owes the token,
 * and the thread waits for it, no longer for the descriptor.
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

/* Ends the wait by the thread itself, if nobody else has. */
static bool settle(thrum__context *self, uint64_t ticket, enum thrum__claim_state outcome)
{
    if (!thrum__claim(self, ticket, outcome))
        return false;
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    return true;
}

/* Sleeps until the descriptor is ready, a token may be there, or the deadline has passed. */
static int doze(int descriptor, int side, int wake, thrum_time deadline)
{
    thrum_time limit = deadline;
    if (wake < 0) {
        thrum_time slice = thrum__clock_now() + SLICE_NS;
        limit = slice < deadline ? slice : deadline;
    }
    int found = thrum__poll(descriptor, side, wake, limit);
    if (found & THRUM__POLL_WOKEN)
        thrum__wake_drain(wake);
    return found & THRUM__POLL_READY;
}

static int poll_park(thrum__context *self, uint64_t ticket, thrum_time deadline)
{
    int descriptor = self->poll_descriptor, error = errno;
    int wake = self->wake_process == thrum__process_generation ? self->wake_descriptor : -1;
    uint32_t signal = THRUM__SIGNAL_EMPTY;
    bool asleep = thrum__cas_acquire(&self->signal, &signal, THRUM__SIGNAL_ASLEEP);
    while (asleep && thrum__load_acquire(&self->signal) == THRUM__SIGNAL_ASLEEP) {
        bool ready = doze(descriptor, self->poll_side, wake, deadline);
        bool late = !ready && deadline != THRUM_FOREVER && thrum__clock_now() >= deadline;
        if (!ready && !late)
            continue;
        if (settle(self, ticket, ready ? THRUM__CLAIM_NOTIFIED : THRUM__CLAIM_TIMED_OUT)) {
            errno = error;
            return ready ? 0 : -ETIMEDOUT;
        }
        descriptor = -1; /* somebody has won: the token is on its way */
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

void thrum__poll_park_begin(thrum__context *self, int descriptor, int side)
{
    (void)thrum__wake_descriptor(self);
    self->poll_descriptor = descriptor;
    self->poll_side = side;
    self->ops = &poll_park_ops;
}

void thrum__poll_park_end(thrum__context *self)
{
    self->ops = &thrum__thread_park_ops;
}
