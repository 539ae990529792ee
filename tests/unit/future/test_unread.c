/* What the end of the program tells: failures that nobody has read, though their handles were never freed,
 * and, if asked to, the handles. */
#include "base/memory.h"
#include "future/future.h"
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TSAN_OPTIONS("report_thread_leaks=0");

static int fail(thrum_task *self)
{
    return thrum_fail(self, -EDOM, "number %d", thrum_arg(self, int));
}

/* What a child that ends by exit after `body` prints on its standard error. */
static void run_to_the_end(void (*body)(void), char *ret_text, size_t size)
{
    int ends[2], status;
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], ret_text + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    ret_text[length] = '\0';
    close(ends[0]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}

/* The memory of the future is gone when this returns, even if the future was not freed. */
static void fail_in_place(thrum_executor *pool, int number, bool reads, bool frees)
{
    thrum_future_memory *memory = thrum__alloc_line(sizeof *memory);
    thrum_future *future = thrum_submit_into(pool, memory, fail, thrum_value(int, number));
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    if (reads)
        CHECK(thrum_future_error(future) != NULL);
    if (frees)
        thrum_future_free(future);
    else /* the worker must be done with it */
        UNTIL(thrum__load_acquire(&future->references) == 1);
    thrum__free(memory);
}

static void fail_and_forget(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 3; i++)
        (void)thrum_submit(pool, fail, thrum_value(int, i)); /* the handle is lost */
    thrum_future *read_one = thrum_submit(pool, fail, thrum_value(int, 3));
    CHECK_INT(thrum_future_wait(read_one, THRUM_FOREVER), ==, 0);
    (void)thrum_future_error(read_one);
    fail_in_place(pool, 4, false, false);
    fail_in_place(pool, 5, true, false);
    fail_in_place(pool, 6, false, true);
    fail_in_place(pool, 8, true, true);
    thrum_executor_shutdown(pool);
    (void)thrum_thread_start(fail, thrum_value(int, 7));
}

TEST(failures_of_lost_handles_are_told_at_the_end)
{
    static char text[8192];
    run_to_the_end(fail_and_forget, text, sizeof text);
    CHECK_INT(count_of(text, "thrum: future "), ==, 5);
    for (int i = 0; i < 3; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, "number %d", i);
        CHECK_INT(count_of(text, wanted), ==, 1);
    }
    CHECK_INT(count_of(text, "number 3"), ==, 0);
    CHECK_INT(count_of(text, "number 4"), ==, 1);
    CHECK_INT(count_of(text, "number 5"), ==, 0);
    CHECK_INT(count_of(text, "number 6"), ==, 1);
    CHECK_INT(count_of(text, "number 7"), ==, 1);
    CHECK_INT(count_of(text, "number 8"), ==, 0);
    CHECK_INT(count_of(text, "thrum: thread "), ==, 1);
}

/* A thread whose handle is in the program's own memory, as that of a structure that the thread is a part of. */
static struct {
    thrum_thread thread;
    int number;
} part;

static int fail_as_a_part(thrum_task *self)
{
    (void)thrum_arg(self, thrum_thread *);
    return thrum_fail(self, -EDOM, "number %d", part.number);
}

static int fail_without_a_number(thrum_task *self)
{
    return thrum_fail(self, -EDOM, "of the %s", thrum_arg_text(self));
}

static void fail_in_other_ways(void)
{
    part.number = 4;
    (void)thrum_thread_start_in(&part.thread, NULL, fail_as_a_part);
    thrum_process *process = thrum_process_start(fail_without_a_number, thrum_text("process"));
    while (thrum_process_is_alive(process))
        (void)thrum_sleep(thrum_in(1e-3));
    thrum_executor *here = thrum_inline_new();
    thrum_group *group = thrum_group_new(); /* is neither joined nor freed */
    thrum_future_free(thrum_group_submit(group, here, fail_without_a_number, thrum_text("group")));
    thrum_group *joined = thrum_group_new();
    thrum_future_free(
        thrum_group_submit(joined, here, fail_without_a_number, thrum_text("second group")));
    CHECK_INT(thrum_group_join(joined, THRUM_FOREVER), ==, THRUM_FAILED);
    thrum_executor_shutdown(here);
}

TEST(failures_of_threads_processes_and_groups_are_told_at_the_end)
{
    static char text[8192];
    if (SANITIZED) /* a child of fork cannot start threads there, and the handles are leaks */
        return;
    run_to_the_end(fail_in_other_ways, text, sizeof text);
    CHECK_INT(count_of(text, "nobody asked: number 4"), ==, 1);
    CHECK_INT(count_of(text, "thrum: thread "), ==, 1);
    CHECK_INT(count_of(text, "nobody asked: of the process"), ==, 1);
    CHECK_INT(count_of(text, "thrum: process "), ==, 1);
    CHECK_INT(count_of(text, "nobody asked: of the group"), ==, 1);
    CHECK_INT(count_of(text, "thrum: group "), ==, 1);
}

static int succeed(thrum_task *self)
{
    (void)self;
    return 0;
}

static void leave_handles(void)
{
    setenv("THRUM_LEAKS", "1", 1);
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.name_prefix = "left"});
    for (int i = 0; i < 2; i++)
        (void)thrum_submit(pool, succeed, THRUM_NOTHING);
    (void)thrum_group_new();
    thrum_process_free(thrum_process_start(succeed, THRUM_NOTHING)); /* this one is */
    thrum_process *process = thrum_process_start_with(&(thrum_process_options){.name = "left, too"},
                                                      succeed, THRUM_NOTHING);
    CHECK_INT(thrum_process_join(process, THRUM_FOREVER), ==, 0);
}

TEST(handles_that_were_not_freed_are_told_if_wanted)
{
    static char text[8192];
    if (THRUM__MEMORY_PLAIN)
        return;
    run_to_the_end(leave_handles, text, sizeof text);
    CHECK_INT(count_of(text, "thrum: 2 futures were not freed"), ==, 1);
    CHECK_INT(count_of(text, "thrum: thread pool \"left\" was not shut down"), ==, 1);
    CHECK_INT(count_of(text, "thrum: group \""), ==, 1);
    CHECK_INT(count_of(text, "thrum: process \"left, too\" was not freed"), ==, 1);
    CHECK_INT(count_of(text, "thrum: process "), ==, 1);
}
