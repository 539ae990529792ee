/* Job control.
 *
 * The children are in process groups of their own. So the signals that the terminal sends to the
 * foreground group reach only this program, which passes them on.
 *
 * Ctrl-Z (SIGTSTP): the children's groups are stopped, then this program, by the default action of
 * the signal, so the shell sees a stopped job. When the program is continued, it continues the
 * children. A child that has the terminal gets the SIGTSTP itself. SIGCHLD then reports that it has
 * stopped, and the rest is the same. It gets the terminal back after that.
 *
 * Ctrl-\ (SIGQUIT): the children get the signal, those that are left after the grace are killed,
 * and the program ends by the same signal.
 *
 * If a child without the terminal reads /dev/tty, or changes its settings, the system stops it
 * (SIGTTIN, SIGTTOU), and nothing would continue it. SIGCHLD reports that; the child is ended, and
 * the message of its job has the reason.
 *
 * The program is a subreaper: it adopts a process whose parent has ended. So the numbers in a set
 * of descendants stay theirs until this file reaps the processes.
 *
 * SIGWINCH, the new size of a window, is passed on to a program that draws on it.
 *
 * A signal that was ignored when the program began stays ignored.
 */
#include "job_control.h"

#include "child.h"
#include "interrupt.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const double grace_seconds = 2;

static thrum_signals *signals;
static void (*clear_terminal)(void), (*take_terminal_again)(void);
static thrum_event quitting;    /* SIGQUIT has come */
static bool foreground_stopped; /* the child with the terminal has stopped */

static void give_terminal(struct child *child)
{
    /* Only if the shell has put this program into the foreground. */
    if (child->terminal && tcgetpgrp(child_terminal()) == getpgrp())
        tcsetpgrp(child_terminal(), child->pid);
}

/* Stops the program, with all children, until it is continued. */
static void stop(void)
{
    struct sigaction watching, ignoring = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};
    children_signal(SIGTSTP);
    clear_terminal();
    /* Stops the other processes of the group, as in a pipeline. */
    sigaction(SIGTSTP, &ignoring, &watching);
    kill(0, SIGTSTP);
    /* raise sends it to this thread, which stops before raise returns. If no shell could continue
     * the group, the system drops the signal. */
    sigaction(SIGTSTP, &usual, NULL);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &watching, NULL);
    if (take_terminal_again)
        take_terminal_again();
    children_each(give_terminal);
    children_signal(SIGCONT);
}

static void look_at(struct child *child)
{
    siginfo_t about = {0};
    if (waitid(P_PID, (id_t)child->pid, &about, WSTOPPED | WNOHANG) != 0 || about.si_pid == 0)
        return;
    if (child->terminal)
        foreground_stopped = true;
    else if (about.si_status == SIGTTIN || about.si_status == SIGTTOU)
        child_refuse_terminal(child);
}

static int watch(thrum_task *self)
{
    (void)self;
    for (;;) {
        int number = thrum_signals_wait(signals, THRUM_FOREVER);
        if (number < 0)
            return number;
        if (number == SIGCHLD) {
            foreground_stopped = false;
            children_each(look_at);
            children_reap_adopted();
        }
        if (number == SIGWINCH)
            take_terminal_again();
        if (number == SIGTSTP || (number == SIGCHLD && foreground_stopped))
            stop();
        if (number == SIGQUIT) {
            thrum_event_set(&quitting);
            children_end_all(SIGQUIT, grace_seconds);
            clear_terminal();
            interrupt_die(SIGQUIT);
        }
    }
}

void job_control_finish(void)
{
    if (!thrum_event_is_set(&quitting))
        return;
    clear_terminal();
    interrupt_die(SIGQUIT);
}

int job_control_start(void (*clear)(void), void (*again)(void), thrum_error *ret_error)
{
    int numbers[4] = {SIGCHLD};
    size_t count = 1;
    struct sigaction now;
    clear_terminal = clear;
    take_terminal_again = again;
    for (size_t i = 0; i < 2; i++) {
        int number = i == 0 ? SIGTSTP : SIGQUIT;
        if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            numbers[count++] = number;
    }
    if (again)
        numbers[count++] = SIGWINCH;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return trouble(ret_error, -errno, "cannot become a subreaper: %s", thrum_strerror(-errno));
    int rc = thrum_signals_new(numbers, count, &signals);
    if (rc == 0) {
        thrum_thread *thread = thrum_thread_start_with(
            &(thrum_thread_options){.name = "job control", .daemon = true}, watch, NULL, 0);
        const thrum_error *refusal = thrum_thread_error(thread);
        rc = refusal ? refusal->code : 0;
        thrum_thread_free(thread);
    }
    if (rc < 0)
        return trouble(ret_error, rc, "cannot watch signals: %s", thrum_strerror(rc));
    return 0;
}
