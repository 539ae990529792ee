/* What worker processes have of their parent, how much they may take, and that they end with it. */
#include "harness.h"
#include "support.h"
#include "support_gate.h"
#include "support_process.h"

#include "base/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST(in_a_child_of_fork_the_pool_is_lost)
{
    int status;
    thrum_executor *pool = process_pool(.max_workers = 1);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
        int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                              thrum_future_error(future));
        thrum_future_free(future);
        thrum_executor_shutdown(pool);
        _exit(rc == -ESRCH ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, 0);
    thrum_executor_shutdown(pool);
}

/* In a process of its own: a pool with one worker that runs, one that is stopped, and word of both. */
__attribute__((noreturn)) static void be_a_parent(int tell)
{
    int32_t pids[2];
    thrum_executor *pool =
        process_pool(.max_workers = 2, .descriptors = gate_descriptors(), .descriptor_count = 2);
    for (int i = 0; i < 2; i++)
        thrum_submit(pool, loop_on, thrum_value(int, pipes.said[1]));
    until_said();
    until_said();
    CHECK_INT(thrum_process_pool_pids(pool, pids, 2), ==, 2);
    kill(pids[1], SIGSTOP);
    CHECK_INT(write(tell, pids, sizeof pids), ==, sizeof pids);
    for (;;)
        pause();
}

TEST(workers_end_with_their_parent)
{
    int tell[2], status;
    int32_t pids[2];
    CHECK(pipe(tell) == 0);
    pid_t parent = fork();
    if (parent == 0)
        be_a_parent(tell[1]);
    CHECK_INT(read(tell[0], pids, sizeof pids), ==, sizeof pids);
    struct pollfd ends[2];
    for (int i = 0; i < 2; i++)
        ends[i] = (struct pollfd){.fd = thrum__pidfd_open(pids[i]), .events = POLLIN};
    kill(parent, SIGKILL);
    CHECK_INT(waitpid(parent, &status, 0), ==, parent);
    for (int i = 0; i < 2; i++)
        CHECK_INT(poll(&ends[i], 1, -1), ==, 1);
}

static int is_open(thrum_task *self)
{
    const int *descriptor = &thrum_arg(self, int);
    return thrum_return(self, thrum_value(int, fcntl(*descriptor, F_GETFD) >= 0));
}

TEST(workers_have_the_descriptors_that_are_named)
{
    int open_there, plain = dup(0);
    thrum_executor *pool =
        process_pool(.max_workers = 1, .descriptors = gate_descriptors(), .descriptor_count = 2);
    const struct {
        int descriptor, open;
    } wanted[] = {{pipes.said[1], 1}, {pipes.go[0], 1}, {pipes.said[0], 0}, {plain, 0}, {2, 1}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        CHECK_INT(result_of(thrum_submit(pool, is_open, &wanted[i].descriptor, sizeof(int)),
                            &open_there, sizeof open_there),
                  ==, 0);
        CHECK_INT(open_there, ==, wanted[i].open);
    }
    thrum_executor_shutdown(pool);
    pool = process_pool(.max_workers = 1, .descriptors = &(int){9999}, .descriptor_count = 1);
    CHECK_INT(result_of(thrum_submit(pool, nothing, THRUM_NOTHING), NULL, 0), ==, -EBADF);
    thrum_executor_shutdown(pool);
}

static int take_memory(thrum_task *self)
{
    size_t size = thrum_arg(self, size_t);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return thrum_fail(self, -ENOMEM, "the limit is in force");
    munmap(memory, size);
    return 0;
}

TEST(memory_can_be_limited)
{
    if (SANITIZED)
        return;
    thrum_executor *pool = process_pool(.max_workers = 1, .memory_limit = 256 << 20);
    CHECK_INT(result_of(thrum_submit(pool, take_memory, thrum_value(size_t, 1 << 20)), NULL, 0), ==,
              0);
    CHECK_INT(result_of(thrum_submit(pool, take_memory, thrum_value(size_t, 512 << 20)), NULL, 0),
              ==, -ENOMEM);
    thrum_executor_shutdown(pool);
}

TEST(processor_time_can_be_limited)
{
    thrum_executor *pool = process_pool(.max_workers = 1, .cpu_limit = 1);
    thrum_future *future = thrum_submit(pool, loop_on, thrum_value(int, -1));
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -ECHILD);
    CHECK(strstr(thrum_future_error(future)->message, "CPU time limit exceeded"));
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
}
