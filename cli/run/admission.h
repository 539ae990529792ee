/* Waits until the machine has room for another job: --delay, --load, --memfree. */
#ifndef CLI_RUN_ADMISSION_H
#define CLI_RUN_ADMISSION_H

#include "options.h"

#include <thrum.h>

/* All-zero is the begin. */
struct admission {
    bool started;
    thrum_time last; /* start of a job */
};

/* Waits until another job may start, or until a stop. Blocks. */
void admission_wait(struct admission *admission, const struct run_options *options);

/* Reads a size such as 2G, 512M or 1000000. Returns false if it is invalid. */
bool admission_parse_size(const char *text, uint64_t *ret_bytes);

#endif
