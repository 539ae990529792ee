/* The columns. Another executor is one line here: a name, a width, the guide's column that it is to
 * be compared with, and how to make it. Rows, tasks and reports know nothing of executors.
 *
 * The first column must run one task at a time: its times are what the bounds of the others are
 * made of where latencies are measured rather than given (see bounds.c).
 */
#include "columns.h"

#include "cluster_column.h"
#include "rows.h"

#include <stdio.h>

static thrum_executor *open_inline(int workers)
{
    (void)workers;
    return thrum_inline_new();
}

static thrum_executor *open_threads(int workers)
{
    return thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = workers, .name_prefix = "demo"});
}

/* A fiber that waits needs no thread: there are no more of them than can run. */
static thrum_executor *open_fibers(int workers)
{
    int cores = thrum_cpu_count();
    return thrum_fiber_pool_new(&(thrum_fiber_pool_options){
        .max_workers = workers < cores ? workers : cores, .name_prefix = "demo"});
}

static thrum_executor *open_processes(int workers)
{
    return thrum_process_pool_new(
        &(thrum_process_pool_options){.max_workers = workers, .name_prefix = "demo"});
}

static const struct column columns[] = {
    {"inline", WIDTH_ONE, GUIDE_SEQUENTIAL, open_inline, false, NULL, NULL},
    {"threads", WIDTH_GIVEN, GUIDE_THREADS, open_threads, false, NULL, NULL},
    {"threads", WIDTH_BEST, -1, open_threads, false, NULL, NULL},
    {"fibers", WIDTH_GIVEN, GUIDE_ASYNCIO, open_fibers, true, NULL, NULL},
    {"fibers", WIDTH_BEST, GUIDE_ASYNCIO, open_fibers, false, NULL, NULL},
    {"processes", WIDTH_GIVEN, GUIDE_PROCESSES, open_processes, false, NULL, NULL},
    /* The last: it is there with --nats alone. */
    {"cluster", WIDTH_GIVEN, GUIDE_PROCESSES, cluster_column_open, false, cluster_column_prepare,
     cluster_column_half_done},
};

_Static_assert(sizeof columns / sizeof columns[0] <= COLUMNS_MAX, "raise COLUMNS_MAX");

static bool has_cluster;

void columns_add_cluster(void)
{
    has_cluster = true;
}

size_t column_count(void)
{
    return sizeof columns / sizeof columns[0] - !has_cluster;
}

const struct column *column_at(size_t index)
{
    return &columns[index];
}

void column_title(const struct column *column, int workers_given, char *ret_text, size_t size)
{
    switch (column->width) {
    case WIDTH_ONE:
        snprintf(ret_text, size, "sequential");
        break;
    case WIDTH_GIVEN:
        snprintf(ret_text, size, "%s(%d)", column->executor, workers_given);
        break;
    case WIDTH_BEST:
        snprintf(ret_text, size, "%s(best)", column->executor);
        break;
    }
}
