/* Ctrl-C stops the run cleanly: what is measured so far is printed, the server is stopped and the
 * temporary files are removed.
 *
 * A signal handler could do next to nothing of that, and would need a flag of a kind that this
 * program does not use. So the signals are blocked in every thread and collected from a descriptor
 * (signalfd), which turns them into something that is read when it suits: between two tasks, each
 * tenth of a second while waiting for a pool, and by libcurl's progress callback inside a long
 * transfer. The answer is kept in an event, which is set once and may be asked from anywhere.
 *
 * A signal that was ignored when the program began, as SIGHUP under nohup and SIGINT in the
 * background of a script, stays ignored: whoever arranged that meant it.
 *
 * Impatience: whoever presses Ctrl-C twice wants to be gone. The second signal removes the
 * temporary files and exits on the spot; the server process notices by itself (http_server.c).
 *
 * SIGPIPE is ignored altogether, so that a reader that goes away shows as a failed write where the
 * table is printed.
 */
#include "interrupt.h"

#include "../command.h"
#include "scratch.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int signal_source = -1;
static int signal_number; /* written before `arrived` is set, read after */
static thrum_event arrived;
static thrum_lock arriving; /* held while a signal is taken in, as two may come to two threads */

static const int held_signals[] = {SIGINT, SIGTERM, SIGHUP};

int interrupt_hold(thrum_error *ret_error)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof held_signals / sizeof held_signals[0]; i++) {
        struct sigaction now;
        if (sigaction(held_signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&set, held_signals[i]);
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return trouble(ret_error, -errno, "cannot hold signals: %s", thrum_strerror(errno));
    signal_source = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_source < 0)
        return trouble(ret_error, -errno, "cannot wait for signals: %s", thrum_strerror(errno));
    return 0;
}

void interrupt_leave_to_parent(void)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (signal_source >= 0)
        close(signal_source);
}

bool interrupt_asked(void)
{
    struct signalfd_siginfo info;
    if (signal_source < 0 || read(signal_source, &info, sizeof info) != sizeof info)
        return thrum_event_is_set(&arrived);
    thrum_with (&arriving) {
        if (thrum_event_is_set(&arrived)) {
            scratch_remove();
            _exit(STATUS_SIGNAL + (int)info.ssi_signo);
        }
        signal_number = (int)info.ssi_signo;
        thrum_event_set(&arrived);
    }
    return true;
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
