/* The number of jobs that the limit of descriptors allows. */
#ifndef CLI_RUN_BUDGET_H
#define CLI_RUN_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/* Raises the limit of descriptors. If it is not enough, lowers the number of jobs at a time, with a
 * message unless `quiet`. Sets `ret_window` to the number of jobs that may exist, including those
 * that have ended and wait for their turn. Returns 0, or -EMFILE if not even one job fits. */
int budget_choose(int *jobs, size_t *ret_window, bool quiet);

#endif
