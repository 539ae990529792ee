/* Driven executors: the life of their tasks, with an engine that is a thread of the test. */
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

/* An engine: it runs nothing by itself, or each task at once. */
struct engine {
    thrum_executor *executor;
    thrum_event event;
    thrum_thread *thread;
    thrum_driven *taken[16]; /* of an engine that runs nothing */
    size_t count;
    bool holds; /* it runs nothing */
    thrum_lock lock;
};

static void wake(void *context)
{
    thrum_event_set(&((struct engine *)context)->event);
}

static void count_as_pending(void *context, thrum_executor_stats *stats)
{
    (void)context;
    stats->workers = 7;
}

static int run_one(thrum_driven *task)
{
    thrum_driven_view view;
    thrum_driven_get(task, &view);
    thrum_executor *here = thrum_inline_new();
    thrum_future *future = thrum_submit(here, view.function, view.arg, view.arg_size);
    void *bytes;
    size_t size;
    if (thrum_future_take(future, &bytes, &size, THRUM_FOREVER) == 0) {
        thrum_driven_set_result(task, bytes, size);
        free(bytes);
    } else {
        const thrum_error *error = thrum_future_error(future);
        thrum_driven_set_error(task, error->code, error->message);
    }
    thrum_future_free(future);
    thrum_executor_shutdown(here);
    return 0;
}

/* Ends those that were asked to stop, or that a shutdown clears. Under the lock. */
static void end_asked(struct engine *engine, bool all)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->count; i++) {
        if (all || thrum_driven_cancel_requested(engine->taken[i]))
            thrum_driven_set_unrun(engine->taken[i]);
        else
            engine->taken[kept++] = engine->taken[i];
    }
    engine->count = kept;
}

static int drive(thrum_task *self)
{
    struct engine *engine = thrum_arg(self, struct engine *);
    for (;;) {
        thrum_event_clear(&engine->event);
        thrum_driver_phase phase = thrum_driver_phase_get(engine->executor);
        if (phase == THRUM_DRIVER_OVER)
            break;
        bool asked = thrum_driver_asked(engine->executor);
        thrum_driven *task = thrum_driver_take(engine->executor);
        thrum_lock_acquire(&engine->lock);
        if (task && engine->holds)
            engine->taken[engine->count++] = task;
        if (asked || phase == THRUM_DRIVER_CLEARING)
            end_asked(engine, phase == THRUM_DRIVER_CLEARING);
        thrum_lock_release(&engine->lock);
        if (task && !engine->holds)
            run_one(task);
        if (!task)
            (void)!thrum_event_wait(&engine->event, THRUM_FOREVER);
    }
    thrum_driver_leave(engine->executor);
    return 0;
}

static const thrum_driver driver = {.name = "test engine", .wake = wake, .stats = count_as_pending};

static thrum_executor *start(struct engine *engine, const thrum_driver_options *options)
{
    engine->executor = thrum_driver_new(&driver, options, engine);
    CHECK(engine->executor);
    engine->thread = thrum_thread_start(drive, thrum_value(struct engine *, engine));
    return engine->executor;
}

static void stop(struct engine *engine, const thrum_shutdown_options *options)
{
    thrum_executor_shutdown_with(engine->executor, options);
    thrum_thread_free(engine->thread);
}

static void await_taken(struct engine *engine, size_t count)
{
    for (size_t taken = 0; taken != count;) {
        thrum_lock_acquire(&engine->lock);
        taken = engine->count;
        thrum_lock_release(&engine->lock);
        thrum_yield();
    }
}

static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, int64_t);
    return thrum_return(self, thrum_value(int64_t, n * n));
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "out of range");
}

TEST(results_and_errors_come_back)
{
    struct engine engine = {0};
    thrum_executor *executor = start(&engine, NULL);
    int64_t result = 0;
    thrum_future *future = thrum_submit(executor, square, thrum_value(int64_t, 12));
    CHECK_INT(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 144);
    thrum_future_free(future);
    future = thrum_submit(executor, fail, THRUM_NOTHING);
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, THRUM_FAILED);
    CHECK_INT(thrum_future_error(future)->code, ==, -ERANGE);
    CHECK_STR(thrum_future_error(future)->message, "out of range");
    thrum_future_free(future);
    thrum_executor_stats stats;
    thrum_executor_stats_get(executor, &stats);
    CHECK_INT(stats.workers, ==, 7);
    stop(&engine, NULL);
}

TEST(a_map_a_chain_and_a_group_work)
{
    struct engine engine = {0};
    thrum_executor *executor = start(&engine, &(thrum_driver_options){.max_workers = 2});
    int64_t args[100], results[100];
    for (int i = 0; i < 100; i++)
        args[i] = i;
    CHECK_INT(thrum_map(executor, square,
                        &(thrum_map_options){.count = 100,
                                             .args = args,
                                             .arg_size = sizeof args[0],
                                             .results = results,
                                             .result_size = sizeof results[0],
                                             .chunk = 8}),
              ==, 0);
    for (int i = 0; i < 100; i++)
        CHECK_INT(results[i], ==, (int64_t)i * i);
    int64_t result = 0;
    thrum_future *first = thrum_submit(executor, square, thrum_value(int64_t, 3));
    thrum_future *second = thrum_future_then(first, executor, square);
    CHECK_INT(thrum_future_result(second, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 81);
    thrum_future_free(first);
    thrum_future_free(second);
    stop(&engine, NULL);
}

TEST(a_cancel_reaches_a_task_that_was_taken)
{
    struct engine engine = {.holds = true};
    thrum_executor *executor = start(&engine, NULL);
    thrum_future *future = thrum_submit(executor, square, thrum_value(int64_t, 1));
    await_taken(&engine, 1);
    CHECK(thrum_future_running(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    CHECK(thrum_future_cancelled(future));
    thrum_future_free(future);
    stop(&engine, NULL);
}

static int note_thread(thrum_future *future, void *context)
{
    (void)future;
    *(thrum_thread **)context = thrum_thread_current();
    return 0;
}

TEST(callbacks_do_not_run_on_the_thread_of_the_driver)
{
    struct engine engine = {0};
    thrum_thread *caller = NULL;
    thrum_executor *executor = start(&engine, NULL);
    thrum_future *future = thrum_submit(executor, square, thrum_value(int64_t, 1));
    CHECK_INT(thrum_future_add_done_callback(future, note_thread, &caller), ==, 0);
    thrum_future_free(future);
    stop(&engine, NULL); /* waits for the callback */
    CHECK(caller != engine.thread);
}

TEST(a_view_has_the_parts_of_a_task_with_a_deadline)
{
    struct engine engine = {.holds = true};
    thrum_executor *executor = start(&engine, NULL);
    thrum_deadline deadline = thrum_in(3600);
    thrum_future *future = thrum_submit_with(
        executor, &(thrum_submit_options){.deadline = deadline, .priority = THRUM_PRIORITY_HIGH},
        square, thrum_value(int64_t, 6));
    await_taken(&engine, 1);
    thrum_driven_view view;
    thrum_driven_get(engine.taken[0], &view);
    CHECK(view.function == square);
    CHECK_INT(view.arg_size, ==, sizeof(int64_t));
    CHECK_INT(*(const int64_t *)view.arg, ==, 6);
    CHECK_INT(view.deadline.ns, ==, deadline.ns);
    CHECK_INT(view.priority, ==, THRUM_PRIORITY_HIGH);
    stop(&engine, &(thrum_shutdown_options){.cancel_pending = true});
    CHECK(thrum_future_cancelled(future));
    thrum_future_free(future);
}

TEST(each_kind_of_shutdown_ends_what_it_says)
{
    for (int kind = 0; kind < 3; kind++) {
        struct engine engine = {.holds = kind > 0};
        thrum_executor *executor = start(&engine, NULL);
        thrum_future *futures[8];
        for (int64_t i = 0; i < 8; i++)
            futures[i] = thrum_submit(executor, square, thrum_value(int64_t, i));
        stop(&engine,
             &(thrum_shutdown_options){.cancel_pending = kind == 1, .cancel_running = kind == 2});
        for (int i = 0; i < 8; i++) {
            CHECK(thrum_future_done(futures[i]));
            CHECK_INT(thrum_future_cancelled(futures[i]), ==, kind > 0);
            thrum_future_free(futures[i]);
        }
    }
}

TEST(a_full_backlog_refuses)
{
    struct engine engine = {.holds = true};
    engine.executor = thrum_driver_new(
        &driver, &(thrum_driver_options){.max_pending = 1, .when_full = THRUM_WHEN_FULL_REFUSE},
        &engine);
    thrum_future *first = thrum_submit(engine.executor, square, thrum_value(int64_t, 1));
    thrum_future *second = thrum_submit(engine.executor, square, thrum_value(int64_t, 2));
    CHECK(!thrum_future_done(first));
    CHECK_INT(thrum_future_error(second)->code, ==, -EAGAIN);
    engine.thread = thrum_thread_start(drive, thrum_value(struct engine *, &engine));
    stop(&engine, &(thrum_shutdown_options){.cancel_pending = true});
    thrum_future_free(first);
    thrum_future_free(second);
}

static void drop(void *value)
{
    (void)value;
}

TEST(an_owned_value_is_refused)
{
    struct engine engine = {0};
    thrum_executor *executor = start(&engine, NULL);
    thrum_future *future = thrum_submit(executor, square, thrum_owned(drop, int64_t, 1));
    CHECK_INT(thrum_future_error(future)->code, ==, -EINVAL);
    thrum_future_free(future);
    stop(&engine, NULL);
}

TEST(the_end_of_the_program_waits_for_the_tasks)
{
    static struct engine engine;
    thrum_executor *executor = start(&engine, NULL);
    for (int64_t i = 0; i < 20; i++)
        thrum_future_free(thrum_submit(executor, square, thrum_value(int64_t, i)));
    thrum_executor_shutdown_with(executor, &(thrum_shutdown_options){.no_wait = true});
    thrum_thread_free(engine.thread);
}

static int plain(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 1));
}

static int named(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 2));
}
THRUM_TASK_VERSION(named, 3)

static int count_names(const char *name, void *context)
{
    if (strcmp(name, "named@3") == 0 ||
        (!strchr(name, '@') && strspn(name, "0123456789abcdef") == strlen(name)))
        ++*(int *)context;
    return 0;
}

TEST(a_function_is_found_by_its_name)
{
    char name[THRUM_TASK_NAME_SIZE];
    thrum_task_fn *found = NULL;
    CHECK_INT(thrum_task_name(named, name), ==, 0);
    CHECK_STR(name, "named@3");
    CHECK_INT(thrum_task_find(name, &found), ==, 0);
    CHECK(found == named);
    CHECK_INT(thrum_task_name(plain, name), ==, 0);
    CHECK_INT(thrum_task_find(name, &found), ==, 0);
    CHECK(found == plain);
    int count = 0;
    CHECK_INT(thrum_task_names_visit(count_names, &count), ==, 0);
    CHECK_INT(count, ==, 2);
}

TEST(a_wrong_name_is_refused)
{
    char name[THRUM_TASK_NAME_SIZE], bad[400];
    thrum_task_fn *found = NULL;
    CHECK_INT(thrum_task_find("", &found), ==, -EINVAL);
    CHECK_INT(thrum_task_find("named", &found), ==, -EINVAL);
    CHECK_INT(thrum_task_find("named@4", &found), ==, -ENOENT);
    CHECK_INT(thrum_task_find("0123+10", &found), ==, -ENOENT);
    CHECK_INT(thrum_task_name(plain, name), ==, 0);
    char *plus = strchr(name, '+');
    snprintf(bad, sizeof bad, "%.*s+ffffffffffff", (int)(plus - name), name);
    CHECK_INT(thrum_task_find(bad, &found), ==, -EINVAL);
    snprintf(bad, sizeof bad, "%.*s+12345678901234567", (int)(plus - name), name);
    CHECK_INT(thrum_task_find(bad, &found), ==, -EINVAL);
    snprintf(bad, sizeof bad, "%.*s+-1", (int)(plus - name), name);
    CHECK_INT(thrum_task_find(bad, &found), ==, -EINVAL);
    memset(bad, 'a', sizeof bad);
    bad[sizeof bad - 1] = '\0';
    CHECK_INT(thrum_task_find(bad, &found), ==, -EINVAL);
    CHECK(found == NULL);
}

static int count_one(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST_STOPS(a_second_function_under_one_name_stops_the_program, "was registered twice")
{
    static thrum_named_task again = {count_one, "named", 3, NULL};
    thrum_task_register(&again);
}
