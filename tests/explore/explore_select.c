/* Select: exactly one case is performed, and no item, permit, lock or wake-up is lost on one that was not. */
#include "base/spin.h"
#include "explore.h"
#include "future/future.h"
#include "park/context.h"
#include "park/scope.h"
#include "two_queues.h"
#include <thrum/select.h>

#include <errno.h>

static int got[3]; /* what each thread took */
static bool performed[3][2];

/* A client of two queues with a lock, and of two without. */
#define QUEUES(client, ...)                                                                        \
    static void client_of_##client(void);                                                          \
    EXPLORE(select_##client, __VA_ARGS__)                                                          \
    {                                                                                              \
        client_of_##client();                                                                      \
    }                                                                                              \
    EXPLORE(select_bounded_##client, __VA_ARGS__)                                                  \
    {                                                                                              \
        capacity[0] = capacity[1] = 1;                                                             \
        client_of_##client();                                                                      \
    }                                                                                              \
    static void client_of_##client(void)

static void select_get(void *argument)
{
    int value = 0;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_get(queues[1], &value)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0 && value == index + 1);
    got[(intptr_t)argument] += value;
}

/* The other way round: two selects lock the queues in one order all the same. */
static void select_get_turned(void *argument)
{
    int value = 0;
    thrum_case cases[] = {thrum_case_get(queues[1], &value), thrum_case_get(queues[0], &value)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0 && value == 2 - index);
    got[(intptr_t)argument] += value;
}

QUEUES(get, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", select_get, (void *)0);
    put_to((void *)1);
    explore_join_all();
    EXPLORE_CHECK(got[0] == 2);
    free_queues();
}

/* Two selects against each other on the same two queues. */
QUEUES(two, .preemptions = 1, .long_preemptions = 2)
{
    new_queues();
    explore_spawn("getter", select_get, (void *)0);
    explore_spawn("getter", select_get_turned, (void *)1);
    explore_spawn("putter", put_to_both, NULL);
    explore_join_all();
    EXPLORE_CHECK(got[0] + got[1] == 3);
    free_queues();
}

/* A select that gets beside a plain get: the notify that a select has lost goes to the getter. */
static void get_first(void *argument)
{
    int value = 0;
    EXPLORE_CHECK(thrum_queue_get(queues[0], &value, THRUM_FOREVER) == 0);
    got[(intptr_t)argument] += value;
}

QUEUES(beside_get, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    unsigned selects = explore_spawn("select", select_get, (void *)0);
    explore_spawn("first", get_first, (void *)1);
    put_to_both(NULL);
    explore_join(selects);
    if (got[0] == 1)
        put_to((void *)0);
    explore_join_all();
    EXPLORE_CHECK(got[1] == 1);
    free_queues();
}

/* A select that gets against one that puts, on the same two queues. */
static void select_put(void *argument)
{
    int values[] = {1, 2};
    thrum_case cases[] = {thrum_case_put(queues[0], &values[0]),
                          thrum_case_put(queues[1], &values[1])};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0);
    got[(intptr_t)argument] = index + 1;
}

QUEUES(put_get, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", select_get, (void *)0);
    explore_spawn("putter", select_put, (void *)1);
    explore_join_all();
    EXPLORE_CHECK(got[0] == got[1] && got[0] > 0);
    free_queues();
}

/* Both queues are full: a putter waits in both, and takes the place of whichever is taken from. */
EXPLORE(select_put_full, .preemptions = 2, .long_preemptions = 3)
{
    int value = 0;
    capacity[0] = capacity[1] = 1;
    new_queues();
    put_to_both(NULL);
    explore_spawn("putter", select_put, (void *)0);
    EXPLORE_CHECK(thrum_queue_get(queues[1], &value, THRUM_NOW) == 0);
    explore_join_all();
    EXPLORE_CHECK(got[0] == 2);
    EXPLORE_CHECK(thrum_queue_size(queues[0]) == 1 && thrum_queue_size(queues[1]) == 1);
    free_queues();
}

/* Room for one putter, for which a select and a plain put wait: the one that the select has not used. */
EXPLORE(select_put_beside_put, .preemptions = 1, .long_preemptions = 3)
{
    int value = 0;
    capacity[0] = capacity[1] = 1;
    new_queues();
    put_to_both(NULL);
    explore_spawn("select", select_put, (void *)0);
    explore_spawn("putter", put_to, (void *)0);
    EXPLORE_CHECK(thrum_queue_get(queues[0], &value, THRUM_NOW) == 0);
    EXPLORE_CHECK(thrum_queue_get(queues[1], &value, THRUM_NOW) == 0);
    EXPLORE_CHECK(thrum_queue_get(queues[0], &value, THRUM_FOREVER) == 0);
    explore_join_all();
    free_queues();
}

/* A get and a put of one queue in one select. */
static void swap(void *argument)
{
    int value = 7;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_put(queues[0], &value)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0);
    got[(intptr_t)argument] = index == 1 ? 1 : -1;
}

EXPLORE(select_swap, .preemptions = 2, .long_preemptions = 3)
{
    capacity[0] = capacity[1] = 1;
    new_queues();
    explore_spawn("swapper", swap, (void *)0);
    explore_spawn("swapper", swap, (void *)1);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queues[0]) == (size_t)(got[0] + got[1]));
    free_queues();
}

/* A queue that stands in a select twice is locked once. */
static void select_same(void *argument)
{
    int value = 0;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_get(queues[0], &value)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0);
    got[(intptr_t)argument] = value;
}

QUEUES(same, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", select_same, (void *)0);
    put_to((void *)0);
    explore_join_all();
    EXPLORE_CHECK(got[0] == 1);
    free_queues();
}

/* Close against a select that waits, with an item that comes before. */
static void select_until_closed(void *argument)
{
    int value = 0;
    (void)argument;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_get(queues[1], &value)};
    for (int open = 2; open > 0;) {
        int index = thrum_select(cases, 2, THRUM_FOREVER);
        EXPLORE_CHECK(index >= 0 && cases[index].ops_);
        EXPLORE_CHECK(cases[index].code == 0 || cases[index].code == -EPIPE);
        if (cases[index].code == 0) {
            got[0] += value;
        } else {
            cases[index] = (thrum_case){0};
            open--;
        }
    }
}

QUEUES(close, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", select_until_closed, NULL);
    thrum_queue_close(queues[0]);
    put_to((void *)1);
    thrum_queue_close(queues[1]);
    explore_join_all();
    EXPLORE_CHECK(got[0] == 2);
    free_queues();
}

/* A deadline of a select: the item that comes with it stays, or was taken. */
static void select_until(void *argument)
{
    int value = 0;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_get(queues[1], &value)};
    int index = thrum_select(cases, 2, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(index >= 0 || (index == -ETIMEDOUT && explore_timeouts()));
    got[(intptr_t)argument] = index >= 0;
    if (index < 0)
        explore_seen("timed out");
}

QUEUES(until, .preemptions = 2, .timeouts = 1, .sees = "timed out", .long_preemptions = 3)
{
    new_queues();
    explore_spawn("getter", select_until, (void *)0);
    put_to((void *)1);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queues[1]) + (size_t)got[0] == 1);
    free_queues();
}

/* A deadline that has passed is ready for a select that does not wait. */
EXPLORE(select_passed_deadline, .preemptions = EXPLORE_NONE)
{
    thrum_event event = THRUM_EVENT_INIT;
    thrum_case cases[] = {thrum_case_event(&event), thrum_case_deadline(thrum_at(1))};
    EXPLORE_CHECK(thrum_select(cases, 2, THRUM_NOW) == 1);
    EXPLORE_CHECK(thrum_select(&cases[1], 1, THRUM_NOW) == 0);
    EXPLORE_CHECK(thrum_select(cases, 2, THRUM_FOREVER) == 1);
}

/* A case of a deadline, which is performed once and takes nothing. */
EXPLORE(select_deadline, .preemptions = 2, .timeouts = 1, .rescue = true)
{
    thrum_event event = THRUM_EVENT_INIT;
    thrum_case cases[] = {thrum_case_event(&event),
                          thrum_case_deadline(thrum_at(thrum_now() + 1000))};
    explore_spawn("setter", (void (*)(void *))thrum_event_set, &event);
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index == 0 || index == 1);
    explore_join_all();
    EXPLORE_CHECK(thrum_event_is_set(&event) && !event.waiters_);
}

/* ----------------------------------------------------------------- events, semaphores, locks, futures */

static thrum_event events[2];
static thrum_semaphore permits;
static thrum_lock lock;
static int protected;
static thrum__context *context;
static uint32_t ready;

static void set_event(void *which)
{
    thrum_event_set(&events[(intptr_t)which]);
}

static void select_events(void *argument)
{
    thrum_case cases[] = {thrum_case_event(&events[0]), thrum_case_event(&events[1])};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && thrum_event_is_set(&events[index]));
    performed[(intptr_t)argument][index] = true;
}

EXPLORE(select_events, .preemptions = 3, .spurious = 1)
{
    explore_spawn("setter", set_event, (void *)0);
    explore_spawn("setter", set_event, (void *)1);
    select_events((void *)0);
    explore_join_all();
    EXPLORE_CHECK(performed[0][0] != performed[0][1]);
    EXPLORE_CHECK(!events[0].waiters_ && !events[1].waiters_);
}

/* Two selects stand in one event: a set wakes both. */
EXPLORE(select_events_two, .preemptions = 2, .long_preemptions = 3)
{
    explore_spawn("select", select_events, (void *)0);
    explore_spawn("select", select_events, (void *)1);
    set_event((void *)1);
    explore_join_all();
    EXPLORE_CHECK(performed[0][1] && performed[1][1]);
}

/* The first waiter of an event may free it, as soon as its select has returned. */
static void select_and_free(void *argument)
{
    thrum_event *event = argument;
    thrum_case cases[] = {thrum_case_event(event), thrum_case_event(&events[0])};
    EXPLORE_CHECK(thrum_select(cases, 2, THRUM_FOREVER) == 0);
    thrum__free(event);
}

EXPLORE(select_free_event, .preemptions = EXPLORE_ALL)
{
    thrum_event *event = thrum__alloc(sizeof *event);
    explore_spawn("waiter", select_and_free, event);
    thrum_event_set(event);
    explore_join_all();
}

/* So may another waiter that the same set has woken. */
static thrum__context *waiters[2];

static void wait_and_free(void *argument)
{
    thrum__store_release(&waiters[0], thrum__self());
    EXPLORE_CHECK(thrum_event_wait(argument, THRUM_FOREVER) == 0);
    thrum__free(argument);
}

static void select_freed(void *argument)
{
    thrum_case cases[] = {thrum_case_event(argument), thrum_case_event(&events[0])};
    thrum__store_release(&waiters[1], thrum__self());
    EXPLORE_CHECK(thrum_select(cases, 2, THRUM_FOREVER) == 0);
}

EXPLORE(select_freed_event, .preemptions = 2)
{
    thrum_event *event = thrum__alloc(sizeof *event);
    explore_spawn("waiter", wait_and_free, event);
    explore_spawn("select", select_freed, event);
    for (int i = 0; i < 2; i++) {
        thrum__context *waiter;
        while (!(waiter = thrum__load_acquire(&waiters[i])) ||
               !thrum__load_relaxed(&waiter->wait_kind))
            thrum__pause();
    }
    thrum_event_set(event);
    explore_join_all();
}

/* A permit or an event, for one select beside one that waits for a permit alone. */
static void select_permit(void *argument)
{
    thrum_case cases[] = {thrum_case_semaphore(&permits), thrum_case_event(&events[0])};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0);
    performed[(intptr_t)argument][index] = true;
}

static void acquire_permit(void *argument)
{
    thrum_semaphore_acquire(&permits);
    got[(intptr_t)argument] = 1;
}

EXPLORE(select_permit, .preemptions = 2, .long_preemptions = 3)
{
    explore_spawn("select", select_permit, (void *)0);
    explore_spawn("setter", set_event, (void *)0);
    thrum_semaphore_release(&permits, 1);
    explore_join_all();
    EXPLORE_CHECK(performed[0][0] != performed[0][1]);
    EXPLORE_CHECK(thrum_semaphore_value(&permits) == !performed[0][0] && !permits.waiters_);
}

/* The hand-off that finds the claim lost goes to the waiter behind it. */
EXPLORE(select_permit_passed_on, .preemptions = 2, .long_preemptions = 3)
{
    explore_spawn("select", select_permit, (void *)0);
    explore_spawn("waiter", acquire_permit, (void *)1);
    set_event((void *)0);
    thrum_semaphore_release(&permits, 1);
    explore_join(1);
    if (performed[0][0])
        thrum_semaphore_release(&permits, 1);
    explore_join_all();
    EXPLORE_CHECK(got[1] == 1 && thrum_semaphore_value(&permits) == 0);
}

/* Two selects over a lock and a semaphore of one permit. */
static void select_holder(void *argument)
{
    thrum_case cases[] = {thrum_case_lock(&lock), thrum_case_semaphore(&permits)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0);
    if (index == 0) {
        EXPLORE_WRITE(protected, EXPLORE_READ(protected) + 1);
        thrum_lock_release(&lock);
    } else {
        thrum_semaphore_release(&permits, 1);
    }
    performed[(intptr_t)argument][index] = true;
}

static void hold_lock(void *argument)
{
    (void)argument;
    thrum_lock_acquire(&lock);
    EXPLORE_WRITE(protected, EXPLORE_READ(protected) + 1);
    thrum_lock_release(&lock);
}

EXPLORE(select_lock, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    thrum_lock_acquire(&lock);
    explore_spawn("select", select_holder, (void *)0);
    explore_spawn("other", hold_lock, NULL);
    EXPLORE_WRITE(protected, 1);
    thrum_lock_release(&lock);
    explore_join_all();
    EXPLORE_CHECK(performed[0][0] && protected == 3);
    EXPLORE_CHECK(!lock.state_ && !lock.waiters_);
}

EXPLORE(select_lock_two, .preemptions = 2, .long_preemptions = 3)
{
    thrum_lock_acquire(&lock);
    explore_spawn("select", select_holder, (void *)0);
    explore_spawn("select", select_holder, (void *)1);
    thrum_semaphore_release(&permits, 1);
    thrum_lock_release(&lock);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&permits) == 1);
    EXPLORE_CHECK(!lock.state_ && !lock.waiters_ && !permits.waiters_);
}

/* A select that has gone elsewhere leaves the lock to the waiter behind it, and one that was woken and
 * found it taken is woken again. */
static void select_lock_or_event(void *argument)
{
    thrum_case cases[] = {thrum_case_lock(&lock), thrum_case_event(&events[0])};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0);
    if (index == 0)
        thrum_lock_release(&lock);
    performed[(intptr_t)argument][index] = true;
}

EXPLORE(select_lock_event, .preemptions = 2, .long_preemptions = 3)
{
    thrum_lock_acquire(&lock);
    explore_spawn("select", select_lock_or_event, (void *)0);
    explore_spawn("other", hold_lock, NULL);
    set_event((void *)0);
    thrum_lock_release(&lock);
    explore_join_all();
    EXPLORE_CHECK(performed[0][0] != performed[0][1]);
    EXPLORE_CHECK(!lock.state_ && !lock.waiters_);
}

/* A lock that is handed over by its release, to a select that has waited long. */
EXPLORE(select_lock_granted, .preemptions = 1, .ticks = 3, .long_preemptions = 2)
{
    thrum_lock_acquire(&lock);
    explore_spawn("select", select_lock_or_event, (void *)0);
    explore_spawn("other", hold_lock, NULL);
    thrum_lock_release(&lock);
    explore_join_all();
    EXPLORE_CHECK(performed[0][0] && !lock.state_ && !lock.waiters_);
}

/* Cancelled against served: the permit is taken or left. */
static void select_cancellable(void *argument)
{
    thrum_case cases[] = {thrum_case_semaphore(&permits), thrum_case_event(&events[0])};
    (void)argument;
    context = thrum__self();
    thrum__store_release(&ready, 1);
    got[0] = thrum_select(cases, 2, THRUM_FOREVER);
    if (got[0] == -ECANCELED)
        explore_seen("cancelled");
}

static void cancel_it(void *argument)
{
    (void)argument;
    while (!thrum__load_acquire(&ready))
        thrum__pause();
    thrum__cancel(context);
}

EXPLORE(select_cancel, .preemptions = 3, .sees = "cancelled")
{
    explore_spawn("select", select_cancellable, NULL);
    explore_spawn("canceller", cancel_it, NULL);
    thrum_semaphore_release(&permits, 1);
    explore_join_all();
    EXPLORE_CHECK(got[0] == 0 || got[0] == -ECANCELED);
    EXPLORE_CHECK(thrum_semaphore_value(&permits) == (got[0] != 0));
    EXPLORE_CHECK(!permits.waiters_ && !events[0].waiters_);
}

/* The same for an item. */
static void select_get_cancellable(void *argument)
{
    int value = 0;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_get(queues[1], &value)};
    (void)argument;
    context = thrum__self();
    thrum__store_release(&ready, 1);
    got[0] = thrum_select(cases, 2, THRUM_FOREVER);
}

QUEUES(get_cancel, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("select", select_get_cancellable, NULL);
    explore_spawn("canceller", cancel_it, NULL);
    put_to((void *)0);
    explore_join_all();
    EXPLORE_CHECK(got[0] == 0 || got[0] == -ECANCELED);
    EXPLORE_CHECK(thrum_queue_size(queues[0]) == (got[0] != 0));
    free_queues();
}

/* The end of a future against an event; the future may go as soon as the select has returned. */
static void end_future(void *future)
{
    EXPLORE_CHECK(thrum_future_set_result(future, NULL, 0) == 0);
}

EXPLORE(select_future, .preemptions = 2, .long_preemptions = 3)
{
    thrum_future *future = thrum_future_new();
    EXPLORE_CHECK(future != NULL);
    thrum_case cases[] = {thrum_case_future(future), thrum_case_event(&events[0])};
    explore_spawn("maker", end_future, future);
    explore_spawn("setter", set_event, (void *)0);
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index == 1 || (index == 0 && thrum_future_done(future)));
    thrum_future_free(future);
    explore_join_all();
    EXPLORE_CHECK(!events[0].waiters_);
}

/* Results as they come, beside an event that stops the wait. */
EXPLORE(select_as_completed, .preemptions = 2, .long_preemptions = 3)
{
    thrum_future *future = thrum_future_new();
    EXPLORE_CHECK(future != NULL);
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    size_t found = 9;
    thrum_case cases[] = {thrum_case_as_completed(done, &found), thrum_case_event(&events[0])};
    explore_spawn("maker", end_future, future);
    explore_spawn("setter", set_event, (void *)0);
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index == 1 || found == 0);
    if (index == 1)
        EXPLORE_CHECK(thrum_as_completed_next(done, &found, THRUM_FOREVER) == 0 && found == 0);
    explore_join_all();
    thrum_as_completed_free(done);
    thrum_future_free(future);
}

EXPLORE(select_next_completed, .preemptions = 2, .long_preemptions = 3)
{
    thrum_future *future = thrum_future_new();
    EXPLORE_CHECK(future != NULL);
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    size_t found = 9;
    thrum_case cases[] = {{0}, thrum_case_as_completed(done, &found)};
    explore_spawn("maker", end_future, future);
    EXPLORE_CHECK(thrum_select(cases, 2, THRUM_FOREVER) == 1 && found == 0);
    explore_join_all();
    thrum_as_completed_free(done);
    thrum_future_free(future);
}

/* Items and permits at once. */
static void select_mixed(void *argument)
{
    int value = 0;
    thrum_case cases[] = {thrum_case_get(queues[0], &value), thrum_case_semaphore(&permits)};
    int index = thrum_select(cases, 2, THRUM_FOREVER);
    EXPLORE_CHECK(index >= 0 && cases[index].code == 0);
    performed[(intptr_t)argument][index] = true;
}

static void release_permit(void *argument)
{
    (void)argument;
    thrum_semaphore_release(&permits, 1);
}

QUEUES(mixed, .preemptions = 2, .long_preemptions = 3)
{
    new_queues();
    explore_spawn("select", select_mixed, (void *)0);
    explore_spawn("releaser", release_permit, NULL);
    put_to((void *)0);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queues[0]) == !performed[0][0]);
    EXPLORE_CHECK(thrum_semaphore_value(&permits) == !performed[0][1]);
    free_queues();
}
