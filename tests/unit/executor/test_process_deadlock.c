/* The 16 ways in which Python's process pools once hung, and for which CPython keeps tests
 * (test_concurrent_futures/test_deadlock.py), each in its meaning for bytes and shared memory.
 *
 *     there                            here
 *     a task is pickled                its argument is put on the task slots of a worker
 *     a task is unpickled              the worker looks its function up, and takes the argument over
 *     a result is pickled              the worker leaves the result in the slots
 *     a result is unpickled            the reaper, or who waits for the task, copies it from there
 *     the wake-up pipe is full         the reaper's eventfd is full
 *
 * In each, the task with which it goes wrong says so, those around it do not notice, and the pool goes on
 * and ends as ever; whether the reaper collects the task or a thread that waits for it. */
#include "harness.h"
#include "support.h"
#include "support_gate.h"
#include "support_process.h"

#include "base/poller.h"
#include "future/future.h"
#include "process/reaper.h"
#include "process/task_slots.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { LARGE = 1 << 20 };

static char large[LARGE];

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int echo(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    return thrum_return(self, thrum_task_arg(self, size), size);
}

/* ------------------------------------------------------------------------------- what is the same */

/* Waits for the end, and compares. */
static void ends_with(thrum_future *future, int code, const char *says)
{
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  code);
    const thrum_error *error = thrum_future_error(future);
    if (says && !strstr(error->message, says))
        CHECK_STR(error->message, says);
    thrum_future_free(future);
}

/* A task, between two others, that goes wrong in the same way each time. */
static void goes_wrong(thrum_executor *pool, thrum_task_fn *function, const void *arg, size_t size,
                       int code, const char *says)
{
    for (int by_reaper = 0; by_reaper < 2; by_reaper++) {
        thrum_future *before = thrum_submit(pool, echo, "before", 7);
        thrum_future *wrong = thrum_submit(pool, function, arg, size);
        thrum_future *after = thrum_submit(pool, echo, "after", 6);
        if (by_reaper)
            UNTIL(thrum_future_done(wrong));
        ends_with(wrong, code, says);
        ends_with(before, 0, NULL);
        ends_with(after, 0, NULL);
    }
}

/* The pool can be used and ended, and leaves nothing. */
static void is_whole(thrum_executor *pool)
{
    char back[6];
    CHECK_INT(result_of(thrum_submit(pool, echo, "after", 6), back, sizeof back), ==, 0);
    CHECK_STR(back, "after");
    thrum_executor_shutdown(pool);
    CHECK_INT(live_children(), ==, 0);
    CHECK_INT(shared_segments(), ==, 0);
}

/* ------------------------------------------------------------------------- from here to the worker */

/* test_error_at_task_pickle */
TEST(an_error_where_a_task_is_handed_over)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    thrum_executor *pool = process_pool(.max_workers = 1);
    goes_wrong(pool, (thrum_task_fn *)(uintptr_t)page, THRUM_NOTHING, -ENOENT, "in no module");
    is_whole(pool);
}

/* Files of this process can have no more than so many bytes, and who writes more is told of it. A worker's
 * large values lie far out in the file that it shares with its parent. */
static void limit_files(uint64_t size)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = size;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* the same, for want of room */
TEST(an_error_where_an_argument_is_handed_over)
{
    signal(SIGXFSZ, SIG_IGN);
    thrum_executor *pool = process_pool(.max_workers = 1);
    ends_with(thrum_submit(pool, nothing, THRUM_NOTHING), 0, NULL);
    limit_files(1 << 30);
    goes_wrong(pool, echo, large, sizeof large, -EFBIG, "cannot be handed to a worker");
    is_whole(pool);
}

/* A pool whose workers end in the way `how` as they look up the function of a task. */
static void dies_at_look_up(const char *how, const char *says)
{
    void *module = dlopen(getenv("TEST_MODULE_DYING"), RTLD_NOW);
    CHECK(module != NULL);
    thrum_task_fn *function = (thrum_task_fn *)(uintptr_t)dlsym(module, "thrum_test_module_task");
    CHECK(function != NULL);
    setenv("TEST_MODULE_DIES", how, 1);
    thrum_executor *pool = process_pool(.max_workers = 2);
    goes_wrong(pool, function, THRUM_NOTHING, -ECHILD, says);
    is_whole(pool);
    unsetenv("TEST_MODULE_DIES");
    dlclose(module);
}

/* test_exit_at_task_unpickle */
TEST(an_exit_where_a_task_is_taken_over)
{
    dies_at_look_up("e3", "exited with status 3");
    dies_at_look_up("_4", "exited with status 4");
}

static int lose_memory(thrum_task *self)
{
    (void)self;
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    return 0;
}

/* test_error_at_task_unpickle */
TEST(an_error_where_a_task_is_taken_over)
{
    thrum_executor *pool = process_pool(.max_workers = 1, .initializer = lose_memory);
    goes_wrong(pool, echo, large, sizeof large, -ENOMEM, "could not be taken over by the worker");
    is_whole(pool);
}

/* test_crash_at_task_unpickle */
TEST(a_crash_where_a_task_is_taken_over)
{
    dies_at_look_up("s11", "signal 11");
    dies_at_look_up("s9", "signal 9");
}

/* --------------------------------------------------------------------------------- in the function */

static int raise_it(thrum_task *self)
{
    int number = thrum_arg(self, int);
    signal(number, SIG_DFL);
    raise(number);
    return 0;
}

/* test_crash_during_func_exec_on_worker */
TEST(a_crash_in_the_function)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    goes_wrong(pool, raise_it, thrum_value(int, SIGSEGV), -ECHILD, "signal 11");
    goes_wrong(pool, raise_it, thrum_value(int, SIGKILL), -ECHILD, "signal 9");
    is_whole(pool);
}

static int exit_with(thrum_task *self)
{
    int status = thrum_arg(self, int);
    if (status > 0)
        exit(status);
    _exit(-status);
}

/* test_exit_during_func_exec_on_worker */
TEST(an_exit_in_the_function)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    goes_wrong(pool, exit_with, thrum_value(int, 3), -ECHILD, "exited with status 3");
    goes_wrong(pool, exit_with, thrum_value(int, -4), -ECHILD, "exited with status 4");
    goes_wrong(pool, exit_with, thrum_value(int, 0), -ECHILD, "exited with status 0");
    is_whole(pool);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "out of range");
}

/* test_error_during_func_exec_on_worker */
TEST(an_error_in_the_function)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    goes_wrong(pool, fail, THRUM_NOTHING, -ERANGE, "out of range");
    is_whole(pool);
}

/* ------------------------------------------------------------------------------ from the worker back */

static void leave(int number)
{
    (void)number;
    _exit(5);
}

enum manner { CRASH, EXIT, ERROR };

/* Its result can no more be left for the parent: the attempt ends in a signal. */
static int return_too_much(thrum_task *self)
{
    static void (*const handlers[])(int) = {[CRASH] = SIG_DFL, [EXIT] = leave, [ERROR] = SIG_IGN};
    signal(SIGXFSZ, handlers[thrum_arg(self, enum manner)]);
    limit_files(1 << 30);
    return thrum_return(self, large, sizeof large);
}

static void goes_wrong_on_return(enum manner manner, int code, const char *says)
{
    thrum_executor *pool = process_pool(.max_workers = 2);
    goes_wrong(pool, return_too_much, thrum_value(enum manner, manner), code, says);
    is_whole(pool);
}

/* test_crash_during_result_pickle_on_worker */
TEST(a_crash_where_a_result_is_left)
{
    goes_wrong_on_return(CRASH, -ECHILD, "File size limit exceeded");
}

/* test_exit_during_result_pickle_on_worker */
TEST(an_exit_where_a_result_is_left)
{
    goes_wrong_on_return(EXIT, -ECHILD, "exited with status 5");
}

/* test_error_during_result_pickle_on_worker */
TEST(an_error_where_a_result_is_left)
{
    goes_wrong_on_return(ERROR, -EFBIG, "does not fit into the memory shared with the parent");
}

struct gate_and_size {
    struct gate gate;
    size_t size;
};

static int return_at_gate(thrum_task *self)
{
    const struct gate_and_size *arg = &thrum_arg(self, struct gate_and_size);
    int rc = pass_gate(&arg->gate);
    return rc < 0 ? rc : thrum_return(self, large, arg->size);
}

/* test_error_during_result_unpickle_in_result_handler */
TEST(an_error_where_a_result_is_collected)
{
    static const size_t sizes[] = {100, THRUM__TASK_SLOT_ROOM, LARGE};
    thrum_executor *pool =
        process_pool(.max_workers = 1, .descriptors = gate_descriptors(), .descriptor_count = 2);
    for (int i = 0; i < 6; i++) {
        struct gate_and_size arg = {{pipes.said[1], pipes.go[0]}, sizes[i / 2]};
        thrum_future *future = thrum_submit(pool, return_at_gate, &arg, sizeof arg);
        until_said();
        thrum__fault_arm_all(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
        let_go(1);
        if (i % 2)
            UNTIL(thrum_future_done(future));
        CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        ends_with(future, -ENOMEM, NULL);
    }
    is_whole(pool);
}

/* The task slots of the worker that runs this. */
static thrum__task_slots *own_slots(void)
{
    char line[512];
    uintptr_t at = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && !at && fgets(line, sizeof line, maps))
        if (strstr(line, "/memfd:"))
            at = strtoul(line, NULL, 16);
    if (maps)
        fclose(maps);
    return (thrum__task_slots *)at;
}

/* Says that it has a result which is not there, and is gone. */
static int lie(thrum_task *self)
{
    uint64_t size = thrum_arg(self, uint64_t);
    thrum__task_slots *slots = own_slots();
    thrum__task_slot *slot = slots->slot;
    while (!thrum__task_slot_is_taken(slot))
        slot++;
    slot->code = 0;
    slot->size = size;
    if (thrum__task_slots_finish(slots, slot, false))
        thrum__wake_send(slots->setup.reaper_descriptor);
    raise(SIGKILL);
    return 0;
}

/* test_exit_during_result_unpickle_in_result_handler: the parent runs no code of the result that could end it; what
 * could is a result that is not as its worker says */
TEST(a_result_that_is_a_lie)
{
    thrum_executor *pool = process_pool(.max_workers = 1);
    goes_wrong(pool, lie, thrum_value(uint64_t, LARGE), -EIO, "cannot be read");
    goes_wrong(pool, lie, thrum_value(uint64_t, THRUM__TASK_SLOT_MOST + 1), -EIO, "cannot be read");
    goes_wrong(pool, lie, thrum_value(uint64_t, UINT64_MAX), -EIO, "cannot be read");
    is_whole(pool);
}

/* ----------------------------------------------------------------------------------- shutting down */

static int crash_at_gate(thrum_task *self)
{
    int rc = wait_at_gate(self);
    raise(SIGKILL);
    return rc;
}

static struct closer {
    thrum_executor *pool;
    uint32_t ident;
} closer;

static int shut_down(thrum_task *self)
{
    (void)self;
    tell_ident(&closer.ident);
    thrum_executor_shutdown(closer.pool);
    return 0;
}

/* test_shutdown_deadlock */
TEST(a_shutdown_with_a_crash_to_come)
{
    closer.pool =
        process_pool(.max_workers = 2, .descriptors = gate_descriptors(), .descriptor_count = 2);
    thrum_future *crash = thrum_submit(closer.pool, crash_at_gate,
                                       thrum_value(struct gate, pipes.said[1], pipes.go[0]));
    thrum_future *other = submit_gate(closer.pool), *ahead = submit_gate(closer.pool);
    until_said();
    until_said();
    thrum_thread *thread = thrum_thread_start(shut_down, THRUM_NOTHING);
    UNTIL(waits_for(&closer.ident, "event"));
    let_go(3);
    JOIN(thread, 0);
    ends_with(crash, -ECHILD, "signal 9");
    ends_with(other, 0, NULL);
    ends_with(ahead, 0, NULL);
    CHECK_INT(live_children(), ==, 0);
    CHECK_INT(shared_segments(), ==, 0);
}

static bool nothing_is_left(void)
{
    return live_children() == 0 && shared_segments() == 0;
}

/* test_shutdown_deadlock_pickle */
TEST(a_shutdown_that_does_not_wait_for_a_task_that_cannot_be_handed_over)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    thrum_executor *pool = process_pool(.max_workers = 2);
    ends_with(thrum_submit(pool, nothing, THRUM_NOTHING), 0, NULL);
    thrum_future *wrong = thrum_submit(pool, (thrum_task_fn *)(uintptr_t)page, THRUM_NOTHING);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    ends_with(wrong, -ENOENT, "in no module");
    UNTIL(nothing_is_left());
}

/* the same, with futures that nobody keeps */
TEST(a_pool_that_is_given_up_with_its_tasks)
{
    enum { COUNT = 100 };
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (int i = 0; i < COUNT; i++) {
        thrum_task_fn *function = i % 10 == 5 ? raise_it : nothing;
        thrum_future *future = thrum_submit(pool, function, thrum_value(int, SIGKILL));
        thrum__future_ignore(future);
        thrum_future_free(future);
    }
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    UNTIL(nothing_is_left());
}

/* ------------------------------------------------------------------------------- all that is full */

static int crash_with_data(thrum_task *self)
{
    (void)thrum_task_arg(self, LARGE);
    raise(SIGKILL);
    return 0;
}

/* test_crash_big_data */
TEST(crashes_while_large_arguments_are_under_way)
{
    enum { COUNT = 40 };
    thrum_future *futures[COUNT];
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, i % 4 ? crash_with_data : echo, large, sizeof large);
    for (int i = 0; i < COUNT; i++)
        ends_with(futures[i], i % 4 ? -ECHILD : 0, i % 4 ? "signal 9" : NULL);
    is_whole(pool);
}

/* the same, where those who submit wait for room */
TEST(crashes_while_the_backlog_is_full)
{
    enum { COUNT = 80 };
    thrum_future *futures[COUNT];
    thrum_executor *pool = process_pool(.max_workers = 2, .max_pending = 1);
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit(pool, i % 2 ? raise_it : nothing, thrum_value(int, SIGKILL));
    for (int i = 0; i < COUNT; i++)
        ends_with(futures[i], i % 2 ? -ECHILD : 0, NULL);
    is_whole(pool);
}

/* Makes the descriptor such that it takes no more. */
static void fill(int descriptor)
{
    static const uint64_t most = UINT64_MAX - 1;
    do
        thrum__wake_drain(descriptor);
    while (write(descriptor, &most, sizeof most) != sizeof most);
}

static int fill_bell(thrum_task *self)
{
    (void)self;
    fill(own_slots()->setup.reaper_descriptor);
    return 0;
}

/* test_gh105829_should_not_deadlock_if_wakeup_pipe_full */
TEST(a_bell_that_takes_no_more)
{
    enum { ROUNDS = 20, COUNT = 8 };
    thrum_executor *pool = process_pool(.max_workers = 2);
    for (int i = 0; i < ROUNDS; i++) {
        thrum_future *futures[COUNT];
        if (i % 2)
            fill(thrum__reaper_descriptor());
        else
            ends_with(thrum_submit(pool, fill_bell, THRUM_NOTHING), 0, NULL);
        for (int j = 0; j < COUNT; j++)
            futures[j] = thrum_submit(pool, nothing, THRUM_NOTHING);
        for (int j = 0; j < COUNT; j++) {
            UNTIL(thrum_future_done(futures[j])); /* the reaper collects it */
            thrum_future_free(futures[j]);
        }
    }
    is_whole(pool);
}
