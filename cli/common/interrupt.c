/* Ctrl-C stops a run cleanly: what is known so far is printed and nothing is left behind.
 *
 * A signal handler could do next to nothing of that. So a thread waits for the signals
 * (thrum_signals) and sets an event, which may be asked from anywhere and waited for. The thread is
 * a daemon: the end of the program does not wait for it.
 *
 * Impatience: whoever presses Ctrl-C twice wants to be gone, be the program stuck where it may: so
 * it is this thread, and none of those that work, that ends it then. A command that has children to
 * end is told first and has until the third.
 *
 * A signal that was ignored when the program began, as SIGHUP under nohup and SIGINT in the
 * background of a script, stays ignored: whoever arranged that meant it.
 *
 * SIGPIPE is ignored altogether, so that a reader that goes away shows as a failed write where the
 * output is printed.
 */
#include "interrupt.h"

#include "../command.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static thrum_signals *signals; /* NULL if all of them are ignored, too */
static int signal_number;      /* written before `arrived` is set, read after */
static thrum_event arrived;

struct watch {
    void (*impatient)(int signal);
    void (*cleanup)(void);
};

int interrupt_hold(thrum_error *ret_error)
{
    static const int candidates[] = {SIGINT, SIGTERM, SIGHUP};
    int numbers[sizeof candidates / sizeof candidates[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        struct sigaction now;
        if (sigaction(candidates[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            numbers[count++] = candidates[i];
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return trouble(ret_error, -errno, "cannot ignore SIGPIPE: %s", thrum_strerror(errno));
    int rc = count > 0 ? thrum_signals_new(numbers, count, &signals) : 0;
    if (rc < 0)
        return trouble(ret_error, rc, "cannot wait for signals: %s", thrum_strerror(rc));
    return 0;
}

/* Ends the program as the signal would have. By the signal, so that nothing in the program can come
 * in between, and a shell knows why. */
static void die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    _exit(STATUS_SIGNAL + number);
}

static int watch_signals(thrum_task *self)
{
    const struct watch watch = thrum_arg(self, struct watch);
    for (int count = 1;; count++) {
        int number = thrum_signals_wait(signals, THRUM_FOREVER);
        if (number < 0)
            return number;
        if (count == 1) {
            signal_number = number;
            thrum_event_set(&arrived);
        } else if (count == 2 && watch.impatient) {
            watch.impatient(number);
        } else {
            if (watch.cleanup)
                watch.cleanup();
            die(number);
        }
    }
}

int interrupt_watch(void (*impatient)(int signal), void (*cleanup)(void), thrum_error *ret_error)
{
    if (!signals)
        return 0;
    thrum_thread *thread =
        thrum_thread_start_with(&(thrum_thread_options){.name = "signals", .daemon = true},
                                watch_signals, thrum_value(struct watch, impatient, cleanup));
    /* One that could not be started has ended already, with the reason. */
    int rc = thrum_thread_is_alive(thread) ? 0 : thrum_thread_join(thread, THRUM_FOREVER);
    thrum_thread_free(thread);
    if (rc < 0)
        return trouble(ret_error, rc, "cannot watch signals: %s", thrum_strerror(rc));
    return 0;
}

void interrupt_leave_to_parent(void)
{
    thrum_signals_free(signals);
    signals = NULL;
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
}

bool interrupt_asked(void)
{
    return thrum_event_is_set(&arrived);
}

thrum_event *interrupt_event(void)
{
    return &arrived;
}

int interrupt_signal(void)
{
    return thrum_event_is_set(&arrived) ? signal_number : 0;
}

const char *interrupt_name(int number)
{
    switch (number) {
    case SIGINT:
        return "SIGINT";
    case SIGTERM:
        return "SIGTERM";
    default:
        return "SIGHUP";
    }
}
