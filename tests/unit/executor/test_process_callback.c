/* Code of the user that runs when a task of a process pool or a process ends: callbacks, chained tasks and
 * the failure hook may do all that waits for processes, and the pool goes on meanwhile. */
#include "harness.h"
#include "support.h"
#include "support_process.h"

#include "base/fault.h"

enum { MANY = 12 };

static thrum_event go, called;
static thrum_executor *pool, *other;
static uint32_t calls;

static int add_one(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, thrum_arg(self, int) + 1));
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EIO, "as it is to");
}

/* One task of the pool with a callback; nobody waits for its future, so the reaper ends it. */
static thrum_future *submit_with(thrum_done_callback *callback)
{
    thrum_future *future = thrum_submit(pool, add_one, thrum_value(int, 1));
    CHECK_INT(thrum_future_add_done_callback(future, callback, NULL), ==, 0);
    return future;
}

static void calls_back(thrum_done_callback *callback)
{
    thrum_future *future = submit_with(callback);
    CHECK_INT(thrum_event_wait(&called, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
}

/* ---------------------------------------------------------------------------------------- callbacks */

static void run_process(void)
{
    int result = 0;
    thrum_process *process = thrum_process_start(add_one, thrum_value(int, 6));
    CHECK_INT(thrum_process_result(process, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 7);
    thrum_process_free(process);
}

static int start_process(thrum_future *future, void *context)
{
    (void)future, (void)context;
    run_process();
    thrum_event_set(&called);
    return 0;
}

TEST(a_callback_starts_a_process_and_waits_for_it)
{
    pool = process_pool(.max_workers = 1);
    calls_back(start_process);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

static int submit_again(thrum_future *future, void *context)
{
    (void)future, (void)context;
    int result = 0;
    thrum_future *second = thrum_submit(pool, add_one, thrum_value(int, 8));
    UNTIL(thrum_future_done(second)); /* without a wait of its own the reaper alone can end it */
    CHECK_INT(result_of(second, &result, sizeof result), ==, 0);
    CHECK_INT(result, ==, 9);
    second = thrum_submit(pool, add_one, thrum_value(int, 9));
    CHECK_INT(result_of(second, &result, sizeof result), ==, 0);
    CHECK_INT(result, ==, 10);
    thrum_event_set(&called);
    return 0;
}

TEST(a_callback_submits_to_the_pool_and_waits)
{
    pool = process_pool(.max_workers = 1);
    calls_back(submit_again);
    thrum_executor_shutdown(pool);
}

static int shut_other_down(thrum_future *future, void *context)
{
    (void)future, (void)context;
    thrum_executor_shutdown(other);
    thrum_event_set(&called);
    return 0;
}

TEST(a_callback_shuts_another_process_pool_down)
{
    pool = process_pool(.max_workers = 1);
    other = process_pool(.max_workers = 1);
    CHECK_INT(result_of(thrum_submit(other, add_one, thrum_value(int, 1)), NULL, 0), ==, 0);
    calls_back(shut_other_down);
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
}

static int shut_own_down(thrum_future *future, void *context)
{
    (void)future, (void)context;
    thrum_executor_shutdown(pool);
    return 0;
}

TEST_STOPS(a_callback_that_shuts_its_own_pool_down_is_told, "shut down by its own worker")
{
    pool = process_pool(.max_workers = 1);
    calls_back(shut_own_down);
}

static int call(thrum_future *future, void *context)
{
    (void)future, (void)context;
    thrum_event_set(&called);
    return 0;
}

/* The first thread for callbacks is refused some times. */
TEST(a_callback_is_called_although_the_system_refuses_threads)
{
    enum { REFUSALS = 3 };
    pool = process_pool(.max_workers = 1);
    CHECK_INT(result_of(thrum_submit(pool, add_one, thrum_value(int, 1)), NULL, 0), ==, 0);
    thrum__fault_arm_all(THRUM__FAULT_THREAD_START, 1, REFUSALS);
    calls_back(call);
    CHECK_INT(thrum__fault_calls(THRUM__FAULT_THREAD_START), ==, REFUSALS + 1);
    thrum__fault_disarm(THRUM__FAULT_THREAD_START);
    thrum_executor_shutdown(pool);
}

/* --------------------------------------------------------------------------------- many at once */

static int wait_for_go(thrum_future *future, void *context)
{
    (void)future, (void)context;
    thrum__add_relaxed(&calls, 1);
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    thrum__sub_release(&calls, 1);
    return 0;
}

TEST(callbacks_that_block_hold_up_neither_the_pool_nor_one_another)
{
    pool = process_pool(.max_workers = 2);
    for (int i = 0; i < MANY; i++)
        thrum_future_free(submit_with(wait_for_go));
    UNTIL(thrum__load_acquire(&calls) == MANY);
    run_process();
    thrum_future *future = thrum_submit(pool, add_one, thrum_value(int, 1));
    UNTIL(thrum_future_done(future)); /* by the reaper */
    thrum_future_free(future);
    thrum_event_set(&go);
    thrum_executor_shutdown(pool); /* comes after the callbacks */
    CHECK_INT(thrum__load_acquire(&calls), ==, 0);
}

static int set_go(thrum_task *self)
{
    (void)self;
    UNTIL(thrum__load_acquire(&calls) == 1);
    thrum_event_set(&go);
    return 0;
}

static int finish_slowly(thrum_future *future, void *context)
{
    (void)wait_for_go(future, context);
    run_process();
    printf("callback\n");
    return 0;
}

/* The child ends by exit while a callback is under way. */
static void end_with_callback(void)
{
    pool = process_pool(.max_workers = 1);
    thrum_future_free(submit_with(finish_slowly));
    thrum_thread_free(thrum_thread_start(set_go, THRUM_NOTHING));
    exit(0);
}

TEST(the_end_of_the_program_waits_for_callbacks)
{
    int ends[2];
    char text[16] = "";
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
        end_with_callback();
    }
    close(ends[1]);
    CHECK_INT(read(ends[0], text, sizeof text - 1), ==, 9);
    CHECK_STR(text, "callback\n");
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, ==, 0);
    close(ends[0]);
}

/* ------------------------------------------------------------------------------------ chained tasks */

static int wait_for_another(thrum_task *self)
{
    int result = 0;
    thrum_future *another = thrum_submit(pool, add_one, thrum_value(int, thrum_arg(self, int)));
    UNTIL(thrum_future_done(another));
    CHECK_INT(result_of(another, &result, sizeof result), ==, 0);
    return thrum_return(self, thrum_value(int, result));
}

TEST(a_task_chained_on_an_inline_executor_waits_for_a_process)
{
    int result = 0;
    pool = process_pool(.max_workers = 1);
    thrum_executor *here = thrum_inline_new();
    thrum_future *first = thrum_submit(pool, add_one, thrum_value(int, 1));
    thrum_future *second = thrum_future_then(first, here, wait_for_another);
    CHECK_INT(result_of(second, &result, sizeof result), ==, 0);
    CHECK_INT(result, ==, 3);
    thrum_future_free(first);
    thrum_executor_shutdown(pool);
    thrum_executor_shutdown(here);
}

/* --------------------------------------------------------------------------------- the failure hook */

static void wait_in_hook(const thrum_failure *failure, void *context)
{
    CHECK_STR(failure->kind, (const char *)context);
    run_process();
    thrum__add_relaxed(&calls, 1);
    thrum_event_set(&called);
}

TEST(the_failure_hook_for_a_task_waits_for_a_process)
{
    thrum_failure_hook_set(wait_in_hook, (void *)(uintptr_t) "future");
    pool = process_pool(.max_workers = 1);
    thrum_future_free(thrum_submit(pool, fail, THRUM_NOTHING));
    CHECK_INT(thrum_event_wait(&called, THRUM_FOREVER), ==, 0);
    thrum_future_free(thrum_submit(pool, fail, THRUM_NOTHING));
    thrum_executor_shutdown(pool); /* comes after the hook */
    CHECK_INT(thrum__load_acquire(&calls), ==, 2);
}

TEST(the_failure_hook_for_a_process_waits_for_another)
{
    thrum_failure_hook_set(wait_in_hook, (void *)(uintptr_t) "process");
    thrum_process_free(thrum_process_start(fail, THRUM_NOTHING));
    CHECK_INT(thrum_event_wait(&called, THRUM_FOREVER), ==, 0);
}

/* --------------------------------------------------------------------------------------------- fork */

static int fork_there(thrum_future *future, void *context)
{
    (void)future, (void)context;
    pid_t pid = fork();
    if (pid == 0) { /* a child has background threads of its own */
        pool = process_pool(.max_workers = 1);
        thrum_event_clear(&called);
        calls_back(start_process);
        thrum_executor_shutdown(pool);
        _exit(7);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    thrum_event_set(&called);
    return 0;
}

TEST(a_callback_forks_and_the_child_has_callbacks_of_its_own)
{
    if (SANITIZED)
        return; /* it cannot start threads in such a child */
    pool = process_pool(.max_workers = 1);
    calls_back(fork_there);
    thrum_executor_shutdown(pool);
}
