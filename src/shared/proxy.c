/* The proxy: a thread that sleeps on shared words for fibers.
 *
 * A fiber that waits must not hold its worker, and a futex holds the thread that sleeps on it. So the
 * fiber leaves its word with a proxy and parks, as for anything else; the proxy sleeps on the words of
 * up to 127 fibers at once (futex_waitv) and unparks a fiber when its word says so. For more fibers there are
 * more proxies (proxies.c).
 *
 *     enter   a fiber writes its waiter and its word into its spot, and rings if the proxy sleeps
 *     turn    under the guard the proxy takes out each fiber whose word is not what it expects, and notes
 *             the words of all others; then it unparks, and sleeps on those words and its wake word. The
 *             kernel compares them all once more, so nothing gets lost in between
 *     leave   after its wait the fiber takes itself out, if the proxy has not
 *
 * The wake word is QUIET or RUNG. The proxy makes it QUIET under the guard, with the list of what it sleeps on; a
 * fiber that comes later finds it so, under the guard, makes it RUNG and wakes. So a ring costs a
 * system call only where the proxy does not look anyway.
 *
 * Who left, by a deadline or a cancellation, stays in the kernel's queue until the proxy's next turn: he is
 * stale there, told by the serial number of his sleep, and a wake that falls on him is one that another
 * sleeper lacks. The proxy knows only of one word that it was woken for, so after each wake it
 * wakes one other for every stale word. Of the fibers that are there still it lets go the one that it was
 * told of, and those whose word has changed; where the word has not, it is right to sleep on (wait.c:
 * level).
 *
 * The word of a fiber is read under the guard, while it is in its spot: so it is still mapped. The kernel
 * is given addresses that may be gone, and says so.
 *
 * A kernel without such a sleep: the proxy looks at the words every LOOK_NS.
 *
 * Rejected: a worker that sleeps on the words of its fibers itself: it sleeps in epoll as well. A thread
 * for each wait: as many threads as fibers. io_uring: often forbidden.
 */
#include "shared/proxy.h"
#include "base/clock.h"
#include "park/guard.h"
#include "park/park.h"

#include <errno.h>

enum { QUIET, RUNG };
enum { LOOK_NS = 10000000 };

bool thrum__proxy_reserve(thrum__proxy *proxy, thrum__proxy_place *ret_place)
{
    bool found = false;
    thrum__guard_acquire(&proxy->guard, 1);
    for (unsigned i = 0; i < THRUM__PROXY_PLACES && !found; i++) {
        if (proxy->spots[i].reserved)
            continue;
        found = proxy->spots[i].reserved = true;
        *ret_place = (thrum__proxy_place){proxy, i};
    }
    thrum__guard_release(&proxy->guard, 1);
    return found;
}

void thrum__proxy_enter(const thrum__proxy_place *place, thrum__waiter *waiter, uint32_t *word,
                        uint32_t expected)
{
    thrum__proxy *proxy = place->proxy;
    if (!proxy)
        return;
    thrum__guard_acquire(&proxy->guard, 1);
    struct thrum__proxy_spot *spot = &proxy->spots[place->index];
    thrum__plain_write(&spot->waiter);
    spot->waiter = waiter;
    spot->word = word;
    spot->expected = expected;
    spot->serial = ++proxy->serials;
    bool quiet = thrum__load_relaxed(&proxy->wake_word) == QUIET;
    if (quiet)
        thrum__store_relaxed(&proxy->wake_word, RUNG);
    thrum__guard_release(&proxy->guard, 1);
    if (quiet)
        thrum__futex_wake(&proxy->wake_word, 1);
}

void thrum__proxy_leave(const thrum__proxy_place *place)
{
    thrum__proxy *proxy = place->proxy;
    if (!proxy)
        return;
    thrum__guard_acquire(&proxy->guard, 1);
    struct thrum__proxy_spot *spot = &proxy->spots[place->index];
    thrum__plain_write(&spot->waiter);
    spot->waiter = NULL;
    spot->reserved = false;
    thrum__guard_release(&proxy->guard, 1);
}

/* What a turn has decided on, to be done when the guard was given back. */
struct decisions {
    thrum__waiter *woken;
    unsigned passes;
    uint32_t *pass[THRUM__PROXY_PLACES];
};

static void let_go(struct thrum__proxy_spot *spot, struct decisions *decisions)
{
    thrum__waiter *waiter = spot->waiter;
    thrum__plain_write(&spot->waiter);
    spot->waiter = NULL;
    if (!thrum__claim_waiter(waiter))
        return; /* by a deadline or a cancellation: it looks, or passes on, by itself */
    thrum__plain_write(&waiter->next);
    waiter->next = decisions->woken;
    decisions->woken = waiter;
}

/* After a wake of the `woken`th word, and perhaps of others. */
static void judge(thrum__proxy *proxy, unsigned woken, struct decisions *decisions)
{
    for (unsigned i = 1; i <= proxy->watched; i++) {
        struct thrum__proxy_spot *spot = &proxy->spots[proxy->whose[i].index];
        thrum__plain_read(&spot->waiter);
        if (!spot->waiter || spot->serial != proxy->whose[i].serial)
            decisions->pass[decisions->passes++] = proxy->words[i].word;
        else if (i == woken)
            let_go(spot, decisions);
    }
}

/* Lets go whose word has changed, and notes the words of the others. */
static void look(thrum__proxy *proxy, struct decisions *decisions)
{
    proxy->watched = 0;
    for (unsigned i = 0; i < THRUM__PROXY_PLACES; i++) {
        struct thrum__proxy_spot *spot = &proxy->spots[i];
        thrum__plain_read(&spot->waiter);
        if (!spot->waiter)
            continue;
        if (thrum__load_acquire(spot->word) != spot->expected) {
            let_go(spot, decisions);
            continue;
        }
        unsigned next = ++proxy->watched;
        proxy->words[next] = (thrum__futex_place){spot->word, spot->expected, true};
        proxy->whose[next].index = i;
        proxy->whose[next].serial = spot->serial;
    }
}

/* Gives the index of a word that was woken, or an error. */
static int doze(thrum__proxy *proxy)
{
    proxy->words[0] = (thrum__futex_place){&proxy->wake_word, QUIET, false};
    int rc = thrum__futex_wait_any(proxy->words, proxy->watched + 1, THRUM_FOREVER);
    if (rc != -ENOSYS)
        return rc;
    thrum_time limit = proxy->watched ? thrum__clock_now() + LOOK_NS : THRUM_FOREVER;
    thrum__futex_wait(&proxy->wake_word, QUIET, limit);
    return -EAGAIN;
}

void thrum__proxy_turn(thrum__proxy *proxy)
{
    int rc = doze(proxy);
    struct decisions decisions = {.passes = 0};
    thrum__guard_acquire(&proxy->guard, 1);
    if (rc >= 0)
        judge(proxy, (unsigned)rc, &decisions);
    look(proxy, &decisions);
    thrum__store_relaxed(&proxy->wake_word, QUIET);
    thrum__guard_release(&proxy->guard, 1);
    thrum__unpark_chain(decisions.woken);
    for (unsigned i = 0; i < decisions.passes; i++)
        thrum__futex_wake_shared(decisions.pass[i], 1);
}
