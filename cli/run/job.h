/* A job: the command for one combination of arguments, its attempts and its output. */
#ifndef CLI_RUN_JOB_H
#define CLI_RUN_JOB_H

#include "cluster/command_task.h"
#include "options.h"

#include <stdint.h>
#include <stdio.h>
#include <thrum.h>

/* A file with output, and how much of it has been printed. */
struct job_output {
    int file; /* -1 for none */
    off_t printed;
    off_t looked; /* from `printed` to here there is no end of a line */
    bool inside;  /* the last byte that was printed did not end a line */
};

struct job {
    uint64_t number; /* of the combination, from 1 */
    uint64_t turn;   /* among the jobs that run, from 0 */
    int slot;        /* from 1; 0 before it starts */
    struct fields fields;
    char **words;  /* ended by NULL; NULL before it starts */
    char *command; /* for the log: words with blanks between; backslash, tab and newline escaped */
    char *tag;     /* the text before each line of its output, or NULL */
    thrum_lock lock; /* over the next two: the printer may look at a running job */
    struct job_output out, err;
    bool begun;
    bool timed_out, wanted_terminal;
    char *reason;                 /* why a worker gave no outcome: a message, or NULL */
    char host[COMMAND_HOST_SIZE]; /* the machine where it ran; empty for this one */
    bool unkept;                  /* `error` is the reason why there is no file for its output */
    int error;                    /* the reason why it could not run: a negative errno or 0 */
    int status;                   /* of the last attempt, as waitpid gives it */
    double began;                 /* seconds since 1970 */
    double seconds;               /* that the last attempt took */
};

/* Makes a job, which takes the fields over. NULL if memory ran out; the fields are then freed. */
struct job *job_new(const struct run_options *options, uint64_t number, struct fields fields);
void job_free(struct job *job);

/* Makes its words. Returns 0 or -ENOMEM. */
int job_fill(struct job *job, const struct run_options *options, int slot);

/* Runs it, and retries it if it fails, until a stop. Blocks; in a fiber, the fiber only. */
void job_run(struct job *job, const struct run_options *options);

/* True if it has run and its last attempt had status 0. */
bool job_succeeded(const struct job *job);

/* Copies the output that has not been copied yet to stdout and stderr: all of it, or whole lines
 * only. Returns 0 or a negative errno. */
int job_print(struct job *job, bool whole_lines);

/* Watches its files (output_watch.h). Files that it opens later are watched anyway. */
void job_watch(struct job *job);

/* True if its standard output has bytes that were not copied yet. */
bool job_has_output(struct job *job);

/* Prints its words, quoted for a shell, as a line. Returns 0 or a negative errno. */
int job_print_command(const struct job *job);

/* Checks whether a file for output can be created. Returns 0 or a negative errno. */
int job_try_output(void);

#endif
