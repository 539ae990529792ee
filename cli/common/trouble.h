/* Messages about failures at run time: what is wrong, and what to do. */
#ifndef CLI_COMMON_TROUBLE_H
#define CLI_COMMON_TROUBLE_H

#include <thrum.h>

/* Fills in `ret_error` with a negative errno and a message. Returns the code. */
int trouble(thrum_error *ret_error, int code, const char *format, ...) THRUM_PRINTF(3, 4);

/* Waits for the end of a thread. Returns 0, or the code with which it failed. */
static inline int trouble_join(thrum_thread *thread)
{
    int rc = thrum_thread_join(thread, THRUM_FOREVER);
    return rc == THRUM_FAILED ? thrum_thread_error(thread)->code : rc;
}

/* Sets the name for messages, a constant: they begin with "thrum NAME: ". Without it, they begin
 * with "thrum: ". */
void trouble_speaker(const char *name);

/* Prints the message on stderr, above a progress bar. From any thread; the line is whole. */
void trouble_print(const char *format, ...) THRUM_PRINTF(1, 2);

#endif
