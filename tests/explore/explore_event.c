/* The event: a set wakes all who wait, and what came before it is seen. */
#include "base/spin.h"
#include "explore.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/event.h>
#include <thrum/thread.h>

#include <errno.h>

struct news {
    thrum_event event;
    int data;
    uint32_t heard, missed;
};

static void name_news(struct news *news)
{
    thrum__explore_name(&news->event.state_, 4, "event.state");
    thrum__explore_name(&news->event.waiters_, sizeof(void *), "event.waiters");
    thrum__explore_name(&news->data, sizeof news->data, "data");
}

static void listen(void *argument)
{
    struct news *news = argument;
    EXPLORE_CHECK(thrum_event_wait(&news->event, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(news->data) == 1);
}

static void listen_until(void *argument)
{
    struct news *news = argument;
    int rc = thrum_event_wait(&news->event, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || rc == -ETIMEDOUT);
    if (rc == 0)
        EXPLORE_CHECK(EXPLORE_READ(news->data) == 1);
    thrum__add_relaxed(rc == 0 ? &news->heard : &news->missed, 1);
}

static void tell(void *argument)
{
    struct news *news = argument;
    EXPLORE_WRITE(news->data, 1);
    thrum_event_set(&news->event);
}

static void look(void *argument)
{
    struct news *news = argument;
    if (thrum_event_is_set(&news->event))
        EXPLORE_CHECK(EXPLORE_READ(news->data) == 1);
}

static void spread(unsigned listeners, void (*how)(void *))
{
    struct news news = {.event = THRUM_EVENT_INIT};
    name_news(&news);
    for (unsigned i = 0; i < listeners; i++)
        explore_spawn("listener", how, &news);
    explore_spawn("teller", tell, &news);
    explore_join_all();
    EXPLORE_CHECK(thrum_event_is_set(&news.event));
    thrum_event_finish(&news.event);
    EXPLORE_CHECK(!news.event.waiters_);
}

EXPLORE(event_one, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    spread(1, listen);
}

EXPLORE(event_two, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    spread(2, listen);
}

EXPLORE(event_three, .preemptions = 1, .long_preemptions = 2)
{
    spread(3, listen);
}

EXPLORE(event_stale, .preemptions = 2, .stale = 2, .weak = 1)
{
    spread(1, listen);
}

EXPLORE(event_is_set, .preemptions = EXPLORE_ALL, .stale = 1)
{
    spread(2, look);
}

EXPLORE(event_until, .preemptions = EXPLORE_ALL, .timeouts = 1)
{
    spread(1, listen_until);
}

EXPLORE(event_until_two, .preemptions = 1, .long_preemptions = 3, .timeouts = 1)
{
    spread(2, listen_until);
}

/* Two set it at once: neither loses the listener. */
static void set_only(void *argument)
{
    struct news *news = argument;
    thrum_event_set(&news->event);
}

static void listen_only(void *argument)
{
    struct news *news = argument;
    EXPLORE_CHECK(thrum_event_wait(&news->event, THRUM_FOREVER) == 0);
}

EXPLORE(event_two_setters, .preemptions = 3)
{
    struct news news = {.event = THRUM_EVENT_INIT};
    name_news(&news);
    explore_spawn("listener", listen_only, &news);
    explore_spawn("setter", set_only, &news);
    explore_spawn("setter", set_only, &news);
    explore_join_all();
}

/* One that a set has woken returns 0, though the flag may be gone again. */
static void set_and_clear(void *argument)
{
    struct news *news = argument;
    thrum_event_set(&news->event);
    thrum_event_clear(&news->event);
    thrum_event_set(&news->event);
}

EXPLORE(event_clear, .preemptions = EXPLORE_ALL)
{
    struct news news = {.event = THRUM_EVENT_INIT};
    name_news(&news);
    explore_spawn("listener", listen_only, &news);
    explore_spawn("setter", set_and_clear, &news);
    explore_join_all();
}

/* Freed by the listener while the teller is still inside its set. */
static void listen_and_free(void *argument)
{
    struct news *news = argument;
    listen(news);
    thrum__free(news);
}

EXPLORE(event_free_after_wait, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct news *news = thrum__alloc(sizeof *news);
    name_news(news);
    explore_spawn("listener", listen_and_free, news);
    explore_spawn("teller", tell, news);
    explore_join_all();
}

/* Cancelled against set. */

struct cancelled {
    struct news news;
    thrum_event again;
    thrum__context *context;
    uint32_t ready;
    int rc;
};

static void listen_cancellable(void *argument)
{
    struct cancelled *c = argument;
    c->context = thrum__self();
    thrum__store_release(&c->ready, 1);
    c->rc = thrum_event_wait(&c->news.event, THRUM_FOREVER);
    EXPLORE_CHECK(c->rc == 0 || c->rc == -ECANCELED);
}

static void cancel_it(void *argument)
{
    struct cancelled *c = argument;
    while (!thrum__load_acquire(&c->ready))
        thrum__pause();
    thrum__cancel(c->context);
}

static void tell_them(void *argument)
{
    struct cancelled *c = argument;
    tell(&c->news);
}

EXPLORE(event_cancel, .preemptions = 3, .sees = "cancelled")
{
    static struct cancelled c;
    name_news(&c.news);
    explore_spawn("listener", listen_cancellable, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_spawn("teller", tell_them, &c);
    explore_join_all();
    EXPLORE_CHECK(!c.news.event.waiters_);
    if (c.rc)
        explore_seen("cancelled");
}

/* A wait that finds the flag set against a cancellation: the wake-up that the canceller owes does not
 * end the next wait. */

static void listen_again(void *argument)
{
    struct cancelled *c = argument;
    listen_cancellable(c);
    if (c->rc == 0)
        explore_seen("in time");
    thrum_shield_begin();
    EXPLORE_CHECK(thrum_event_wait(&c->again, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(c->news.data) == 2);
    thrum_shield_end();
}

static void tell_again(void *argument)
{
    struct cancelled *c = argument;
    thrum_event_set(&c->news.event);
    EXPLORE_WRITE(c->news.data, 2);
    thrum_event_set(&c->again);
}

EXPLORE(event_abandon, .preemptions = 2, .long_preemptions = 3, .sees = "in time")
{
    static struct cancelled c;
    name_news(&c.news);
    explore_spawn("listener", listen_again, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_spawn("teller", tell_again, &c);
    explore_join_all();
    EXPLORE_CHECK(!c.news.event.waiters_ && !c.again.waiters_);
}

/* A clear leaves those that wait in the queue: the next set wakes them. */
static void clear_and_set(void *argument)
{
    struct news *news = argument;
    thrum_event_clear(&news->event);
    thrum_event_set(&news->event);
}

EXPLORE(event_clear_waited, .preemptions = EXPLORE_ALL)
{
    struct news news = {.event = THRUM_EVENT_INIT};
    name_news(&news);
    explore_spawn("listener", listen_only, &news);
    explore_spawn("setter", clear_and_set, &news);
    explore_join_all();
}
