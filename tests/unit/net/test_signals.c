/* Signals are raised by the thread that runs: the thread sanitizer holds back one that comes to a thread
 * in a futex, such as the main thread while fibers run. */
#include "carrier.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#elif defined(__has_feature)
enum { SANITIZED = __has_feature(thread_sanitizer) };
#else
enum { SANITIZED = false };
#endif

static thrum_signals *watch(int number, int other)
{
    thrum_signals *signals;
    int numbers[] = {number, other};
    CHECK_INT(thrum_signals_new(numbers, other ? 2 : 1, &signals), ==, 0);
    return signals;
}

TEST(a_signal_is_waited_for)
{
    thrum_signals *signals = watch(SIGINT, SIGTERM);
    CHECK_INT(thrum_signals_wait(signals, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_signals_wait(signals, thrum_in(0.01)), ==, -ETIMEDOUT);
    CHECK_INT(raise(SIGTERM), ==, 0);
    CHECK_INT(thrum_signals_wait(signals, THRUM_FOREVER), ==, SIGTERM);
    CHECK_INT(raise(SIGINT), ==, 0);
    CHECK_INT(thrum_signals_wait(signals, THRUM_FOREVER), ==, SIGINT);
    CHECK_INT(thrum_signals_wait(signals, THRUM_NOW), ==, -EAGAIN);
    thrum_signals_free(signals);
    thrum_signals_free(NULL);
}

static uint32_t ident;

static int wait_for_one(thrum_task *self)
{
    tell_ident(&ident);
    int number = thrum_signals_wait(thrum_arg(self, thrum_signals *), THRUM_FOREVER);
    return number < 0 ? number : thrum_return(self, thrum_value(int, number));
}

static int result_of(thrum_thread *thread)
{
    int number = 0;
    CHECK_INT(thrum_thread_result(thread, &number, sizeof number, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    return number;
}

TEST(a_signal_wakes_who_waits)
{
    if (SANITIZED && thrum_fiber_pool_current())
        return; /* it would come to the main thread, as above */
    thrum_signals *signals = watch(SIGCHLD, 0);
    thrum_thread *waiter = thrum_thread_start(wait_for_one, thrum_value(thrum_signals *, signals));
    UNTIL(waits_for(&ident, "readable"));
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    CHECK_INT(waitpid(child, NULL, 0), ==, child);
    CHECK_INT(result_of(waiter), ==, SIGCHLD);
    thrum_signals_free(signals);
}

TEST(a_request_to_end_the_program_wakes_who_waits)
{
    int numbers[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        thrum_signals *signals = watch(SIGINT, SIGTERM);
        thrum_thread *waiter =
            thrum_thread_start(wait_for_one, thrum_value(thrum_signals *, signals));
        UNTIL(waits_for(&ident, "readable"));
        ident = 0;
        CHECK_INT(raise(numbers[i]), ==, 0);
        CHECK_INT(result_of(waiter), ==, numbers[i]);
        thrum_signals_free(signals);
    }
}

TEST(two_signals_wake_two)
{
    thrum_signals *signals = watch(SIGUSR1, SIGUSR2);
    thrum_thread *first = thrum_thread_start(wait_for_one, thrum_value(thrum_signals *, signals));
    UNTIL(waits_for(&ident, "readable"));
    ident = 0;
    thrum_thread *second = thrum_thread_start(wait_for_one, thrum_value(thrum_signals *, signals));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(raise(SIGUSR1), ==, 0);
    CHECK_INT(raise(SIGUSR2), ==, 0);
    CHECK_INT(result_of(first) + result_of(second), ==, SIGUSR1 + SIGUSR2);
    thrum_signals_free(signals);
}

TEST(a_wait_for_a_signal_can_be_cancelled)
{
    thrum_signals *signals = watch(SIGUSR1, 0);
    thrum_thread *waiter = thrum_thread_start(wait_for_one, thrum_value(thrum_signals *, signals));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_thread_cancel(waiter), ==, 0);
    JOIN(waiter, -ECANCELED);
    thrum_signals_free(signals);
}

static uint32_t handled;

static void handle(int number)
{
    (void)number;
    thrum__add_relaxed(&handled, 1);
}

TEST(the_handler_of_before_comes_back)
{
    struct sigaction action = {.sa_handler = handle};
    CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
    thrum_signals *signals = watch(SIGUSR1, 0);
    CHECK_INT(raise(SIGUSR1), ==, 0);
    CHECK_INT(thrum_signals_wait(signals, THRUM_FOREVER), ==, SIGUSR1);
    CHECK_INT(thrum__load_relaxed(&handled), ==, 0);
    thrum_signals_free(signals);
    CHECK_INT(raise(SIGUSR1), ==, 0);
    UNTIL(thrum__load_relaxed(&handled) == 1);
}

TEST(a_signal_has_one_watch_and_some_have_none)
{
    thrum_signals *signals = watch(SIGUSR1, 0), *other;
    CHECK_INT(thrum_signals_new((int[]){SIGUSR2, SIGUSR1}, 2, &other), ==, -EBUSY);
    CHECK_INT(thrum_signals_new((int[]){SIGUSR2}, 1, &other), ==, 0);
    thrum_signals_free(other);
    CHECK_INT(thrum_signals_new((int[]){SIGKILL}, 1, &other), ==, -EINVAL);
    CHECK_INT(thrum_signals_new((int[]){SIGSEGV}, 1, &other), ==, -EINVAL);
    CHECK_INT(thrum_signals_new((int[]){0}, 1, &other), ==, -EINVAL);
    CHECK_INT(thrum_signals_new(NULL, 0, &other), ==, -EINVAL);
    thrum_signals_free(signals);
}

TEST(a_watch_that_is_refused_what_it_needs_is_an_error)
{
    thrum_signals *signals;
    thrum__fault_arm(THRUM__FAULT_WAKE, 1, 1);
    CHECK_INT(thrum_signals_new((int[]){SIGUSR1}, 1, &signals), ==, -EMFILE);
    thrum__fault_disarm(THRUM__FAULT_WAKE);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_signals_new((int[]){SIGUSR1}, 1, &signals), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    thrum_signals_free(watch(SIGUSR1, 0));
}
