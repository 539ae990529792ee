/* Threads of the library: the end reaches every joiner with the result; handles are freed once. */
#include "explore.h"
#include <thrum/error.h>
#include <thrum/event.h>
#include <thrum/thread.h>

#include <errno.h>

static int data; /* written by tasks, read by joiners */

static int write_data(thrum_task *self)
{
    EXPLORE_WRITE(data, thrum_arg(self, int));
    return thrum_return(self, thrum_value(int, data + 1));
}

EXPLORE(thread_join, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    thrum_thread *thread = thrum_thread_start(write_data, thrum_value(int, 41));
    int result = 0;
    EXPLORE_CHECK(thrum_thread_result(thread, &result, sizeof result, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(result == 42 && EXPLORE_READ(data) == 41);
    EXPLORE_CHECK(!thrum_thread_is_alive(thread));
    thrum_thread_free(thread);
}

EXPLORE(thread_join_until, .preemptions = EXPLORE_ALL, .timeouts = 1, .sees = "timed out")
{
    thrum_thread *thread = thrum_thread_start(write_data, thrum_value(int, 1));
    int rc = thrum_thread_join(thread, thrum_at(thrum_now() + 1000));
    if (rc == -ETIMEDOUT) {
        explore_seen("timed out");
        rc = thrum_thread_join(thread, THRUM_FOREVER);
    }
    EXPLORE_CHECK(rc == 0 && EXPLORE_READ(data) == 1);
    thrum_thread_free(thread);
}

static void join_it(void *thread)
{
    EXPLORE_CHECK(thrum_thread_join(thread, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(data) == 1);
}

EXPLORE(thread_two_joiners, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    thrum_thread *thread = thrum_thread_start(write_data, thrum_value(int, 1));
    explore_spawn("joiner", join_it, thread);
    join_it(thread);
    explore_join_all();
    thrum_thread_free(thread);
}

/* Detached: the thread frees what its owner has left. */
EXPLORE(thread_free_early, .preemptions = EXPLORE_ALL, .stale = 1)
{
    thrum_thread_free(thrum_thread_start(write_data, thrum_value(int, 1)));
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EIO, "no luck");
}

static uint32_t reports;

static void report(const thrum_failure *failure, void *context)
{
    (void)context;
    EXPLORE_CHECK(failure->error->code == -EIO);
    thrum__add_relaxed(&reports, 1);
}

/* A failure is told exactly once: to who joins, or else to the hook. */
EXPLORE(thread_failure_unseen, .preemptions = 3)
{
    thrum_failure_hook_set(report, NULL);
    thrum_thread *thread = thrum_thread_start(fail, THRUM_NOTHING);
    thrum_thread_free(thread);
    explore_join(1);
    EXPLORE_CHECK(reports == 1);
}

EXPLORE(thread_failure_seen, .preemptions = 3)
{
    thrum_failure_hook_set(report, NULL);
    thrum_thread *thread = thrum_thread_start(fail, THRUM_NOTHING);
    EXPLORE_CHECK(
        OUTCOME_CODE(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread)) == -EIO);
    thrum_thread_free(thread);
    EXPLORE_CHECK(reports == 0);
}

/* Cancelled at any moment of its life. */
static int wait_for_nothing(thrum_task *self)
{
    static thrum_event never;
    (void)self;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

EXPLORE(thread_cancel, .preemptions = 3, .long_preemptions = 5, .spurious = 1)
{
    thrum_thread *thread = thrum_thread_start(wait_for_nothing, THRUM_NOTHING);
    EXPLORE_CHECK(thrum_thread_cancel(thread) == 0);
    EXPLORE_CHECK(OUTCOME_CODE(thrum_thread_join(thread, THRUM_FOREVER),
                               thrum_thread_error(thread)) == -ECANCELED);
    thrum_thread_free(thread);
}

EXPLORE(thread_cancel_late, .preemptions = 3, .long_preemptions = 5, .sees = "too late")
{
    thrum_thread *thread = thrum_thread_start(write_data, thrum_value(int, 1));
    int rc = thrum_thread_cancel(thread);
    EXPLORE_CHECK(rc == 0 || rc == -EALREADY);
    if (rc)
        explore_seen("too late");
    EXPLORE_CHECK(thrum_thread_join(thread, THRUM_FOREVER) == 0);
    thrum_thread_free(thread);
}

/* A request to stop reaches its task, not the next thread that has the same context. */
static int wait_for_event(thrum_task *self)
{
    return thrum_event_wait(thrum_arg(self, thrum_event *), THRUM_FOREVER);
}

static void cancel_first(void *thread)
{
    (void)thrum_thread_cancel(thread);
}

EXPLORE(thread_cancel_reused, .preemptions = 2, .long_preemptions = 3)
{
    static thrum_event event;
    thrum_thread *first = thrum_thread_start(write_data, thrum_value(int, 1));
    explore_spawn("canceller", cancel_first, first);
    EXPLORE_CHECK(thrum_thread_join(first, THRUM_FOREVER) == 0);
    thrum_thread *second = thrum_thread_start(wait_for_event, thrum_value(thrum_event *, &event));
    thrum_event_set(&event);
    EXPLORE_CHECK(thrum_thread_join(second, THRUM_FOREVER) == 0);
    explore_join_all();
    thrum_thread_free(first);
    thrum_thread_free(second);
}

/* The system refuses a thread, or memory. */
EXPLORE(thread_refused, .preemptions = 2, .no_thread = 1, .no_memory = 1, .sees = "refused")
{
    thrum_thread *thread = thrum_thread_start(write_data, thrum_value(int, 1));
    int rc = OUTCOME_CODE(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread));
    EXPLORE_CHECK(rc == 0 || rc == -EAGAIN || rc == -ENOMEM);
    if (rc == -EAGAIN)
        explore_seen("refused");
    thrum_thread_free(thread);
}

struct oneself {
    thrum_event known;
    thrum_thread *thread;
};

static int join_oneself(thrum_task *self)
{
    struct oneself *oneself = thrum_arg(self, struct oneself *);
    EXPLORE_CHECK(thrum_event_wait(&oneself->known, THRUM_FOREVER) == 0);
    return thrum_thread_join(oneself->thread, THRUM_FOREVER) == -EDEADLK ? 0 : -EINVAL;
}

EXPLORE(thread_join_oneself, .preemptions = 2)
{
    struct oneself oneself = {.known = THRUM_EVENT_INIT};
    oneself.thread = thrum_thread_start(join_oneself, thrum_value(struct oneself *, &oneself));
    thrum_event_set(&oneself.known);
    EXPLORE_CHECK(thrum_thread_join(oneself.thread, THRUM_FOREVER) == 0);
    thrum_thread_free(oneself.thread);
}

/* A joiner may be given the very context that the joined thread has given back. */

static int join_other(thrum_task *self)
{
    return thrum_thread_join(thrum_arg(self, thrum_thread *), THRUM_FOREVER);
}

EXPLORE(thread_joiner_in_its_context, .preemptions = 2)
{
    thrum_thread *first = thrum_thread_start(write_data, thrum_value(int, 1));
    thrum_thread *second = thrum_thread_start(join_other, thrum_value(thrum_thread *, first));
    EXPLORE_CHECK(thrum_thread_join(second, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(data) == 1);
    thrum_thread_free(first);
    thrum_thread_free(second);
}
