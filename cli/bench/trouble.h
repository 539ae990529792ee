/* Failures at run time, as sentences: what is wrong, and what to do about it. */
#ifndef CLI_BENCH_TROUBLE_H
#define CLI_BENCH_TROUBLE_H

#include <thrum.h>

/* Fills in `ret_error` with a negative errno and a sentence. Returns the code, to be returned. */
int trouble(thrum_error *ret_error, int code, const char *format, ...) THRUM_PRINTF(3, 4);

/* Prints "thrum bench: " and the sentence on stderr. */
void trouble_print(const char *format, ...) THRUM_PRINTF(1, 2);

#endif
