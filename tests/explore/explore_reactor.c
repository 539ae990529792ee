/* What threads share about descriptors: a worker's sleep in its poller, and a descriptor that one uses
 * and another closes. The kernel's part is played by words: an edge that is kept until it is taken. */
#include "base/futex.h"
#include "explore.h"
#include "fiber/inbox.h"
#include "net/descriptor.h"
#include "park/guard.h"
#include "park/park.h"

#include <errno.h>

/* ----------------------------------------------------------------------------- sleep in the poller */

static uint32_t inbox, edge; /* the wake descriptor: written to, and not asked for yet */
static thrum__context *woken[2];
static int message[2];
static int opened; /* the wake descriptor, by the worker before its first sleep */

enum { WAKE = 7 }; /* its number */

/* As thrum__inbox_wake, into that descriptor. */
static void wake(uint32_t slept)
{
    if (!slept)
        return;
    EXPLORE_CHECK(slept == (THRUM__INBOX_POLLING | WAKE));
    EXPLORE_CHECK(EXPLORE_READ(opened) == 1);
    thrum__exchange_release(&edge, 1);
    thrum__futex_wake(&edge, 1);
}

static int numbers[] = {0, 1};

static void push(void *argument)
{
    int number = *(int *)argument;
    EXPLORE_WRITE(message[number], 1);
    wake(thrum__inbox_push(&inbox, woken[number]));
}

static void interrupt(void *argument)
{
    (void)argument;
    wake(thrum__inbox_interrupt(&inbox));
}

/* As a wait in the poller: what was written before counts. */
static void poll_once(void)
{
    while (!thrum__exchange_acquire(&edge, 0))
        thrum__futex_wait(&edge, 0, THRUM_FOREVER);
}

/* A worker that sleeps in its poller until `count` of its fibers were woken. */
static void receive(int count)
{
    bool search;
    while (count > 0) {
        uint32_t ident = thrum__inbox_take(&inbox, &search);
        EXPLORE_CHECK(!search);
        for (; ident; count--) {
            thrum__context *context = thrum__context_of(ident);
            ident = thrum__load_relaxed(&context->wake_next);
            int number = context == woken[0] ? 0 : 1;
            EXPLORE_CHECK(context == woken[number]);
            EXPLORE_CHECK(EXPLORE_READ(message[number]) == 1);
            EXPLORE_WRITE(message[number], 2);
        }
        if (!opened)
            EXPLORE_WRITE(opened, 1);
        if (count > 0 && thrum__inbox_poll(&inbox, WAKE)) {
            explore_seen("polling");
            poll_once();
        }
    }
    EXPLORE_CHECK(count == 0);
}

static void make_contexts(void)
{
    for (int i = 0; i < 2; i++)
        woken[i] = thrum__context_new("", NULL);
}

EXPLORE(reactor_sleep, .preemptions = 3, .spurious = 1, .sees = "polling")
{
    make_contexts();
    explore_spawn("waker", push, &numbers[0]);
    explore_spawn("waker", push, &numbers[1]);
    receive(2);
    explore_join_all();
}

/* One that only lets it look round may come between, and takes no wake away. */
EXPLORE(reactor_interrupt, .preemptions = 3, .spurious = 1, .sees = "polling")
{
    make_contexts();
    explore_spawn("interrupter", interrupt, NULL);
    explore_spawn("waker", push, &numbers[0]);
    receive(1);
    explore_join_all();
}

/* ---------------------------------------------------------------------- a descriptor that is closed */

/* As a socket: the number is given back by the last, who then may free. No number, so that nothing is
 * closed in earnest. */
struct shared {
    thrum__descriptor descriptor;
    uint32_t open; /* the number is still good */
};

static struct shared *shared;
static uint32_t freed;

static void leave(void)
{
    struct shared *own = shared;
    if (thrum__descriptor_leave(&own->descriptor)) {
        thrum__add_relaxed(&freed, 1);
        thrum__free(own);
    }
}

static void make_shared(void)
{
    shared = thrum__alloc(sizeof *shared);
    EXPLORE_CHECK(shared != NULL);
    thrum__descriptor_init(&shared->descriptor, -1);
}

/* As thrum_socket_free. */
static void close_and_free(void *argument)
{
    struct shared *own = shared;
    (void)argument;
    if (thrum__descriptor_enter(&own->descriptor) == 0) {
        (void)thrum__descriptor_shut(&own->descriptor);
        leave();
    }
    if (thrum__descriptor_let_go(&own->descriptor)) {
        thrum__add_relaxed(&freed, 1);
        thrum__free(own);
    }
}

static void sleep_in(void *argument)
{
    (void)argument;
    explore_seen("waits");
    EXPLORE_CHECK(thrum__descriptor_pause(&shared->descriptor, THRUM_FOREVER) == -EBADF);
    leave();
}

/* A close never misses one who waits, or is about to; and the memory goes once, with the last. */
EXPLORE(descriptor_close, .preemptions = 3, .sees = "waits")
{
    make_shared();
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    explore_spawn("sleeper", sleep_in, NULL);
    close_and_free(NULL);
    explore_join_all();
    EXPLORE_CHECK(freed == 1);
}

EXPLORE(descriptor_close_two, .preemptions = 2, .long_preemptions = 3)
{
    make_shared();
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    explore_spawn("sleeper", sleep_in, NULL);
    explore_spawn("sleeper", sleep_in, NULL);
    close_and_free(NULL);
    explore_join_all();
    EXPLORE_CHECK(freed == 1);
}

static void close_only(void *argument)
{
    (void)argument;
    (void)thrum__descriptor_shut(&shared->descriptor);
    leave();
}

/* A deadline and a close at once: one reason, and nothing is left in the queue. */
static void sleep_for_a_while(void *argument)
{
    (void)argument;
    int rc = thrum__descriptor_pause(&shared->descriptor, thrum_at(5));
    if (rc == 0)
        explore_seen("timed out");
    EXPLORE_CHECK(rc == 0 || rc == -EBADF);
    leave();
}

EXPLORE(descriptor_close_late, .preemptions = 3, .timeouts = 1, .sees = "timed out")
{
    make_shared();
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    explore_spawn("sleeper", sleep_for_a_while, NULL);
    explore_spawn("closer", close_only, NULL);
    explore_join_all();
    EXPLORE_CHECK(thrum__waiters_empty(&shared->descriptor.waiters));
    EXPLORE_CHECK(thrum__descriptor_let_go(&shared->descriptor));
    thrum__free(shared);
}

/* ------------------------------------------------------------------ readiness against a close */

static thrum__waiter ready_waiter;
static uint32_t waits; /* the wait stands in both queues */
static uint32_t claims;

/* As the reactor on an event, or a thread's own poll: claims by the second place. */
static void become_ready(void *argument)
{
    (void)argument;
    while (!thrum__load_acquire(&waits))
        thrum__futex_wait(&waits, 0, THRUM_FOREVER);
    if (thrum__claim_waiter(&ready_waiter)) {
        explore_seen("ready");
        thrum__add_relaxed(&claims, 1);
        thrum__unpark(ready_waiter.context);
    }
}

/* A wait for a descriptor, which is in two queues with one claim. */
static void wait_for_both(void *argument)
{
    enum { GUARD = 4 };
    (void)argument;
    thrum__waiter close;
    thrum__descriptor *descriptor = &shared->descriptor;
    EXPLORE_CHECK(thrum__wait_begin(&close, true) == 0);
    ready_waiter = close;
    uint32_t state = thrum__guard_acquire(&descriptor->state, GUARD);
    if (state & 1) {
        thrum__guard_release(&descriptor->state, GUARD);
        thrum__wait_abandon(&close);
    } else {
        thrum__waiters_push_back(&descriptor->waiters, &close);
        thrum__guard_release(&descriptor->state, GUARD);
        thrum__store_release(&waits, 1);
        thrum__futex_wake(&waits, 2);
        EXPLORE_CHECK(thrum__wait(&close, THRUM_FOREVER, "readable", descriptor) == 0);
        thrum__waiter_withdraw(&close, &descriptor->waiters, &descriptor->state, GUARD, 0);
    }
    leave();
}

EXPLORE(descriptor_ready, .preemptions = 2, .long_preemptions = 3, .sees = "ready")
{
    make_shared();
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    explore_spawn("waiter", wait_for_both, NULL);
    explore_spawn("event", become_ready, NULL);
    while (!thrum__load_acquire(&waits))
        thrum__futex_wait(&waits, 0, THRUM_FOREVER);
    explore_spawn("closer", close_only, NULL);
    explore_join_all();
    EXPLORE_CHECK(claims <= 1);
    EXPLORE_CHECK(thrum__waiters_empty(&shared->descriptor.waiters));
    EXPLORE_CHECK(thrum__descriptor_let_go(&shared->descriptor));
    thrum__free(shared);
}

/* As a child of fork finds one: calls and waiters are there, and those who made them are not. Two
 * threads come to it first. */

static void enter_in_child(void *argument)
{
    (void)argument;
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    EXPLORE_CHECK(thrum__waiters_empty(&shared->descriptor.waiters));
    leave();
}

EXPLORE(descriptor_in_child, .preemptions = EXPLORE_ALL)
{
    thrum__waiter lost = {.context = thrum__self()};
    make_shared();
    EXPLORE_CHECK(thrum__descriptor_enter(&shared->descriptor) == 0);
    thrum__waiters_push_back(&shared->descriptor.waiters, &lost);
    thrum__store_relaxed(&shared->descriptor.process, UINT32_MAX);
    explore_spawn("first", enter_in_child, NULL);
    explore_spawn("second", enter_in_child, NULL);
    explore_join_all();
    close_and_free(NULL);
    EXPLORE_CHECK(freed == 1);
}
