/* Waiting for what other processes share.
 *
 * Inside a process a primitive holds a queue of waiters, and whoever changes it wakes them by name. Between
 * processes there are no such names: a pointer means nothing to another process, and a waiter may be
 * killed at any moment without taking itself out of anything. What remains is the kernel's own queue: all
 * sleep on a word of the shared memory, by futex, and the dead vanish from it. So a primitive here is
 * one word, or two, and no list.
 *
 * What all of them keep to, so that a wait may begin and end at any time:
 *
 *     level   while the word is what a sleeper expects, it is right to sleep: whoever changes that
 *             wakes somebody afterwards. A sleeper looks again after each wake and expects anew.
 *     pass    who leaves without what he waited for, by his deadline or a cancellation, wakes one
 *             other, as the wake which came at that moment may have been for that one.
 *     slice   nobody sleeps for longer than a slice without a look of his own. For processes are killed
 *             between a change and the wake that belongs to it, or after they have consumed a wake and
 *             before they acted on it; then the word is not what the others expect, and they find
 *             that out by themselves. It is how the death of a lock's holder is noticed, too.
 *
 * A wait is a wait of park/, with one claim, that a cancellation or the deadline may end as well:
 *
 *     thread   sleeps on two words at once, its own signal word and the shared one: park/shared_park.c
 *     fiber    leaves it to a proxy: proxy.c
 *
 * Rejected: a descriptor for the holder's life (pidfd) in place of slices: a sleeper would have to be
 * woken at each change of the holder, to watch the next one; and it would help nobody but locks. The
 * kernel's list of robust futexes: it is per thread, belongs to the C library, and knows no fibers. A
 * broker process: what if that is killed?
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
thrum_time thrum__shared_slice = THRUM_FOREVER;
#endif

static int wait_in_fiber(uint32_t *word, uint32_t expected, thrum_time deadline, bool cancellable,
                         const char *kind, const void *object)
{
    enum { ALONE_NS = 10000000 };
    thrum__waiter waiter;
    thrum__proxy_place place;
    thrum_time limit = deadline;
    if (!thrum__proxies_reserve(&place)) {
        /* No thread for it: the fiber looks by itself, now and then. */
        thrum_time alone = thrum__clock_now() + ALONE_NS;
        limit = alone < deadline ? alone : deadline;
    }
    int rc = thrum__wait_begin(&waiter, cancellable);
    if (rc == 0) {
        thrum__proxy_enter(&place, &waiter, word, expected);
        rc = thrum__wait(&waiter, limit, kind, object);
    }
    thrum__proxy_leave(&place);
    return rc == -ETIMEDOUT && limit < deadline ? 0 : rc;
}

int thrum__shared_wait(uint32_t *word, uint32_t expected, thrum_time slice, thrum_time deadline,
                       bool cancellable, const char *kind, const void *object)
{
    thrum_time limit = deadline;
    if (slice < THRUM_FOREVER) {
        thrum_time look = thrum__clock_now() + slice;
        limit = look < deadline ? look : deadline;
    }
    int rc = thrum__fiber_self()
                 ? wait_in_fiber(word, expected, limit, cancellable, kind, object)
                 : thrum__shared_park(word, expected, limit, cancellable, kind, object);
    if (rc == -ETIMEDOUT && limit < deadline)
        return 0;
    if (rc < 0)
        thrum__futex_wake_shared(word, 1);
    return rc;
}
