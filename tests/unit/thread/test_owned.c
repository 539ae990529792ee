/* Owned values: each is delivered, or its destructor is called, exactly once, however its task
 * ends. */
#include "base/fault.h"
#include "base/os_thread.h"
#include "harness.h"
#include "support.h"
#include "support_gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <thrum/process_pool.h>
#include <unistd.h>

/* What travels: a reference to a counter. Who owns it puts it down; the destructor does so for
 * those that nobody owns. */
struct held {
    uint32_t *counter;
    char more[60];
};

enum { MOST = 64 };
static uint32_t counters[MOST];             /* 1 while the value lives */
static uint32_t destroyed, delivered, made; /* values */

static void put_down(uint32_t *counter)
{
    CHECK_INT(thrum__sub_acq_rel(counter, 1), ==, 1);
}

static void destroy(void *value)
{
    put_down(((struct held *)value)->counter);
    thrum__add_release(&destroyed, 1);
}

static uint32_t *take_up(void)
{
    CHECK(made < MOST);
    counters[made] = 1;
    return &counters[made++];
}

#define HELD thrum_owned(destroy, struct held, .counter = take_up())

/* Checks what became of all values so far, and begins anew. */
static void settle(uint32_t want_delivered, uint32_t want_destroyed)
{
    CHECK_INT(thrum__load_acquire(&delivered), ==, want_delivered);
    CHECK_INT(thrum__load_acquire(&destroyed), ==, want_destroyed);
    CHECK_INT(made, ==, want_delivered + want_destroyed);
    for (uint32_t i = 0; i < made; i++)
        CHECK_INT(thrum__load_acquire(&counters[i]), ==, 0);
    made = delivered = destroyed = 0;
}

static void own(const struct held *held)
{
    put_down(held->counter);
    thrum__add_release(&delivered, 1);
}

/* Owns its argument, and puts it down. */
static int consume(thrum_task *self)
{
    own(&thrum_arg(self, struct held));
    return 0;
}

/* Passes its argument on as its result. */
static int pass_on(thrum_task *self)
{
    const struct held *held = &thrum_arg(self, struct held);
    return thrum_return(self, thrum_owned_at(destroy, held, sizeof *held));
}

enum { INLINE, POOL, FIBER, KINDS };

static thrum_executor *make(int kind)
{
    thrum_executor *executor =
        kind == INLINE ? thrum_inline_new()
        : kind == POOL ? thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1})
                       : thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    CHECK(executor != NULL);
    return executor;
}

static void own_result(thrum_future *future)
{
    struct held held;
    CHECK_INT(thrum_future_result(future, &held, sizeof held, THRUM_FOREVER), ==, 0);
    own(&held);
}

/* ----------------------------------------------------------------------------------- delivered */

TEST(an_argument_is_delivered_to_the_function)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        const thrum_submit_options late = {.deadline = thrum_in(1000)};
        thrum_future_free(thrum_submit(executor, consume, HELD));
        thrum_future_free(thrum_submit_with(executor, &late, consume, HELD));
        thrum_group *group = thrum_group_new();
        thrum_future_free(thrum_group_submit(group, executor, consume, HELD));
        CHECK_INT(thrum_group_join(group, THRUM_FOREVER), ==, 0);
        thrum_group_free(group);
        thrum_executor_shutdown(executor);
        settle(3, 0);
    }
    thrum_thread *thread = thrum_thread_start(consume, HELD);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    CHECK_INT(thrum_blocking(consume, HELD, NULL, 0, NULL, THRUM_FOREVER), ==, 0);
    settle(2, 0);
}

TEST(a_result_is_delivered_to_the_first_that_gets_it)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        struct held held;
        void *bytes = NULL;
        size_t size = 0;
        thrum_future *future = thrum_submit(executor, pass_on, HELD);
        CHECK_INT(thrum_future_result(future, &bytes, 1, THRUM_FOREVER), ==, -EMSGSIZE);
        CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
        own_result(future);
        CHECK_INT(thrum_future_result(future, &held, sizeof held, THRUM_NOW), ==, -ENODATA);
        CHECK_INT(thrum_future_take(future, &bytes, &size, THRUM_NOW), ==, -ENODATA);
        thrum_future_free(future);

        future = thrum_submit_with(executor, &(thrum_submit_options){.deadline = thrum_in(1000)},
                                   pass_on, HELD);
        CHECK_INT(thrum_future_take(future, &bytes, &size, THRUM_FOREVER), ==, 0);
        CHECK_INT(size, ==, sizeof held);
        own(bytes);
        free(bytes);
        CHECK_INT(thrum_future_result(future, &held, sizeof held, THRUM_NOW), ==, -ENODATA);
        thrum_future_free(future);
        thrum_executor_shutdown(executor);
        settle(2, 0);
    }
    struct held held;
    CHECK_INT(thrum_blocking(pass_on, HELD, &held, sizeof held, NULL, THRUM_FOREVER), ==, 0);
    own(&held);
    thrum_thread *thread = thrum_thread_start(pass_on, HELD);
    CHECK_INT(thrum_thread_result(thread, &held, sizeof held, THRUM_FOREVER), ==, 0);
    own(&held);
    thrum_thread_free(thread);
    settle(2, 0);
}

TEST(a_chained_task_owns_the_result_of_the_first)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        struct held held;
        thrum_future *first = thrum_submit(executor, pass_on, HELD);
        thrum_future *second = thrum_future_then(first, executor, pass_on);
        own_result(second);
        CHECK_INT(thrum_future_result(first, &held, sizeof held, THRUM_NOW), ==, -ENODATA);
        thrum_future_free(first);
        thrum_future_free(second);

        first = thrum_submit(executor, pass_on, HELD);
        own_result(first);
        second = thrum_future_then(first, executor, pass_on);
        CHECK_OUTCOME(thrum_future_result(second, &held, sizeof held, THRUM_FOREVER),
                      thrum_future_error(second), -ENODATA);
        thrum_future_free(first);
        thrum_future_free(second);
        thrum_executor_shutdown(executor);
        settle(2, 0);
    }
}

/* --------------------------------------------------------------------------- never delivered */

static thrum_event begun, go;

/* Holds the worker without a wait that would let a fiber's worker take another task. */
static int hold_worker(thrum_task *self)
{
    thrum_event_set(&begun);
    while (!thrum_event_is_set(&go) && !thrum_cancelled(self))
        thrum__os_thread_yield();
    return 0;
}

/* Occupies the one worker of a pool until let_worker_go. */
static thrum_future *occupy(thrum_executor *executor)
{
    thrum_event_clear(&begun);
    thrum_event_clear(&go);
    thrum_future *future = thrum_submit(executor, hold_worker, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&begun, THRUM_FOREVER), ==, 0);
    return future;
}

static void let_worker_go(thrum_future *future)
{
    thrum_event_set(&go);
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
}

TEST(a_cancelled_task_releases_its_argument_once)
{
    for (int kind = POOL; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        thrum_future *busy = occupy(executor);
        thrum_future *future = thrum_submit(executor, consume, HELD);
        CHECK_INT(thrum_future_cancel(future), ==, 0);
        thrum_future_free(future);
        future = thrum_submit(executor, consume, HELD);
        CHECK_INT(thrum_future_cancel(future), ==, 0);
        let_worker_go(busy);
        thrum_executor_shutdown(executor);
        thrum_future_free(future);
        settle(0, 2);
    }
}

TEST(a_shutdown_releases_what_it_cancels)
{
    for (int kind = POOL; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        thrum_future *busy = occupy(executor);
        for (int i = 0; i < 5; i++)
            thrum_future_free(thrum_submit(executor, consume, HELD));
        thrum_executor_shutdown_with(
            executor, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
        thrum_future_free(busy);
        settle(0, 5);
    }
}

TEST(a_deadline_that_passed_before_the_task_began_releases_the_argument)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        const thrum_submit_options past = {.deadline = thrum_in(-1)};
        thrum_future *future = thrum_submit_with(executor, &past, consume, HELD);
        CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                      thrum_future_error(future), -ETIMEDOUT);
        thrum_future_free(future);
        thrum_executor_shutdown(executor);
        settle(0, 1);
    }
}

static int submit_late(thrum_task *self)
{
    thrum_executor *executor = thrum_arg(self, thrum_executor *);
    thrum_event_set(&begun);
    while (thrum_event_wait(&go, THRUM_FOREVER) < 0)
        ;
    thrum_future *future = thrum_submit(executor, consume, HELD);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -EPIPE);
    thrum_future_free(future);
    return 0;
}

TEST(a_refused_submit_releases_the_argument)
{
    thrum_executor *executor = thrum_thread_pool_new(&(thrum_thread_pool_options){
        .max_workers = 1, .max_pending = 1, .when_full = THRUM_WHEN_FULL_REFUSE});
    thrum_future *busy = occupy(executor);
    thrum_future *fits = thrum_submit(executor, consume, HELD);
    thrum_future *full = thrum_submit(executor, consume, HELD);
    CHECK_OUTCOME(thrum_future_result(full, NULL, 0, THRUM_NOW), thrum_future_error(full), -EAGAIN);
    CHECK_INT(destroyed, ==, 0); /* not before the handle goes */
    thrum_future_free(full);
    CHECK_INT(destroyed, ==, 1);
    let_worker_go(busy);
    thrum_future_free(fits);
    thrum_executor_shutdown(executor);
    settle(1, 1);

    for (int kind = POOL; kind < KINDS; kind++) {
        thrum_event_clear(&begun);
        thrum_event_clear(&go);
        executor = make(kind);
        thrum_future *late =
            thrum_submit(executor, submit_late, thrum_value(thrum_executor *, executor));
        CHECK_INT(thrum_event_wait(&begun, THRUM_FOREVER), ==, 0);
        thrum_executor_shutdown_with(executor, &(thrum_shutdown_options){.no_wait = true});
        let_worker_go(late);
        UNTIL(thrum__load_acquire(&destroyed) == 1);
        settle(0, 1);
    }
}

TEST(a_stopped_group_releases_the_argument)
{
    thrum_executor *executor = make(POOL);
    thrum_group *group = thrum_group_new();
    thrum_group_cancel(group);
    thrum_future_free(thrum_group_submit(group, executor, consume, HELD));
    settle(0, 1);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ECANCELED);
    thrum_group_free(group);
    thrum_executor_shutdown(executor);
}

TEST(a_thread_that_never_begins_releases_the_argument)
{
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1);
    thrum_thread *thread = thrum_thread_start(consume, HELD);
    thrum__fault_disarm(THRUM__FAULT_THREAD_START);
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread), -EAGAIN);
    thrum_thread_free(thread);
    settle(0, 1);

    thread = thrum_timer_start(thrum_in(1000), consume, HELD);
    CHECK_INT(thrum_timer_cancel(thread), ==, 0);
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread), -ECANCELED);
    thrum_thread_free(thread);
    settle(0, 1);
}

TEST(a_cancelled_chain_releases_the_result_that_it_was_to_have)
{
    thrum_executor *executor = make(POOL);
    thrum_future *busy = occupy(executor);
    thrum_future *first = thrum_submit(executor, pass_on, HELD);
    thrum_future *second = thrum_future_then(first, executor, consume);
    CHECK_INT(thrum_future_cancel(second), ==, 0);
    let_worker_go(busy);
    CHECK_INT(thrum_future_result(first, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(first);
    thrum_future_free(second);
    thrum_executor_shutdown(executor);
    settle(0, 1);
}

/* ------------------------------------------------------------------------------------ results */

static int return_two(thrum_task *self)
{
    CHECK_INT(thrum_return(self, HELD), ==, 0);
    return thrum_return(self, HELD);
}

static int return_one(thrum_task *self)
{
    return thrum_return(self, HELD);
}

static int return_and_fail(thrum_task *self)
{
    CHECK_INT(thrum_return(self, HELD), ==, 0);
    int code = thrum_fail(self, -ERANGE, "after all");
    CHECK_INT(thrum_return(self, HELD), ==, 0); /* of no use any more */
    return code;
}

TEST(a_result_that_nobody_takes_is_released_once)
{
    for (int kind = 0; kind < KINDS; kind++) {
        thrum_executor *executor = make(kind);
        thrum_future_free(thrum_submit(executor, pass_on, HELD)); /* perhaps before it has run */
        thrum_future *future = thrum_submit(executor, return_two, THRUM_NOTHING);
        own_result(future);
        thrum_future_free(future);
        future = thrum_submit(executor, return_and_fail, THRUM_NOTHING);
        CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                      thrum_future_error(future), -ERANGE);
        thrum_future_free(future);
        thrum_executor_shutdown(executor);
        settle(1, 4);
    }
    thrum_thread *thread = thrum_thread_start(pass_on, HELD);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    CHECK_INT(thrum_blocking(pass_on, HELD, NULL, 0, NULL, THRUM_FOREVER), ==, 0);
    settle(0, 2);
}

TEST(a_future_made_by_hand_releases_what_comes_too_late)
{
    thrum_future *future = thrum_future_new();
    CHECK_INT(thrum_future_cancel(future), ==, 0);
    CHECK_INT(thrum_future_set_result(future, HELD), ==, -ECANCELED);
    thrum_future_free(future);
    settle(0, 1);
    future = thrum_future_new();
    CHECK_INT(thrum_future_set_result(future, HELD), ==, 0);
    thrum_future_free(future);
    settle(0, 1);
}

/* Holds the only helper. */
static int hold_helper(thrum_task *self)
{
    (void)self;
    thrum_event_set(&begun);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

static int block_helper(thrum_task *self)
{
    (void)self;
    return thrum_blocking(hold_helper, THRUM_NOTHING, NULL, 0, NULL, THRUM_FOREVER);
}

static int give_up_behind(thrum_task *self)
{
    (void)self;
    thrum_future *holder = thrum_submit(thrum_fiber_pool_current(), block_helper, THRUM_NOTHING);
    CHECK_INT(thrum_event_wait(&begun, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_blocking(consume, HELD, NULL, 0, NULL, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_event_set(&go);
    CHECK_INT(thrum_future_result(holder, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(holder);
    return 0;
}

TEST(a_blocking_call_that_is_given_up_releases_the_argument)
{
    setenv("THRUM_BLOCKING_THREADS", "1", 1);
    CHECK_INT(thrum_run(give_up_behind, THRUM_NOTHING), ==, 0);
    UNTIL(thrum__load_acquire(&destroyed) == 1);
    settle(0, 1);
}

/* ---------------------------------------------------------------------------------------- maps */

static int make_held(thrum_task *self)
{
    if (thrum_arg(self, int) == 2)
        return -ERANGE;
    return thrum_return(self, HELD);
}

TEST(a_map_delivers_what_comes_before_the_failure_and_releases_the_rest)
{
    int numbers[] = {0, 1, 2, 3, 4};
    struct held got[5];
    thrum_error error = {0};
    thrum_executor *executor = make(POOL);
    const thrum_map_options items = {.count = 5,
                                     .args = numbers,
                                     .arg_size = sizeof *numbers,
                                     .results = got,
                                     .result_size = sizeof *got,
                                     .window = 5,
                                     .ret_error = &error};
    CHECK_OUTCOME(thrum_map(executor, make_held, &items), &error, -ERANGE);
    own(&got[0]);
    own(&got[1]);
    thrum_executor_shutdown(executor);
    settle(2, made - 2);

    executor = make(POOL);
    thrum_map_options chunks = items;
    chunks.chunk = 2;
    CHECK_OUTCOME(thrum_map(executor, make_held, &chunks), &error, -EINVAL);
    CHECK(strstr(error.message, "chunk") != NULL);
    thrum_executor_shutdown(executor);
    settle(0, made);
}

/* ----------------------------------------------------------------------------------- processes */

static void write_byte(void *value)
{
    CHECK_INT(write(*(int *)value, "d", 1), ==, 1);
}

static int write_and_return(thrum_task *self)
{
    return thrum_return(self, thrum_owned(write_byte, int, thrum_arg(self, int)));
}

TEST(an_owned_value_cannot_leave_its_process)
{
    int ends[2];
    char bytes[8];
    CHECK_INT(pipe(ends), ==, 0);
    const int *kept = &ends[1];
    thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){
        .max_workers = 1, .descriptors = kept, .descriptor_count = 1});
    thrum_future *future = thrum_submit(pool, consume, HELD);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -EINVAL);
    CHECK_STR(thrum_future_error(future)->message,
              "a value with a destructor cannot leave its process: see thrum_owned in "
              "<thrum/task.h>");
    thrum_future_free(future);
    thrum_process *process = thrum_process_start(consume, HELD);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -EINVAL);
    CHECK(strstr(thrum_process_error(process)->message, "cannot leave its process") != NULL);
    thrum_process_free(process);
    settle(0, 2);

    future = thrum_submit(pool, write_and_return, thrum_value(int, ends[1]));
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -EINVAL);
    CHECK(strstr(thrum_future_error(future)->message, "cannot leave its process") != NULL);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    CHECK_INT(close(ends[1]), ==, 0);
    CHECK_INT(read(ends[0], bytes, sizeof bytes), ==, 1); /* the worker has released it, once */
}

/* A task that a process pool runs in its submitter may return an owned value; nobody takes it. */
TEST(a_process_pool_releases_results_of_tasks_that_ran_here)
{
    enum { TASKS = 60 }; /* more than the worker's slots and the backlog */
    thrum_future *futures[TASKS];
    thrum_executor *pool =
        thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1,
                                                             .max_pending = 1,
                                                             .when_full = THRUM_WHEN_FULL_RUN,
                                                             .descriptors = gate_descriptors(),
                                                             .descriptor_count = 2});
    thrum_future *gate = submit_gate(pool);
    until_said();
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, return_one, THRUM_NOTHING);
    CHECK(made > 0);
    let_go(1);
    for (int i = 0; i < TASKS; i++) {
        int rc = OUTCOME_CODE(thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER),
                              thrum_future_error(futures[i]));
        CHECK(rc == 0 || rc == -EINVAL);
        thrum_future_free(futures[i]);
    }
    thrum_future_free(gate);
    thrum_executor_shutdown(pool);
    settle(0, made);
}

/* ----------------------------------------------------------------------------- without memory */

static int kind_now;
static thrum_executor *executor_now;

static int submit_one(void)
{
    thrum_future *future = thrum_submit(executor_now, pass_on, HELD);
    struct held held;
    int rc = OUTCOME_CODE(thrum_future_result(future, &held, sizeof held, THRUM_FOREVER),
                          thrum_future_error(future));
    if (rc == 0)
        own(&held);
    thrum_future_free(future);
    return rc;
}

static int submit_late_one(void)
{
    const thrum_submit_options options = {.deadline = thrum_in(1000)};
    thrum_future *future = thrum_submit_with(executor_now, &options, pass_on, HELD);
    void *bytes = NULL;
    size_t size;
    int rc = OUTCOME_CODE(thrum_future_take(future, &bytes, &size, THRUM_FOREVER),
                          thrum_future_error(future));
    if (rc == 0)
        own(bytes);
    free(bytes);
    thrum_future_free(future);
    return rc;
}

static int group_one(void)
{
    thrum_group *group = thrum_group_new();
    if (!group)
        return -ENOMEM;
    thrum_future_free(thrum_group_submit(group, executor_now, consume, HELD));
    int rc = OUTCOME_CODE(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group));
    thrum_group_free(group);
    return rc;
}

static int chain_one(void)
{
    thrum_future *first = thrum_submit(executor_now, pass_on, HELD);
    thrum_future *second = thrum_future_then(first, executor_now, consume);
    int rc = OUTCOME_CODE(thrum_future_result(second, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(second));
    thrum_future_free(first);
    thrum_future_free(second);
    return rc;
}

static int thread_one(void)
{
    thrum_thread *thread = thrum_thread_start(pass_on, HELD);
    struct held held;
    int rc = OUTCOME_CODE(thrum_thread_result(thread, &held, sizeof held, THRUM_FOREVER),
                          thrum_thread_error(thread));
    if (rc == 0)
        own(&held);
    thrum_thread_free(thread);
    return rc;
}

static int block_one(void)
{
    void *bytes = NULL;
    size_t size;
    thrum_error error;
    int rc = OUTCOME_CODE(thrum_blocking_take(pass_on, HELD, &bytes, &size, &error, THRUM_FOREVER),
                          &error);
    if (rc == 0)
        own(bytes);
    free(bytes);
    return rc;
}

/* Tries each with its n-th allocation failing, for n = 1, 2, ... until none fails any more. */
static void try_without_memory(int (*attempt)(void))
{
    bool failed = true;
    for (uint32_t n = 1; failed; n++) {
        thrum__fault_arm_all(THRUM__FAULT_ALLOC, n, 1);
        int rc = attempt();
        failed = thrum__fault_calls(THRUM__FAULT_ALLOC) >= n;
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        CHECK(rc == 0 || (failed && rc == -ENOMEM));
        UNTIL(thrum__load_acquire(&delivered) + thrum__load_acquire(&destroyed) == made);
        settle(thrum__load_acquire(&delivered), thrum__load_acquire(&destroyed));
    }
}

TEST(without_memory_each_value_is_delivered_or_released)
{
    int (*const attempts[])(void) = {submit_one, submit_late_one, group_one, chain_one};
    for (kind_now = 0; kind_now < KINDS; kind_now++) {
        executor_now = make(kind_now);
        for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
            try_without_memory(attempts[i]);
        thrum_executor_shutdown(executor_now);
    }
    try_without_memory(thread_one);
    try_without_memory(block_one);
}

/* ------------------------------------------------------------------------------------ helpers */

TEST(a_pointer_is_freed_by_the_ready_made_destructor)
{
    thrum_executor *executor = make(INLINE);
    thrum_group *group = thrum_group_new();
    thrum_group_cancel(group);
    thrum_future_free(thrum_group_submit(group, executor, consume,
                                         thrum_owned(thrum_pointer_destroy, void *, malloc(10))));
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ECANCELED);
    thrum_group_free(group);
    thrum_executor_shutdown(executor); /* the address sanitizer sees whether it was */
}

TEST(a_connection_is_closed_by_the_ready_made_destructor)
{
    char byte;
    thrum_socket *ends[2];
    thrum_executor *executor = make(INLINE);
    thrum_group *group = thrum_group_new();
    CHECK_INT(thrum_socket_pair(&ends[0], &ends[1]), ==, 0);
    thrum_group_cancel(group);
    thrum_future_free(thrum_group_submit(
        group, executor, consume, thrum_owned(thrum_socket_destroy, thrum_socket *, ends[1])));
    CHECK_INT(thrum_socket_read(ends[0], &byte, 1, THRUM_FOREVER), ==, 0);
    thrum_socket_free(ends[0]);
    CHECK_OUTCOME(thrum_group_join(group, THRUM_FOREVER), thrum_group_error(group), -ECANCELED);
    thrum_group_free(group);
    thrum_executor_shutdown(executor);
}

static void wait_in_destructor(void *value)
{
    CHECK_INT(thrum_sleep(thrum_in(0.001)), ==, 0); /* not -ECANCELED */
    destroy(value);
}

static int drop_while_cancelled(thrum_task *self)
{
    while (!thrum_cancelled(self))
        thrum_yield();
    CHECK_INT(
        thrum_return(self, thrum_owned(wait_in_destructor, struct held, .counter = take_up())), ==,
        0);
    return -ECANCELED;
}

TEST(a_destructor_is_shielded_from_cancellation)
{
    thrum_executor *executor = make(POOL);
    thrum_future *future = thrum_submit(executor, drop_while_cancelled, THRUM_NOTHING);
    UNTIL(thrum_future_running(future));
    CHECK_INT(thrum_future_cancel(future), ==, -EINPROGRESS);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECANCELED);
    thrum_future_free(future);
    thrum_executor_shutdown(executor);
    settle(0, 1);
}
