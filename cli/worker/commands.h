/* Commands as tasks, on a worker. */
#ifndef CLI_WORKER_COMMANDS_H
#define CLI_WORKER_COMMANDS_H

#include "options.h"

/* Serves the commands of `thrum run --cluster` until a signal comes. Returns the exit status. */
int worker_commands_serve(const struct worker_options *options);

#endif
