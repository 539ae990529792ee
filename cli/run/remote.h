/* Jobs that run on the workers of a cluster. */
#ifndef CLI_RUN_REMOTE_H
#define CLI_RUN_REMOTE_H

#include "cluster/command_task.h"
#include "cluster/login.h"

/* Connects. `quiet` prints no hint that there is no worker. Returns 0 or a negative errno. Once in a process. */
int remote_open(const struct cluster_login *login, const char *pool, bool quiet,
                thrum_error *ret_error);
void remote_close(void);

/* Runs a command. `number` is that of its job, for messages. `ret_bytes` gets memory to be freed, which has the outputs. Returns
 * 0; -ECANCELED after remote_end_all; another negative errno if no outcome came. Blocks; in a fiber, the fiber only. */
int remote_run(uint64_t number, char *const *words, double timeout,
               struct command_outcome *ret_outcome, char **ret_bytes, thrum_error *ret_error);

/* Ends all commands, as children_end_all does, and starts no more. Does not wait for them. */
void remote_end_all(void);

/* The number of commands that run, or wait for a worker. */
size_t remote_count(void);

#endif
