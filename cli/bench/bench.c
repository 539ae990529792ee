/* `thrum bench`: the order of events.
 *
 *   1. read the command line;
 *   2. hold Ctrl-C, open the report files: an hour's results should not be lost to a wrong path;
 *   3. set up each kind of work that the chosen rows need. The HTTP server comes first, as it is
 *      made by fork, which wants a process of one thread; only then a thread watches for Ctrl-C;
 *   4. for each row, each repetition and each column: measure; print the row when it is complete;
 *   5. say what remains to be said, write the reports;
 *   6. undo 3.
 *
 * Every way out after 2 passes 6, so no process, file or directory is left.
 */
#include "../command.h"
#include "interrupt.h"
#include "measure.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "scratch.h"
#include "trouble.h"
#include "workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* What one run has open. */
struct bench {
    struct bench_options options;
    struct setting setting;
    bool opened[WORKLOAD_KINDS];
    bool watching; /* signals are acted on */
    FILE *table;   /* NULL if standard output is taken by another report */
    FILE *json;
    FILE *csv;
    struct row_result *results;
    size_t result_count; /* rows that were begun */
};

static bool row_chosen(const struct bench *bench, size_t index)
{
    return bench->options.rows >> index & 1;
}

static bool kind_needed(const struct bench *bench, enum workload_kind kind)
{
    for (size_t i = 0; i < row_count(); i++)
        for (int p = 0; row_chosen(bench, i) && p < row_at(i)->part_count; p++)
            if (row_at(i)->parts[p].kind == kind)
                return true;
    return false;
}

static int open_report(const char *option, const char *path, FILE **ret_file,
                       thrum_error *ret_error)
{
    *ret_file = NULL;
    if (!path)
        return 0;
    if (strcmp(path, "-") == 0) {
        *ret_file = stdout;
        return 0;
    }
    *ret_file = fopen(path, "we");
    if (*ret_file)
        return 0;
    return trouble(ret_error, -errno, "%s: cannot write %.150s: %s", option, path,
                   thrum_strerror(errno));
}

/* Begins to act on signals, unless that was done. It starts a thread. */
static int watch_signals(struct bench *bench, thrum_error *ret_error)
{
    if (bench->watching)
        return 0;
    bench->watching = true;
    return interrupt_watch((struct interrupt_answers){.cleanup = scratch_remove}, ret_error);
}

static int open_workloads(struct bench *bench, thrum_error *ret_error)
{
    static const char *const steps[WORKLOAD_KINDS] = {"preparing: HTTP", "preparing: files",
                                                      "preparing: calibrating the CPU task",
                                                      "preparing: database"};
    for (int kind = 0; kind < WORKLOAD_KINDS; kind++) {
        if (!kind_needed(bench, kind))
            continue;
        const struct workload *workload = workload_for(kind, &bench->options);
        int rc = kind == WORKLOAD_HTTP ? 0 : watch_signals(bench, ret_error);
        if (rc < 0)
            return rc;
        progress_step(steps[kind]);
        bench->opened[kind] = true;
        rc = workload->open(&bench->options, ret_error);
        progress_clear();
        if (rc == 0 && kind == WORKLOAD_HTTP)
            rc = watch_signals(bench, ret_error);
        if (interrupt_asked())
            return trouble(ret_error, -ECANCELED, "stopped");
        if (rc < 0)
            return rc;
        workload->describe(bench->setting.notes[kind], sizeof bench->setting.notes[kind]);
    }
    return 0;
}

/* The sleeps of the file and SQLite tasks stand for a disk and a server, whose answers do not come
 * later because this machine is saving power: without this the kernel adds up to 50 us to each.
 * Threads inherit it from the one that starts them. If it is refused the sleeps are only longer. */
static void sleep_precisely(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
}

static int bench_open(struct bench *bench, thrum_error *ret_error)
{
    sleep_precisely();
    bench->setting = (struct setting){
        .options = &bench->options,
        .cores = thrum_cpu_count(),
        .scale = options_scale(&bench->options),
    };
    progress_open(PROGRESS_AUTO);
    int rc = interrupt_hold(ret_error);
    if (rc == 0)
        rc = open_report("--json", bench->options.json, &bench->json, ret_error);
    if (rc == 0)
        rc = open_report("--csv", bench->options.csv, &bench->csv, ret_error);
    bench->table = bench->json == stdout || bench->csv == stdout ? NULL : stdout;
    bench->results = calloc(row_count(), sizeof *bench->results);
    if (rc == 0 && !bench->results)
        rc = trouble(ret_error, -ENOMEM, "out of memory");
    return rc == 0 ? open_workloads(bench, ret_error) : rc;
}

static void bench_close(struct bench *bench)
{
    for (int kind = WORKLOAD_KINDS - 1; kind >= 0; kind--)
        if (bench->opened[kind])
            workload_for(kind, &bench->options)->close();
    for (size_t i = 0; i < bench->result_count; i++)
        row_result_finish(&bench->results[i]);
    free(bench->results);
    scratch_remove();
}

/* Measures a row. Returns whether all of it succeeded. */
static bool run_row(struct bench *bench, const struct row *row)
{
    struct row_result *result = &bench->results[bench->result_count];
    bool fine = true;
    if (row_result_init(result, row, &bench->setting) < 0) {
        trouble_print("out of memory");
        return false;
    }
    bench->result_count++;
    for (int repeat = 0; repeat < bench->options.repeats; repeat++) {
        for (size_t i = 0; i < column_count() && !interrupt_asked(); i++) {
            struct cell *cell = &result->cells[i];
            if (repeat > 0 && cell->status != CELL_DONE)
                continue; /* it failed before */
            measure_cell(cell, row, column_at(i), &bench->setting);
            fine &= cell->status != CELL_FAILED;
        }
    }
    row_result_settle(result, &bench->setting);
    return fine;
}

/* Measures the chosen rows. Returns whether all succeeded. */
static bool run_rows(struct bench *bench)
{
    bool fine = true;
    if (bench->table)
        report_table_begin(bench->table, &bench->setting);
    for (size_t i = 0; i < row_count() && !interrupt_asked(); i++) {
        if (!row_chosen(bench, i))
            continue;
        fine &= run_row(bench, row_at(i));
        progress_clear();
        if (bench->table && bench->result_count > 0) {
            report_table_row(bench->table, &bench->results[bench->result_count - 1],
                             &bench->setting);
            if (ferror(bench->table))
                return false; /* nobody reads it; main says so */
        }
    }
    return fine;
}

/* Ends a report. Returns whether it is all written. */
static bool finish_report(const char *option, const char *path, FILE *file, int rc)
{
    if (file && file != stdout && fclose(file) != 0 && rc == 0)
        rc = -errno;
    if (rc < 0)
        trouble_print("%s: cannot write %s: %s", option, path, thrum_strerror(rc));
    return rc == 0;
}

static bool write_reports(struct bench *bench)
{
    const struct setting *setting = &bench->setting;
    const struct row_result *results = bench->results;
    size_t count = bench->result_count;
    int signal = interrupt_signal(), json = 0, csv = 0;
    if (bench->table)
        report_table_end(bench->table, results, count, setting, signal);
    if (bench->json)
        json = report_json(bench->json, results, count, setting, signal);
    if (bench->csv)
        csv = report_csv(bench->csv, results, count, setting);
    bool fine = finish_report("--json", bench->options.json, bench->json, json);
    return finish_report("--csv", bench->options.csv, bench->csv, csv) && fine;
}

/* A failed task is told in the table; without one it must be told elsewhere. */
static void tell_failures(const struct bench *bench)
{
    for (size_t i = 0; i < bench->result_count && !bench->table; i++)
        for (size_t j = 0; j < column_count(); j++)
            if (bench->results[i].cells[j].status == CELL_FAILED)
                trouble_print("%s: %s", bench->results[i].row->name,
                              bench->results[i].cells[j].error.message);
}

int bench_run(int argc, char **argv)
{
    struct bench bench = {0};
    thrum_error error = {0};
    char message[256];
    enum options_verdict verdict =
        options_parse(argc, argv, &bench.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&bench_line, verdict, message);
    int status = STATUS_OK;
    if (bench_open(&bench, &error) < 0) {
        if (!interrupt_asked())
            trouble_print("%s", error.message);
        status = STATUS_FAILED;
    } else {
        bool fine = run_rows(&bench);
        fine &= write_reports(&bench);
        tell_failures(&bench);
        status = fine ? STATUS_OK : STATUS_FAILED;
    }
    bench_close(&bench);
    return interrupt_asked() ? STATUS_SIGNAL + interrupt_signal() : status;
}
