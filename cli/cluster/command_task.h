/* The task that runs a command on a worker: what a client (run/remote.c) and a worker (worker/commands.c) send each other.
 *
 * The bytes have one layout on all machines that thrum runs on: numbers are little-endian. They come from another machine, and
 * are checked when they are read. Another layout needs another version of the task. */
#ifndef CLI_CLUSTER_COMMAND_TASK_H
#define CLI_CLUSTER_COMMAND_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

/* The bytes of both outputs together, at most; and the words of a command. */
enum { COMMAND_OUTPUT_MOST = 64 << 20, COMMAND_WORDS_MOST = 65536, COMMAND_HOST_SIZE = 65 };

/* How a command ended. */
struct command_outcome {
    int error;  /* why it could not be started, or its output not be read: a negative errno; or 0 */
    int status; /* as waitpid gives it */
    bool timed_out;               /* it was ended because it took longer than it may */
    bool wanted_terminal;         /* it was ended because it used a terminal */
    double seconds;               /* that it took */
    char host[COMMAND_HOST_SIZE]; /* the name of the worker's machine */
    const char *out, *err;        /* what it has printed */
    size_t out_size, err_size;
};

/* Registers `function` under the name of the task, once in a process. */
void command_task_register(thrum_task_fn *function);

/* The argument of the task: words that end with NULL, and the seconds that the command may take, 0 for any. Malloced; NULL if
 * memory ran out. */
char *command_pack(char *const *words, double timeout, size_t *ret_size);

/* Reads an argument. `ret_words` gets an array to be freed, which ends with NULL and points into `bytes`. Returns 0, -EINVAL
 * or -ENOMEM. */
int command_unpack(char *bytes, size_t size, char ***ret_words, double *ret_timeout);

/* The size of what comes before the two outputs in a result, and these bytes. */
size_t command_head_size(const struct command_outcome *outcome);
void command_head_pack(const struct command_outcome *outcome, char *bytes);

/* Reads a result; the outputs point into `bytes`. Returns 0 or -EPROTO. */
int command_outcome_unpack(const char *bytes, size_t size, struct command_outcome *ret_outcome);

#endif
