/* Signals as events: what a program waits for, in place of a handler in which almost nothing is
 * allowed.
 *
 *     thrum_signals *stop;
 *     int rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &stop);
 *     ...
 *     int number = thrum_signals_wait(stop, THRUM_FOREVER);   // a fiber or a thread of its own
 *     thrum_socket_close(listener);                           // and all that is to end
 *     thrum_signals_free(stop);                               // a second Ctrl-C kills, as ever
 *
 * From new to free the signals do nothing else: the program's handlers for them are put aside, and come
 * back with free. No thread's mask is changed, so it does not matter which threads there are already,
 * nor what a program that is started by exec inherits. System calls that a signal interrupts go on by
 * themselves (SA_RESTART). A thread that has blocked a signal does not get it; where all have, nobody
 * notices.
 *
 * Several signals of one number that come before a wait are one, as everywhere. In a child of fork
 * the watch goes on for the child's own signals, but a wait may miss some: it frees it and makes
 * another.
 *
 * Python: signal.signal, loop.add_signal_handler, signal.sigwait.
 */
#ifndef THRUM_SIGNALS_H
#define THRUM_SIGNALS_H

#include <stddef.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A watch over some signals. */
typedef struct thrum_signals thrum_signals;

/* Watches the `count` signals at `numbers`, which are copied, until thrum_signals_free. Each signal of
 * the process has at most one watch. Returns 0; -EBUSY if one of them is watched already; -EINVAL
 * for none, or one that cannot be caught (SIGKILL, SIGSTOP) or reports a fault of the program (SIGSEGV);
 * -ENOMEM, -EMFILE. Then none is watched. Does not block. */
THRUM_API int thrum_signals_new(const int *numbers, size_t count, thrum_signals **ret_signals);

/* Waits for one of the signals and gives its number, the first in the order of `numbers` if there are
 * several; each is given to one who waits. Or -ETIMEDOUT, -EAGAIN for THRUM_NOW, -ECANCELED.
 * Blocks; fibers and threads, not signal handlers. */
THRUM_API int thrum_signals_wait(thrum_signals *signals, thrum_deadline deadline);

/* Ends the watch: what was before holds again. Nobody may wait any more. NULL is accepted. Does not
 * block. */
THRUM_API void thrum_signals_free(thrum_signals *signals);

THRUM_END

#endif
