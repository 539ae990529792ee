/* A job: a command for the arguments of one combination, its attempts and its output. */
#ifndef CLI_RUN_JOB_H
#define CLI_RUN_JOB_H

#include "options.h"

#include <stdint.h>
#include <stdio.h>
#include <thrum.h>

/* A file with output, and how much of it has been printed. */
struct job_output {
    int file; /* -1 for none */
    off_t printed;
    off_t looked; /* from `printed` to here there is no end of a line */
    bool inside;  /* what was printed last was not the end of a line */
};

struct job {
    uint64_t number; /* of the combination, from 1 */
    uint64_t turn;   /* among those that are run, from 0 */
    int slot;        /* from 1; 0 before it starts */
    struct fields fields;
    char **words;  /* ended by NULL; NULL before it starts */
    char *command; /* for the log: words with blanks between; backslash, tab and newline escaped */
    char *tag;     /* what stands before each line of its output, or NULL */
    thrum_lock lock; /* over the next two: the printer may look at a job that runs */
    struct job_output out, err;
    bool begun;
    bool timed_out, wanted_terminal;
    bool unkept;    /* `error` is why its output could not be kept */
    int error;      /* why it could not be run; negative errno or 0 */
    int status;     /* of the last attempt, as waitpid gives it */
    double began;   /* seconds since 1970 */
    double seconds; /* that the last attempt took */
};

/* Makes a job; takes the fields. NULL if memory is out; the fields are then freed. */
struct job *job_new(const struct run_options *options, uint64_t number, struct fields fields);
void job_free(struct job *job);

/* Makes its words. Returns 0 or -ENOMEM. */
int job_fill(struct job *job, const struct run_options *options, int slot);

/* Runs it, again where it fails and is to be tried again, until jobs are not to start any more. Blocks; in
 * a fiber, the fiber only. */
void job_run(struct job *job, const struct run_options *options);

/* True if it was run and its last attempt had status 0. */
bool job_succeeded(const struct job *job);

/* Copies output to stdout and stderr that has not been copied yet: all of it, or whole lines only.
 * Returns 0 or a negative errno. */
int job_print(struct job *job, bool whole_lines);

/* True if it has printed on standard output what has not been copied yet. */
bool job_has_output(struct job *job);

/* Prints its words, quoted for a shell, as a line. Returns 0 or a negative errno. */
int job_print_command(const struct job *job);

/* Tries whether output can be kept. Returns 0 or a negative errno. */
int job_try_output(void);

/* The directory that output is kept in. */
const char *job_output_folder(void);

#endif
