/* The keeper: the one thread that looks after all child processes of this one.
 *
 * It starts them, collects what they have done, notices their ends and enforces deadlines. There is one
 * for all pools and processes, started with the first and never ended: the kernel ties the life of a child
 * to the thread that started it, so that thread must be one that lives as long as the program.
 *
 * It sleeps in its poller, which holds an eventfd, the bell, and a descriptor of each child. Within the
 * program it is woken by thrum__keeper_ring; by a child through the bell; by a child's end; and by a
 * request to stop a future that it is the runner of, as any thread is that waits. `rung` and `asleep` make
 * the first of these cheap: who rings sets `rung` and then looks at `asleep`; the keeper sets `asleep` and
 * then looks at `rung`, both sequentially consistent, so one of them sees the other. With children it is
 * the same by way of their boards (board.h): `rest` says on each that the keeper sleeps and then looks at
 * its slots.
 *
 * The poller tells only that some child has ended, not which: a descriptor that a forked child has a copy
 * of may still be told of after it was closed here. So whoever has children asks for the end of each.
 *
 * The list of what is kept grows at its head, under the lock, and shrinks by the keeper alone; so the
 * keeper walks it without the lock.
 *
 * A child made by a plain fork has no keeper, and makes its own when it needs one. What its parent had is
 * its parent's.
 */
#include "process/keeper.h"
#include "base/clock.h"
#include "base/poller.h"
#include "base/process.h"
#include "park/poll_park.h"
#include "sync/fork_lock.h"
#include "thread/thread.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

enum { BELL, DEATH };

static thrum_lock lock;  /* for what follows, as far as others than the keeper write it */
static uint32_t process; /* the generation whose keeper runs; 0 for none */
static thrum__kept *first;
static int poller, bell;
static thrum__context *context;
static uint32_t rung, asleep;

thrum__context *thrum__keeper_context(void)
{
    return context;
}

int thrum__keeper_bell(void)
{
    return bell;
}

int thrum__keeper_watch(int pidfd)
{
    return thrum__poller_arm(poller, pidfd, DEATH);
}

void thrum__keeper_ring(void)
{
    thrum__store_seq_cst(&rung, 1);
    if (thrum__load_seq_cst(&asleep))
        thrum__wake_send(bell);
}

/* ---------------------------------------------------------------------------------------- rounds */

static void unlink_kept(thrum__kept *gone)
{
    thrum_with (&lock) {
        thrum__kept **link = &first;
        while (*link != gone)
            link = &(*link)->next;
        *link = gone->next;
    }
}

static thrum__kept *first_kept(void)
{
    thrum__kept *kept = NULL;
    thrum_with (&lock)
        kept = first;
    return kept;
}

static void make_round(thrum__round *round)
{
    thrum__kept *next;
    for (thrum__kept *kept = first_kept(); kept; kept = next) {
        next = kept->next;
        if (!kept->tend(kept, round)) {
            unlink_kept(kept);
            kept->over(kept);
        }
    }
}

static bool rest(bool sleeps)
{
    bool busy = false;
    for (thrum__kept *kept = first_kept(); kept; kept = kept->next)
        busy |= kept->rest(kept, sleeps);
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
static void sleep_until(thrum__context *self, thrum_time until)
{
    thrum__store_seq_cst(&asleep, 1);
    if (!rest(true) && !thrum__load_seq_cst(&rung)) {
        thrum__waiter waiter;
        thrum__poll_park_begin(self, poller, THRUM__READABLE);
        if (thrum__wait_begin(&waiter, true) == 0)
            (void)thrum__wait(&waiter, until, "processes", NULL);
        thrum__poll_park_end(self);
    }
    thrum__store_relaxed(&asleep, 0);
    (void)rest(false);
}

__attribute__((noreturn)) static int keep(thrum_task *task)
{
    (void)task;
    thrum__context *self = thrum__self();
    thrum__round round = {.deaths = true};
    for (;;) {
        /* One step, so that no request falls between two; and before the look at who was asked. */
        round.asked = thrum__exchange_acquire(&self->cancelled, 0);
        thrum__store_seq_cst(&rung, 0);
        round.next = THRUM_FOREVER;
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
    bell = thrum__wake_new();
    int rc = bell < 0 ? bell : thrum__poller_arm(poller, bell, BELL);
    if (rc == 0)
        return 0;
    if (bell >= 0)
        thrum__os_close(bell);
    thrum__os_close(poller);
    return rc;
}

static int start_thread(void)
{
    const thrum_thread_options options = {.name = "keeper", .daemon = true};
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
    thrum__store_relaxed(&asleep, 0);
    int rc = make_descriptors();
    if (rc < 0)
        return rc;
    rc = start_thread();
    if (rc < 0) {
        thrum__os_close(bell);
        thrum__os_close(poller);
        return rc;
    }
    process = thrum__process_generation;
    return 0;
}

int thrum__keeper_enter(thrum__kept *kept)
{
    int rc = 0;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        if (process != thrum__process_generation)
            rc = start();
        if (rc == 0) {
            kept->next = first;
            first = kept;
        }
    }
    if (rc == 0)
        thrum__keeper_ring();
    return rc;
}
