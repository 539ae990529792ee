/* The rate limiter: no two get the same moment, and what is given back is not given twice. */
#include "base/spin.h"
#include "explore.h"
#include "flow/rate_limiter.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/keyed_rate_limiter.h>

#include <errno.h>

enum { SECOND = 1000000000 };

struct queue {
    thrum_rate_limiter limiter;
    uint32_t taken[5]; /* by the number of the moment, in seconds */
    bool given_back;
};

static void take(void *argument)
{
    struct queue *queue = argument;
    struct thrum__slot slot;
    EXPLORE_CHECK(thrum__rate_limiter_reserve(&queue->limiter, 1, SECOND, THRUM_FOREVER, &slot) ==
                  0);
    EXPLORE_CHECK(thrum__add_relaxed(&queue->taken[slot.due / SECOND], 1) == 0);
}

static void take_and_give_back(void *argument)
{
    struct queue *queue = argument;
    struct thrum__slot slot;
    EXPLORE_CHECK(thrum__rate_limiter_reserve(&queue->limiter, 1, SECOND, THRUM_FOREVER, &slot) ==
                  0);
    queue->given_back = thrum__rate_limiter_give_back(&queue->limiter, &slot);
}

EXPLORE(rate_limiter_spacing, .preemptions = EXPLORE_ALL, .weak = 1)
{
    static struct queue queue;
    thrum_rate_limiter_init(&queue.limiter, 1, 1);
    EXPLORE_NAME(queue);
    for (int i = 0; i < 3; i++)
        explore_spawn("caller", take, &queue);
    explore_join_all();
    EXPLORE_CHECK(queue.taken[1] == 1 && queue.taken[2] == 1 && queue.taken[3] == 1);
    EXPLORE_CHECK(queue.limiter.next_ == 4 * (thrum_time)SECOND);
}

EXPLORE(rate_limiter_given_back, .preemptions = EXPLORE_ALL, .sees = "given back")
{
    static struct queue queue;
    thrum_rate_limiter_init(&queue.limiter, 1, 1);
    EXPLORE_NAME(queue);
    explore_spawn("fickle", take_and_give_back, &queue);
    explore_spawn("caller", take, &queue);
    explore_spawn("caller", take, &queue);
    explore_join_all();
    if (queue.given_back)
        explore_seen("given back");
}

EXPLORE(rate_limiter_kept, .preemptions = EXPLORE_ALL, .sees = "kept")
{
    static struct queue queue;
    thrum_rate_limiter_init(&queue.limiter, 1, 1);
    EXPLORE_NAME(queue);
    explore_spawn("fickle", take_and_give_back, &queue);
    explore_spawn("caller", take, &queue);
    explore_join_all();
    if (!queue.given_back)
        explore_seen("kept");
}

/* One sleeps for its token and is cancelled: it holds nothing then. */
struct cancelled {
    thrum_keyed_rate_limiter *keyed;
    thrum__context *victim;
    uint32_t ready;
    int rc;
};

static void wait_for_key(void *argument)
{
    struct cancelled *c = argument;
    c->victim = thrum__self();
    thrum__store_release(&c->ready, 1);
    c->rc = thrum_keyed_rate_limiter_acquire(c->keyed, "k", 1, 1, THRUM_FOREVER);
    EXPLORE_CHECK(c->rc == 0 || c->rc == -ECANCELED);
}

static void cancel_it(void *argument)
{
    struct cancelled *c = argument;
    while (!thrum__load_acquire(&c->ready))
        thrum__pause();
    thrum__cancel(c->victim);
}

EXPLORE(keyed_rate_limiter_cancel, .preemptions = 2, .rescue = true, .sees = "cancelled")
{
    static struct cancelled c;
    c.keyed = thrum_keyed_rate_limiter_new(&(thrum_keyed_rate_limiter_options){.per_second = 1});
    EXPLORE_CHECK(thrum_keyed_rate_limiter_acquire(c.keyed, "k", 1, 1, THRUM_NOW) == 0);
    thrum_time begin = thrum_now();
    explore_spawn("waiter", wait_for_key, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_join_all();
    if (c.rc == -ECANCELED) {
        explore_seen("cancelled");
        int rc = thrum_keyed_rate_limiter_acquire(c.keyed, "k", 1, 1, thrum_at(begin + SECOND));
        EXPLORE_CHECK(rc == 0);
    }
    thrum_keyed_rate_limiter_free(c.keyed);
}
