/* The column cluster(N): a server, its workers and the executor on them. */
#ifndef CLI_DEMO_CLUSTER_COLUMN_H
#define CLI_DEMO_CLUSTER_COLUMN_H

#include "options.h"

#include <thrum.h>

/* Starts the server if --nats is auto. Call it while there is but one thread. Returns 0 or a negative errno. */
int cluster_column_open_server(const struct demo_options *options, thrum_error *ret_error);

/* Sees to it that all workers serve; those that are not there are started. Returns 0 or a negative errno. */
int cluster_column_prepare(int workers, thrum_error *ret_error);

thrum_executor *cluster_column_open(int workers);

/* With --lose-worker: kills a worker, once in each measurement. */
void cluster_column_half_done(void);

/* Ends workers and server. */
void cluster_column_close(void);

/* Ends the server at once, and removes its folder. */
void cluster_column_cleanup(void);

#endif
