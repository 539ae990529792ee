/* The periodic task: no tick runs once a stop has returned, and each end has one outcome. */
#include "explore.h"
#include <thrum/event.h>
#include <thrum/periodic.h>

#include <errno.h>

static int ticks;
static thrum_event never;

static int mark(thrum_task *self)
{
    (void)self;
    EXPLORE_WRITE(ticks, EXPLORE_READ(ticks) + 1);
    return 0;
}

static int mark_and_wait(thrum_task *self)
{
    mark(self);
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int mark_and_fail(thrum_task *self)
{
    mark(self);
    return -ERANGE;
}

static thrum_periodic *start(const thrum_periodic_options *options, thrum_task_fn *function,
                             const void *arg, size_t size)
{
    thrum_periodic *periodic = NULL;
    EXPLORE_CHECK(thrum_periodic_start(options, function, arg, size, &periodic) == 0);
    return periodic;
}

static void finish(thrum_periodic *periodic)
{
    EXPLORE_CHECK(!thrum_periodic_running(periodic));
    EXPLORE_CHECK(thrum_periodic_ticks(periodic) == (uint64_t)EXPLORE_READ(ticks));
    thrum_periodic_free(periodic);
}

EXPLORE(periodic_stop, .preemptions = 2, .timeouts = 2, .sees = "two")
{
    thrum_periodic *periodic =
        start(&(thrum_periodic_options){.period = 1, .ticks = 3}, mark, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_periodic_stop(periodic, THRUM_FOREVER) == 0);
    if (EXPLORE_READ(ticks) == 2)
        explore_seen("two");
    finish(periodic);
}

EXPLORE(periodic_cancel, .preemptions = 2, .timeouts = 1, .sees = "waited")
{
    thrum_periodic *periodic =
        start(&(thrum_periodic_options){.period = 1}, mark_and_wait, THRUM_NOTHING);
    thrum_periodic_cancel(periodic);
    EXPLORE_CHECK(thrum_periodic_join(periodic, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(thrum_periodic_failures(periodic) == 0);
    EXPLORE_CHECK(EXPLORE_READ(ticks) <= 1);
    if (EXPLORE_READ(ticks) == 1)
        explore_seen("waited");
    finish(periodic);
}

EXPLORE(periodic_failure, .preemptions = 2, .rescue = true, .sees = "failed")
{
    thrum_periodic *periodic =
        start(&(thrum_periodic_options){.period = 1}, mark_and_fail, THRUM_NOTHING);
    int rc = thrum_periodic_stop(periodic, THRUM_FOREVER);
    EXPLORE_CHECK(rc == (EXPLORE_READ(ticks) ? THRUM_FAILED : 0));
    EXPLORE_CHECK(EXPLORE_READ(ticks) <= 1);
    EXPLORE_CHECK(thrum_periodic_error(periodic, NULL) == (rc ? -ERANGE : 0));
    if (rc == THRUM_FAILED)
        explore_seen("failed");
    finish(periodic);
}
