/* The driven executor: each task that is submitted ends once, however its end meets cancels, the driver's other thread,
 * callbacks and each kind of shutdown; the driver's leave is the last touch; and a child of fork touches nothing. */
#include "base/process.h"
#include "executor/core/pool.h"
#include "explore.h"
#include <thrum/driver.h>
#include <thrum/event.h>
#include <thrum/executor.h>
#include <thrum/fiber.h>
#include <thrum/lock.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

enum { TAKEN_MOST = 4 };

/* An engine: the thread that drives ends a task at once, or leaves it to the finisher, or holds it until it is asked to
 * stop. */
static struct engine {
    thrum_executor *executor;
    thrum_event event;
    thrum_lock lock;
    thrum_driven *held[TAKEN_MOST]; /* under the lock */
    size_t count;
    thrum_event left_to_finisher;
    bool holds, hands_over;
    bool over;        /* plain: each wake is ordered before the driver leaves */
    bool clears_late; /* its event, after it has read the phase: a fault */
} engine;

static uint32_t ended;      /* calls of callbacks */
static thrum_event is_held; /* by the engine */

static void wake(void *context)
{
    EXPLORE_CHECK(!EXPLORE_READ(engine.over));
    thrum_event_set(&((struct engine *)context)->event);
}

static const thrum_driver driver = {.name = "engine", .wake = wake};

static int unused(thrum_task *self)
{
    (void)self;
    return 0;
}

/* The result is the argument and one more. */
static void end(thrum_driven *task)
{
    thrum_driven_view view;
    thrum_driven_get(task, &view);
    EXPLORE_CHECK(view.function == unused && view.arg_size == sizeof(int));
    int result = *(const int *)view.arg + 1;
    thrum_driven_set_result(task, &result, sizeof result);
}

static void end_held(bool all)
{
    thrum_driven *ends[TAKEN_MOST];
    size_t count = 0, kept = 0;
    thrum_with (&engine.lock) {
        for (size_t i = 0; i < engine.count; i++)
            if (all || thrum_driven_cancel_requested(engine.held[i]))
                ends[count++] = engine.held[i];
            else
                engine.held[kept++] = engine.held[i];
        engine.count = kept;
    }
    for (size_t i = 0; i < count; i++)
        thrum_driven_set_unrun(ends[i]);
}

static void hold(thrum_driven *task)
{
    thrum_with (&engine.lock)
        engine.held[engine.count++] = task;
    thrum_event_set(&is_held);
    if (engine.hands_over)
        thrum_event_set(&engine.left_to_finisher);
}

static void drive(void *argument)
{
    (void)argument;
    thrum_executor *executor = engine.executor;
    for (;;) {
        if (!engine.clears_late)
            thrum_event_clear(&engine.event);
        thrum_driver_phase phase = thrum_driver_phase_get(executor);
        if (engine.clears_late)
            thrum_event_clear(&engine.event);
        if (phase == THRUM_DRIVER_OVER)
            break;
        bool asked = thrum_driver_asked(executor);
        thrum_driven *task = thrum_driver_take(executor);
        if (task && (engine.holds || engine.hands_over))
            hold(task);
        else if (task)
            end(task);
        if (engine.holds && (asked || phase == THRUM_DRIVER_CLEARING))
            end_held(phase == THRUM_DRIVER_CLEARING);
        if (!task)
            EXPLORE_CHECK(thrum_event_wait(&engine.event, THRUM_FOREVER) == 0);
    }
    EXPLORE_WRITE(engine.over, true);
    thrum_driver_leave(executor);
}

/* Ends one task that the driving thread has taken. */
static void finish_one(void *argument)
{
    (void)argument;
    thrum_driven *task = NULL;
    EXPLORE_CHECK(thrum_event_wait(&engine.left_to_finisher, THRUM_FOREVER) == 0);
    thrum_with (&engine.lock)
        task = engine.held[--engine.count];
    end(task);
}

static bool make(const thrum_driver_options *options)
{
    engine.executor = thrum_driver_new(&driver, options, &engine);
    return engine.executor != NULL;
}

static thrum_future *submit(int number)
{
    return thrum_submit(engine.executor, unused, thrum_value(int, number));
}

static int code_of(thrum_future *future)
{
    int result = 0;
    int rc = OUTCOME_CODE(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER),
                          thrum_future_error(future));
    EXPLORE_CHECK(rc != 0 || result == 8);
    return rc;
}

static int count_end(thrum_future *future, void *context)
{
    (void)context;
    EXPLORE_CHECK(thrum_future_done(future));
    thrum__add_relaxed(&ended, 1);
    return 0;
}

/* ------------------------------------------------------------------------- submitters and ends */

static void submit_one(void *argument)
{
    (void)argument;
    thrum_future *future = submit(7);
    int rc = code_of(future);
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED || rc == -EPIPE);
    thrum_future_free(future);
}

EXPLORE(driven_submit, .preemptions = 1, .long_preemptions = 2)
{
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    explore_spawn("submitter", submit_one, NULL);
    submit_one(NULL);
    explore_join(2);
    thrum_executor_shutdown(engine.executor);
    explore_join_all();
}

/* Another thread of the driver ends the only task while a shutdown without a wait closes the executor. */
EXPLORE(driven_finisher, .preemptions = 1, .long_preemptions = 2)
{
    engine.hands_over = true;
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    explore_spawn("finisher", finish_one, NULL);
    thrum_future *future = submit(7);
    thrum_executor_shutdown_with(engine.executor, &(thrum_shutdown_options){.no_wait = true});
    EXPLORE_CHECK(code_of(future) == 0);
    thrum_future_free(future);
    explore_join_all();
}

/* -------------------------------------------------------------------------------------- cancels */

static void cancel(void *argument)
{
    int rc = thrum_future_cancel(argument);
    if (rc == -EINPROGRESS)
        explore_seen("asked");
    EXPLORE_CHECK(rc == 0 || rc == -EINPROGRESS || rc == -EALREADY);
}

/* A cancel meets the take: the task is cancelled in the backlog, or the driver is asked, and finds out. */
EXPLORE(driven_cancel_held, .preemptions = 2, .long_preemptions = 3, .sees = "asked")
{
    engine.holds = true;
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    thrum_future *future = submit(7);
    cancel(future);
    EXPLORE_CHECK(code_of(future) == -ECANCELED && thrum_future_cancelled(future));
    thrum_future_free(future);
    thrum_executor_shutdown(engine.executor);
    explore_join_all();
}

/* A cancel meets the end, which frees the executor: what was shut down stands until the request has been passed on. */
EXPLORE(driven_cancel_against_end, .preemptions = 2, .long_preemptions = 3, .sees = "asked")
{
    EXPLORE_CHECK(make(NULL));
    thrum_future *future = submit(7);
    explore_spawn("driver", drive, NULL);
    explore_spawn("canceller", cancel, future);
    thrum_executor_shutdown_with(engine.executor, &(thrum_shutdown_options){.no_wait = true});
    int rc = code_of(future);
    EXPLORE_CHECK(rc == 0 || rc == -ECANCELED);
    explore_join_all();
    thrum_future_free(future);
}

/* ------------------------------------------------------------------------------------ callbacks */

/* The executor stands until callbacks have run, and each runs once. */
EXPLORE(driven_callback, .preemptions = 1, .long_preemptions = 2, .idle = true)
{
    EXPLORE_CHECK(make(NULL));
    thrum_future *future = submit(7);
    EXPLORE_CHECK(thrum_future_add_done_callback(future, count_end, NULL) == 0);
    thrum_future_free(future);
    explore_spawn("driver", drive, NULL);
    thrum_executor_shutdown(engine.executor);
    EXPLORE_CHECK(thrum__load_relaxed(&ended) == 1);
    explore_join_all();
}

/* ------------------------------------------------------------------------------------ shutdowns */

/* One task is held, one comes while the executor is shut down in one of the ways that end both. */
EXPLORE(driven_shutdown_cancels, .preemptions = 1, .long_preemptions = 2)
{
    static const thrum_shutdown_options ways[] = {
        {.cancel_pending = true},
        {.cancel_running = true},
        {.cancel_pending = true, .cancel_running = true},
        {.cancel_pending = true, .no_wait = true},
        {.cancel_running = true, .no_wait = true},
    };
    engine.holds = true;
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    thrum_future *futures[] = {submit(7), submit(7)};
    thrum_executor_shutdown_with(engine.executor, &ways[explore_any(5)]);
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(code_of(futures[i]) == -ECANCELED && thrum_future_cancelled(futures[i]));
        thrum_future_free(futures[i]);
    }
    explore_join_all();
}

/* An engine that reads the phase before it clears its event does not learn of a shutdown between the two. */
EXPLORE(driven_shutdown_missed, .preemptions = 2, .fails = "lost wake-up")
{
    engine.holds = engine.clears_late = true;
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    thrum_future *future = submit(7);
    thrum_executor_shutdown_with(engine.executor,
                                 &(thrum_shutdown_options){.cancel_pending = true});
    thrum_future_free(future);
    explore_join_all();
}

/* A plain shutdown waits for what is pending and what runs. */
EXPLORE(driven_shutdown_finishes, .preemptions = 2, .long_preemptions = 3)
{
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    thrum_future *futures[] = {submit(7), submit(7)};
    thrum_executor_shutdown(engine.executor);
    for (int i = 0; i < 2; i++) {
        EXPLORE_CHECK(thrum_future_done(futures[i]) && code_of(futures[i]) == 0);
        thrum_future_free(futures[i]);
    }
    explore_join_all();
}

static bool submitter_waits(void)
{
    bool waits = false;
    thrum_with (&((thrum__pool *)engine.executor)->lock)
        waits = ((thrum__pool *)engine.executor)->holders > 1; /* the engine is one */
    return waits;
}

/* A submitter waits for room while the executor is shut down: it is refused, or its task runs. */
EXPLORE(driven_shutdown_against_submitter, .preemptions = 1, .long_preemptions = 2)
{
    bool cancels = explore_any(2) == 1;
    EXPLORE_CHECK(make(&(thrum_driver_options){.max_pending = 1}));
    thrum_future *first = submit(7); /* fills the backlog */
    explore_spawn("submitter", submit_one, NULL);
    while (!submitter_waits()) /* else it might come to an executor that is gone */
        thrum_yield();
    explore_spawn("driver", drive, NULL);
    thrum_executor_shutdown_with(engine.executor,
                                 &(thrum_shutdown_options){.cancel_pending = cancels});
    int rc = code_of(first);
    EXPLORE_CHECK(rc == 0 || (cancels && rc == -ECANCELED));
    thrum_future_free(first);
    explore_join_all();
}

static void submit_refused(void *argument)
{
    (void)argument;
    thrum_future *future = submit(7);
    EXPLORE_CHECK(code_of(future) == -EPIPE);
    thrum_future_free(future);
}

/* It is refused at once, though the driver takes nothing. */
EXPLORE(driven_shutdown_refuses, .preemptions = 1, .long_preemptions = 2)
{
    EXPLORE_CHECK(make(&(thrum_driver_options){.max_pending = 1}));
    thrum_future *first = submit(7);
    explore_spawn("submitter", submit_refused, NULL);
    while (!submitter_waits())
        thrum_yield();
    thrum_executor_shutdown_with(engine.executor, &(thrum_shutdown_options){.no_wait = true});
    explore_join_all();
    explore_spawn("driver", drive, NULL);
    EXPLORE_CHECK(code_of(first) == 0);
    thrum_future_free(first);
    explore_join_all();
}

/* A submitter that waits for room gets it from a take. */
EXPLORE(driven_bound, .preemptions = 1, .long_preemptions = 2)
{
    EXPLORE_CHECK(make(&(thrum_driver_options){.max_pending = 1}));
    thrum_future *first = submit(7);
    explore_spawn("submitter", submit_one, NULL);
    explore_spawn("driver", drive, NULL);
    explore_join(1);
    EXPLORE_CHECK(code_of(first) == 0);
    thrum_future_free(first);
    thrum_executor_shutdown(engine.executor);
    explore_join_all();
}

static void submit_and_forget(void *argument)
{
    (void)argument;
    thrum_future_free(submit(7));
}

/* A thread that knows that the task runs shuts the executor down while the submitter has not returned. */
EXPLORE(driven_shutdown_during_submit, .preemptions = 1, .long_preemptions = 2)
{
    engine.holds = true;
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    explore_spawn("submitter", submit_and_forget, NULL);
    EXPLORE_CHECK(thrum_event_wait(&is_held, THRUM_FOREVER) == 0);
    thrum_executor_shutdown_with(engine.executor,
                                 &(thrum_shutdown_options){.cancel_running = true});
    explore_join_all();
}

/* The end of the program finishes what an abandoned executor was given. */
EXPLORE(driven_drain, .preemptions = 1, .long_preemptions = 2, .leaks = true, .sees = "drained")
{
    EXPLORE_CHECK(make(NULL));
    explore_spawn("driver", drive, NULL);
    thrum_future *future = submit(7);
    thrum_executor_shutdown_with(engine.executor, &(thrum_shutdown_options){.no_wait = true});
    if (thrum__pool_drain_all() > 0) {
        explore_seen("drained");
        EXPLORE_CHECK(thrum_future_done(future));
    }
    EXPLORE_CHECK(code_of(future) == 0);
    thrum_future_free(future);
    explore_join_all();
}

/* ---------------------------------------------------------------------------------------- memory */

/* Each allocation fails once: there is no executor, or the task fails, and the executor can be used and ends. */
EXPLORE(driven_no_memory, .preemptions = EXPLORE_NONE, .no_memory = 1, .idle = true,
        .sees = "no memory")
{
    if (!make(NULL)) {
        explore_seen("no memory");
        return;
    }
    explore_spawn("driver", drive, NULL);
    thrum_future *future = submit(7);
    int rc = code_of(future);
    EXPLORE_CHECK(rc == 0 || rc == -ENOMEM);
    thrum_future_free(future);
    thrum_executor_shutdown(engine.executor);
    explore_join_all();
}

static void end_largely(void *argument)
{
    static const char large[300];
    thrum_driven *task = thrum_driver_take(argument);
    EXPLORE_CHECK(task != NULL);
    thrum_driven_set_result(task, large, sizeof large);
}

/* There is no memory for a result, which is too large for the future itself: the task fails, and is ended all the same. */
EXPLORE(driven_result_without_memory, .preemptions = EXPLORE_NONE, .no_memory = 1,
        .sees = "no memory")
{
    if (!make(NULL))
        return;
    thrum_future *future = submit(7);
    int rc = thrum_future_running(future) || !thrum_future_done(future) ? 0 : -ENOMEM;
    if (rc == 0) {
        end_largely(engine.executor);
        const thrum_error *error = thrum_future_error(future);
        char large[300];
        if (error) {
            EXPLORE_CHECK(error->code == -ENOMEM);
            explore_seen("no memory");
        } else {
            EXPLORE_CHECK(thrum_future_result(future, large, sizeof large, THRUM_NOW) == 0);
        }
    }
    thrum_future_free(future);
    explore_spawn("driver", drive, NULL);
    thrum_executor_shutdown(engine.executor);
    explore_join_all();
}

/* ------------------------------------------------------------------------------------------ fork */

/* As a child of fork finds the executor: a thread that does not exist holds its lock. Nothing waits for it, and neither the
 * driver nor the tasks are touched. */
EXPLORE(driven_lost_by_fork, .preemptions = EXPLORE_NONE, .leaks = true)
{
    EXPLORE_CHECK(make(NULL));
    thrum_future *pending = submit(7), *refused = NULL;
    thrum_future *taken = (thrum_future *)(void *)thrum_driver_take(engine.executor);
    EXPLORE_CHECK(taken == pending);
    pending = submit(7);
    thrum_lock_acquire(&((thrum__pool *)engine.executor)->lock);
    thrum_event_clear(&engine.event);
    thrum__process_generation++;
    refused = submit(7);
    EXPLORE_CHECK(thrum_future_error(refused)->code == -ESRCH);
    EXPLORE_CHECK(thrum_future_wait(taken, THRUM_FOREVER) == -ESRCH);
    EXPLORE_CHECK(thrum_future_wait(pending, THRUM_FOREVER) == -ESRCH);
    (void)thrum_future_cancel(taken);
    thrum_executor_stats stats;
    thrum_executor_stats_get(engine.executor, &stats);
    EXPLORE_CHECK(thrum__pool_drain_all() == 0);
    thrum_executor_shutdown_with(engine.executor,
                                 &(thrum_shutdown_options){.cancel_pending = explore_any(2) == 1,
                                                           .cancel_running = explore_any(2) == 1,
                                                           .no_wait = explore_any(2) == 1});
    EXPLORE_CHECK(!thrum_event_is_set(&engine.event));
    thrum_future_free(refused);
    thrum__process_generation--;
    thrum_lock_release(&((thrum__pool *)engine.executor)->lock);
}
