/* Parking of OS threads on a word that another process writes.
 *
 * It is poll_park.c with words instead of descriptors. The thread sleeps on its own signal word and
 * on the shared one at once (futex_waitv). So the wait ends by the other process, by a claim (a
 * cancellation), or by its deadline. When the kernel reports the shared word, or the word has
 * another value, the thread claims the wait itself, NOTIFIED. If that fails, another thread has won
 * and owes the token; the thread then waits for it on its own word alone.
 *
 * The sleep is on the value that the caller has seen, so no wake that follows a change is lost.
 */
#include "park/shared_park.h"
#include "base/futex.h"
#include "park/park.h"
#include "park/thread_park.h"

#include <errno.h>

/* Claims its own wait, if no other thread has. */
static bool settle(thrum__context *self, uint64_t ticket, enum thrum__claim_state outcome)
{
    if (!thrum__claim(self, ticket, outcome))
        return false;
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    return true;
}

static int shared_park(thrum__context *self, uint64_t ticket, thrum_deadline deadline)
{
    int error = errno;
    uint32_t signal = THRUM__SIGNAL_EMPTY;
    bool asleep = thrum__cas_acquire(&self->signal, &signal, THRUM__SIGNAL_ASLEEP);
    bool claimed = false; /* by another thread, which owes the token */
    while (asleep && thrum__load_acquire(&self->signal) == THRUM__SIGNAL_ASLEEP) {
        if (claimed) {
            thrum__futex_wait(&self->signal, THRUM__SIGNAL_ASLEEP, THRUM_FOREVER);
            continue;
        }
        int rc = thrum__futex_wait_two(&self->signal, THRUM__SIGNAL_ASLEEP, self->rest->shared_word,
                                       self->rest->shared_expected, deadline);
        if (settle(self, ticket, rc < 0 ? THRUM__CLAIM_TIMED_OUT : THRUM__CLAIM_NOTIFIED)) {
            errno = error;
            return rc;
        }
        claimed = true;
    }
    (void)thrum__load_acquire(&self->signal); /* pairs with the unpark, if it came first */
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    errno = error;
    return 0;
}

static void shared_unpark(thrum__context *context)
{
    thrum__thread_park_ops.unpark(context);
}

static const thrum__context_ops shared_park_ops = {shared_park, shared_unpark};

int thrum__shared_park(uint32_t *word, uint32_t expected, thrum_deadline deadline, bool cancellable,
                       const char *kind, const void *object)
{
    thrum__context *self = thrum__self();
    thrum__waiter waiter;
    self->rest->shared_word = word;
    self->rest->shared_expected = expected;
    self->ops = &shared_park_ops;
    int rc = thrum__wait_begin(&waiter, cancellable);
    if (rc == 0)
        rc = thrum__wait(&waiter, deadline, kind, object);
    self->ops = &thrum__thread_park_ops;
    return rc;
}
