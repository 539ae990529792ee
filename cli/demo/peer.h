/* The same rows in Python, measured in turns with ours. */
#ifndef CLI_DEMO_PEER_H
#define CLI_DEMO_PEER_H

#include "columns.h"
#include "options.h"
#include "rows.h"

#include <thrum.h>

/* Starts the interpreter with the script of the rows. The workloads must be open. Returns 0 or a negative errno, with a
 * message. Blocks until it is ready. */
int peer_open(const struct demo_options *options, thrum_error *ret_error);

/* "python3 3.11.2"; "" if there is none. */
const char *peer_name(void);

/* Runs a row on what Python has in place of the column's executor. Returns 0, -ECANCELED after an interrupt, or a negative
 * errno with a message. Blocks. */
int peer_measure(const struct row *row, const struct column *column, int workers,
                 double *ret_seconds, thrum_error *ret_error);

/* Ends it. Does nothing if it was not started. */
void peer_close(void);

#endif
