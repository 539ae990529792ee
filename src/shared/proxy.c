/* The proxy: a thread that sleeps on shared words for fibers.
 *
 * A waiting fiber must not block its worker, and a futex blocks the thread that sleeps on it. So
 * the fiber leaves its word with a proxy and parks as usual. The proxy sleeps on the words of up to
 * 127 fibers at once (futex_waitv) and unparks a fiber when its word says so. For more fibers there
 * are more proxies (proxies.c).
 *
 *     enter   a fiber writes its waiter and its word into its spot, and wakes the proxy if it
 *             sleeps
 *     turn    under the guard the proxy removes each fiber whose word is not what it expects, and
 *             notes the words of all others. Then it unparks, and sleeps on those words and its
 *             wake word. The kernel compares them all once more, so no change is lost in between
 *     leave   after its wait the fiber removes itself, if the proxy has not
 *
 * The wake word is QUIET or RUNG. The proxy makes it QUIET under the guard, together with the list
 * of its words. A fiber that comes later finds it so, under the guard, makes it RUNG and wakes the
 * proxy. So a wake costs a system call only while the proxy is not about to look anyway.
 *
 * A fiber that left by a deadline or a cancellation stays in the kernel's queue until the proxy's
 * next turn. It is stale there; the serial number of its sleep tells. A wake that reaches it is
 * missing for another sleeper. The proxy knows of only one word that it was woken for, so after
 * each wake it wakes one other sleeper for every stale word. Of the fibers that are still there it
 * unparks the fiber that was woken, and the fibers whose word has changed. Where the word has not
 * changed, sleeping on is right (wait.c: level).
 *
 * The word of a fiber is read under the guard, while it is in its spot, so it is still mapped. The
 * kernel may be given addresses that are gone, and reports that.
 *
 * On a kernel without such a sleep the proxy looks at the words every LOOK_NS.
 *
 * Rejected: a worker that sleeps on the words of its fibers itself, because it also sleeps in
 * epoll. A thread for each wait: as many threads as fibers. io_uring: often forbidden.
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

/* Unparks each fiber whose word has changed, and notes the words of the others. */
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
    thrum_deadline limit =
        proxy->watched ? thrum__deadline_after(thrum__clock_now(), LOOK_NS) : THRUM_FOREVER;
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
