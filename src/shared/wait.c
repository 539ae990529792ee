/* Waits for objects that processes share.
 *
 * Inside a process a primitive holds a queue of waiters, and a waker wakes them by name. Between
 * processes there are no names: a pointer means nothing in another process, and a waiter may be
 * killed at any moment without leaving a list. The kernel's own queue remains: all sleep on a word
 * of the shared memory, by futex, and the dead vanish from it. So a primitive here is one word, or
 * two, and no list.
 *
 * All of them keep three rules, so that a wait may begin and end at any time:
 *
 *     level   while the word is what a sleeper expects, sleeping is right: each change of the word
 *             is followed by a wake. A sleeper looks again after each wake and expects anew.
 *     pass    a waiter that leaves by its deadline or a cancellation wakes one other waiter,
 *             because the wake that came at that moment may have been for that one.
 *     slice   no waiter sleeps longer than a slice without looking. A process may be killed between
 *             a change and its wake, or after it has consumed a wake and before it acted. Then the
 *             word is not what the others expect, and they find out by themselves. The death of a
 *             lock's owner is detected in the same way.
 *
 * A wait is a wait of park/, with one claim, which a cancellation or the deadline may also end:
 *
 *     thread   sleeps on two words at once, its own signal word and the shared one:
 *              park/shared_park.c
 *     fiber    leaves it to a proxy: proxy.c
 *
 * Rejected: a descriptor for the owner's life (pidfd) instead of slices: each change of the owner
 * would have to wake the sleepers, to watch the next owner, and it would help only locks. The
 * kernel's list of robust futexes: it is per thread, belongs to the C library, and knows no fibers.
 * A broker process: it may be killed itself.
 */
#include "shared/wait.h"
#include "base/clock.h"
#include "base/futex.h"
#include "fiber/scheduler.h"
#include "park/park.h"
#include "park/shared_park.h"
#include "shared/proxy.h"

#include <errno.h>

#ifdef THRUM_EXPLORE
thrum_time thrum__shared_slice = THRUM__NEVER;
#endif

static int wait_in_fiber(uint32_t *word, uint32_t expected, thrum_deadline deadline,
                         bool cancellable, const char *kind, const void *object)
{
    enum { ALONE_NS = 10000000 };
    thrum__waiter waiter;
    thrum__proxy_place place;
    thrum_deadline limit = deadline;
    if (!thrum__proxies_reserve(
            &place)) /* no thread for it: the fiber checks the word now and then */
        limit =
            thrum_deadline_sooner(thrum__deadline_after(thrum__clock_now(), ALONE_NS), deadline);
    int rc = thrum__wait_begin(&waiter, cancellable);
    if (rc == 0) {
        thrum__proxy_enter(&place, &waiter, word, expected);
        rc = thrum__wait(&waiter, limit, kind, object);
    }
    thrum__proxy_leave(&place);
    return rc == -ETIMEDOUT && limit.ns < deadline.ns ? 0 : rc;
}

int thrum__shared_wait(uint32_t *word, uint32_t expected, thrum_time slice, thrum_deadline deadline,
                       bool cancellable, const char *kind, const void *object)
{
    thrum_deadline limit = deadline;
    if (slice < THRUM__NEVER)
        limit = thrum_deadline_sooner(thrum__deadline_after(thrum__clock_now(), slice), deadline);
    int rc = thrum__fiber_self()
                 ? wait_in_fiber(word, expected, limit, cancellable, kind, object)
                 : thrum__shared_park(word, expected, limit, cancellable, kind, object);
    if (rc == -ETIMEDOUT && limit.ns < deadline.ns)
        return 0;
    if (rc < 0)
        thrum__futex_wake_shared(word, 1);
    return rc;
}
