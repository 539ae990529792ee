#include "harness.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TSAN_OPTIONS("report_thread_leaks=0"); /* a test leaks threads to see our own report */

static thrum_event go;
static uint32_t ident;

static int square(thrum_task *self)
{
    long n = thrum_arg(self, long);
    return thrum_return(self, thrum_value(long, (n * n)));
}

TEST(join_gives_the_result)
{
    thrum_thread *thread = thrum_thread_start(square, thrum_value(long, 12));
    long result = 0;
    short narrow = 5;
    CHECK_INT(thrum_thread_result(thread, &narrow, sizeof narrow, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(narrow, ==, 5);
    CHECK_INT(thrum_thread_result(thread, &result, sizeof result, THRUM_FOREVER), ==, 0);
    CHECK_INT(result, ==, 144);
    CHECK(thrum_thread_error(thread) == NULL);
    CHECK(!thrum_thread_is_alive(thread));
    CHECK_INT(thrum_thread_join(thread, THRUM_NOW), ==, 0);
    thrum_thread_free(thread);
    thrum_thread_free(NULL);
}

static int wait_for_go(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

TEST(a_join_times_out_while_it_is_alive)
{
    thrum_thread *thread = thrum_thread_start(wait_for_go, THRUM_NOTHING);
    CHECK(thrum_thread_is_alive(thread));
    CHECK_INT(thrum_thread_join(thread, THRUM_NOW), ==, -EAGAIN);
    thrum_deadline end = thrum_in(0.01);
    CHECK_INT(thrum_thread_join(thread, end), ==, -ETIMEDOUT);
    CHECK(thrum_now() >= end.ns && thrum_thread_is_alive(thread));
    CHECK(thrum_thread_error(thread) == NULL);
    thrum_event_set(&go);
    JOIN(thread, 0);
}

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "out of %s", "range");
}

TEST(join_gives_the_error)
{
    thrum_thread *thread = thrum_thread_start(fail, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread), -ERANGE);
    CHECK_STR(thrum_thread_error(thread)->message, "out of range");
    thrum_thread_free(thread);
}

static int tell_name(thrum_task *self)
{
    char names[2][32];
    snprintf(names[0], sizeof names[0], "%s", thrum_thread_current_name());
    pthread_getname_np(pthread_self(), names[1], sizeof names[1]);
    return thrum_return(self, names, sizeof names);
}

TEST(names_are_seen_by_the_thread_and_the_system)
{
    char names[2][32];
    thrum_thread *thread = thrum_thread_start_with(
        &(thrum_thread_options){.name = "DataProcessor-long"}, tell_name, THRUM_NOTHING);
    CHECK_INT(thrum_thread_result(thread, names, sizeof names, THRUM_FOREVER), ==, 0);
    CHECK_STR(names[0], "DataProcessor-long");
    CHECK_STR(names[1], "DataProcessor-l");
    CHECK_STR(thrum_thread_name(thread), "DataProcessor-long");
    thrum_thread_free(thread);
    thread = thrum_thread_start(tell_name, THRUM_NOTHING);
    CHECK_INT(thrum_thread_result(thread, names, sizeof names, THRUM_FOREVER), ==, 0);
    CHECK_STR(names[0], "Thread-1");
    thrum_thread_free(thread);
    CHECK_STR(thrum_thread_current_name(), "MainThread");
}

static void *foreign(void *memory)
{
    snprintf(memory, 32, "%s", thrum_thread_current_name());
    static thrum_lock lock;
    thrum_with (&lock)
        CHECK(thrum_lock_owned(&lock));
    return NULL;
}

TEST(a_thread_of_other_making_is_served_too)
{
    char name[32];
    pthread_t thread;
    for (int i = 0; i < 100; i++) {
        CHECK_INT(pthread_create(&thread, NULL, foreign, name), ==, 0);
        CHECK_INT(pthread_join(thread, NULL), ==, 0);
        CHECK_STR(name, "Thread-1"); /* its record went back to the table and came again */
    }
}

static int tell_ident_back(thrum_task *self)
{
    return thrum_return(self, thrum_value(uint32_t, thrum_thread_current_ident()));
}

TEST(idents_tell_the_living_apart)
{
    thrum_thread *waiting = thrum_thread_start(wait_for_go, THRUM_NOTHING);
    thrum_thread *thread = thrum_thread_start(tell_ident_back, THRUM_NOTHING);
    uint32_t other, own = thrum_thread_current_ident();
    CHECK_INT(thrum_thread_result(thread, &other, sizeof other, THRUM_FOREVER), ==, 0);
    UNTIL(thrum__load_acquire(&ident));
    CHECK(own != 0 && other != 0 && own != other && other != ident && own != ident);
    CHECK_INT(thrum_thread_current_ident(), ==, own);
    thrum_event_set(&go);
    JOIN(waiting, 0);
    thrum_thread_free(thread);
}

static thrum_thread *itself;

static int join_itself(thrum_task *self)
{
    (void)self;
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    return thrum_thread_join(itself, THRUM_FOREVER);
}

TEST(joining_oneself_is_a_deadlock)
{
    itself = thrum_thread_start(join_itself, THRUM_NOTHING);
    thrum_event_set(&go);
    JOIN(itself, -EDEADLK);
}

static int join_other(thrum_task *self)
{
    thrum_thread *other = thrum_arg(self, thrum_thread *);
    tell_ident(&ident);
    return thrum_thread_join(other, THRUM_FOREVER);
}

TEST(many_may_join_one_and_a_join_is_cancelled)
{
    thrum_thread *waiting = thrum_thread_start(wait_for_go, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "event"));
    ident = 0;
    thrum_thread *cancelled = thrum_thread_start(join_other, thrum_value(thrum_thread *, waiting));
    UNTIL(waits_for(&ident, "event"));
    thrum_thread *joiners[3];
    for (int i = 0; i < 3; i++)
        joiners[i] = thrum_thread_start(join_other, thrum_value(thrum_thread *, waiting));
    CHECK_INT(thrum_thread_cancel(cancelled), ==, 0);
    JOIN(cancelled, -ECANCELED);
    thrum_event_set(&go);
    for (int i = 0; i < 3; i++)
        JOIN(joiners[i], 0);
    CHECK_INT(thrum_thread_cancel(waiting), ==, -EALREADY);
    JOIN(waiting, 0);
}

/* Runs `body` in a child and gives its exit status and what it printed. */
static int exit_status_of(void (*body)(void), char *printed, size_t size)
{
    int ends[2], status;
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        exit(3);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], printed + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    printed[used] = '\0';
    close(ends[0]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int print_late(thrum_task *self)
{
    (void)self;
    thrum_sleep(thrum_in(0.05)); /* the program is past its last line by then */
    if (write(STDOUT_FILENO, "late", 4) != 4)
        return -EIO;
    return 0;
}

static void start_and_leave(void)
{
    thrum_thread_free(thrum_thread_start(print_late, THRUM_NOTHING));
}

static void start_daemon_and_leave(void)
{
    thrum_thread *thread = thrum_thread_start_with(&(thrum_thread_options){.daemon = true},
                                                   wait_for_go, THRUM_NOTHING);
    CHECK(thrum_thread_daemon(thread));
    thrum_thread_free(thread);
}

static int call_exit(thrum_task *self)
{
    (void)self;
    exit(4);
}

static void exit_from_thread(void)
{
    (void)!thrum_thread_join(thrum_thread_start(call_exit, THRUM_NOTHING),
                             THRUM_FOREVER); /* stops the program */
}

TEST(the_end_of_the_program_waits_for_threads)
{
    char printed[64];
    CHECK_INT(exit_status_of(start_and_leave, printed, sizeof printed), ==, 3);
    CHECK_STR(printed, "late");
}

static void fail_and_leave(void)
{
    dup2(STDOUT_FILENO, STDERR_FILENO);
    thrum_thread_free(thrum_thread_start(fail, THRUM_NOTHING));
}

TEST_DEADLINE(the_last_failure_of_a_program_is_told, 60)
{
    for (int i = 0; i < 50; i++) {
        char printed[256];
        CHECK_INT(exit_status_of(fail_and_leave, printed, sizeof printed), ==, 3);
        CHECK(strstr(printed, "out of range") != NULL);
    }
}

TEST(it_does_not_wait_for_daemons)
{
    char printed[64];
    CHECK_INT(exit_status_of(start_daemon_and_leave, printed, sizeof printed), ==, 3);
}

TEST(a_thread_may_call_exit)
{
    char printed[64];
    CHECK_INT(exit_status_of(exit_from_thread, printed, sizeof printed), ==, 4);
}

TEST(a_refused_thread_is_a_failed_thread)
{
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1);
    thrum_thread *thread = thrum_thread_start(square, thrum_value(long, 2));
    CHECK(!thrum_thread_is_alive(thread));
    CHECK(thrum_thread_error(thread) != NULL); /* known before a join */
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_NOW), thrum_thread_error(thread), -EAGAIN);
    CHECK(strstr(thrum_thread_error(thread)->message, "refuses another thread") != NULL);
    CHECK_INT(thrum_thread_cancel(thread), ==, -EALREADY);
    thrum_thread_free(thread);
}

TEST(a_stack_size_is_heeded)
{
    thrum_thread *thread = thrum_thread_start_with(&(thrum_thread_options){.stack_size = 1}, square,
                                                   thrum_value(long, 3));
    JOIN(thread, 0);
    thread = thrum_thread_start_with(&(thrum_thread_options){.stack_size = 64u << 20}, square,
                                     thrum_value(long, 3));
    JOIN(thread, 0);
}

TEST_DEADLINE(a_thousand_threads_come_and_go, 60)
{
    for (int i = 0; i < 1000; i++)
        JOIN(thrum_thread_start(square, thrum_value(long, i)), 0);
    CHECK_INT(thrum_thread_current_ident(), <, 64);
}

/* A "subclass": a struct whose first member is a thread. */
struct file_processor {
    thrum_thread thread;
    const char *path;
    char result[64];
};

static int process_file(thrum_task *self)
{
    struct file_processor *processor = thrum_arg(self, struct file_processor *);
    CHECK(thrum_thread_current() == &processor->thread);
    snprintf(processor->result, sizeof processor->result, "Processed: %s", processor->path);
    return 0;
}

TEST(a_struct_with_a_thread_in_it_is_a_thread)
{
    struct file_processor processor = {.path = "/data/report.csv"};
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_thread_start_in(&processor.thread, NULL, process_file), ==, 0);
        CHECK_INT(thrum_thread_join(&processor.thread, THRUM_FOREVER), ==, 0);
        CHECK_STR(processor.result, "Processed: /data/report.csv");
        thrum_thread_finish(&processor.thread);
        thrum_thread_finish(&processor.thread);
    }
}

TEST(one_that_cannot_start_says_so)
{
    struct file_processor processor = {.path = "x"};
    thrum__fault_arm(THRUM__FAULT_THREAD_START, 1, 1);
    CHECK_INT(thrum_thread_start_in(&processor.thread, NULL, process_file), ==, -EAGAIN);
    CHECK_OUTCOME(thrum_thread_join(&processor.thread, THRUM_FOREVER),
                  thrum_thread_error(&processor.thread), -EAGAIN);
    thrum_thread_finish(&processor.thread);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_thread_start_in(&processor.thread, NULL, process_file), ==, -ENOMEM);
    CHECK_STR(thrum_thread_name(&processor.thread), "(not started)");
    thrum_thread_finish(&processor.thread);
}

TEST_STOPS(starting_it_twice_stops, "thread \"Thread-1\" started a second time")
{
    struct file_processor processor = {.path = "x"};
    thrum_thread_start_in(&processor.thread, NULL, process_file);
    thrum_thread_start_in(&processor.thread, NULL, process_file);
}

static int wait_embedded(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&go, THRUM_FOREVER);
}

TEST_STOPS(finishing_one_that_runs_stops, "finished by thread \"MainThread\" while it runs")
{
    struct file_processor processor = {.path = "x"};
    thrum_thread_start_in(&processor.thread, NULL, wait_embedded);
    thrum_thread_finish(&processor.thread);
}

static int tell_current(thrum_task *self)
{
    tell_ident(&ident);
    CHECK_INT(thrum_thread_current_native_id(), >, 0);
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    thrum_thread *current = thrum_thread_current();
    return thrum_return(self, thrum_value(thrum_thread *, current));
}

TEST(a_thread_knows_itself_and_others_know_it)
{
    CHECK(thrum_thread_current() == NULL);
    CHECK_INT(thrum_thread_current_native_id(), ==, getpid());
    thrum_thread *thread = thrum_thread_start(tell_current, THRUM_NOTHING), *current;
    UNTIL(waits_for(&ident, "event"));
    CHECK_INT(thrum_thread_ident(thread), ==, ident);
    CHECK_INT(thrum_thread_native_id(thread), >, getpid());
    thrum_event_set(&go);
    CHECK_INT(thrum_thread_result(thread, &current, sizeof current, THRUM_FOREVER), ==, 0);
    CHECK(current == thread);
    CHECK_INT(thrum_thread_ident(thread), ==, 0);
    CHECK_INT(thrum_thread_native_id(thread), ==, 0);
    thrum_thread_free(thread);
}

TEST(the_living_are_enumerated)
{
    thrum_thread_info infos[4];
    CHECK_INT(thrum_thread_active_count(), ==, 1);
    thrum_thread *thread = thrum_thread_start_with(
        &(thrum_thread_options){.name = "monitor", .daemon = true}, wait_for_go, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "event"));
    CHECK_INT(thrum_thread_enumerate(infos, 4), ==, 2);
    CHECK_STR(infos[0].name, "MainThread");
    CHECK(infos[0].ident == thrum_thread_current_ident() && !infos[0].daemon);
    CHECK_STR(infos[0].waits_for, "");
    CHECK_STR(infos[1].name, "monitor");
    CHECK_STR(infos[1].waits_for, "event");
    CHECK(infos[1].ident == ident && infos[1].daemon && infos[1].native_id > 0);
    CHECK_INT(thrum_thread_enumerate(infos, 1), ==, 2);
    thrum_event_set(&go);
    JOIN(thread, 0);
    CHECK_INT(thrum_thread_active_count(), ==, 1);
}

static int sleep_shielded(thrum_task *self)
{
    UNTIL(thrum_cancelled(self));
    thrum_shield_begin();
    thrum_shield_begin();
    CHECK_INT(thrum_sleep(thrum_in(0.001)), ==, 0);
    thrum_shield_end();
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    CHECK(thrum_cancelled(self));
    thrum_shield_end();
    return thrum_sleep(THRUM_FOREVER);
}

TEST(a_shield_keeps_cancellation_off)
{
    thrum_thread *thread = thrum_thread_start(sleep_shielded, THRUM_NOTHING);
    thrum_thread_cancel(thread);
    thrum_event_set(&go);
    JOIN(thread, -ECANCELED);
}

TEST_STOPS(a_shield_that_was_not_begun_stops, "thrum_shield_end without a begin")
{
    thrum_shield_end();
}

/* The report goes to stderr: the child gets the pipe there. */
static void report_to_stdout(void)
{
    dup2(STDOUT_FILENO, STDERR_FILENO);
    thrum_thread_report_leaks(true);
}

static void leak(void)
{
    report_to_stdout();
    thrum_thread_start_with(&(thrum_thread_options){.name = "forgotten"}, square,
                            thrum_value(long, 2));
    thrum_thread_start_with(&(thrum_thread_options){.name = "lingering", .daemon = true},
                            wait_for_go, THRUM_NOTHING);
    JOIN(thrum_thread_start_with(&(thrum_thread_options){.name = "joined"}, square,
                                 thrum_value(long, 2)),
         0);
    thrum_thread_free(thrum_thread_start_with(&(thrum_thread_options){.name = "detached"}, square,
                                              thrum_value(long, 2)));
}

static void leak_nothing(void)
{
    report_to_stdout();
    JOIN(thrum_thread_start(square, thrum_value(long, 2)), 0);
}

TEST(forgotten_threads_are_reported_at_the_end)
{
    char printed[512];
    CHECK_INT(exit_status_of(leak, printed, sizeof printed), ==, 3);
    CHECK(strstr(printed, "thread \"forgotten\" was started and neither joined nor freed"));
    CHECK(strstr(printed, "thread \"lingering\" was started and neither joined nor freed; it is"));
    CHECK(!strstr(printed, "\"joined\"") && !strstr(printed, "\"detached\""));
    CHECK_INT(exit_status_of(leak_nothing, printed, sizeof printed), ==, 3);
    CHECK_STR(printed, "");
}

static int select_itself(thrum_task *self)
{
    (void)self;
    thrum_case own = thrum_case_thread(thrum_thread_current());
    return thrum_select(&own, 1, THRUM_FOREVER) == 0 ? own.code : 0;
}

static int wait_for_event(thrum_task *self)
{
    return thrum_event_wait(thrum_arg(self, thrum_event *), THRUM_FOREVER);
}

TEST(a_select_waits_for_the_end_of_a_thread)
{
    thrum_event end = THRUM_EVENT_INIT, never = THRUM_EVENT_INIT;
    thrum_thread *thread = thrum_thread_start(wait_for_event, thrum_value(thrum_event *, &end));
    thrum_case cases[] = {thrum_case_thread(thread), thrum_case_event(&never)};
    CHECK_INT(thrum_select(cases, 2, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_select(cases, 2, thrum_in(0.002)), ==, -ETIMEDOUT);
    thrum_event_set(&end);
    CHECK_INT(thrum_select(cases, 2, THRUM_FOREVER), ==, 0);
    CHECK_INT(cases[0].code, ==, 0);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    thread = thrum_thread_start(select_itself, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_thread_join(thread, THRUM_FOREVER), thrum_thread_error(thread), -EDEADLK);
    thrum_thread_free(thread);
}
