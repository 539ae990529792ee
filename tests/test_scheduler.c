/* The scheduler of fibers with tasks that are no futures: what it owes to those who bring them. */
#include "fiber/scheduler.h"
#include "harness.h"
#include "support.h"

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

static const thrum__fiber_tasks kind = {
    .run = run,
    .release = release,
    .cancel = cancel,
    .place = place,
    .link = offsetof(struct task, next),
};

TEST(a_task_that_is_being_given_up_is_not_asked_to_stop)
{
    static struct task ends, stays = {.stays = true};
    const char *reason;
    fibers.tasks = &kind;
    fibers.owner = &fibers;
    CHECK_INT(thrum__fibers_init(&fibers, 1, 0, "fiber"), ==, 0);
    CHECK_INT(thrum__fibers_submit(&fibers, &ends, &reason), ==, 0);
    CHECK_INT(thrum__fibers_submit(&fibers, &stays, &reason), ==, 0);
    UNTIL(thrum__load_acquire(&waiting) == 2);
    CHECK(!thrum__fibers_close(&fibers, false, true, false)); /* asks all that run to stop */
    UNTIL(thrum__load_acquire(&stays.asked));                 /* the second of the two */
    thrum_event_set(&go_on);
    CHECK_INT(thrum_event_wait(&fibers.gone, THRUM_FOREVER), ==, 0);
    CHECK_INT(ends.asked, ==, 0);
    CHECK_INT(ends.given_up && stays.given_up, ==, 1);
    thrum__fibers_finish(&fibers);
}
