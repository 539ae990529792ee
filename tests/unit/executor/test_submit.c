/* thrum_submit_into and thrum_submit_many on each kind of executor, and the order in which the workers of a
 * thread pool take tasks. */
#include "future/future.h"
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <thrum/process_pool.h>

enum kind { INLINE, THREAD, BOUNDED, FIBER, PROCESS, KINDS };

static thrum_executor *make(int kind)
{
    thrum_executor *made = NULL;
    switch ((enum kind)kind) {
    case INLINE:
        made = thrum_inline_new();
        break;
    case THREAD:
        made = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
        break;
    case BOUNDED:
        made =
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2, .max_pending = 3});
        break;
    case FIBER:
        made = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 2});
        break;
    default:
        made = thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1});
    }
    CHECK(made != NULL);
    return made;
}

static int square(thrum_task *self)
{
    long n = thrum_arg(self, long);
    return n < 0 ? -EDOM : thrum_return(self, thrum_value(long, n *n));
}

TEST_DEADLINE(each_executor_takes_a_task_in_the_callers_memory, 60)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        static thrum_future_memory memory[3];
        for (int round = 0; round < 50; round++) {
            thrum_future *futures[3];
            for (long i = 0; i < 3; i++) {
                futures[i] =
                    thrum_submit_into(executor, &memory[i], square, thrum_value(long, i + 2));
                CHECK((void *)futures[i] == (void *)&memory[i]);
            }
            for (long i = 0; i < 3; i++) {
                long result;
                CHECK_INT(thrum_future_result(futures[i], &result, sizeof result, THRUM_FOREVER),
                          ==, 0);
                CHECK_INT(result, ==, (i + 2) * (i + 2));
                thrum_future_free(futures[i]);
                memset(&memory[i], 0x5a, sizeof memory[i]); /* nobody else looks at it */
            }
        }
        thrum_executor_shutdown(executor);
    }
}

static uint32_t ended;
static thrum_event go;

static int wait_for_go(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&go, THRUM_FOREVER);
    thrum__store_release(&ended, 1);
    return rc;
}

static int set_go(thrum_task *self)
{
    (void)self;
    thrum_event_set(&go);
    return 0;
}

TEST(a_free_waits_for_a_task_in_the_callers_memory)
{
    thrum_executor *pool = make(THREAD);
    thrum_future_memory memory;
    thrum_future *future = thrum_submit_into(pool, &memory, wait_for_go, THRUM_NOTHING);
    thrum_future *other = thrum_submit(pool, set_go, THRUM_NOTHING);
    thrum_future_free(future);
    CHECK_INT(thrum__load_acquire(&ended), ==, 1);
    memset(&memory, 0x5a, sizeof memory);
    thrum_future_free(other);
    thrum_executor_shutdown(pool);
}

static int free_cancelled(thrum_task *self)
{
    thrum_executor *pool = thrum_arg(self, thrum_executor *);
    thrum_future_memory memory;
    thrum_future *future = thrum_submit_into(pool, &memory, square, thrum_value(long, 3));
    while (!thrum_cancelled(NULL))
        thrum_yield();
    thrum_future_free(future); /* waits, though this task was asked to stop */
    memset(&memory, 0x5a, sizeof memory);
    return 0;
}

TEST(a_task_that_was_cancelled_frees_memory_of_its_own)
{
    for (int kind = THREAD; kind <= FIBER; kind += FIBER - THREAD) {
        thrum_executor *pool = make(kind);
        thrum_future *task =
            thrum_submit(pool, free_cancelled, thrum_value(thrum_executor *, pool));
        UNTIL(thrum_future_running(task));
        CHECK_INT(thrum_future_cancel(task), ==, -EINPROGRESS);
        CHECK_INT(thrum_future_result(task, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(task);
        thrum_executor_shutdown(pool);
    }
}

/* The only worker frees what stands between others in its inbox, and what stands in the common list. It runs both in place
 * of the wait, and another worker takes them off their lists. */
static thrum_future_memory common_memory;
static thrum_future *common;

static int free_from_between(thrum_task *self)
{
    thrum_executor *pool = thrum_arg(self, thrum_executor *);
    thrum_future_memory memory[3];
    thrum_future *futures[3];
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    for (long i = 0; i < 3; i++)
        futures[i] = thrum_submit_into(pool, &memory[i], square, thrum_value(long, i));
    thrum_future_free(futures[1]);
    memset(&memory[1], 0x5a, sizeof memory[1]);
    thrum_future_free(common);
    memset(&common_memory, 0x5a, sizeof common_memory);
    thrum_future_free(futures[0]);
    thrum_future_free(futures[2]);
    return 0;
}

TEST(the_only_worker_frees_memory_that_stands_between_others)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *task = thrum_submit(pool, free_from_between, thrum_value(thrum_executor *, pool));
    common = thrum_submit_into(pool, &common_memory, square, thrum_value(long, 3));
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(task, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(task);
    thrum_executor_shutdown(pool);
}

TEST_DEADLINE(each_executor_takes_many_tasks_at_once, 60)
{
    enum { COUNT = 200 };
    static long numbers[COUNT];
    static thrum_future *futures[COUNT];
    for (long i = 0; i < COUNT; i++)
        numbers[i] = i == 77 ? -1 : i;
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        thrum_submit_many(executor, square, 0, NULL, 0, NULL);
        thrum_submit_many(executor, square, COUNT, numbers, sizeof numbers[0], futures);
        for (long i = 0; i < COUNT; i++) {
            long result = -1;
            int rc = thrum_future_result(futures[i], &result, sizeof result, THRUM_FOREVER);
            if (i == 77)
                CHECK(rc != 0 && thrum_future_error(futures[i])->code == -EDOM);
            else
                CHECK_INT(rc == 0 ? result : rc, ==, i * i);
            thrum_future_free(futures[i]);
        }
        thrum_executor_shutdown(executor);
    }
}

static uint32_t order;

static int note_order(thrum_task *self)
{
    return thrum_return(self, thrum_value(uint32_t, thrum__add_relaxed(&order, 1)));
}

/* Workers take tasks in the order of submission. So when a task begins, of those before it only what the other workers
 * have taken last may not have begun. */
struct place {
    uint32_t number, workers;
};

enum { PLACES = SANITIZED ? 400 : 4000 };
static struct place places[PLACES];
static thrum_future *placed[PLACES];

static int begin_in_order(thrum_task *self)
{
    struct place place = thrum_arg(self, struct place);
    uint32_t begun = thrum__add_relaxed(&order, 1);
    CHECK_INT(begun + place.workers, >, place.number);
    if (place.workers == 1)
        CHECK_INT(begun, ==, place.number);
    return 0;
}

static int submit_places(thrum_task *self)
{
    for (int i = 0; i < PLACES; i++)
        placed[i] = thrum_submit(thrum_arg(self, thrum_executor *), begin_in_order, &places[i],
                                 sizeof places[i]);
    return 0;
}

static void end_places(void)
{
    for (int i = 0; i < PLACES; i++) {
        CHECK_INT(thrum_future_result(placed[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(placed[i]);
    }
    CHECK_INT(order, ==, PLACES);
    order = 0;
}

TEST_DEADLINE(workers_take_the_tasks_of_one_submitter_in_their_order, 60)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        thrum_executor *pool =
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = (int)workers});
        for (uint32_t i = 0; i < PLACES; i++)
            places[i] = (struct place){i, workers};
        thrum_future *gates[4];
        thrum_event_clear(&go);
        for (uint32_t i = 0; i < workers; i++)
            gates[i] = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
        for (uint32_t i = 0; i < workers; i++)
            UNTIL(thrum_future_running(gates[i]));
        thrum_submit_many(pool, begin_in_order, PLACES / 2, places, sizeof places[0], placed);
        for (int i = PLACES / 2; i < PLACES; i++)
            placed[i] = thrum_submit(pool, begin_in_order, &places[i], sizeof places[i]);
        thrum_event_set(&go);
        end_places();
        for (uint32_t i = 0; i < workers; i++)
            thrum_future_free(gates[i]);
        thrum_future *inside =
            thrum_submit(pool, submit_places, thrum_value(thrum_executor *, pool));
        CHECK_INT(thrum_future_result(inside, NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(inside);
        end_places();
        thrum_executor_shutdown(pool);
    }
}

/* The first task blocks a worker: the other worker runs the rest. */
TEST(tasks_behind_one_that_waits_are_run_by_others)
{
    enum { COUNT = 1000 };
    static thrum_future *futures[COUNT];
    thrum_executor *pool = make(THREAD);
    thrum_future *gate = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    thrum_future *blocker = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    UNTIL(thrum_future_running(gate) && thrum_future_running(blocker));
    thrum_future *first = thrum_submit(pool, set_go, THRUM_NOTHING); /* no worker for it yet */
    thrum_submit_many(pool, note_order, COUNT, NULL, 0, futures);
    CHECK(!thrum_future_running(first));
    thrum_event_set(&go);
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
        thrum_future_free(futures[i]);
    }
    CHECK_INT(order, ==, COUNT);
    thrum_future_free(first);
    thrum_future_free(gate);
    thrum_future_free(blocker);
    thrum_executor_shutdown(pool);
}

static thrum_event started, release;

static int hold(thrum_task *self)
{
    (void)self;
    thrum_event_set(&started);
    return thrum_event_wait(&release, THRUM_FOREVER);
}

TEST(a_task_that_is_held_up_holds_up_no_other)
{
    enum { COUNT = 400, HELD = 10 };
    static thrum_future *futures[COUNT];
    thrum_executor *pool = make(THREAD);
    thrum_future *gate[2];
    for (int i = 0; i < 2; i++)
        gate[i] = thrum_submit(pool, wait_for_go, THRUM_NOTHING);
    UNTIL(thrum_future_running(gate[0]) && thrum_future_running(gate[1]));
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, i == HELD ? hold : note_order, THRUM_NOTHING);
    thrum_event_set(&go);
    CHECK_INT(thrum_event_wait(&started, THRUM_FOREVER), ==, 0);
    for (int i = 0; i < COUNT; i++)
        if (i != HELD)
            CHECK_INT(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_event_set(&release);
    CHECK_INT(thrum_future_result(futures[HELD], NULL, 0, THRUM_FOREVER), ==, 0);
    for (int i = 0; i < COUNT; i++)
        thrum_future_free(futures[i]);
    thrum_future_free(gate[0]);
    thrum_future_free(gate[1]);
    thrum_executor_stats stats;
    UNTIL((thrum_executor_stats_get(pool, &stats), stats.running == 0));
    CHECK_INT(stats.done, ==, COUNT + 2);
    CHECK_INT(stats.failed, ==, 0);
    CHECK_INT(stats.pending, ==, 0);
    thrum_executor_shutdown(pool);
}

/* A shutdown that cancels finds what runs and what pends. */
TEST(a_shutdown_cancels_what_runs_and_what_pends)
{
    enum { COUNT = 300 };
    static thrum_future *futures[COUNT];
    thrum_executor *pool = make(THREAD);
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, i == 20 ? hold : note_order, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&started, THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown_with(
        pool, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
    for (int i = 0; i < COUNT; i++) {
        CHECK(thrum_future_done(futures[i]));
        thrum_future_free(futures[i]);
    }
}

static int no_task(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST(after_a_shutdown_has_begun_all_are_refused)
{
    thrum_future *futures[3], *held;
    thrum_future_memory memory;
    thrum_executor *pool = make(THREAD);
    held = thrum_submit(pool, hold, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&started, THRUM_FOREVER), ==, 0);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    thrum_submit_many(pool, no_task, 3, NULL, 0, futures);
    for (int i = 0; i < 3; i++) {
        CHECK(thrum_future_done(futures[i]));
        CHECK_INT(thrum_future_error(futures[i])->code, ==, -EPIPE);
        thrum_future_free(futures[i]);
    }
    thrum_future *into = thrum_submit_into(pool, &memory, no_task, THRUM_NOTHING);
    CHECK_INT(thrum_future_error(into)->code, ==, -EPIPE);
    thrum_future_free(into);
    thrum_event_set(&release);
    CHECK_INT(thrum_future_result(held, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(held);
}

TEST(without_memory_a_task_of_many_fails_alone)
{
    thrum_executor *pool = make(THREAD);
    thrum_future *futures[4];
    thrum_submit_many(pool, no_task, 1, NULL, 0, futures); /* makes what is made once */
    CHECK_INT(thrum_future_result(futures[0], NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(futures[0]);
    struct wide {
        char bytes[200];
    } wide[4] = {0};
    thrum__fault_arm(THRUM__FAULT_ALLOC, 2, 1);
    thrum_submit_many(pool, no_task, 4, wide, sizeof wide[0], futures);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    int failed = 0;
    for (int i = 0; i < 4; i++) {
        failed += thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(futures[i]);
    }
    CHECK_INT(failed, >=, 1);
    CHECK_INT(failed, <, 4);
    thrum_executor_shutdown(pool);
}
