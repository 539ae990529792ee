/* One measurement. What is timed is what a program pays: making the executor, submitting every
 * task, taking every result, and shutting the executor down. Arguments are made before, as are
 * connections (workload.prepare).
 *
 * The same code drives every executor. On the inline executor a task is done when thrum_submit
 * returns, so waiting for results is over at once; on a pool the submission is quick and the
 * waiting takes the time. Progress is counted in both places for that reason.
 *
 * The main thread waits by as_completed with a deadline a tenth of a second away, to move the
 * progress bar and to notice Ctrl-C. On Ctrl-C, and when a task fails, every future is cancelled:
 * the pending never run, the running are asked to stop. All are waited for in any case, as the
 * executor must be shut down and the workloads' files and servers must outlive their tasks.
 *
 * A failure ends the measurement since its time would mean nothing, and since a server that has
 * gone away would otherwise be waited for once for each task.
 */
#include "measure.h"

#include "interrupt.h"
#include "measure/others.h"
#include "progress.h"
#include "trouble.h"
#include "turns.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds between two looks at the clock and at Ctrl-C. */

/* A task that is to be submitted. */
struct piece {
    thrum_task_fn *task;
    bool computes;
    size_t arg_size;
    _Alignas(16) unsigned char arg[TASK_ARG_MAX];
};

/* The tasks of one measurement. */
struct run {
    int count;
    struct piece *pieces;
    thrum_future **futures; /* NULL where not submitted */
    int submitted;
    bool stopping; /* everything has been cancelled */
    thrum_time began;
};

const struct workload *workload_for(enum workload_kind kind, const struct demo_options *options)
{
    switch (kind) {
    case WORKLOAD_HTTP:
        return &http_workload;
    case WORKLOAD_FILE:
        return &file_workload;
    case WORKLOAD_CPU:
        return &cpu_workload;
    default:
        return options->postgres ? &postgres_workload : &sqlite_workload;
    }
}

static bool has_waits(const struct row *row)
{
    bool waits = false;
    for (int i = 0; i < row->part_count; i++)
        waits |= !workload_computes(row->parts[i].kind);
    return waits;
}

/* Makes the arguments of all tasks. Returns 0 or a negative errno. */
static int make_pieces(struct run *run, const struct row *row, const struct column *column,
                       const struct setting *setting, thrum_error *ret_error)
{
    int given[ROW_PARTS_MAX] = {0};
    run->count = row_tasks(row);
    run->pieces = calloc((size_t)run->count, sizeof *run->pieces);
    run->futures = calloc((size_t)run->count, sizeof(thrum_future *));
    if (!run->pieces || !run->futures)
        return trouble(ret_error, -ENOMEM, "out of memory");
    for (int i = 0; i < run->count; i++) {
        int part_index = row_part_of_task(row, i);
        const struct row_part *part = &row->parts[part_index];
        struct piece *piece = &run->pieces[i];
        const struct workload *workload = workload_for(part->kind, setting->options);
        thrum_task_fn *task =
            workload->beside_waits && has_waits(row) ? workload->beside_waits : workload->task;
        piece->task = column->in_turns ? turns_taken_by(part->kind, task) : task;
        piece->computes = workload_computes(part->kind);
        piece->arg_size =
            workload->fill(piece->arg, given[part_index]++, part->seconds * setting->scale);
    }
    return 0;
}

static int run_prepare(struct run *run, const struct row *row, int workers,
                       const struct column *column, const struct setting *setting,
                       thrum_error *ret_error)
{
    int made = make_pieces(run, row, column, setting, ret_error);
    if (made < 0)
        return made;
    turns_begin(workers);
    for (int i = 0; i < row->part_count; i++) {
        const struct row_part *part = &row->parts[i];
        const struct workload *workload = workload_for(part->kind, setting->options);
        int users = workers < part->count ? workers : part->count;
        int rc = workload->prepare ? workload->prepare(users, ret_error) : 0;
        if (rc < 0)
            return rc;
    }
    return column->prepare ? column->prepare(workers, ret_error) : 0;
}

static void run_finish(struct run *run)
{
    for (int i = 0; i < run->submitted; i++)
        thrum_future_free(run->futures[i]);
    free(run->futures);
    free(run->pieces);
}

static void cancel_all(struct run *run)
{
    run->stopping = true;
    for (int i = 0; i < run->submitted; i++)
        thrum_future_cancel(run->futures[i]);
}

/* Takes the result of a task that is done: the time it took is added to the sample. */
static void take_result(struct run *run, int index, struct cell *cell, struct sample *sample)
{
    struct piece_result result;
    int rc = thrum_future_result(run->futures[index], &result, sizeof result, THRUM_NOW);
    if (rc == 0) {
        cell->done++;
        if (run->pieces[index].computes) {
            sample->cpu_seconds += (double)result.took * 1e-9;
            sample->delay_seconds += (double)(result.ended - result.began - result.took) * 1e-9;
        } else {
            sample->wait_seconds += (double)result.took * 1e-9;
        }
        if (cell->spans && cell->sample_count == 0)
            cell->spans[cell->span_count++] = (struct span){
                .begin = (double)(result.began - run->began) * 1e-9,
                .end = (double)(result.ended - run->began) * 1e-9,
                .worker = result.worker,
                .computes = run->pieces[index].computes,
            };
        return;
    }
    const thrum_error *error = thrum_future_error(run->futures[index]);
    if (run->stopping || (error && error->code == -ECANCELED && interrupt_asked()))
        return; /* it was told to */
    cell->failed++;
    if (error)
        cell->error = *error;
    else
        trouble(&cell->error, rc, "%s", thrum_strerror(rc));
}

/* Submits every task, unless Ctrl-C or a failure comes in between. */
static void submit_all(struct run *run, thrum_executor *executor)
{
    uint64_t done = 0;
    for (int i = 0; i < run->count && !interrupt_asked(); i++) {
        const struct piece *piece = &run->pieces[i];
        thrum_future *future = thrum_submit(executor, piece->task, piece->arg, piece->arg_size);
        run->futures[run->submitted++] = future;
        if (!thrum_future_done(future))
            continue;
        progress_show(++done, 0);
        if (thrum_future_result(future, NULL, 0, THRUM_NOW) != 0)
            return;
    }
}

/* Takes results as they come until all that was submitted is done. */
static int collect_all(struct run *run, const struct column *column, struct cell *cell,
                       struct sample *sample)
{
    thrum_as_completed *completed = thrum_as_completed_new(run->futures, (size_t)run->submitted);
    if (!completed)
        return -ENOMEM;
    int taken = 0, rc = 0, performed;
    do {
        enum { DONE, INTERRUPT, PROGRESS, CASES };
        size_t index;
        thrum_case cases[CASES] = {[DONE] = thrum_case_as_completed(completed, &index),
                                   [PROGRESS] = thrum_case_deadline(progress_due())};
        if (!run->stopping)
            cases[INTERRUPT] = thrum_case_event(interrupt_event());
        performed = thrum_select(cases, CASES, THRUM_FOREVER);
        if (performed == DONE && (rc = cases[DONE].code) == 0) {
            taken++;
            take_result(run, (int)index, cell, sample);
            if (column->half_done && taken == run->count / 2)
                column->half_done();
        }
        progress_show((uint64_t)taken, 0);
        if (!run->stopping && (cell->failed > 0 || interrupt_asked()))
            cancel_all(run);
    } while (performed >= 0 && rc == 0);
    thrum_as_completed_free(completed);
    return performed < 0 ? performed : rc == -ENODATA ? 0 : rc;
}

/* The measured part. Returns 0 or a negative errno if the executor itself failed. */
static int run_on(struct run *run, struct cell *cell, const struct column *column,
                  struct sample *sample)
{
    struct cpu_use before = cpu_use_now();
    thrum_time begin = run->began = thrum_now();
    thrum_executor *executor = column->open(cell->workers);
    if (!executor)
        return -ENOMEM;
    submit_all(run, executor);
    int rc = collect_all(run, column, cell, sample);
    if (rc < 0)
        cancel_all(run);
    thrum_executor_shutdown(executor);
    sample->seconds = (double)(thrum_now() - begin) * 1e-9;
    struct cpu_use after = cpu_use_now();
    sample->others = others_share(&before, &after);
    return rc;
}

/* The same with a bar, or with a line once it is over. */
static int run_shown(struct run *run, struct cell *cell, const struct column *column,
                     struct sample *sample, const char *row, const char *title)
{
    char label[64], line[160];
    snprintf(label, sizeof label, "%-6s %-14s", row, title);
    progress_begin(label, "tasks");
    progress_expect((uint64_t)run->count, 0);
    progress_show(0, 0);
    int rc = run_on(run, cell, column, sample);
    progress_end();
    if (!progress_draws()) {
        snprintf(line, sizeof line, "%s, %s: %d of %d tasks in %.3f s\n", row, title, cell->done,
                 run->count, progress_seconds());
        progress_print(line);
    }
    return rc;
}

void measure_cell(struct cell *cell, const struct row *row, const struct column *column,
                  const struct setting *setting)
{
    struct run run = {0};
    struct sample sample = {0};
    char title[32];
    cell->done = cell->failed = 0;
    if (cell->sample_count == 0)
        cell->span_count = 0;
    column_title(column, setting->options->workers, title, sizeof title);
    int rc = run_prepare(&run, row, cell->workers, column, setting, &cell->error);
    if (rc == 0) {
        rc = run_shown(&run, cell, column, &sample, row->name, title);
        if (rc < 0)
            trouble(&cell->error, rc, "the executor failed: %s", thrum_strerror(rc));
    }
    if (rc == 0 && cell->failed == 0 && cell->done == run.count) {
        cell->status = CELL_DONE;
        cell->samples[cell->sample_count++] = sample;
    } else if (interrupt_asked()) {
        cell->status = CELL_INTERRUPTED;
    } else {
        cell->status = CELL_FAILED;
    }
    run_finish(&run);
}
