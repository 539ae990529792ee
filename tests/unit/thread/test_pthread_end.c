/* pthread_cancel and pthread_exit meet threads, workers, fibers and threads that thrum did not start. */
#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static thrum_event go;
static uint32_t ident;
static pthread_t target;

static int wait_told(thrum_task *self)
{
    (void)self;
    target = pthread_self();
    tell_ident(&ident);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

TEST(pthread_cancel_leaves_a_thread_of_thrum_alone)
{
    thrum_thread *thread = thrum_thread_start(wait_told, THRUM_NOTHING);
    UNTIL(waits_for(&ident, "event"));
    CHECK_INT(pthread_cancel(target), ==, 0);
    thrum_event_set(&go);
    JOIN(thread, 0);
}

static int read_told(thrum_task *self)
{
    char byte;
    target = pthread_self();
    tell_ident(&ident);
    return (int)thrum_socket_read(thrum_arg(self, thrum_socket *), &byte, 1, THRUM_FOREVER);
}

TEST(pthread_cancel_leaves_a_worker_that_reads_alone)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, read_told, thrum_value(thrum_socket *, one));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(pthread_cancel(target), ==, 0);
    thrum_socket_free(other); /* the end of what can be read */
    CHECK_INT(thrum_future_result(future, NULL, 0, THRUM_FOREVER), ==, 0);
    thrum_future_free(future);
    thrum_socket_free(one);
    thrum_executor_shutdown(pool);
}

static int leave(thrum_task *self)
{
    (void)self;
    pthread_exit(NULL);
}

TEST_STOPS(pthread_exit_in_a_thread_stops_the_program, "ended by pthread_exit")
{
    thrum_thread *thread = thrum_thread_start(leave, THRUM_NOTHING);
    (void)!thrum_thread_join(thread, THRUM_FOREVER); /* stops the program */
}

TEST_STOPS(pthread_exit_in_a_pool_stops_the_program, "a task ends by its return")
{
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    (void)!thrum_future_wait(thrum_submit(pool, leave, THRUM_NOTHING),
                             THRUM_FOREVER); /* stops the program */
}

/* The thread sanitizer's own pthread_exit stops a program that calls it in a fiber. */
#if !defined(__SANITIZE_THREAD__) && !__has_feature(thread_sanitizer)
static int leave_after_a_wait(thrum_task *self)
{
    (void)!thrum_sleep(thrum_in(0.001)); /* it has a stack of its own from here */
    return leave(self);
}

TEST_STOPS(pthread_exit_in_a_fiber_stops_the_program, "a task ends by its return")
{
    thrum_executor *pool = thrum_fiber_pool_new(NULL);
    (void)!thrum_future_wait(thrum_submit(pool, leave_after_a_wait, THRUM_NOTHING),
                             THRUM_FOREVER); /* stops the program */
}
#endif

/* Until the program has stopped, other threads go on, and find the library's records on the stack of the thread that
 * ends as they were. A cancel reads them. */

static thrum_future *ending;
static thrum_task *ending_task;

static void cancel_while_it_stops(int number)
{
    if (thrum_future_cancel(ending) == -EINPROGRESS && thrum_cancelled(ending_task))
        fputs("the task was asked\n", stderr);
    signal(number, SIG_DFL);
    raise(number);
}

static int leave_awaited(thrum_task *self)
{
    ending_task = self;
    UNTIL(waits_for(&ident, "future"));
    pthread_exit(NULL);
}

TEST_STOPS(a_task_is_found_until_the_program_has_stopped, "the task was asked")
{
    signal(SIGABRT, cancel_while_it_stops);
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    ending = thrum_submit(pool, leave_awaited, THRUM_NOTHING);
    tell_ident(&ident);
    (void)!thrum_future_wait(ending, THRUM_FOREVER); /* stops the program */
}

/* The thread that thrum did not start is cancelled in a wait, and goes on until it is out of it. */

struct foreign {
    thrum_socket *socket;
    uint32_t read;
};

static void *read_and_go_on(void *memory)
{
    struct foreign *foreign = memory;
    tell_ident(&ident);
    CHECK_INT(thrum_wait_readable(thrum_socket_descriptor(foreign->socket), THRUM_FOREVER), ==, 0);
    thrum__store_release(&foreign->read, 1);
    for (;;)
        pthread_testcancel();
}

TEST(a_wait_is_no_cancellation_point)
{
    void *result;
    pthread_t thread;
    struct foreign foreign = {0};
    thrum_socket *other;
    CHECK_INT(thrum_socket_pair(&foreign.socket, &other), ==, 0);
    CHECK_INT(pthread_create(&thread, NULL, read_and_go_on, &foreign), ==, 0);
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(pthread_cancel(thread), ==, 0);
    CHECK_INT(thrum_socket_write(other, "x", 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(pthread_join(thread, &result), ==, 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_INT(foreign.read, ==, 1);
    thrum_socket_free(foreign.socket);
    thrum_socket_free(other);
}

static void *acquire_and_go_on(void *memory)
{
    struct foreign *foreign = memory;
    tell_ident(&ident);
    CHECK_INT(thrum_event_wait(&go, THRUM_FOREVER), ==, 0);
    thrum__store_release(&foreign->read, 1);
    for (;;)
        pthread_testcancel();
}

TEST(a_wait_for_an_event_is_none_either)
{
    void *result;
    pthread_t thread;
    struct foreign foreign = {0};
    CHECK_INT(pthread_create(&thread, NULL, acquire_and_go_on, &foreign), ==, 0);
    UNTIL(waits_for(&ident, "event"));
    CHECK_INT(pthread_cancel(thread), ==, 0);
    thrum_event_set(&go);
    CHECK_INT(pthread_join(thread, &result), ==, 0);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_INT(foreign.read, ==, 1);
}
