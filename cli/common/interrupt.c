/* Ctrl-C ends a command cleanly: it prints the results so far and leaves nothing behind.
 *
 * A signal handler may call too few functions for that. So a thread waits for the signals
 * (thrum_signals) and sets an event, which any thread may ask or wait for. It also writes to a
 * descriptor, for threads that wait by poll(2). The thread is a daemon: the end of the program does
 * not wait for it.
 *
 * The second Ctrl-C ends the program. This thread does it, so it works even if all others hang. A
 * command with children ends these first, and the third Ctrl-C ends the program. A hang-up (SIGHUP)
 * counts as the second, because there is no terminal left for another Ctrl-C.
 *
 * A signal that was ignored when the program began stays ignored: SIGHUP under nohup, SIGINT in the
 * background of a script.
 *
 * SIGPIPE is ignored. If the reader of the output has gone, a write fails.
 */
#include "interrupt.h"

#include "../command.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static thrum_signals *signals; /* NULL if all of them are ignored, too */
static int signal_number;      /* written before `arrived` is set, read after */
static thrum_event arrived;
static int descriptor = -1; /* an eventfd; readable once `arrived` is set */

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
        return trouble(ret_error, -errno, "cannot ignore SIGPIPE: %s", thrum_strerror(-errno));
    descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return trouble(ret_error, -errno, "cannot wait for signals: %s", thrum_strerror(-errno));
    int rc = count > 0 ? thrum_signals_new(numbers, count, &signals) : 0;
    if (rc < 0)
        return trouble(ret_error, rc, "cannot wait for signals: %s", thrum_strerror(rc));
    return 0;
}

void interrupt_die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    _exit(STATUS_SIGNAL + number);
}

static void note_first(int number)
{
    signal_number = number;
    thrum_event_set(&arrived);
    while (eventfd_write(descriptor, 1) < 0 && errno == EINTR)
        continue;
}

static int watch_signals(thrum_task *self)
{
    const struct interrupt_answers answers = thrum_arg(self, struct interrupt_answers);
    for (int count = 0;;) {
        int number = thrum_signals_wait(signals, THRUM_FOREVER);
        if (number < 0)
            return number;
        if (count++ == 0) {
            note_first(number);
            if (answers.first)
                answers.first(number);
            if (number != SIGHUP || !answers.impatient)
                continue;
            count++;
        }
        if (count == 2 && answers.impatient) {
            answers.impatient(number);
        } else {
            if (answers.cleanup)
                answers.cleanup();
            interrupt_die(number);
        }
    }
}

int interrupt_watch(struct interrupt_answers answers, thrum_error *ret_error)
{
    if (!signals)
        return 0;
    thrum_thread *thread = thrum_thread_start_with(
        &(thrum_thread_options){.name = "signals", .daemon = true}, watch_signals,
        thrum_value(struct interrupt_answers, answers.first, answers.impatient, answers.cleanup));
    const thrum_error *refusal = thrum_thread_error(thread);
    int rc = refusal ? refusal->code : 0;
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

int interrupt_descriptor(void)
{
    return descriptor;
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
