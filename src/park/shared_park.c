/* Parking of OS threads on a word that another process writes.
 *
 * It is poll_park.c with words in place of descriptors: the thread sleeps on its own signal word and on the
 * shared one at once, so the wait ends by the other process, or by whoever claims it (a future that is done
 * by another hand, a cancellation), or by its deadline. When the bit is not set any more the thread claims
 * the wait itself, NOTIFIED; if that fails somebody else has won and owes the token.
 *
 * The other process clears the bit before it wakes the word, and the sleep is on the value that was read with
 * the bit set: so no wake is lost. The word may change in other ways meanwhile; the sleep lasts.
 */
#include "park/shared_park.h"
#include "base/futex.h"
#include "park/thread_park.h"

#include <errno.h>

static bool settle(thrum__context *self, uint64_t ticket, enum thrum__claim_state outcome)
{
    if (!thrum__claim(self, ticket, outcome))
        return false;
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    return true;
}

/* The rest of a wait that somebody else has claimed: his token is on its way. */
static int await_token(thrum__context *self)
{
    while (thrum__load_acquire(&self->signal) == THRUM__SIGNAL_ASLEEP)
        (void)thrum__futex_wait(&self->signal, THRUM__SIGNAL_ASLEEP, THRUM_FOREVER);
    thrum__store_relaxed(&self->signal, THRUM__SIGNAL_EMPTY);
    return 0;
}

static int shared_park(thrum__context *self, uint64_t ticket, thrum_time deadline)
{
    uint32_t signal = THRUM__SIGNAL_EMPTY;
    if (!thrum__cas_acquire(&self->signal, &signal, THRUM__SIGNAL_ASLEEP))
        return await_token(self);
    while (thrum__load_acquire(&self->signal) == THRUM__SIGNAL_ASLEEP) {
        uint32_t seen = thrum__load_acquire(self->shared_word);
        int rc = 0;
        if (seen & self->shared_bit)
            rc = thrum__futex_wait_two(&self->signal, THRUM__SIGNAL_ASLEEP, self->shared_word, seen,
                                       deadline);
        if (rc != -ETIMEDOUT && (seen & self->shared_bit))
            continue;
        if (settle(self, ticket, rc == -ETIMEDOUT ? THRUM__CLAIM_TIMED_OUT : THRUM__CLAIM_NOTIFIED))
            return rc;
        break;
    }
    return await_token(self);
}

/* As a thread that sleeps on its signal alone is woken; the kernel finds it at either word. */
static void shared_unpark(thrum__context *context)
{
    if (thrum__exchange_release(&context->signal, THRUM__SIGNAL_TOKEN) == THRUM__SIGNAL_ASLEEP)
        thrum__futex_wake(&context->signal, 1);
}

static const thrum__context_ops shared_park_ops = {shared_park, shared_unpark};

void thrum__shared_park_begin(thrum__context *self, uint32_t *word, uint32_t bit)
{
    self->shared_word = word;
    self->shared_bit = bit;
    self->ops = &shared_park_ops;
}

void thrum__shared_park_end(thrum__context *self)
{
    self->ops = &thrum__thread_park_ops;
}
