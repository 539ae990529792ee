/* How many jobs the limit of descriptors allows. */
#ifndef CLI_RUN_BUDGET_H
#define CLI_RUN_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/* Lowers the number of jobs at a time until the descriptors suffice, with a message unless `quiet`, and
 * chooses how many jobs may exist, those included that have ended and wait for their turn. Raises the
 * limit as far as it may. Returns 0, or -EMFILE if not even one job fits. */
int budget_choose(int *jobs, size_t *ret_window, bool quiet);

#endif
