/* `thrum demo`: the order of events.
 *
 *   1. read the command line;
 *   2. hold Ctrl-C, open the report files: an hour's results should not be lost to a wrong path;
 *   3. set up each kind of work that the chosen rows need. nats-server and the HTTP server come first, as they are
 *      made by fork, which wants a process of one thread; only then a thread watches for Ctrl-C;
 *   4. for each row, each repetition and each column: measure; print the row when it is complete;
 *   5. say what remains to be said, write the reports;
 *   6. undo 3.
 *
 * Every way out after 2 passes 6, so no process, file or directory is left.
 */
#include "../command.h"
#include "cluster_column.h"
#include "demo_sweep.h"
#include "interrupt.h"
#include "measure.h"
#include "measure/report_file.h"
#include "micro.h"
#include "options.h"
#include "peer.h"
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
struct demo {
    struct demo_options options;
    struct setting setting;
    bool opened[WORKLOAD_KINDS];
    bool watching; /* signals are acted on */
    FILE *table;   /* NULL if standard output is taken by another report */
    struct report_file json, csv, svg;
    struct row_result *results;
    size_t result_count; /* rows that were begun */
};

static bool row_chosen(const struct demo *demo, size_t index)
{
    return demo->options.rows >> index & 1;
}

static bool kind_needed(const struct demo *demo, enum workload_kind kind)
{
    for (size_t i = 0; i < row_count(); i++)
        for (int p = 0; row_chosen(demo, i) && p < row_at(i)->part_count; p++)
            if (row_at(i)->parts[p].kind == kind)
                return true;
    return false;
}

static void remove_scratch(void)
{
    thrum_error error;
    if (scratch_remove(&error) < 0)
        trouble_print("%s", error.message);
}

static void remove_all(void)
{
    cluster_column_cleanup();
    remove_scratch();
}

/* Begins to act on signals, unless that was done. It starts a thread. */
static int watch_signals(struct demo *demo, thrum_error *ret_error)
{
    if (demo->watching)
        return 0;
    demo->watching = true;
    return interrupt_watch((struct interrupt_answers){.cleanup = remove_all}, ret_error);
}

static int open_workloads(struct demo *demo, thrum_error *ret_error)
{
    static const char *const steps[WORKLOAD_KINDS] = {"preparing: HTTP", "preparing: files",
                                                      "preparing: calibrating the CPU task",
                                                      "preparing: database"};
    for (int kind = 0; kind < WORKLOAD_KINDS; kind++) {
        if (!kind_needed(demo, kind))
            continue;
        const struct workload *workload = workload_for(kind, &demo->options);
        int rc = kind == WORKLOAD_HTTP ? 0 : watch_signals(demo, ret_error);
        if (rc < 0)
            return rc;
        progress_step(steps[kind]);
        demo->opened[kind] = true;
        rc = workload->open(&demo->options, ret_error);
        progress_clear();
        if (rc == 0 && kind == WORKLOAD_HTTP)
            rc = watch_signals(demo, ret_error);
        if (interrupt_asked())
            return trouble(ret_error, -ECANCELED, "stopped");
        if (rc < 0)
            return rc;
        workload->describe(demo->setting.notes[kind], sizeof demo->setting.notes[kind]);
    }
    return 0;
}

/* The sleeps of the file and SQLite tasks stand for a disk and a server, whose answers do not come
 * later because this machine is saving power: without this the kernel adds up to 50 us to each.
 * A new thread inherits it from its creator. If the kernel refuses, the sleeps are only longer. */
static void sleep_precisely(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
}

static int open_cluster(const struct demo *demo, thrum_error *ret_error)
{
    columns_add_cluster();
    progress_step("preparing: nats-server");
    int rc = cluster_column_open_server(&demo->options, ret_error);
    progress_clear();
    return rc;
}

static int demo_open(struct demo *demo, thrum_error *ret_error)
{
    sleep_precisely();
    demo->setting = (struct setting){
        .options = &demo->options,
        .cores = thrum_cpu_count(),
        .scale = options_scale(&demo->options),
    };
    progress_open(PROGRESS_AUTO);
    machine_look(&demo->setting.machine);
    machine_warn(&demo->setting.machine);
    if (demo->setting.cores < 2)
        trouble_print(
            "there is one core: nothing that computes can be faster than one after another");
    int rc = interrupt_hold(ret_error);
    if (rc == 0)
        rc = report_file_open(&demo->json, "--json", demo->options.json, ret_error);
    if (rc == 0)
        rc = report_file_open(&demo->csv, "--csv", demo->options.csv, ret_error);
    if (rc == 0)
        rc = report_file_open(&demo->svg, "--svg", demo->options.svg, ret_error);
    bool taken =
        demo->json.stream == stdout || demo->csv.stream == stdout || demo->svg.stream == stdout;
    demo->table = taken ? NULL : stdout;
    demo->results = calloc(row_count(), sizeof *demo->results);
    if (rc == 0 && !demo->results)
        rc = trouble(ret_error, -ENOMEM, "out of memory");
    if (rc == 0 && demo->options.nats)
        rc = open_cluster(demo, ret_error);
    if (rc == 0)
        rc = open_workloads(demo, ret_error);
    if (rc < 0 || !demo->options.peer)
        return rc;
    progress_step("preparing: the peer");
    rc = peer_open(&demo->options, ret_error);
    progress_clear();
    return rc;
}

static void demo_close(struct demo *demo)
{
    peer_close();
    cluster_column_close();
    for (int kind = WORKLOAD_KINDS - 1; kind >= 0; kind--)
        if (demo->opened[kind])
            workload_for(kind, &demo->options)->close();
    for (size_t i = 0; i < demo->result_count; i++)
        row_result_finish(&demo->results[i]);
    free(demo->results);
    remove_scratch();
}

/* Measures the cell once in the peer. Returns whether that succeeded. */
static bool measure_peer(struct cell *cell, const struct row *row, const struct column *column)
{
    thrum_error error;
    double seconds;
    int rc = peer_measure(row, column, cell->workers, &seconds, &error);
    if (rc == 0)
        cell->peer_samples[cell->peer_count++] = seconds;
    else if (rc != -ECANCELED)
        trouble_print("%s: %s", row->name, error.message);
    return rc == 0 || rc == -ECANCELED;
}

/* Measures a row. Returns whether all of it succeeded. */
static bool run_row(struct demo *demo, const struct row *row)
{
    struct row_result *result = &demo->results[demo->result_count];
    bool fine = true;
    if (row_result_init(result, row, &demo->setting) < 0) {
        trouble_print("out of memory");
        return false;
    }
    demo->result_count++;
    for (int repeat = 0; repeat < demo->options.repeats; repeat++) {
        for (size_t i = 0; i < column_count() && !interrupt_asked(); i++) {
            struct cell *cell = &result->cells[i];
            if (repeat > 0 && cell->status != CELL_DONE)
                continue; /* it failed before */
            measure_cell(cell, row, column_at(i), &demo->setting);
            fine &= cell->status != CELL_FAILED;
            if (demo->options.peer && !interrupt_asked())
                fine &= measure_peer(cell, row, column_at(i));
        }
    }
    row_result_settle(result, &demo->setting);
    return fine;
}

/* Writes the rows so far. Returns whether that succeeded. */
static bool write_so_far(struct demo *demo)
{
    json_t *json = report_json(demo->results, demo->result_count, &demo->setting, 0);
    int rc = report_file_json(&demo->json, json);
    if (rc < 0)
        trouble_print("--json: cannot write %s: %s", demo->json.path, thrum_strerror(rc));
    return rc == 0;
}

/* Measures the chosen rows. Returns whether all succeeded. */
static bool run_rows(struct demo *demo)
{
    bool fine = true;
    if (demo->table)
        report_table_begin(demo->table, &demo->setting);
    for (size_t i = 0; i < row_count() && !interrupt_asked(); i++) {
        if (!row_chosen(demo, i))
            continue;
        fine &= run_row(demo, row_at(i));
        progress_clear();
        if (report_file_due(&demo->json))
            fine &= write_so_far(demo);
        if (demo->table && demo->result_count > 0) {
            report_table_row(demo->table, &demo->results[demo->result_count - 1], &demo->setting);
            if (ferror(demo->table))
                return false; /* nobody reads it; main says so */
        }
    }
    return fine;
}

static bool write_reports(struct demo *demo)
{
    const struct setting *setting = &demo->setting;
    const struct row_result *results = demo->results;
    size_t count = demo->result_count;
    int signal = interrupt_signal(), rc;
    if (demo->table)
        report_table_end(demo->table, results, count, setting, signal);
    rc = report_file_json(&demo->json, report_json(results, count, setting, signal));
    bool fine = report_file_close(&demo->json, rc);
    rc = demo->svg.stream ? report_svg(demo->svg.stream, results, count, setting) : 0;
    fine &= report_file_close(&demo->svg, rc);
    rc = demo->csv.stream ? report_csv(demo->csv.stream, results, count, setting) : 0;
    return report_file_close(&demo->csv, rc) && fine;
}

/* A sweep that is under way. */
struct swept {
    struct demo *demo;
    struct sweep sweep;
    char title[120];
};

/* Writes the sweep so far as JSON. Returns 0 or a negative errno. */
static int write_sweep(struct swept *swept)
{
    json_t *json = json_pack("{s:s, s:o, s:s, s:o}", "kind", "tune", "machine",
                             machine_json(&swept->demo->setting.machine), "command", swept->title,
                             "sweep", sweep_json(&swept->sweep));
    return report_file_json(&swept->demo->json, json);
}

/* A sweep.after_round. A round takes long enough to be written each time. */
static int write_round(void *context, thrum_error *ret_error)
{
    struct swept *swept = context;
    const struct report_file *file = &swept->demo->json;
    if (!file->again)
        return 0;
    int rc = sweep_settle(&swept->sweep);
    if (rc == 0)
        rc = write_sweep(swept);
    return rc < 0 ? trouble(ret_error, rc, "--json: cannot write %.160s: %s", file->path,
                            thrum_strerror(rc))
                  : 0;
}

/* Sweeps the chosen row and writes what was asked for. Returns whether all succeeded. */
static bool run_sweep(struct demo *demo)
{
    struct swept swept = {.demo = demo};
    struct sweep *sweep = &swept.sweep;
    thrum_error error;
    size_t index = 0;
    while (!row_chosen(demo, index))
        index++;
    demo_sweep_title(row_at(index), &demo->setting, swept.title, sizeof swept.title);
    int rc = demo_sweep_run(sweep,
                            &(struct demo_sweep){.row = row_at(index),
                                                 .options = &demo->options,
                                                 .setting = &demo->setting,
                                                 .after_round = write_round,
                                                 .context = &swept},
                            &error);
    bool fine = rc == 0 || rc == -ECANCELED;
    if (!fine)
        trouble_print("%s: %s", row_at(index)->name, error.message);
    progress_clear();
    if (demo->table && sweep->advice.known) {
        fprintf(demo->table, "%s\n\n", swept.title);
        sweep_report(demo->table, sweep);
    }
    fine &= report_file_close(&demo->json, write_sweep(&swept));
    rc = demo->svg.stream ? sweep_svg(demo->svg.stream, sweep, swept.title) : 0;
    fine &= report_file_close(&demo->svg, rc);
    rc = demo->csv.stream ? sweep_csv(demo->csv.stream, sweep) : 0;
    sweep_finish(sweep);
    return report_file_close(&demo->csv, rc) && fine;
}

/* A failed task is told in the table; without one it must be told elsewhere. */
static void tell_failures(const struct demo *demo)
{
    for (size_t i = 0; i < demo->result_count && !demo->table; i++)
        for (size_t j = 0; j < column_count(); j++)
            if (demo->results[i].cells[j].status == CELL_FAILED)
                trouble_print("%s: %s", demo->results[i].row->name,
                              demo->results[i].cells[j].error.message);
}

int demo_run(int argc, char **argv)
{
    struct demo demo = {0};
    thrum_error error = {0};
    char message[256];
    enum options_verdict verdict =
        demo_options_parse(argc, argv, &demo.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&demo_line, verdict, message);
    if (demo.options.micro)
        return micro_run(&demo.options);
    int status = STATUS_OK;
    if (demo_open(&demo, &error) < 0) {
        if (!interrupt_asked())
            trouble_print("%s", error.message);
        status = STATUS_FAILED;
    } else if (demo.options.sweep) {
        status = run_sweep(&demo) ? STATUS_OK : STATUS_FAILED;
    } else {
        bool fine = run_rows(&demo);
        fine &= write_reports(&demo);
        tell_failures(&demo);
        status = fine ? STATUS_OK : STATUS_FAILED;
    }
    demo_close(&demo);
    return interrupt_asked() ? STATUS_SIGNAL + interrupt_signal() : status;
}
