/* One row of the table with different numbers of workers. */
#ifndef CLI_DEMO_DEMO_SWEEP_H
#define CLI_DEMO_DEMO_SWEEP_H

#include "results.h"
#include "tune/sweep.h"

/* Measures the row on the executor of the options with the numbers of workers of --sweep. The workloads must be open.
 * `options` is that of the setting; its number of workers is changed. Returns 0, -ECANCELED after an interrupt, or a
 * negative errno with a message. Free the sweep by sweep_finish whatever it returns. Blocks. */
int demo_sweep_run(struct sweep *sweep, const struct row *row, struct demo_options *options,
                   const struct setting *setting, thrum_error *ret_error);

/* What was swept: "100 HTTP requests, 200 ms, on threads". */
void demo_sweep_title(const struct row *row, const struct setting *setting, char *ret_text,
                      size_t size);

#endif
