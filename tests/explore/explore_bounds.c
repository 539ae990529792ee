/* The bounds that each primitive is held to, one set for all: two threads with two operations each in
 * all interleavings, three threads with up to three preemptions, four with up to two; in each of
 * them one spurious wake-up and one deadline may strike at every place. The first operation of the
 * first thread has the deadline.
 *
 * The short search stays below these bounds; `./dev explore --long --only bounds_` goes to them. What
 * a primitive has beside this (cancellation, destruction, misuse, weak memory) is in its own file.
 */
#include "explore.h"
#include <thrum.h>

#include <errno.h>

enum { MOST = 4 };

struct meeting {
    union {
        thrum_lock lock;
        thrum_rlock rlock;
        thrum_rwlock rwlock;
        thrum_semaphore semaphore;
        thrum_barrier barrier;
        thrum_once once;
        struct {
            thrum_lock lock;
            thrum_condition condition;
        } pair;
        thrum_event event[2];
        struct {
            thrum_lock lock;
            thrum_event never;
        } select;
        thrum_shared_lock shared_lock;
        thrum_shared_semaphore shared_semaphore;
    } u;
    void (*use)(struct meeting *meeting, unsigned who, unsigned round, thrum_deadline deadline);
    unsigned threads, rounds;
    int data; /* what the primitive protects or announces */
};

static struct seat {
    struct meeting *meeting;
    unsigned who;
} seats[MOST];

static void take_part(void *argument)
{
    struct seat *seat = argument;
    struct meeting *meeting = seat->meeting;
    for (unsigned round = 0; round < meeting->rounds; round++)
        meeting->use(meeting, seat->who, round,
                     seat->who + round == 0 ? thrum_at(thrum_now() + 1000) : THRUM_FOREVER);
}

static void meet(struct meeting *meeting)
{
    static const char *const names[MOST] = {"one", "two", "three", "four"};
    for (unsigned i = 0; i < meeting->threads; i++) {
        seats[i] = (struct seat){meeting, i};
        explore_spawn(names[i], take_part, &seats[i]);
    }
    explore_join_all();
}

/* Three clients of one primitive; what `begin` and `end` do with the meeting stands around them. */
#define BOUNDS_OF(primitive, two_short, three_short)                                               \
    static void meet_##primitive(unsigned threads, unsigned rounds)                                \
    {                                                                                              \
        struct meeting meeting = {.use = use_##primitive, .threads = threads, .rounds = rounds};   \
        begin_##primitive(&meeting);                                                               \
        meet(&meeting);                                                                            \
        end_##primitive(&meeting);                                                                 \
    }                                                                                              \
    EXPLORE(bounds_##primitive##_two, .preemptions = two_short, .long_preemptions = EXPLORE_ALL,   \
            .spurious = 1, .timeouts = 1)                                                          \
    {                                                                                              \
        meet_##primitive(2, 2);                                                                    \
    }                                                                                              \
    EXPLORE(bounds_##primitive##_three, .preemptions = three_short, .long_preemptions = 3,         \
            .spurious = 1, .timeouts = 1)                                                          \
    {                                                                                              \
        meet_##primitive(3, 1);                                                                    \
    }                                                                                              \
    EXPLORE(bounds_##primitive##_four, .long_preemptions = 2, .long_only = true, .spurious = 1,    \
            .timeouts = 1, .runs = 10000000)                                                       \
    {                                                                                              \
        meet_##primitive(4, 1);                                                                    \
    }

static void add_one(struct meeting *meeting)
{
    EXPLORE_WRITE(meeting->data, EXPLORE_READ(meeting->data) + 1);
}

/* All have been in, but one that was too late. */
static void check_sum(const struct meeting *meeting)
{
    int all = (int)(meeting->threads * meeting->rounds);
    EXPLORE_CHECK(meeting->data == all - (explore_timeouts() > 0 && meeting->data < all));
}

/* ------------------------------------------------------------- those that let one in at a time */

static void begin_lock(struct meeting *meeting)
{
    thrum_lock_init(&meeting->u.lock);
}

static void use_lock(struct meeting *meeting, unsigned who, unsigned round, thrum_deadline deadline)
{
    (void)who, (void)round;
    if (thrum_lock_acquire_until(&meeting->u.lock, deadline) < 0)
        return;
    add_one(meeting);
    thrum_lock_release(&meeting->u.lock);
}

static void end_lock(struct meeting *meeting)
{
    check_sum(meeting);
    thrum_lock_finish(&meeting->u.lock);
}

BOUNDS_OF(lock, 3, 1)

/* The lock is one of two cases of a select. */
static void begin_select(struct meeting *meeting)
{
    thrum_lock_init(&meeting->u.select.lock);
    thrum_event_init(&meeting->u.select.never);
}

static void use_select(struct meeting *meeting, unsigned who, unsigned round,
                       thrum_deadline deadline)
{
    (void)who, (void)round;
    thrum_case cases[] = {thrum_case_lock(&meeting->u.select.lock),
                          thrum_case_event(&meeting->u.select.never)};
    if (thrum_select(cases, 2, deadline) < 0)
        return;
    add_one(meeting);
    thrum_lock_release(&meeting->u.select.lock);
}

static void end_select(struct meeting *meeting)
{
    check_sum(meeting);
    thrum_lock_finish(&meeting->u.select.lock);
    thrum_event_finish(&meeting->u.select.never);
}

BOUNDS_OF(select, 2, 1)

static void begin_rlock(struct meeting *meeting)
{
    thrum_rlock_init(&meeting->u.rlock);
}

static void use_rlock(struct meeting *meeting, unsigned who, unsigned round,
                      thrum_deadline deadline)
{
    (void)round;
    if (thrum_rlock_acquire_until(&meeting->u.rlock, deadline) < 0)
        return;
    if (who == 0)
        thrum_rlock_acquire(&meeting->u.rlock);
    add_one(meeting);
    if (who == 0)
        thrum_rlock_release(&meeting->u.rlock);
    thrum_rlock_release(&meeting->u.rlock);
}

static void end_rlock(struct meeting *meeting)
{
    check_sum(meeting);
    thrum_rlock_finish(&meeting->u.rlock);
}

BOUNDS_OF(rlock, 2, 1)

static void begin_semaphore(struct meeting *meeting)
{
    thrum_semaphore_init(&meeting->u.semaphore, 1);
}

static void use_semaphore(struct meeting *meeting, unsigned who, unsigned round,
                          thrum_deadline deadline)
{
    (void)who, (void)round;
    if (thrum_semaphore_acquire_until(&meeting->u.semaphore, deadline) < 0)
        return;
    add_one(meeting);
    thrum_semaphore_release(&meeting->u.semaphore, 1);
}

static void end_semaphore(struct meeting *meeting)
{
    check_sum(meeting);
    thrum_semaphore_finish(&meeting->u.semaphore);
}

BOUNDS_OF(semaphore, 3, 1)

/* Those between processes, as which threads stand here. */

static void begin_shared_lock(struct meeting *meeting)
{
    thrum_shared_lock_init(&meeting->u.shared_lock);
}

static void use_shared_lock(struct meeting *meeting, unsigned who, unsigned round,
                            thrum_deadline deadline)
{
    (void)who, (void)round;
    if (thrum_shared_lock_acquire_until(&meeting->u.shared_lock, deadline) < 0)
        return;
    add_one(meeting);
    thrum_shared_lock_release(&meeting->u.shared_lock);
}

static void end_shared_lock(struct meeting *meeting)
{
    check_sum(meeting);
    EXPLORE_CHECK(thrum_shared_lock_holder(&meeting->u.shared_lock) == 0);
}

BOUNDS_OF(shared_lock, 2, 1)

static void begin_shared_semaphore(struct meeting *meeting)
{
    thrum_shared_semaphore_init(&meeting->u.shared_semaphore, 1);
}

static void use_shared_semaphore(struct meeting *meeting, unsigned who, unsigned round,
                                 thrum_deadline deadline)
{
    (void)who, (void)round;
    if (thrum_shared_semaphore_acquire_until(&meeting->u.shared_semaphore, deadline) < 0)
        return;
    add_one(meeting);
    thrum_shared_semaphore_release(&meeting->u.shared_semaphore, 1);
}

static void end_shared_semaphore(struct meeting *meeting)
{
    check_sum(meeting);
    EXPLORE_CHECK(thrum_shared_semaphore_value(&meeting->u.shared_semaphore) == 1);
}

BOUNDS_OF(shared_semaphore, 3, 1)

/* -------------------------------------------------------- writers, and readers between them */

static void begin_rwlock(struct meeting *meeting)
{
    thrum_rwlock_init(&meeting->u.rwlock);
}

static void use_rwlock(struct meeting *meeting, unsigned who, unsigned round,
                       thrum_deadline deadline)
{
    if ((who + round) % 2 == 0) {
        if (thrum_rwlock_acquire_write_until(&meeting->u.rwlock, deadline) < 0)
            return;
        add_one(meeting);
        thrum_rwlock_release_write(&meeting->u.rwlock);
    } else {
        thrum_rwlock_acquire_read(&meeting->u.rwlock);
        int before = EXPLORE_READ(meeting->data);
        EXPLORE_CHECK(before == EXPLORE_READ(meeting->data));
        thrum_rwlock_release_read(&meeting->u.rwlock);
    }
}

static void end_rwlock(struct meeting *meeting)
{
    int writers = meeting->threads == 2 ? 2 : (int)(meeting->threads + 1) / 2;
    EXPLORE_CHECK(meeting->data == writers ||
                  (explore_timeouts() > 0 && meeting->data == writers - 1));
    thrum_rwlock_finish(&meeting->u.rwlock);
}

BOUNDS_OF(rwlock, 2, 1)

/* --------------------------------------------------------------- those that announce something */

/* Two threads answer each other; of three or four the last sets, and the others wait. */
static void use_event(struct meeting *meeting, unsigned who, unsigned round,
                      thrum_deadline deadline)
{
    bool sets = meeting->rounds == 2 ? who != round : who == meeting->threads - 1;
    thrum_event *event = &meeting->u.event[meeting->rounds == 2 ? round : 0];
    if (sets) {
        EXPLORE_WRITE(meeting->data, (int)round + 1);
        thrum_event_set(event);
    } else if (thrum_event_wait(event, deadline) == 0) {
        EXPLORE_CHECK(EXPLORE_READ(meeting->data) >= (int)round + 1);
    } else {
        EXPLORE_CHECK(explore_timeouts() > 0);
        EXPLORE_CHECK(thrum_event_wait(event, THRUM_FOREVER) == 0);
    }
}

static void begin_event(struct meeting *meeting)
{
    thrum_event_init(&meeting->u.event[0]);
    thrum_event_init(&meeting->u.event[1]);
}

static void end_event(struct meeting *meeting)
{
    thrum_event_finish(&meeting->u.event[0]);
    thrum_event_finish(&meeting->u.event[1]);
}

BOUNDS_OF(event, 3, 1)

/* Two threads wait for their turn and give the next one. Of three or four the last notifies all, and
 * the others wait for that, but of four one who only takes the lock between them. */
static void use_condition(struct meeting *meeting, unsigned who, unsigned round,
                          thrum_deadline deadline)
{
    thrum_condition *condition = &meeting->u.pair.condition;
    bool last = who + 1 == meeting->threads, passes = meeting->threads == 4 && who == 1;
    int turn = meeting->rounds == 2 ? (int)(2 * round + (who == 0)) : !last && !passes;
    thrum_condition_acquire(condition);
    while (EXPLORE_READ(meeting->data) < turn)
        if (thrum_condition_wait(condition, deadline) < 0)
            deadline = THRUM_FOREVER;
    if (meeting->rounds == 2 || last) {
        EXPLORE_WRITE(meeting->data, turn + 1);
        if (meeting->rounds == 2)
            thrum_condition_notify(condition, 1);
        else
            thrum_condition_notify_all(condition);
    }
    thrum_condition_release(condition);
}

static void begin_condition(struct meeting *meeting)
{
    thrum_condition_init(&meeting->u.pair.condition, &meeting->u.pair.lock);
}

static void end_condition(struct meeting *meeting)
{
    EXPLORE_CHECK(meeting->data == (meeting->rounds == 2 ? 4 : 1));
    thrum_condition_finish(&meeting->u.pair.condition);
}

BOUNDS_OF(condition, 1, EXPLORE_NONE)

/* ------------------------------------------------------------------------- those of a crowd */

/* All come through together, or none of the round does. */
static void use_barrier(struct meeting *meeting, unsigned who, unsigned round,
                        thrum_deadline deadline)
{
    (void)who, (void)round;
    int index = thrum_barrier_wait(&meeting->u.barrier, deadline);
    EXPLORE_CHECK(index < (int)meeting->threads);
    EXPLORE_CHECK(index >= 0 || explore_timeouts() > 0);
    if (index == 0)
        add_one(meeting);
}

static void begin_barrier(struct meeting *meeting)
{
    thrum_barrier_init(&meeting->u.barrier, meeting->threads, NULL, NULL);
}

static void end_barrier(struct meeting *meeting)
{
    EXPLORE_CHECK(meeting->data == (int)meeting->rounds || explore_timeouts() > 0);
    thrum_barrier_finish(&meeting->u.barrier);
}

BOUNDS_OF(barrier, 2, 1)

static int run_once(void *context)
{
    add_one(context);
    return 0;
}

static void use_once(struct meeting *meeting, unsigned who, unsigned round, thrum_deadline deadline)
{
    (void)who, (void)round, (void)deadline;
    EXPLORE_CHECK(thrum_once_run(&meeting->u.once, run_once, meeting) == 0);
    EXPLORE_CHECK(EXPLORE_READ(meeting->data) == 1);
}

static void begin_once(struct meeting *meeting)
{
    meeting->u.once = (thrum_once)THRUM_ONCE_INIT;
}

static void end_once(struct meeting *meeting)
{
    EXPLORE_CHECK(thrum_once_done(&meeting->u.once));
}

BOUNDS_OF(once, 3, 1)
