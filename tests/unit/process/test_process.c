/* Single processes: results, exit codes, signals, names, the end of the program. */
#include "harness.h"
#include "support.h"
#include "support_process.h"

#include <errno.h>
#include <signal.h>

static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, int64_t);
    return thrum_return(self, thrum_value(int64_t, n * n));
}

static int sleep_on(thrum_task *self)
{
    (void)self;
    return thrum_sleep(THRUM_FOREVER);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "out of range in process %d", (int)getpid());
}

static int leave(thrum_task *self)
{
    exit(thrum_arg(self, int));
}

static int large(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    return thrum_return(self, thrum_task_arg(self, size), size);
}

static int code_of(thrum_process *process)
{
    int code = 1000;
    CHECK_INT(thrum_process_exit_code(process, &code), ==, 0);
    return code;
}

TEST(a_process_gives_its_result)
{
    int64_t result = 0;
    thrum_process *process = thrum_process_start(square, thrum_value(int64_t, 9));
    CHECK(thrum_process_pid(process) > 0);
    CHECK_INT(thrum_process_result(process, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 81);
    CHECK_INT(code_of(process), ==, 0);
    CHECK(!thrum_process_is_alive(process));
    CHECK(thrum_process_error(process) == NULL);
    CHECK_INT(thrum_process_terminate(process), ==, -EALREADY);
    CHECK_INT(thrum_process_result(process, &result, 1, THRUM_FOREVER), ==, -EMSGSIZE);
    thrum_process_free(process);
    thrum_process_free(NULL);
    CHECK_INT(live_children(), ==, 0);
}

static int wait_until_asked(thrum_task *self)
{
    int rc = thrum_sleep(THRUM_FOREVER);
    return thrum_cancelled(self) ? rc : -EINVAL;
}

TEST(a_cancel_asks_the_task_of_a_process_to_stop)
{
    thrum_process *process = thrum_process_start(wait_until_asked, THRUM_NOTHING);
    CHECK_INT(thrum_process_cancel(process), ==, 0);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -ECANCELED);
    CHECK(thrum_process_error(process) != NULL);
    CHECK_INT(thrum_process_cancel(process), ==, -EALREADY);
    CHECK_INT(code_of(process), ==, 1);
    thrum_process_free(process);
}

TEST(a_large_value_goes_both_ways)
{
    enum { SIZE = 3000000 };
    static char sent[SIZE], got[SIZE];
    memset(sent, 'a', SIZE);
    thrum_process *process = thrum_process_start(large, sent, SIZE);
    CHECK_INT(thrum_process_result(process, got, SIZE, THRUM_FOREVER), ==, 0);
    CHECK(memcmp(sent, got, SIZE) == 0);
    thrum_process_free(process);
}

TEST(a_process_that_fails_or_leaves_says_so)
{
    char message[64];
    thrum_process *process = thrum_process_start(fail, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -ERANGE);
    snprintf(message, sizeof message, "out of range in process %d", thrum_process_pid(process));
    CHECK_STR(thrum_process_error(process)->message, message);
    CHECK_INT(code_of(process), ==, 1);
    thrum_process_free(process);

    process = thrum_process_start(leave, thrum_value(int, 5));
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -ECHILD);
    CHECK(strstr(thrum_process_error(process)->message, "exited with status 5 while it ran "));
    CHECK_INT(code_of(process), ==, 5);
    thrum_process_free(process);
}

static void check_signal(int (*send)(thrum_process *process), int number)
{
    int code;
    thrum_process *process = thrum_process_start_with(&(thrum_process_options){.name = "sleeper"},
                                                      sleep_on, THRUM_NOTHING);
    CHECK_STR(thrum_process_name(process), "sleeper");
    CHECK(thrum_process_is_alive(process));
    CHECK_INT(thrum_process_exit_code(process, &code), ==, -EAGAIN);
    CHECK_INT(thrum_process_join(process, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_process_join(process, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK(thrum_process_error(process) == NULL);
    CHECK_INT(send(process), ==, 0);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -ECHILD);
    CHECK(strstr(thrum_process_error(process)->message, "worker \"sleeper\" (pid "));
    CHECK_INT(code_of(process), ==, -number);
    thrum_process_free(process);
}

TEST(a_process_can_be_terminated_and_killed)
{
    check_signal(thrum_process_terminate, SIGTERM);
    check_signal(thrum_process_kill, SIGKILL);
    CHECK_INT(live_children(), ==, 0);
}

TEST(many_processes_at_once_leave_nothing)
{
    enum { COUNT = 20 };
    thrum_process *processes[COUNT];
    thrum_process *first = thrum_process_start(square, thrum_value(int64_t, 1));
    CHECK_INT(thrum_process_join(first, THRUM_FOREVER), ==, 0);
    thrum_process_free(first);
    int before = open_descriptors();
    for (int i = 0; i < COUNT; i++)
        processes[i] = thrum_process_start(square, thrum_value(int64_t, i));
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t result = -1;
        CHECK_INT(thrum_process_result(processes[i], &result, sizeof result, THRUM_FOREVER), ==, 0);
        CHECK_INT(result, ==, i * i);
        thrum_process_free(processes[i]);
    }
    UNTIL(open_descriptors() <= before);
    CHECK_INT(live_children(), ==, 0);
}

TEST(one_that_cannot_be_started_has_failed)
{
    int code;
    thrum_process_options options = {.descriptors = &(int){9999}, .descriptor_count = 1};
    thrum_process *process = thrum_process_start_with(&options, square, thrum_value(int64_t, 1));
    CHECK_OUTCOME(thrum_process_join(process, THRUM_NOW), thrum_process_error(process), -EBADF);
    CHECK_INT(thrum_process_pid(process), ==, 0);
    CHECK_INT(thrum_process_exit_code(process, &code), ==, -ENODATA);
    CHECK_INT(thrum_process_kill(process), ==, -EALREADY);
    thrum_process_free(process);
}

TEST(a_forked_process_has_its_parents_memory)
{
    if (SANITIZED)
        return;
    static int64_t there;
    there = 11;
    thrum_process_options options = {.start = THRUM_START_FORK};
    int64_t result = 0;
    thrum_process *process = thrum_process_start_with(&options, square, &there, sizeof there);
    CHECK_INT(thrum_process_result(process, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 121);
    thrum_process_free(process);
}

/* A child of fork, whose end shows that it waits for one and not for the other. */
static int end_with(bool daemon, thrum_task_fn *function)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        thrum_process_free(thrum_process_start_with(&(thrum_process_options){.daemon = daemon},
                                                    function, thrum_value(int64_t, 2)));
        exit(7);
    }
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    return status;
}

static int write_mark(thrum_task *self)
{
    (void)self;
    thrum_sleep(thrum_in(0.05));
    printf("mark\n");
    return 0;
}

TEST(the_program_ends_after_its_processes_but_not_after_daemons)
{
    int tell[2];
    char text[8] = "";
    CHECK(pipe(tell) == 0);
    fflush(stdout);
    int own = dup(1);
    dup2(tell[1], 1);
    CHECK_INT(WEXITSTATUS(end_with(false, write_mark)), ==, 7);
    dup2(own, 1);
    CHECK_INT(read(tell[0], text, sizeof text), ==, 5);
    CHECK_STR(text, "mark\n");
    CHECK_INT(WEXITSTATUS(end_with(true, sleep_on)), ==, 7);
}

TEST(in_a_child_of_fork_it_is_the_parents)
{
    int status;
    thrum_process *process = thrum_process_start(sleep_on, THRUM_NOTHING);
    pid_t child = fork();
    if (child == 0)
        _exit(thrum_process_join(process, THRUM_FOREVER) == -ESRCH &&
                      thrum_process_kill(process) == -EALREADY
                  ? 0
                  : 1);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    CHECK_INT(thrum_process_kill(process), ==, 0);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process),
                  -ECHILD);
    thrum_process_free(process);
}

TEST(a_select_waits_for_the_end_of_a_process)
{
    thrum_event never = THRUM_EVENT_INIT;
    thrum_process *process = thrum_process_start(sleep_on, THRUM_NOTHING);
    thrum_case cases[] = {thrum_case_event(&never), thrum_case_process(process)};
    CHECK_INT(thrum_select(cases, 2, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_select(cases, 2, thrum_in(0.002)), ==, -ETIMEDOUT);
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(thrum_select(cases, 2, THRUM_FOREVER) == 1 && cases[1].code == -ESRCH ? 0 : 1);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    CHECK_INT(thrum_process_kill(process), ==, 0);
    CHECK_INT(thrum_select(cases, 2, THRUM_FOREVER), ==, 1);
    CHECK_INT(cases[1].code, ==, 0);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_NOW), thrum_process_error(process), -ECHILD);
    thrum_process_free(process);
}
