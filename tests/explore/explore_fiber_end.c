/* How the end of a pool of fibers is found: the counters, added up while tasks still submit others. The
 * scheduler's own submit, take, close and sum, with threads in the place of workers: whole pools
 * (explore_fiber.c) have too many other places for a switch to come to the few that matter here. */
#include "base/spin.h"
#include "explore.h"
#include "fiber/scheduler.h"

enum { WORKERS = 2 };

struct task {
    struct task *next;
    int done; /* marked: the end of the pool comes after it */
};

static const thrum__fiber_tasks kind = {.link = offsetof(struct task, next)};
static thrum__fibers fibers;
static struct task first, second;
static bool accepted; /* the second; marked */

/* Calls the scheduler as a fiber of that worker does. */
static int submit_by_fiber(thrum__fiber_worker *worker, struct task *task)
{
    thrum__fiber fiber = {.worker = worker};
    const char *reason;
    thrum__context *self = thrum__self();
    self->executor = fibers.owner;
    thrum__store_relaxed(&self->fiber, &fiber);
    int rc = thrum__fibers_submit(&fibers, task, false, &reason);
    thrum__store_relaxed(&self->fiber, NULL);
    self->executor = NULL;
    return rc;
}

/* As worker.c runs a task. The first one submits the second. */
static void run(thrum__fiber_worker *worker, struct task *task)
{
    if (task == &first)
        EXPLORE_WRITE(accepted, submit_by_fiber(worker, &second) == 0);
    EXPLORE_WRITE(task->done, 1);
    thrum__store_release(&worker->done, worker->done + 1);
}

static void check_end(void)
{
    EXPLORE_CHECK(EXPLORE_READ(first.done) == 1);
    if (EXPLORE_READ(accepted))
        EXPLORE_CHECK(EXPLORE_READ(second.done) == 1);
}

/* As worker.c goes on until the end, but for its sleep. */
static void work(void *argument)
{
    thrum__fiber_worker *worker = argument;
    while (!thrum__load_acquire(&fibers.ended)) {
        struct task *task = thrum__ring_take(&worker->ring);
        if (!task)
            task = thrum__fibers_take(&fibers, worker);
        if (task)
            run(worker, task);
        else if (!thrum__fibers_all_done(&fibers))
            thrum__pause();
    }
    check_end();
}

static void steal(void *argument)
{
    thrum__fiber_worker *worker = argument;
    struct task *task = thrum__ring_steal(&worker->ring, &fibers.workers[0]->ring);
    if (task) {
        explore_seen("stolen");
        run(worker, task);
    }
    if (thrum__fibers_all_done(&fibers))
        check_end();
}

static void begin(void)
{
    const char *reason;
    EXPLORE_CHECK(thrum__fibers_init(&fibers, WORKERS, 0, "") == 0);
    fibers.tasks = &kind;
    fibers.owner = (struct thrum_executor *)(void *)&fibers; /* only compared */
    thrum__store_release(&fibers.started, WORKERS);
    EXPLORE_CHECK(thrum__fibers_submit(&fibers, &first, false, &reason) == 0);
}

static void close_and_look(void *unused)
{
    (void)unused;
    thrum__fibers_close(&fibers, false, false);
    if (thrum__fibers_all_done(&fibers))
        check_end();
}

/* Who adds up while the last tasks run sees no end before there is one; and it comes. */
static void look_while_they_run(void)
{
    begin();
    explore_spawn("worker", work, fibers.workers[0]);
    explore_spawn("closer", close_and_look, NULL);
    explore_join_all();
    EXPLORE_CHECK(thrum__fibers_all_done(&fibers));
    check_end();
    if (accepted)
        explore_seen("accepted");
    thrum__fibers_finish(&fibers);
}

EXPLORE(fiber_end_counted, .preemptions = EXPLORE_ALL, .sees = "accepted")
{
    look_while_they_run();
}

/* The same where one worker submits the last task and another does it. */
EXPLORE(fiber_end_stolen, .preemptions = 2, .long_preemptions = 3, .sees = "stolen")
{
    begin();
    explore_spawn("worker", work, fibers.workers[0]);
    explore_spawn("thief", steal, fibers.workers[1]);
    thrum__fibers_close(&fibers, false, false);
    explore_join_all();
    EXPLORE_CHECK(thrum__fibers_all_done(&fibers));
    check_end();
    thrum__fibers_finish(&fibers);
}

/* The same with old values, as weak memory may show them. */
EXPLORE(fiber_end_stale, .preemptions = 2, .stale = 2, .long_preemptions = 3, .sees = "accepted")
{
    look_while_they_run();
}

/* A pool that has nothing to do, and is not closed, has not ended: what comes from outside is done. */

static struct task late;

static void submit_and_close(void *unused)
{
    const char *reason;
    (void)unused;
    EXPLORE_CHECK(thrum__fibers_submit(&fibers, &late, false, &reason) == 0);
    thrum__fibers_close(&fibers, false, false);
}

EXPLORE(fiber_end_open, .preemptions = EXPLORE_ALL)
{
    begin();
    explore_spawn("worker", work, fibers.workers[0]);
    explore_spawn("submitter", submit_and_close, NULL);
    explore_join_all();
    EXPLORE_CHECK(EXPLORE_READ(late.done) == 1);
    check_end();
    thrum__fibers_finish(&fibers);
}
