/* The proxy: threads stand for fibers. They park, and it sleeps for them. */
#include "base/futex.h"
#include "explore.h"
#include "park/guard.h"
#include "park/park.h"
#include "shared/proxy.h"

struct proxied {
    thrum__proxy proxy;
    uint32_t word, other, left;
};

static void serve(void *argument)
{
    struct proxied *p = argument;
    while (thrum__load_acquire(&p->left))
        thrum__proxy_turn(&p->proxy);
}

static int wait_by_proxy(struct proxied *p, uint32_t *word, thrum_deadline deadline)
{
    thrum__proxy_place place;
    thrum__waiter waiter;
    EXPLORE_CHECK(thrum__proxy_reserve(&p->proxy, &place));
    EXPLORE_CHECK(thrum__wait_begin(&waiter, true) == 0);
    thrum__proxy_enter(&place, &waiter, word, 0);
    int rc = thrum__wait(&waiter, deadline, "word", word);
    thrum__proxy_leave(&place);
    return rc;
}

/* The last to leave ends the proxy's sleep. */
static void leave_proxy(struct proxied *p)
{
    if (thrum__sub_acq_rel(&p->left, 1) != 1)
        return;
    thrum__guard_acquire(&p->proxy.guard, 1);
    thrum__store_relaxed(&p->proxy.wake_word, 1);
    thrum__guard_release(&p->proxy.guard, 1);
    thrum__futex_wake(&p->proxy.wake_word, 1);
}

static void wait_for_change(void *argument)
{
    struct proxied *p = argument;
    while (thrum__load_acquire(&p->word) == 0)
        EXPLORE_CHECK(wait_by_proxy(p, &p->word, THRUM_FOREVER) == 0);
    leave_proxy(p);
}

static void change(void *argument)
{
    struct proxied *p = argument;
    thrum__store_release(&p->word, 1);
    thrum__futex_wake_shared(&p->word, 2);
}

EXPLORE(shared_proxy_two, .preemptions = 2)
{
    struct proxied p = {.left = 2};
    EXPLORE_NAME(p);
    explore_spawn("proxy", serve, &p);
    explore_spawn("one", wait_for_change, &p);
    explore_spawn("two", wait_for_change, &p);
    change(&p);
    explore_join_all();
}

/* One has to be let go before the other can be: the proxy must know of both. */
static void wait_and_change(void *argument)
{
    struct proxied *p = argument;
    while (thrum__load_acquire(&p->word) == 0)
        EXPLORE_CHECK(wait_by_proxy(p, &p->word, THRUM_FOREVER) == 0);
    thrum__store_release(&p->other, 1);
    thrum__futex_wake_shared(&p->other, 1);
    leave_proxy(p);
}

static void wait_for_other(void *argument)
{
    struct proxied *p = argument;
    while (thrum__load_acquire(&p->other) == 0)
        EXPLORE_CHECK(wait_by_proxy(p, &p->other, THRUM_FOREVER) == 0);
    leave_proxy(p);
}

EXPLORE(shared_proxy_chain, .preemptions = 2)
{
    struct proxied p = {.left = 2};
    EXPLORE_NAME(p);
    explore_spawn("proxy", serve, &p);
    explore_spawn("one", wait_for_other, &p);
    explore_spawn("two", wait_and_change, &p);
    change(&p);
    explore_join_all();
}

/* One by the proxy leaves at the end of a slice; a thread sleeps on the word beside the proxy. The one wake must
 * come to the thread, though it may fall on what the proxy still sleeps on for the other. */
static void give_up(void *argument)
{
    struct proxied *p = argument;
    if (wait_by_proxy(p, &p->word, thrum_at(thrum_now() + 1000)) < 0)
        explore_seen("gave up");
    if (thrum__load_acquire(&p->word)) /* as he looks again, in either case */
        thrum__futex_wake_shared(&p->word, 1);
    leave_proxy(p);
}

static void sleep_beside(void *argument)
{
    struct proxied *p = argument;
    while (thrum__load_acquire(&p->word) == 0)
        thrum__futex_wait_shared(&p->word, 0, THRUM_FOREVER);
    thrum__futex_wake_shared(&p->word, 1); /* the fiber may sleep on */
    leave_proxy(p);
}

static void change_for_one(void *argument)
{
    struct proxied *p = argument;
    thrum__store_release(&p->word, 1);
    thrum__futex_wake_shared(&p->word, 1);
}

EXPLORE(shared_proxy_passes_on, .preemptions = 2, .timeouts = 1, .sees = "gave up")
{
    struct proxied p = {.left = 2};
    EXPLORE_NAME(p);
    explore_spawn("proxy", serve, &p);
    explore_spawn("fiber", give_up, &p);
    explore_spawn("thread", sleep_beside, &p);
    change_for_one(&p);
    explore_join_all();
}
