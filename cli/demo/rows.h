/* The rows of the table: which tasks each consists of, and what the guide says of it. */
#ifndef CLI_DEMO_ROWS_H
#define CLI_DEMO_ROWS_H

#include <stddef.h>

enum workload_kind { WORKLOAD_HTTP, WORKLOAD_FILE, WORKLOAD_CPU, WORKLOAD_DATABASE };
enum { WORKLOAD_KINDS = 4 };

/* The columns of the guide's own table. */
enum guide_column { GUIDE_SEQUENTIAL, GUIDE_THREADS, GUIDE_PROCESSES, GUIDE_ASYNCIO };
enum { GUIDE_COLUMNS = 4 };

struct row_part {
    enum workload_kind kind;
    int count;      /* tasks */
    double seconds; /* that each takes, before --quick */
};

enum { ROW_PARTS_MAX = 2 };

struct row {
    const char *name;
    const char *noun; /* what there are `count` of, in the title */
    int part_count;
    struct row_part parts[ROW_PARTS_MAX];
    double guide[GUIDE_COLUMNS]; /* seconds; 0 where the guide gives none */
};

size_t row_count(void);
const struct row *row_at(size_t index);

/* The index of the row whose name is the first `length` bytes of `name`, or -1. */
int row_find(const char *name, size_t length);

/* Leaves the names, separated by ", ". */
void row_names(char *ret_text, size_t size);

/* "100 HTTP requests, 200 ms each", with latencies multiplied by `scale`. */
void row_title(const struct row *row, double scale, char *ret_text, size_t size);

/* The number of tasks of all parts. */
int row_tasks(const struct row *row);

/* The part to which the row's task number `index` belongs: parts are spread evenly over the row. */
int row_part_of_task(const struct row *row, int index);

/* The number of workers with which the row can end earliest, and no more than that needs. */
int row_best_workers(const struct row *row, int cores);

/* Whether tasks of this kind keep a core busy rather than wait. */
int workload_computes(enum workload_kind kind);

/* The guide's figure for one of its columns, or its least for the row with `column` < 0. Returns 0
 * if it gives none; else `ret_column` is the column that it stands in. */
double row_guide(const struct row *row, int column, int *ret_column);

/* "threading(4)" and so on. */
const char *guide_column_name(int column);

#endif
