/* Signals of the system, turned into flags: a handler that notes the number and writes to a wake
 * descriptor, which is all that a handler may safely do. The masks of threads are left alone. */
#ifndef THRUM_BASE_SIGNAL_H
#define THRUM_BASE_SIGNAL_H

#include <stdbool.h>

/* From now on the signal `number` is noted and written to `wake`. Returns 0, -EBUSY if it is noted
 * already, -EINVAL if it cannot be caught or stands for a fault of the program. */
int thrum__signal_watch(int number, int wake);

/* What happened on the signal before happens again. */
void thrum__signal_unwatch(int number);

/* Whether it has come since it was taken last. */
bool thrum__signal_take(int number);
bool thrum__signal_there(int number);

/* A wake descriptor for a watcher whose first signal is `number`; kept for ever, as a handler that
 * is late may still write to it. A negative errno if the system refuses. */
int thrum__signal_wake(int number);

#endif
