/* The place of the compiler's runtime, for programs that are linked with it. */
#ifndef CLI_EXPLORE_INSTRUMENT_H
#define CLI_EXPLORE_INSTRUMENT_H

#include <stddef.h>

/* From now on, programs that are started find our library in place of the compiler's runtime. Returns 0, or a negative errno
 * with the reason in `message`. */
int instrument_open(char *message, size_t size);

/* Removes what it made. */
void instrument_close(void);

#endif
