/* What was measured: rows of cells. */
#ifndef CLI_DEMO_RESULTS_H
#define CLI_DEMO_RESULTS_H

#include "columns.h"
#include "measure/machine.h"
#include "measure/statistics.h"
#include "options.h"
#include "rows.h"

#include <stdbool.h>
#include <thrum.h>

enum cell_status {
    CELL_NOT_RUN,     /* the run ended before, or the row's work could not be prepared */
    CELL_DONE,        /* all tasks succeeded; the figures count */
    CELL_FAILED,      /* a task failed; `error` says why */
    CELL_INTERRUPTED, /* a signal came in the middle */
};

/* One measurement of a cell. */
struct sample {
    double seconds;       /* from before the executor is made until it is shut down */
    double wait_seconds;  /* that its waiting tasks took, added up */
    double cpu_seconds;   /* that its computing tasks had a core, added up */
    double delay_seconds; /* that these were ready but had none, added up */
    double others;        /* the share of the cores that other programs took, from 0 to 1 */
};

/* When a task ran, in seconds since its measurement began, and on which thread it ended. */
struct span {
    double begin, end;
    int worker;
    bool computes;
};

struct cell {
    enum cell_status status;
    int workers;
    int done;   /* tasks that succeeded, in the last measurement */
    int failed; /* tasks that failed, in the last measurement */
    thrum_error error;
    struct sample *samples; /* options.repeats of them */
    int sample_count;
    double seconds;           /* the median; 0 unless done */
    struct interval interval; /* of the median; middle is 0 with fewer than five samples */
    double others;            /* of the same sample */
    double bound;             /* 0 where there is none */
    double *peer_samples;     /* seconds of the peer, options.repeats of them */
    int peer_count;
    struct span *spans; /* of the tasks of the first measurement; NULL if they are not wanted */
    int span_count;
    double peer_seconds; /* the median; 0 without a peer */
    bool measured;       /* the bound is made of the sequential column's times, not of given ones */
};

struct row_result {
    const struct row *row;
    struct cell cells[COLUMNS_MAX]; /* column_count() of them */
};

/* The setting that all reports state. */
struct setting {
    const struct demo_options *options;
    int cores;
    double scale;
    struct machine machine;
    char notes[WORKLOAD_KINDS][256]; /* what the tasks really do; "" for a kind that is not used */
};

/* Prepares a row without measurements. Returns 0 or -ENOMEM. */
int row_result_init(struct row_result *ret_result, const struct row *row,
                    const struct setting *setting);
void row_result_finish(struct row_result *result);

/* Works out medians and bounds from the samples. */
void row_result_settle(struct row_result *result, const struct setting *setting);

/* The number of workers that `column` has in `row`. */
int cell_workers(const struct row *row, const struct column *column, const struct setting *setting);

/* The guide's figure for the cell, at the scale of this run, or 0 if it gives none. */
double cell_guide(const struct row *row, const struct column *column, const struct setting *setting,
                  int *ret_guide_column);

/* "done", "failed", "interrupted", "not run". */
const char *cell_status_name(enum cell_status status);

#endif
