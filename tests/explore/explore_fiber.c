/* The parts of the fiber scheduler by themselves: the ring, the inbox, sleep and wake. And a fiber's
 * hand-over, in pools that are whole: real fibers on the explorer's threads. */
#include "base/futex.h"
#include "explore.h"
#include "fiber/idle.h"
#include "fiber/inbox.h"
#include "fiber/run_ring.h"
#include <thrum/event.h>
#include <thrum/fiber.h>
#include <thrum/lock.h>

#include <errno.h>

/* ------------------------------------------------------------------------------------- the ring */

enum { MOST = 8 };

static thrum__run_ring rings[3];
static int data[MOST];       /* of each task: written before it is put, read by whoever got it */
static uint32_t taken[MOST]; /* how often */

static void put(int number)
{
    EXPLORE_WRITE(data[number], number + 1);
    EXPLORE_CHECK(thrum__ring_put(&rings[0], &data[number]));
}

static void got(void *task)
{
    int number = (int)((int *)task - data);
    EXPLORE_CHECK(EXPLORE_READ(data[number]) == number + 1);
    EXPLORE_CHECK(thrum__add_relaxed(&taken[number], 1) == 0);
}

static void own(void *argument)
{
    (void)argument;
    void *task;
    for (int i = 0; i < 3; i++)
        put(i);
    if ((task = thrum__ring_take(&rings[0])))
        got(task);
    put(3);
    put(4); /* over a slot that was read before */
    while ((task = thrum__ring_take(&rings[0])))
        got(task);
}

static void steal(void *argument)
{
    (void)argument;
    void *task = thrum__ring_steal(&rings[1], &rings[0]);
    if (!task)
        return;
    explore_seen("stolen");
    got(task);
    while ((task = thrum__ring_take(&rings[1])))
        got(task);
}

static void steal_too(void *argument)
{
    (void)argument;
    void *task = thrum__ring_steal(&rings[2], &rings[0]);
    for (; task; task = thrum__ring_take(&rings[2]))
        got(task);
}

static void check_taken(int count)
{
    for (int i = 0; i < count; i++)
        EXPLORE_CHECK(taken[i] == 1);
}

EXPLORE(fiber_ring, .preemptions = 3, .sees = "stolen")
{
    explore_spawn("owner", own, NULL);
    explore_spawn("thief", steal, NULL);
    explore_join_all();
    check_taken(5);
}

static void fill(void *argument)
{
    (void)argument;
    for (int i = 0; i < 4; i++)
        put(i);
    void *task;
    while ((task = thrum__ring_take(&rings[0])))
        got(task);
}

EXPLORE(fiber_ring_two_thieves, .preemptions = 2, .long_preemptions = 3)
{
    explore_spawn("owner", fill, NULL);
    explore_spawn("thief", steal, NULL);
    explore_spawn("looter", steal_too, NULL);
    explore_join_all();
    check_taken(4);
}

/* ------------------------------------------------------------------------------------ the inbox */

static uint32_t inbox;
static thrum__context *woken[3];
static int message[3];

static void push(void *argument)
{
    int number = *(int *)argument;
    EXPLORE_WRITE(message[number], 1);
    if (thrum__inbox_push(&inbox, woken[number]))
        thrum__futex_wake(&inbox, 1);
}

/* A worker that sleeps until `count` of its fibers were woken. */
static void receive(int count)
{
    bool search;
    while (count > 0) {
        uint32_t ident = thrum__inbox_take(&inbox, &search);
        EXPLORE_CHECK(!search);
        for (; ident; count--) {
            thrum__context *context = thrum__context_of(ident);
            ident = thrum__load_relaxed(&context->wake_next);
            int number = context == woken[0] ? 0 : context == woken[1] ? 1 : 2;
            EXPLORE_CHECK(context == woken[number]);
            EXPLORE_CHECK(EXPLORE_READ(message[number]) == 1);
            EXPLORE_WRITE(message[number], 2);
        }
        if (count > 0 && thrum__inbox_sleep(&inbox)) {
            explore_seen("asleep");
            thrum__futex_wait(&inbox, THRUM__INBOX_ASLEEP, THRUM_FOREVER);
        }
    }
    EXPLORE_CHECK(count == 0);
}

static void make_contexts(int count)
{
    for (int i = 0; i < count; i++)
        woken[i] = thrum__context_new("");
}

static int numbers[] = {0, 1, 2};

EXPLORE(fiber_inbox, .preemptions = 3, .spurious = 1, .sees = "asleep")
{
    make_contexts(2);
    explore_spawn("waker", push, &numbers[0]);
    explore_spawn("waker", push, &numbers[1]);
    receive(2);
    explore_join_all();
}

static void push_two(void *argument)
{
    (void)argument;
    push(&numbers[0]);
    push(&numbers[1]);
}

/* What one thread pushes comes out in its order; the first to be taken is the first. */
EXPLORE(fiber_inbox_order, .preemptions = EXPLORE_ALL)
{
    bool search;
    make_contexts(2);
    unsigned waker = explore_spawn("waker", push_two, NULL);
    uint32_t first = thrum__inbox_take(&inbox, &search);
    EXPLORE_CHECK(first == 0 || first == woken[0]->ident);
    explore_join(waker);
    if (!first) {
        first = thrum__inbox_take(&inbox, &search);
        EXPLORE_CHECK(first == woken[0]->ident && woken[0]->wake_next == woken[1]->ident);
    }
}

/* The worker's memory may be gone once the push has succeeded. */
struct short_lived {
    uint32_t inbox;
};

static struct short_lived *brief;

static void push_last(void *argument)
{
    (void)argument;
    uint32_t *word = &brief->inbox;
    if (thrum__inbox_push(word, woken[0]))
        thrum__futex_wake(word, 1);
}

EXPLORE(fiber_inbox_freed, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    bool search;
    make_contexts(1);
    brief = thrum__alloc(sizeof *brief);
    explore_spawn("waker", push_last, NULL);
    while (!thrum__inbox_take(&brief->inbox, &search))
        if (thrum__inbox_sleep(&brief->inbox))
            thrum__futex_wait(&brief->inbox, THRUM__INBOX_ASLEEP, THRUM_FOREVER);
    thrum__free(brief);
    explore_join_all();
}

/* ------------------------------------------------------------------- the spot of the lost wake-up */

static uint32_t idle, inboxes[2], pending, finished;

/* As thrum__fibers_notify. */
static void notify(void)
{
    if (!thrum__idle_wants_poke(&idle))
        return;
    for (int i = 0; i < 2; i++)
        if (thrum__inbox_poke(&inboxes[i])) {
            thrum__futex_wake(&inboxes[i], 1);
            return;
        }
    thrum__idle_found(&idle);
}

static bool take_pending(void)
{
    uint32_t found = thrum__load_relaxed(&pending);
    while (found)
        if (thrum__cas_acquire(&pending, &found, found - 1))
            return true;
    return false;
}

static void submit(void *argument)
{
    (void)argument;
    thrum__add_release(&pending, 1);
    notify();
}

/* As a worker of worker.c, that ends with its first task. */
static void work(void *argument)
{
    uint32_t *own_inbox = argument;
    bool searching = false, search;
    for (;;) {
        if (thrum__load_relaxed(own_inbox)) {
            thrum__inbox_take(own_inbox, &search);
            searching |= search;
        }
        bool found = take_pending();
        if (!found && !searching && (searching = thrum__idle_search(&idle)))
            found = take_pending();
        if (found) {
            if (searching) {
                thrum__idle_found(&idle);
                thrum__fence_seq_cst();
                if (thrum__load_relaxed(&pending))
                    notify();
            }
            thrum__add_relaxed(&finished, 1);
            return;
        }
        if (!thrum__inbox_sleep(own_inbox))
            continue;
        thrum__idle_enter(&idle, searching);
        searching = false;
        if (thrum__load_relaxed(&pending)) {
            searching = thrum__idle_return(&idle);
        } else {
            explore_seen("asleep");
            thrum__futex_wait(own_inbox, THRUM__INBOX_ASLEEP, THRUM_FOREVER);
            thrum__idle_leave(&idle);
        }
    }
}

/* A task that comes while the only worker falls asleep; also as weak memory sees it. */
EXPLORE(fiber_idle, .preemptions = 3, .stale = 2, .spurious = 1, .sees = "asleep")
{
    explore_spawn("worker", work, &inboxes[0]);
    submit(NULL);
    explore_join_all();
    EXPLORE_CHECK(finished == 1);
}

EXPLORE(fiber_idle_two, .preemptions = 2, .stale = 1, .long_preemptions = 3, .sees = "asleep")
{
    explore_spawn("worker", work, &inboxes[0]);
    explore_spawn("worker", work, &inboxes[1]);
    submit(NULL);
    submit(NULL);
    explore_join_all();
    EXPLORE_CHECK(finished == 2);
}

/* ----------------------------------------------------------------------------------- whole pools */

static thrum_executor *pool;
static thrum_event event;
static int shared;

static void make(int workers)
{
    pool = thrum_fiber_pool_new(&(thrum_fiber_options){.workers = workers});
}

static void expect(thrum_future *future, int code)
{
    EXPLORE_CHECK(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == code);
    thrum_future_free(future);
}

static int read_after_event(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&event, THRUM_FOREVER);
    if (rc == 0)
        EXPLORE_CHECK(EXPLORE_READ(shared) == 1);
    return rc;
}

/* A fiber that parks while another thread wakes it. */
EXPLORE(fiber_park, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    make(1);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    expect(future, 0);
    thrum_executor_shutdown(pool);
}

static int set_event(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    return 0;
}

/* Two fibers of one worker, one of which wakes the other. */
EXPLORE(fiber_park_here, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *waits = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    thrum_future_free(thrum_submit(pool, set_event, THRUM_NOTHING));
    expect(waits, 0);
    thrum_executor_shutdown(pool);
}

/* A request to stop meets a wake. */
EXPLORE(fiber_cancel, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    EXPLORE_WRITE(shared, 1);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    int rc = thrum_future_cancel(future);
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS);
    thrum_event_set(&event);
    rc = thrum_future_result(future, NULL, 0, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

static int wait_a_while(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&event, thrum_now() + 1000);
    if (rc == -ETIMEDOUT)
        explore_seen("timed out");
    if (rc == 0)
        EXPLORE_CHECK(EXPLORE_READ(shared) == 1);
    return 0;
}

/* A deadline meets a wake. */
EXPLORE(fiber_deadline, .preemptions = 2, .timeouts = 1, .rescue = true, .sees = "timed out")
{
    make(1);
    thrum_future *future = thrum_submit(pool, wait_a_while, THRUM_NOTHING);
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    expect(future, 0);
    thrum_executor_shutdown(pool);
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

/* The end: a pool of two with tasks on both; the shutdown meets the last of them. */
EXPLORE(fiber_shutdown, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
    thrum_future_free(thrum_submit(pool, nothing, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
}

/* An abandoned pool: the last worker frees it, with the submitter and the one who shuts it down still
 * inside perhaps. */
EXPLORE(fiber_abandoned, .preemptions = 2, .long_preemptions = 3)
{
    make(1);
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    expect(future, 0);
}

/* What is pending is cancelled, what waits is asked to stop. */
EXPLORE(fiber_shutdown_cancels, .preemptions = 1, .long_preemptions = 2)
{
    make(1);
    thrum_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
    for (int i = 0; i < 2; i++)
        expect(futures[i], -ECANCELED);
}

/* A task starts another, which either worker may begin, and waits for it. */
static int start_another(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(shared, 1);
    thrum_future *other = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    thrum_event_set(&event);
    expect(other, 0);
    return 0;
}

EXPLORE(fiber_steal, .preemptions = 1, .long_preemptions = 2)
{
    make(2);
    expect(thrum_submit(pool, start_another, THRUM_NOTHING), 0);
    thrum_executor_shutdown(pool);
}

/* No memory for a stack, a thread, or anything else: it fails or runs, and nothing hangs. */
EXPLORE(fiber_no_memory, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .no_memory = 1,
        .no_thread = 1, .rescue = true)
{
    make(1);
    if (!pool)
        return;
    EXPLORE_WRITE(shared, 1);
    thrum_event_set(&event);
    thrum_future *future = thrum_submit(pool, read_after_event, THRUM_NOTHING);
    int rc = thrum_future_result(future, NULL, 0, THRUM_FOREVER);
    EXPLORE_CHECK(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}

/* The role reaches a worker together with a wake, and is not lost by it. */

static void poke(void *argument)
{
    (void)argument;
    if (thrum__inbox_poke(&inbox))
        thrum__futex_wake(&inbox, 1);
    else
        explore_seen("awake");
}

EXPLORE(fiber_role, .preemptions = EXPLORE_ALL, .sees = "both")
{
    make_contexts(1);
    EXPLORE_CHECK(thrum__inbox_sleep(&inbox));
    explore_spawn("searcher", poke, NULL);
    explore_spawn("waker", push, &numbers[0]);
    explore_join_all();
    bool search;
    uint32_t first = thrum__inbox_take(&inbox, &search);
    EXPLORE_CHECK(first == woken[0]->ident);
    if (search)
        explore_seen("both");
}

/* A task that submits another and ends, while the pool is shut down: what was taken is done. */

static int submit_another(thrum_task *self)
{
    thrum_future *another = thrum_submit(pool, set_event, THRUM_NOTHING);
    bool refused = thrum_future_done(another) && thrum_future_error(another);
    thrum_future_free(another);
    return thrum_return(self, thrum_value(bool, refused));
}

EXPLORE(fiber_end, .preemptions = 1, .long_preemptions = 2)
{
    bool refused;
    make(2);
    thrum_future *future = thrum_submit(pool, submit_another, THRUM_NOTHING);
    thrum_executor_shutdown(pool);
    EXPLORE_CHECK(thrum_future_result(future, &refused, sizeof refused, THRUM_NOW) == 0);
    EXPLORE_CHECK(refused != thrum_event_is_set(&event));
    thrum_future_free(future);
}

/* A deadline that was not reached leaves nothing behind for the next wait. */

static int wait_twice(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    int rc = thrum_event_wait(&event, thrum_now() + 1000);
    if (rc == 0)
        explore_seen("woken");
    thrum_time deadline = thrum_now() + 5000;
    EXPLORE_CHECK(thrum_event_wait(&never, deadline) == -ETIMEDOUT);
    EXPLORE_CHECK(thrum_now() >= deadline);
    return 0;
}

EXPLORE(fiber_deadline_twice, .preemptions = 1, .timeouts = 1, .rescue = true, .sees = "woken")
{
    make(1);
    thrum_future *future = thrum_submit(pool, wait_twice, THRUM_NOTHING);
    thrum_event_set(&event);
    expect(future, 0);
    thrum_executor_shutdown(pool);
}

EXPLORE(fiber_ring_full, .preemptions = EXPLORE_NONE)
{
    for (int i = 0; i < THRUM__RING_SIZE; i++)
        put(i);
    EXPLORE_CHECK(!thrum__ring_put(&rings[0], &data[THRUM__RING_SIZE]));
    for (int i = 0; i < THRUM__RING_SIZE; i++)
        EXPLORE_CHECK(thrum__ring_take(&rings[0]) == &data[i]);
    EXPLORE_CHECK(!thrum__ring_take(&rings[0]));
}
