/* The columns of the table: the executors on which every row's tasks run, unchanged. */
#ifndef CLI_DEMO_COLUMNS_H
#define CLI_DEMO_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum.h>

/* How many workers a column has. */
enum column_width {
    WIDTH_ONE,   /* as its kind runs one task at a time */
    WIDTH_GIVEN, /* what --workers says */
    WIDTH_BEST,  /* what the row ends earliest with */
};

struct column {
    const char *executor; /* its kind: "inline", "threads", "fibers", "processes", "cluster" */
    enum column_width width;
    int guide; /* the guide's column to compare with, or -1 for the best of the guide's */
    thrum_executor *(*open)(int workers); /* NULL if memory is out */
    bool in_turns; /* it would begin all tasks at once, and is to run one for each worker */
    /* What it needs outside the measured time, and what happens once half of the tasks are done. NULL for nothing. */
    int (*prepare)(int workers, thrum_error *ret_error);
    void (*half_done)(void);
};

/* The most columns that there can be. */
enum { COLUMNS_MAX = 8 };

/* Adds the column cluster(N), before the first count. */
void columns_add_cluster(void);

size_t column_count(void);
const struct column *column_at(size_t index);

/* "sequential", "threads(4)", "fibers(best)". */
void column_title(const struct column *column, int workers_given, char *ret_text, size_t size);

#endif
