/* The stop of `thrum run`: no further jobs start. */
#ifndef CLI_RUN_STOP_H
#define CLI_RUN_STOP_H

#include <stdbool.h>
#include <thrum.h>

/* Call it before the others. Returns 0 or a negative errno. */
int stop_init(void);

/* Starts no further job: after Ctrl-C, --halt, or when the reader of the output has gone. From any
 * thread. */
void stop_set(void);

bool stop_is_set(void);

/* An eventfd that stop_set makes readable. */
int stop_descriptor(void);

/* Waits until the deadline. Returns true at once after a stop. Blocks; in a fiber, the fiber
 * only. */
bool stop_wait(thrum_deadline deadline);

#endif
