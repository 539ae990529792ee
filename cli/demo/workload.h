/* A kind of work: how it is set up, and the task function that does one piece of it.
 *
 * The task function is the point of the whole: it is written once, and each column runs it as it
 * stands. It finds all it needs in its argument, which travels by value, and leaves the time that
 * it took as its result.
 */
#ifndef CLI_DEMO_WORKLOAD_H
#define CLI_DEMO_WORKLOAD_H

#include "options.h"
#include "rows.h"

#include <stddef.h>
#include <thrum.h>

/* The largest argument of a task, in bytes. */
enum { TASK_ARG_MAX = 1024 };

/* The result of a task. */
struct piece_result {
    thrum_time began, ended; /* on the monotonic clock, which all processes share */
    thrum_time took;         /* nanoseconds that it waited or, if it computes, that it had a core */
    int worker;              /* the thread that it ended on, as the system numbers them */
};

#pragma GCC visibility push(default) /* of thrum-demo-tasks.so: modules.c */

/* Ends a task that began at `began` and took `took`, with that result. Returns what a task returns. */
int piece_return(thrum_task *self, thrum_time began, thrum_time took);

struct workload {
    /* Sets up what tasks need, before there are threads. Returns 0 or a negative errno. */
    int (*open)(const struct demo_options *options, thrum_error *ret_error);

    /* Sees to what `workers` tasks at once need, outside the measured time; may be NULL. */
    int (*prepare)(int workers, thrum_error *ret_error);

    /* Does one piece of work. Its result is a struct piece_result. */
    thrum_task_fn *task;

    /* The same for rows in which other tasks wait. NULL: `task`. */
    thrum_task_fn *beside_waits;

    /* Writes the argument of piece number `index`, which is to take `seconds`. Returns its size. */
    size_t (*fill)(void *ret_arg, int index, double seconds);

    /* Says in one line what the tasks really do, for the head of the table. */
    void (*describe)(char *ret_text, size_t size);

    /* Undoes open, whether or not it succeeded. */
    void (*close)(void);
};

extern const struct workload http_workload;
extern const struct workload file_workload;
extern const struct workload cpu_workload;
extern const struct workload sqlite_workload;
extern const struct workload postgres_workload;

/* The port of our own HTTP server on 127.0.0.1; 0 if it was not started. */
int http_workload_port(void);

/* The workload for a kind of task under the given options. */
const struct workload *workload_for(enum workload_kind kind, const struct demo_options *options);

#pragma GCC visibility pop

#endif
