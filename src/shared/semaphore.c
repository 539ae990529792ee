/* The semaphore between processes.
 *
 * One word of 64 bits. The low half counts the permits, and waiters sleep on it while it is 0. The
 * high half counts the callers inside a wait, which tells a release whether to wake. Both are
 * changed and read in one step, so no release overlooks a caller that is about to sleep: it sees
 * that caller counted, or the caller sees the permit, and the kernel compares once more.
 *
 * A caller that takes a permit uncounts itself in the same step. A process killed in a wait stays
 * counted: from then on a release may make a system call in vain, and nothing else happens.
 *
 * Release and acquire pair on the word. A release wakes as many waiters as it gives permits. The
 * woken waiters compete with new callers.
 */
#include "base/futex.h"
#include "base/panic.h"
#include "shared/wait.h"
#include <thrum/shared_semaphore.h>

#include <errno.h>

#define WAITER (UINT64_C(1) << 32)

static uint32_t permits_of(uint64_t state)
{
    return (uint32_t)state;
}

void thrum_shared_semaphore_init(thrum_shared_semaphore *semaphore, uint32_t permits)
{
    if (permits > THRUM_SEMAPHORE_MAX)
        thrum__panic(thrum__caller(), "shared semaphore %p made with %u permits",
                     (const void *)semaphore, permits);
    *semaphore = (thrum_shared_semaphore){.state_ = permits};
}

void thrum_shared_semaphore_init_bounded(thrum_shared_semaphore *semaphore, uint32_t permits)
{
    if (permits == 0 || permits > THRUM_SEMAPHORE_MAX)
        thrum__panic(thrum__caller(), "shared semaphore %p made with a bound of %u",
                     (const void *)semaphore, permits);
    *semaphore = (thrum_shared_semaphore){.state_ = permits, .bound_ = permits};
}

/* Takes a permit, and `waiters` of the count with it, if there is one. */
static bool take(thrum_shared_semaphore *semaphore, uint64_t waiters)
{
    uint64_t state = thrum__load_relaxed(&semaphore->state_);
    while (permits_of(state))
        if (thrum__cas_acquire(&semaphore->state_, &state, state - 1 - waiters))
            return true;
    return false;
}

static int wait(thrum_shared_semaphore *semaphore, thrum_deadline deadline, bool cancellable)
{
    thrum__add_relaxed(&semaphore->state_, WAITER);
    while (!take(semaphore, WAITER)) {
        int rc = thrum__shared_wait(thrum__shared_low(&semaphore->state_), 0, thrum__shared_slice,
                                    deadline, cancellable, "shared semaphore", semaphore);
        if (rc < 0) {
            thrum__sub_relaxed(&semaphore->state_, WAITER);
            return rc;
        }
    }
    return 0;
}

int thrum_shared_semaphore_acquire_until(thrum_shared_semaphore *semaphore, thrum_deadline deadline)
{
    if (take(semaphore, 0))
        return 0;
    return thrum_deadline_is_now(deadline) ? -EAGAIN : wait(semaphore, deadline, true);
}

void thrum_shared_semaphore_acquire(thrum_shared_semaphore *semaphore)
{
    if (!take(semaphore, 0))
        (void)wait(semaphore, THRUM_FOREVER, false);
}

int thrum_shared_semaphore_try(thrum_shared_semaphore *semaphore)
{
    return take(semaphore, 0) ? 0 : -EAGAIN;
}

void thrum_shared_semaphore_release(thrum_shared_semaphore *semaphore, uint32_t permits)
{
    uint32_t *low = thrum__shared_low(&semaphore->state_);
    uint32_t most = semaphore->bound_ ? semaphore->bound_ : THRUM_SEMAPHORE_MAX;
    uint64_t state = thrum__load_relaxed(&semaphore->state_);
    do {
        if (permits > most || permits_of(state) > most - permits)
            thrum__panic(thrum__caller(), "shared semaphore %p released above its bound of %u",
                         (const void *)semaphore, most);
    } while (!thrum__cas_release(&semaphore->state_, &state, state + permits));
    if (permits && state >= WAITER)
        thrum__futex_wake_shared(low, (int)permits);
}

uint32_t thrum_shared_semaphore_value(const thrum_shared_semaphore *semaphore)
{
    return permits_of(thrum__load_relaxed(&semaphore->state_));
}
