/* From samples to figures: medians, and the bounds that go with them.
 *
 * A cell's time is the median of its samples, which with one sample is that sample. Samples of one
 * row are taken in turn over its columns (demo.c), so a disturbance that lasts meets all columns
 * alike rather than one.
 *
 * Which times the bound is made of:
 *
 *                          sequential column         the others
 *   waits, given           what the row says         what the row says
 *   waits, --url           none: no bound            the sequential column's mean
 *   computing              as calibrated             the sequential column's sum
 *
 * For a computing row the sequential column's ratio thus tells how well the calibration held, and
 * the others' what the executor adds.
 *
 * The guide's figures are for its own latencies. With --quick all latencies are a tenth, so its
 * figures are shown at a tenth too; the reports say so.
 */
#include "results.h"

#include "bounds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int row_result_init(struct row_result *ret_result, const struct row *row,
                    const struct setting *setting)
{
    *ret_result = (struct row_result){.row = row};
    for (size_t i = 0; i < column_count(); i++) {
        struct cell *cell = &ret_result->cells[i];
        cell->workers = cell_workers(row, column_at(i), setting);
        cell->samples = calloc((size_t)setting->options->repeats, sizeof *cell->samples);
        cell->peer_samples = calloc((size_t)setting->options->repeats, sizeof *cell->peer_samples);
        if (setting->options->json)
            cell->spans = calloc((size_t)row_tasks(row), sizeof *cell->spans);
        if (!cell->samples || !cell->peer_samples || (setting->options->json && !cell->spans)) {
            row_result_finish(ret_result);
            return -ENOMEM;
        }
    }
    return 0;
}

void row_result_finish(struct row_result *result)
{
    for (size_t i = 0; i < column_count(); i++) {
        free(result->cells[i].samples);
        result->cells[i].samples = NULL;
        free(result->cells[i].spans);
        result->cells[i].spans = NULL;
        free(result->cells[i].peer_samples);
        result->cells[i].peer_samples = NULL;
    }
}

static int compare_samples(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->seconds, y = ((const struct sample *)b)->seconds;
    return (x > y) - (x < y);
}

/* The sample in the middle; sorts them. */
static const struct sample *median(struct cell *cell)
{
    qsort(cell->samples, (size_t)cell->sample_count, sizeof cell->samples[0], compare_samples);
    return &cell->samples[cell->sample_count / 2];
}

/* What the row amounts to. `sequential` has its measured times, or is NULL for the given ones. */
static struct load load_of(const struct row *row, const struct setting *setting,
                           const struct sample *sequential)
{
    struct load load = {0};
    double wait_seconds = 0;
    for (int i = 0; i < row->part_count; i++) {
        const struct row_part *part = &row->parts[i];
        double seconds = part->count * part->seconds * setting->scale;
        if (workload_computes(part->kind)) {
            load.cpu_seconds += sequential ? sequential->cpu_seconds : seconds;
        } else {
            load.waits += part->count;
            wait_seconds += seconds;
            if (part->kind == WORKLOAD_HTTP && setting->options->url)
                wait_seconds = sequential ? sequential->wait_seconds : 0;
        }
    }
    load.wait_seconds = load.waits ? wait_seconds / load.waits : 0;
    return load;
}

/* Whether a time of the row is not given but must be measured: sets it for either kind. */
static bool needs_measuring(const struct row *row, const struct setting *setting, bool *ret_foreign)
{
    bool needed = false;
    *ret_foreign = false;
    for (int i = 0; i < row->part_count; i++) {
        bool foreign = row->parts[i].kind == WORKLOAD_HTTP && setting->options->url;
        *ret_foreign |= foreign;
        needed |= foreign || workload_computes(row->parts[i].kind);
    }
    return needed;
}

/* The interval of the median, from five samples on. Without memory there is none. What disturbs a run makes it longer by
 * a factor, so the resampling is of logarithms; the low end then stays above zero, however far the samples lie apart. */
static void find_interval(struct cell *cell)
{
    enum { SAMPLES_LEAST = 5 };
    static const double confidence = 0.95;
    double *logs = malloc((size_t)cell->sample_count * sizeof *logs);
    for (int i = 0; logs && i < cell->sample_count; i++)
        logs[i] = log(cell->samples[i].seconds);
    struct interval interval;
    cell->interval = (struct interval){0};
    if (logs && cell->sample_count >= SAMPLES_LEAST &&
        bootstrap(logs, (size_t)cell->sample_count, median_of, confidence, &interval) == 0)
        cell->interval = (struct interval){.low = fmin(exp(interval.low), cell->seconds),
                                           .middle = cell->seconds,
                                           .high = fmax(exp(interval.high), cell->seconds)};
    free(logs);
}

void row_result_settle(struct row_result *result, const struct setting *setting)
{
    const struct sample *sequential = NULL;
    bool foreign, measuring = needs_measuring(result->row, setting, &foreign);
    for (size_t i = 0; i < column_count(); i++) {
        struct cell *cell = &result->cells[i];
        if (cell->peer_count > 0)
            cell->peer_seconds = median_of(cell->peer_samples, (size_t)cell->peer_count);
        if (cell->status != CELL_DONE)
            continue;
        const struct sample *middle = median(cell);
        cell->seconds = middle->seconds;
        cell->others = middle->others;
        find_interval(cell);
        if (i == 0)
            sequential = middle;
        cell->measured = measuring && i > 0;
        if ((i == 0 && foreign) || (cell->measured && !sequential))
            continue; /* nothing to make a bound of */
        struct load load = load_of(result->row, setting, cell->measured ? sequential : NULL);
        cell->bound = bound_seconds(&load, cell->workers, setting->cores);
    }
}

int cell_workers(const struct row *row, const struct column *column, const struct setting *setting)
{
    switch (column->width) {
    case WIDTH_ONE:
        return 1;
    case WIDTH_GIVEN:
        return setting->options->workers;
    default:
        return row_best_workers(row, setting->cores);
    }
}

double cell_guide(const struct row *row, const struct column *column, const struct setting *setting,
                  int *ret_guide_column)
{
    enum { GUIDE_WORKERS = 4 };
    if (column->width == WIDTH_GIVEN && setting->options->workers != GUIDE_WORKERS)
        return 0;
    return row_guide(row, column->guide, ret_guide_column) * setting->scale;
}

const char *cell_status_name(enum cell_status status)
{
    static const char *const names[] = {"not run", "done", "failed", "interrupted"};
    return names[status];
}
