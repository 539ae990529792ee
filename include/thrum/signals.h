/* Signals: a program waits for them as events, in place of a handler in which little is allowed.
 *
 *     static const int numbers[] = {SIGINT, SIGTERM};
 *
 *     thrum_signals *stop;
 *     int rc = thrum_signals_new(numbers, 2, &stop);
 *     if (rc < 0)
 *         return rc;
 *     ...                                                     // Ctrl-C, or kill
 *     int number = thrum_signals_wait(stop, THRUM_FOREVER);   // in a fiber or thread of its own
 *     if (number == SIGTERM)
 *         puts("terminated");                                 // prints terminated
 *     thrum_socket_close(listener);                           // ends what waits for it
 *     thrum_signals_free(stop);                               // a second Ctrl-C kills, as before
 *
 * Between new and free the program's handlers for these signals are replaced; free restores them.
 * No thread's mask is changed, so it does not matter which threads exist, nor what a program
 * started by exec inherits. System calls that a signal interrupts continue by themselves
 * (SA_RESTART). A signal that all threads have blocked is not seen.
 *
 * Several signals of one number that come before a wait count as one, as everywhere in POSIX. In a
 * child of fork the watch continues for the child's own signals, but a wait may miss some: free it
 * and make another.
 *
 * Python: signal.signal, loop.add_signal_handler, signal.sigwait.
 */
#ifndef THRUM_SIGNALS_H
#define THRUM_SIGNALS_H

#include <stddef.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A watch for some signals. */
typedef struct thrum_signals thrum_signals;

/* Watches the `count` signals at `numbers`, which are copied, until thrum_signals_free. A signal
 * has at most one watch in the process. Does not block.
 *
 * Returns:
 *     0                 the watch, to be freed with thrum_signals_free
 *     -EBUSY            one of the signals is watched already
 *     -EINVAL           `count` is 0, or a signal cannot be caught (SIGKILL, SIGSTOP) or reports a
 *                       fault of the program (SIGSEGV)
 *     -ENOMEM, -EMFILE  memory or descriptors ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_signals_new(const int *numbers, size_t count,
                                                 thrum_signals **ret_signals);

/* Waits for one of the signals. If there are several, it gives the first in the order of `numbers`.
 * Each signal goes to one waiter. Blocks. Fibers and threads may call it, signal handlers must not.
 *
 * Returns:
 *     above 0     the number of the signal
 *     -ETIMEDOUT  the deadline has passed
 *     -EAGAIN     the deadline is THRUM_NOW and there is none
 *     -ECANCELED  the running task was cancelled
 */
THRUM_API THRUM_MUST_CHECK int thrum_signals_wait(thrum_signals *signals, thrum_deadline deadline);

/* Ends the watch and restores the handlers. There must be no waiter. NULL is accepted. Does not
 * block. */
THRUM_API void thrum_signals_free(thrum_signals *signals);

THRUM_END

#endif
