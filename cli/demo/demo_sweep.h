/* One row of the table with different numbers of workers. */
#ifndef CLI_DEMO_DEMO_SWEEP_H
#define CLI_DEMO_DEMO_SWEEP_H

#include "results.h"
#include "tune/sweep.h"

/* What a sweep measures, and the caller's part. */
struct demo_sweep {
    const struct row *row;
    struct demo_options *options; /* those of the setting; the number of workers is changed */
    const struct setting *setting;
    int (*after_round)(void *context, thrum_error *ret_error); /* as in struct sweep; may be NULL */
    void *context;                                             /* of after_round */
};

/* Measures the row on the executor of the options with the numbers of workers of --sweep. The workloads must be open.
 * Returns 0, -ECANCELED after an interrupt, or a negative errno with a message. Free the sweep by sweep_finish whatever it
 * returns. Blocks. */
int demo_sweep_run(struct sweep *sweep, const struct demo_sweep *demo, thrum_error *ret_error);

/* What was swept: "100 HTTP requests, 200 ms, on threads". */
void demo_sweep_title(const struct row *row, const struct setting *setting, char *ret_text,
                      size_t size);

#endif
