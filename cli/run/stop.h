/* Whether `thrum run` starts further jobs. */
#ifndef CLI_RUN_STOP_H
#define CLI_RUN_STOP_H

#include <stdbool.h>
#include <thrum.h>

/* Prepares the rest. Returns 0 or a negative errno. */
int stop_init(void);

/* No further job starts from now on: after Ctrl-C, --halt, or if nobody reads the output. From any
 * thread. */
void stop_set(void);

bool stop_is_set(void);

/* An eventfd that is readable from then on. */
int stop_descriptor(void);

/* Waits until the deadline. Returns true at once if jobs are not to start any more. Blocks; in a fiber,
 * the fiber only. */
bool stop_wait(thrum_deadline deadline);

#endif
