/* The sweep of a row. What is measured is a cell of the table; tune/sweep.c has the rest. */
#include "demo_sweep.h"

#include "interrupt.h"
#include "measure.h"
#include "measure/others.h"
#include "measure/run_delay.h"
#include "trouble.h"

#include <errno.h>
#include <string.h>

enum { ROUNDS_USUAL = 5 };

struct context {
    const struct demo_sweep *demo;
    const struct column *column;
};

/* The column of the executor with a given number of workers. */
static const struct column *column_of(const struct demo_options *options)
{
    const char *executor = sweep_executors[options->executor];
    for (size_t i = 0; i < column_count(); i++)
        if (column_at(i)->width == WIDTH_GIVEN && strcmp(column_at(i)->executor, executor) == 0)
            return column_at(i);
    return NULL; /* each of the choices has one */
}

/* A sweep.measure. */
static int measure(void *context, int workers, struct cost *ret_cost, thrum_error *ret_error)
{
    const struct context *sweep = context;
    const struct demo_sweep *demo = sweep->demo;
    struct sample sample = {0};
    struct cell cell = {.workers = workers, .samples = &sample};
    demo->options->workers = workers;
    struct cpu_use before = cpu_use_now();
    measure_cell(&cell, demo->row, sweep->column, demo->setting);
    struct cpu_use after = cpu_use_now();
    if (cell.status == CELL_INTERRUPTED)
        return -ECANCELED;
    if (cell.status != CELL_DONE) {
        *ret_error = cell.error;
        return cell.error.code < 0 ? cell.error.code : -EIO;
    }
    *ret_cost = (struct cost){
        .seconds = sample.seconds, .user = after.own - before.own, .others = sample.others};
    int cores = demo->setting->cores;
    bool on_cores = strcmp(sweep->column->executor, "fibers") == 0; /* so many threads at most */
    if (sample.cpu_seconds > 0)
        ret_cost->lost = run_delay_lost(sample.seconds, sample.cpu_seconds,
                                        sample.delay_seconds / sample.cpu_seconds,
                                        on_cores && workers > cores ? cores : workers, cores);
    return 0;
}

/* A sweep.after_round. */
static int after_round(void *context, thrum_error *ret_error)
{
    const struct demo_sweep *demo = ((const struct context *)context)->demo;
    return demo->after_round ? demo->after_round(demo->context, ret_error) : 0;
}

int demo_sweep_run(struct sweep *sweep, const struct demo_sweep *demo, thrum_error *ret_error)
{
    const struct demo_options *options = demo->options;
    struct context context = {demo, column_of(options)};
    sweep_parse(sweep, options->sweep); /* it was tried by demo_options_parse */
    sweep->cores = demo->setting->cores;
    sweep->rounds = options->repeats > 1 ? options->repeats : ROUNDS_USUAL;
    sweep->quiet = true; /* each cell has a bar of its own */
    sweep->measure = measure;
    sweep->after_round = after_round;
    sweep->context = &context;
    int rc = context.column ? sweep_run(sweep, ret_error) : -EINVAL;
    sweep->context = NULL;
    return rc;
}

void demo_sweep_title(const struct row *row, const struct setting *setting, char *ret_text,
                      size_t size)
{
    char title[64];
    row_title(row, setting->scale, title, sizeof title);
    snprintf(ret_text, size, "%s, on %s", title, sweep_executors[setting->options->executor]);
}
