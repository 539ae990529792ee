/* The semaphore: no more users than permits, no permit lost, waiters served. */
#include "base/spin.h"
#include "explore.h"
#include "park/context.h"
#include "park/park.h"
#include "park/scope.h"
#include <thrum/semaphore.h>

#include <errno.h>

struct room {
    thrum_semaphore semaphore;
    int data; /* protected where there is one permit */
    uint32_t inside, most;
};

static void name_room(struct room *room)
{
    thrum__explore_name(&room->semaphore.state_, 4, "semaphore.state");
    thrum__explore_name(&room->semaphore.waiters_, sizeof(void *), "semaphore.waiters");
    thrum__explore_name(&room->data, sizeof room->data, "data");
}

static void use(struct room *room)
{
    EXPLORE_WRITE(room->data, EXPLORE_READ(room->data) + 1);
}

static void enter(void *argument)
{
    struct room *room = argument;
    thrum_semaphore_acquire(&room->semaphore);
    use(room);
    thrum_semaphore_release(&room->semaphore, 1);
}

static void enter_twice(void *argument)
{
    enter(argument);
    enter(argument);
}

static void contend(void (*run)(void *), unsigned threads, int uses)
{
    struct room room = {.semaphore = THRUM_SEMAPHORE_INIT(1)};
    name_room(&room);
    for (unsigned i = 0; i < threads; i++)
        explore_spawn("user", run, &room);
    explore_join_all();
    EXPLORE_CHECK(room.data == uses);
    EXPLORE_CHECK(thrum_semaphore_value(&room.semaphore) == 1 && !room.semaphore.waiters_);
}

EXPLORE(semaphore_two, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    contend(enter, 2, 2);
}

EXPLORE(semaphore_two_twice, .preemptions = 3, .long_preemptions = 5, .spurious = 1)
{
    contend(enter_twice, 2, 4);
}

EXPLORE(semaphore_three, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    contend(enter, 3, 3);
}

EXPLORE(semaphore_four, .preemptions = 1, .long_preemptions = 2, .spurious = 1)
{
    contend(enter, 4, 4);
}

EXPLORE(semaphore_stale, .preemptions = 2, .stale = 1, .weak = 1)
{
    contend(enter, 2, 2);
}

/* Two permits for three users. */

static void enter_counted(void *argument)
{
    struct room *room = argument;
    thrum_semaphore_acquire(&room->semaphore);
    uint32_t inside = thrum__add_relaxed(&room->inside, 1) + 1;
    EXPLORE_CHECK(inside <= 2);
    if (inside == 2)
        explore_seen("two inside");
    thrum__sub_relaxed(&room->inside, 1);
    thrum_semaphore_release(&room->semaphore, 1);
}

EXPLORE(semaphore_permits, .preemptions = 2, .sees = "two inside")
{
    struct room room = {.semaphore = THRUM_SEMAPHORE_INIT(2)};
    name_room(&room);
    for (unsigned i = 0; i < 3; i++)
        explore_spawn("user", enter_counted, &room);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&room.semaphore) == 2);
}

/* One release serves several. */

static void take(void *argument)
{
    struct room *room = argument;
    thrum_semaphore_acquire(&room->semaphore);
    EXPLORE_CHECK(EXPLORE_READ(room->data) == 1);
}

static void give_three(void *argument)
{
    struct room *room = argument;
    EXPLORE_WRITE(room->data, 1);
    thrum_semaphore_release(&room->semaphore, 3);
}

EXPLORE(semaphore_release_many, .preemptions = 2, .long_preemptions = 3)
{
    struct room room = {.semaphore = THRUM_SEMAPHORE_INIT(0)};
    name_room(&room);
    explore_spawn("taker", take, &room);
    explore_spawn("taker", take, &room);
    explore_spawn("giver", give_three, &room);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&room.semaphore) == 1);
}

/* A permit is not spent on one whose deadline has passed. */

static void take_until(void *argument)
{
    struct room *room = argument;
    int rc = thrum_semaphore_acquire_until(&room->semaphore, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(rc == 0 || rc == -ETIMEDOUT);
    if (rc == 0)
        thrum__add_relaxed(&room->inside, 1);
    else
        explore_seen("timed out");
}

static void give_one(void *argument)
{
    struct room *room = argument;
    thrum_semaphore_release(&room->semaphore, 1);
}

EXPLORE(semaphore_until, .preemptions = EXPLORE_ALL, .timeouts = 1, .sees = "timed out")
{
    struct room room = {.semaphore = THRUM_SEMAPHORE_INIT(0)};
    name_room(&room);
    explore_spawn("taker", take_until, &room);
    explore_spawn("giver", give_one, &room);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&room.semaphore) + room.inside == 1);
    EXPLORE_CHECK(!room.semaphore.waiters_);
}

EXPLORE(semaphore_until_two, .preemptions = EXPLORE_NONE, .long_preemptions = 2, .timeouts = 1)
{
    struct room room = {.semaphore = THRUM_SEMAPHORE_INIT(0)};
    name_room(&room);
    explore_spawn("taker", take_until, &room);
    explore_spawn("taker", take_until, &room);
    explore_spawn("giver", give_one, &room);
    explore_spawn("giver", give_one, &room);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&room.semaphore) + room.inside == 2);
    EXPLORE_CHECK(!room.semaphore.waiters_);
}

/* One is served and those behind it give up. */
EXPLORE(semaphore_until_three, .preemptions = EXPLORE_NONE, .long_preemptions = 1, .rescue = true)
{
    struct room room = {.semaphore = THRUM_SEMAPHORE_INIT(0)};
    name_room(&room);
    for (int i = 0; i < 3; i++)
        explore_spawn("taker", take_until, &room);
    explore_spawn("giver", give_one, &room);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&room.semaphore) + room.inside == 1);
    EXPLORE_CHECK(!room.semaphore.waiters_);
}

/* Freed by the one who got the permit, while the giver is still inside its release. */

static void take_and_free(void *argument)
{
    struct room *room = argument;
    thrum_semaphore_acquire(&room->semaphore);
    thrum__free(room);
}

EXPLORE(semaphore_free_after_acquire, .preemptions = EXPLORE_ALL)
{
    struct room *room = thrum__alloc(sizeof *room);
    thrum_semaphore_init(&room->semaphore, 0);
    explore_spawn("taker", take_and_free, room);
    explore_spawn("giver", give_one, room);
    explore_join_all();
}

/* Cancelled against served: the permit goes to one of the two places. */

struct cancelled {
    struct room room;
    thrum_semaphore again;
    thrum__context *context;
    uint32_t ready;
    int rc;
};

static void take_cancellable(void *argument)
{
    struct cancelled *c = argument;
    c->context = thrum__self();
    thrum__store_release(&c->ready, 1);
    c->rc = thrum_semaphore_acquire_until(&c->room.semaphore, THRUM_FOREVER);
}

static void cancel_it(void *argument)
{
    struct cancelled *c = argument;
    while (!thrum__load_acquire(&c->ready))
        thrum__pause();
    thrum__cancel(c->context);
}

static void give_one_to(void *argument)
{
    struct cancelled *c = argument;
    thrum_semaphore_release(&c->room.semaphore, 1);
}

EXPLORE(semaphore_cancel, .preemptions = 3, .sees = "cancelled")
{
    static struct cancelled c;
    explore_spawn("taker", take_cancellable, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_spawn("giver", give_one_to, &c);
    explore_join_all();
    EXPLORE_CHECK(c.rc == 0 || c.rc == -ECANCELED);
    EXPLORE_CHECK(thrum_semaphore_value(&c.room.semaphore) == (c.rc != 0));
    if (c.rc)
        explore_seen("cancelled");
}

/* A wait that finds a permit against a cancellation: the wake-up that the canceller owes does not end
 * the next wait. */

static void take_again(void *argument)
{
    struct cancelled *c = argument;
    take_cancellable(c);
    if (c->rc == 0)
        explore_seen("in time");
    thrum_semaphore_acquire(&c->again);
    EXPLORE_CHECK(EXPLORE_READ(c->room.data) == 1);
}

static void give_again(void *argument)
{
    struct cancelled *c = argument;
    thrum_semaphore_release(&c->room.semaphore, 1);
    EXPLORE_WRITE(c->room.data, 1);
    thrum_semaphore_release(&c->again, 1);
}

EXPLORE(semaphore_abandon, .preemptions = 2, .long_preemptions = 3, .sees = "in time")
{
    static struct cancelled c;
    explore_spawn("taker", take_again, &c);
    explore_spawn("canceller", cancel_it, &c);
    explore_spawn("giver", give_again, &c);
    explore_join_all();
    EXPLORE_CHECK(thrum_semaphore_value(&c.room.semaphore) == (c.rc != 0));
    EXPLORE_CHECK(thrum_semaphore_value(&c.again) == 0 && !c.again.waiters_);
}

EXPLORE(semaphore_bound, .panic = "released too often")
{
    thrum_semaphore semaphore;
    thrum_semaphore_init_bounded(&semaphore, 1);
    thrum_semaphore_acquire(&semaphore);
    thrum_semaphore_release(&semaphore, 1);
    thrum_semaphore_release(&semaphore, 1);
}

/* The bound counts for what is left after the waiters are served. */

static void take_forever(void *argument)
{
    thrum_semaphore_acquire(argument);
}

EXPLORE(semaphore_bound_served, .preemptions = 2, .panic = "released too often")
{
    thrum_semaphore semaphore;
    thrum_semaphore_init_bounded(&semaphore, 1);
    thrum_semaphore_acquire(&semaphore);
    explore_spawn("taker", take_forever, &semaphore);
    thrum_semaphore_release(&semaphore, 3);
    EXPLORE_CHECK(!"the release went beyond the bound");
}
