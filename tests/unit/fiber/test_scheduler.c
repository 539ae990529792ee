/* The scheduler of fibers: what it owes to those who bring tasks that are no futures, and to those who
 * wait while others compute. */
#include "fiber/scheduler.h"
#include "harness.h"
#include "support.h"
#include "thread/own.h"

#include <stddef.h>

struct task {
    struct task *next;
    bool stays;        /* waits while it runs; else while it is given up */
    uint32_t given_up; /* its memory is whoever's likes by then */
    uint32_t asked;    /* to stop */
};

static thrum__fibers fibers;
static uint32_t waiting;
static thrum_event go_on;

static void wait_shielded(void)
{
    thrum_shield_begin();
    thrum__add_release(&waiting, 1);
    CHECK_INT(thrum_event_wait(&go_on, THRUM_FOREVER), ==, 0);
    thrum_shield_end();
}

static int run(void *argument, bool drop)
{
    struct task *task = argument;
    CHECK(!drop);
    if (!task->stays)
        return THRUM__FIBER_RAN;
    wait_shielded();
    return THRUM__FIBER_RAN;
}

/* Waits, as a future's does if the failure hook takes its time. */
static void release(void *argument)
{
    struct task *task = argument;
    thrum__store_relaxed(&task->given_up, 1);
    if (task->stays)
        return;
    wait_shielded();
}

static void cancel(void *argument)
{
    struct task *task = argument;
    CHECK(!thrum__load_relaxed(&task->given_up));
    thrum__store_release(&task->asked, 1);
}

static const void *place(void *task)
{
    return task;
}

static thrum_event gone;

static void end(thrum__fibers *ended)
{
    (void)ended;
    thrum_event_set(&gone);
}

static const thrum__fiber_tasks kind = {
    .run = run,
    .release = release,
    .cancel = cancel,
    .place = place,
    .end = end,
    .link = offsetof(struct task, next),
};

TEST(a_task_that_is_being_given_up_is_not_asked_to_stop)
{
    static struct task ends, stays = {.stays = true};
    const char *reason;
    fibers.tasks = &kind;
    fibers.owner = (struct thrum_executor *)(void *)&fibers; /* only compared */
    CHECK_INT(thrum__fibers_init(&fibers, 1, 0, "fiber"), ==, 0);
    CHECK_INT(thrum__fibers_submit(&fibers, &ends, false, &reason), ==, 0);
    CHECK_INT(thrum__fibers_submit(&fibers, &stays, false, &reason), ==, 0);
    UNTIL(thrum__load_acquire(&waiting) == 2);
    CHECK(!thrum__fibers_close(&fibers, false, true)); /* asks all that run to stop */
    UNTIL(thrum__load_acquire(&stays.asked));          /* the second of the two */
    thrum_event_set(&go_on);
    CHECK_INT(thrum_event_wait(&gone, THRUM_FOREVER), ==, 0);
    CHECK_INT(ends.asked, ==, 0);
    CHECK_INT(ends.given_up && stays.given_up, ==, 1);
    thrum__thread_reap(fibers.departed);
    thrum__fibers_finish(&fibers);
}

/* --------------------------------------------------------------------- who waits while others run */

enum { ROUNDS = 20, PATIENCE = 20 };

static thrum_socket *near, *far;
static int heard;

static int hear_all(thrum_task *self)
{
    char byte;
    (void)self;
    for (; heard < ROUNDS; heard++)
        CHECK_INT(thrum_socket_read(near, &byte, 1, THRUM_FOREVER), ==, 1);
    return 0;
}

/* Computes for a while between its yields, and counts them. */
static int compute(thrum_task *self)
{
    (void)self;
    for (int said = 0; said < ROUNDS; said++) {
        thrum_yield(); /* the other waits by now */
        CHECK_INT(thrum_socket_write(far, "x", 1, THRUM_FOREVER), ==, 0);
        int turns = 0;
        for (; heard == said; turns++) {
            thrum_deadline until = thrum_in(0.001);
            while (thrum_now() < until.ns)
                ;
            thrum_yield();
        }
        CHECK_INT(turns, <, PATIENCE);
    }
    return 0;
}

TEST(an_answer_is_taken_after_a_few_turns_of_those_who_compute)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    CHECK_INT(thrum_socket_pair(&near, &far), ==, 0);
    thrum_future *hears = thrum_submit(pool, hear_all, THRUM_NOTHING);
    thrum_future *computes = thrum_submit(pool, compute, THRUM_NOTHING);
    CHECK_INT(thrum_future_wait(computes, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_future_wait(hears, THRUM_FOREVER), ==, 0);
    thrum_future_free(hears);
    thrum_future_free(computes);
    thrum_executor_shutdown(pool);
    thrum_socket_free(near);
    thrum_socket_free(far);
}
