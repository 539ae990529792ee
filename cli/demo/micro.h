/* The operations of the library by themselves: nanoseconds of a lock, not seconds of a row. */
#ifndef CLI_DEMO_MICRO_H
#define CLI_DEMO_MICRO_H

#include "options.h"

/* True if a benchmark has that name, of which `length` bytes count. */
bool micro_has(const char *name, size_t length);

/* Leaves the names, separated by ", ". */
void micro_names(char *ret_text, size_t size);

/* Measures the benchmarks that were chosen, all by default, and prints them row by row. Returns an exit status. */
int micro_run(const struct demo_options *options);

#endif
