/* The parts of the fiber scheduler by themselves: the ring, the inbox, sleep and wake. Pools that are
 * whole are in explore_fiber_pool.c. */
#include "base/futex.h"
#include "explore.h"
#include "fiber/idle.h"
#include "fiber/inbox.h"
#include "fiber/run_ring.h"

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

EXPLORE(fiber_ring_full, .preemptions = EXPLORE_NONE)
{
    for (int i = 0; i < THRUM__RING_SIZE; i++)
        put(i);
    EXPLORE_CHECK(!thrum__ring_put(&rings[0], &data[THRUM__RING_SIZE]));
    for (int i = 0; i < THRUM__RING_SIZE; i++)
        EXPLORE_CHECK(thrum__ring_take(&rings[0]) == &data[i]);
    EXPLORE_CHECK(!thrum__ring_take(&rings[0]));
}

/* A thief that has tasks of its own takes what it has room for; another steals from it meanwhile. */

static void steal_more(void *argument)
{
    (void)argument;
    void *task = thrum__ring_steal(&rings[1], &rings[0]);
    EXPLORE_CHECK(task != NULL);
    got(task);
    while ((task = thrum__ring_take(&rings[1])))
        got(task);
}

static void steal_on(void *argument)
{
    (void)argument;
    void *task = thrum__ring_steal(&rings[2], &rings[1]);
    for (; task; task = thrum__ring_take(&rings[2]))
        got(task);
}

EXPLORE(fiber_ring_steals_into_a_full_one, .preemptions = 3)
{
    for (int i = 0; i < MOST; i++) {
        thrum__run_ring *ring = &rings[i / THRUM__RING_SIZE];
        EXPLORE_WRITE(data[i], i + 1);
        EXPLORE_CHECK(thrum__ring_put(ring, &data[i]));
    }
    explore_spawn("thief", steal_more, NULL);
    explore_spawn("looter", steal_on, NULL);
    explore_join_all();
    void *task;
    while ((task = thrum__ring_take(&rings[0])))
        got(task);
    check_taken(MOST);
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
        woken[i] = thrum__context_new("", NULL);
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

static bool poke_one(void *workers)
{
    (void)workers;
    for (int i = 0; i < 2; i++)
        if (thrum__inbox_poke(&inboxes[i])) {
            thrum__futex_wake(&inboxes[i], 1);
            return true;
        }
    return false;
}

static bool someone_sleeps(void *workers)
{
    (void)workers;
    return thrum__inbox_sleeps(thrum__load_relaxed(&inboxes[0])) ||
           thrum__inbox_sleeps(thrum__load_relaxed(&inboxes[1]));
}

static bool have_work(void *workers)
{
    (void)workers;
    return thrum__load_relaxed(&pending) > 0;
}

static void notify(void)
{
    static const thrum__idle_workers ops = {poke_one, someone_sleeps, have_work};
    thrum__idle_notify(&idle, &ops, NULL);
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

static uint32_t tasks; /* that a worker does before it ends; 0 for 1 */

/* As a worker of worker.c, that ends after so many tasks. */
static void work(void *argument)
{
    uint32_t *own_inbox = argument, done = 0;
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
                searching = false;
            }
            thrum__add_relaxed(&finished, 1);
            if (++done >= tasks)
                return;
            continue;
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

/* Wakes a worker for another reason than a task, as a fiber of it that becomes ready does. */
static void wake_worker(void *argument)
{
    (void)argument;
    if (thrum__inbox_interrupt(&inboxes[0]))
        thrum__futex_wake(&inboxes[0], 1);
}

/* Several submitters: each may leave its task to the role that another has at the moment, and that one may
 * find a worker that is counted as asleep but was woken. */
EXPLORE(fiber_idle_submitters, .preemptions = 3, .sees = "asleep")
{
    tasks = 2;
    explore_spawn("worker", work, &inboxes[0]);
    explore_spawn("waker", wake_worker, NULL);
    explore_spawn("submitter", submit, NULL);
    submit(NULL);
    explore_join_all();
    EXPLORE_CHECK(finished == 2);
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
