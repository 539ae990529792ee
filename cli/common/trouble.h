/* Failures at run time, as sentences: what is wrong, and what to do about it. */
#ifndef CLI_COMMON_TROUBLE_H
#define CLI_COMMON_TROUBLE_H

#include <thrum.h>

/* Fills in `ret_error` with a negative errno and a sentence. Returns the code, to be returned. */
int trouble(thrum_error *ret_error, int code, const char *format, ...) THRUM_PRINTF(3, 4);

/* From now on sentences begin with "thrum " and this name, a constant; without a name before that. */
void trouble_speaker(const char *name);

/* Prints "thrum NAME: " and the sentence on stderr, above a progress bar that may stand there. From
 * any thread; the line is whole. */
void trouble_print(const char *format, ...) THRUM_PRINTF(1, 2);

#endif
