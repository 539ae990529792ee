/* The rows: the opening story of the guide to Python's threading, and the five of its table.
 *
 * The counts, latencies and figures are the guide's, so that its reader finds them again. It gives
 * two things only roughly, which are settled here: the story has no measured figure but the sum in
 * its text, 50 x 200 ms = 10 s; and of its mixed row it says only that it takes 15 s sequentially,
 * which is made up as 50 requests of 200 ms and 50 computations of 100 ms.
 *
 * Order within the mixed row. A pool starts tasks in the order of their submission, so the order
 * decides how well waiting and computing overlap. With all requests first, four workers on two
 * cores only wait for the first half of the time and only compute in the second: 4.9 s. Spread
 * evenly, the same pool takes 3.8 s, which is as good as any order: the worker-time, 15 s / 4, is
 * 3.75 s, and no schedule of tasks of 0.1 and 0.2 s can end between. A program with both kinds of
 * work has them interleaved as well; nothing is gained for the executor by this choice that its
 * user would not have.
 *
 * Best number of workers: a wait needs a worker but no core, so all waits are let in at once; a
 * computation needs both, so more workers than cores would only take turns.
 */
#include "rows.h"

#include <stdio.h>
#include <string.h>

static const struct row rows[] = {
    {"story", "API calls", 1, {{WORKLOAD_HTTP, 50, 0.200}}, {10.0, 0, 0, 0}},
    {"http", "HTTP requests", 1, {{WORKLOAD_HTTP, 100, 0.200}}, {20.0, 5.1, 5.8, 4.9}},
    {"file", "file reads", 1, {{WORKLOAD_FILE, 100, 0.010}}, {1.0, 0.28, 0.35, 0.26}},
    {"cpu", "CPU tasks", 1, {{WORKLOAD_CPU, 100, 0.100}}, {10.0, 10.2, 2.7, 10.0}},
    {"db", "DB queries", 1, {{WORKLOAD_DATABASE, 50, 0.050}}, {2.5, 0.68, 0.85, 0.62}},
    {"mixed",
     "mixed I/O and CPU",
     2,
     {{WORKLOAD_HTTP, 50, 0.200}, {WORKLOAD_CPU, 50, 0.100}},
     {15.0, 8.2, 4.1, 9.5}},
};

size_t row_count(void)
{
    return sizeof rows / sizeof rows[0];
}

const struct row *row_at(size_t index)
{
    return &rows[index];
}

int row_find(const char *name, size_t length)
{
    for (size_t i = 0; i < row_count(); i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0)
            return (int)i;
    return -1;
}

void row_names(char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < row_count() && used < size; i++)
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "", rows[i].name);
}

void row_title(const struct row *row, double scale, char *ret_text, size_t size)
{
    const struct row_part *part = &row->parts[0];
    if (row->part_count > 1) {
        double seconds = 0;
        for (int i = 0; i < row->part_count; i++)
            seconds += row->parts[i].count * row->parts[i].seconds * scale;
        snprintf(ret_text, size, "%s, %g s", row->noun, seconds);
    } else {
        snprintf(ret_text, size, "%d %s, %g ms", part->count, row->noun,
                 part->seconds * scale * 1e3);
    }
}

int row_tasks(const struct row *row)
{
    int tasks = 0;
    for (int i = 0; i < row->part_count; i++)
        tasks += row->parts[i].count;
    return tasks;
}

int row_part_of_task(const struct row *row, int index)
{
    /* Walk the tasks from the first, giving each to the part that is furthest behind its share. */
    int given[ROW_PARTS_MAX] = {0}, chosen = 0;
    for (int i = 0; i <= index; i++) {
        chosen = 0;
        for (int p = 1; p < row->part_count; p++)
            if (given[p] * row->parts[chosen].count < given[chosen] * row->parts[p].count)
                chosen = p;
        given[chosen]++;
    }
    return chosen;
}

int workload_computes(enum workload_kind kind)
{
    return kind == WORKLOAD_CPU;
}

int row_best_workers(const struct row *row, int cores)
{
    int waits = 0, computations = 0;
    for (int i = 0; i < row->part_count; i++) {
        if (workload_computes(row->parts[i].kind))
            computations += row->parts[i].count;
        else
            waits += row->parts[i].count;
    }
    return waits + (computations < cores ? computations : cores);
}

double row_guide(const struct row *row, int column, int *ret_column)
{
    if (column < 0) {
        /* The story has but one figure, and that is of the sequential way. */
        for (int i = GUIDE_THREADS; i < GUIDE_COLUMNS; i++)
            if (row->guide[i] > 0 && (column < 0 || row->guide[i] < row->guide[column]))
                column = i;
        if (column < 0)
            return 0;
    }
    if (row->guide[column] > 0)
        *ret_column = column;
    return row->guide[column];
}

const char *guide_column_name(int column)
{
    static const char *const names[GUIDE_COLUMNS] = {"sequential", "threading(4)",
                                                     "multiprocessing(4)", "asyncio"};
    return names[column];
}
