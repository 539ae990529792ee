/* A job: a command for one argument, its attempts and its output. */
#ifndef CLI_RUN_JOB_H
#define CLI_RUN_JOB_H

#include "options.h"

#include <stdint.h>
#include <stdio.h>
#include <thrum.h>

struct job {
    uint64_t number; /* of the argument, from 1 */
    uint64_t turn;   /* among those that are run, from 0 */
    char **words;    /* ended by NULL */
    int out, err;    /* files with its output; -1 for none */
    bool begun;
    bool timed_out;
    int error;      /* why it could not be run; negative errno or 0 */
    int status;     /* of the last attempt, as waitpid gives it */
    double began;   /* seconds since 1970 */
    double seconds; /* that the last attempt took */
};

/* Makes a job of the command and an argument. NULL if memory is out. */
struct job *job_new(const struct run_options *options, uint64_t number, const char *argument);
void job_free(struct job *job);

/* Runs it, again where it fails and is to be tried again, unless `stopping` says so. Blocks; in a fiber,
 * the fiber only. */
void job_run(struct job *job, const struct run_options *options, bool (*stopping)(void));

/* True if it was run and its last attempt had status 0. */
bool job_succeeded(const struct job *job);

/* Copies its output to stdout and stderr. Returns 0 or a negative errno. */
int job_print(const struct job *job);

/* The command as one line: words with blanks between; backslash, tab and newline escaped. Malloced;
 * NULL if memory is out. */
char *job_command(const struct job *job);

#endif
