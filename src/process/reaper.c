/* The reaper: a single thread that looks after all child processes of this process.
 *
 * It starts children, collects outcomes, notices the ends of children and enforces deadlines. One
 * reaper serves all pools and processes. It starts with the first of them and never ends: the
 * kernel kills a child when the thread that started it ends, so that thread must live as long as
 * the program.
 *
 * It sleeps in its poller, which holds an eventfd and a descriptor of each child. It is woken by
 * thrum__reaper_wake within the program, by a child that writes to the eventfd, by the end of a
 * child, and by a request to stop a future whose runner it is. The first of these is cheap
 * (reaper_sleep.h). With children the task slots (task_slots.h) do the same: `sleeps` writes to
 * each that the reaper sleeps, and then checks its slots.
 *
 * The poller tells only that some child has ended, not which: a child made by a plain fork has
 * copies of the descriptors, so a descriptor may be reported after it was closed here. So each
 * client asks for the end of each of its children.
 *
 * The list of clients grows at its head, under the lock, and only the reaper removes from it. So
 * the reaper walks it without the lock.
 *
 * It runs no code of the user: that may wait for a process, and so for the reaper. Clients give
 * callbacks and calls of the failure hook to a background thread (thread/background.c), which the
 * reaper helps to start.
 *
 * A child process made by a plain fork has no reaper. It starts its own when it needs one; the
 * clients of the parent stay with the parent.
 */
#include "process/reaper.h"
#include "base/clock.h"
#include "base/poller.h"
#include "base/process.h"
#include "park/poll_park.h"
#include "process/reaper_sleep.h"
#include "sync/fork_lock.h"
#include "thread/background.h"
#include "thread/thread.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

enum { WAKEUP, DEATH };

#define RETRY 0.05 /* seconds until a refused background thread is tried again */

static thrum_lock lock;  /* for what follows, as far as others than the reaper write it */
static uint32_t process; /* the generation whose reaper runs; 0 for none */
static thrum__reaper_client *first;
static int poller, wakeup;
static thrum__context *context;
static thrum__reaper_sleep resting;

thrum__scope *thrum__reaper_scope(void)
{
    return &context->rest->base;
}

int thrum__reaper_descriptor(void)
{
    return wakeup;
}

int thrum__reaper_watch(int pidfd)
{
    return thrum__poller_arm(poller, pidfd, DEATH);
}

void thrum__reaper_wake(void)
{
    if (thrum__reaper_want(&resting))
        thrum__wake_send(wakeup);
}

/* ---------------------------------------------------------------------------------------- rounds */

static void unlink_client(thrum__reaper_client *gone)
{
    thrum_with (&lock) {
        thrum__reaper_client **link = &first;
        while (*link != gone)
            link = &(*link)->next;
        *link = gone->next;
    }
}

static thrum__reaper_client *first_client(void)
{
    thrum__reaper_client *client = NULL;
    thrum_with (&lock)
        client = first;
    return client;
}

static void make_round(thrum__reaper_round *round)
{
    round->next = thrum__background_retry() ? THRUM_FOREVER : thrum_in(RETRY);
    thrum__reaper_client *next;
    for (thrum__reaper_client *client = first_client(); client; client = next) {
        next = client->next;
        if (!client->work(client, round)) {
            unlink_client(client);
            client->gone(client);
        }
    }
}

static bool tell_clients(bool sleeps)
{
    bool busy = false;
    for (thrum__reaper_client *client = first_client(); client; client = client->next)
        busy |= client->sleeps(client, sleeps);
    return busy;
}

/* Takes what the poller has. True if a child has ended. */
static bool take_events(void)
{
    thrum__poller_event events[THRUM__POLLER_EVENTS];
    int count = thrum__poller_wait(poller, events, THRUM_NOW);
    bool deaths = false;
    for (int i = 0; i < count; i++)
        deaths |= events[i].data == DEATH;
    return deaths;
}

/* Sleeps until there may be something to do, at the latest at `until`. */
static void sleep_until(thrum__context *self, thrum_deadline until)
{
    bool unwanted = thrum__reaper_may_sleep(&resting);
    if (!tell_clients(true) && unwanted) {
        thrum__waiter waiter;
        thrum__single_poll poll;
        thrum__single_poll_begin(self, &poll, poller, THRUM__READABLE, &waiter);
        if (thrum__wait_begin(&waiter, true) == 0)
            (void)thrum__wait(&waiter, until, "processes", NULL);
        thrum__poll_park_end(self);
    }
    thrum__reaper_awake(&resting);
    (void)tell_clients(false);
}

__attribute__((noreturn)) static int keep(thrum_task *task)
{
    (void)task;
    thrum__context *self = thrum__self();
    thrum__reaper_round round = {.deaths = true};
    for (;;) {
        /* One step, so that no request falls between two; and before the look at who was asked. */
        round.asked = thrum__exchange_acquire(&self->scope->cancelled, 0);
        thrum__reaper_begin_round(&resting);
        make_round(&round);
        sleep_until(self, round.next);
        round.deaths = take_events();
    }
}

/* ----------------------------------------------------------------------------------- the beginning */

/* Under the lock. */
static int make_descriptors(void)
{
    poller = thrum__poller_new();
    if (poller < 0)
        return poller;
    wakeup = thrum__wake_new();
    int rc = wakeup < 0 ? wakeup : thrum__poller_arm(poller, wakeup, WAKEUP);
    if (rc == 0)
        return 0;
    if (wakeup >= 0)
        thrum__os_close(wakeup);
    thrum__os_close(poller);
    return rc;
}

static int start_thread(void)
{
    const thrum_thread_options options = {.name = "reaper", .daemon = true};
    thrum_thread *thread = thrum_thread_start_with(&options, keep, THRUM_NOTHING);
    const thrum_error *error = thrum_thread_error(thread);
    int code = error ? error->code : 0;
    if (code == 0)
        context = thread->state_->running; /* it stays: the thread never ends */
    thrum_thread_free(thread);
    return code;
}

/* Under the lock. */
static int start(void)
{
    first = NULL;
    resting = (thrum__reaper_sleep){0};
    thrum__background_on_refusal(thrum__reaper_wake);
    int rc = make_descriptors();
    if (rc < 0)
        return rc;
    rc = start_thread();
    if (rc < 0) {
        thrum__os_close(wakeup);
        thrum__os_close(poller);
        return rc;
    }
    process = thrum__process_generation;
    return 0;
}

const char thrum__reaper_refusal[] =
    "a program with set-user-ID, set-group-ID or file capabilities starts no processes";

int thrum__reaper_enter(thrum__reaper_client *client)
{
    if (thrum__process_is_secure())
        return -EPERM;
    int rc = 0;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        if (process != thrum__process_generation)
            rc = start();
        if (rc == 0) {
            client->next = first;
            first = client;
        }
    }
    if (rc == 0)
        thrum__reaper_wake();
    return rc;
}
