/* The results as JSON; docs/bench.md lists the fields.
 *
 * Everything that the table shows is here and unrounded. What there is not is null and not left
 * out, so a reader need not ask whether a field exists.
 */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static json_t *number_or_null(double number)
{
    return number > 0 ? json_real(number) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *cell_json(const struct row_result *result, size_t index,
                         const struct setting *setting)
{
    const struct column *column = column_at(index);
    const struct cell *cell = &result->cells[index];
    char title[32];
    int guide_column = 0;
    double guide = cell_guide(result->row, column, setting, &guide_column);
    json_t *samples = json_array();
    for (int i = 0; i < cell->sample_count; i++)
        json_array_append_new(samples, json_real(cell->samples[i].seconds));
    column_title(column, setting->options->workers, title, sizeof title);
    return json_pack(
        "{s:s, s:s, s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "column", title,
        "executor", column->executor, "workers", cell->workers, "status",
        cell_status_name(cell->status), "tasks_done", cell->done, "tasks_failed", cell->failed,
        "seconds", number_or_null(cell->seconds), "samples", samples, "bound_seconds",
        number_or_null(cell->bound), "bound_from",
        cell->bound > 0 ? json_string(cell->measured ? "measured" : "given") : json_null(), "ratio",
        number_or_null(cell->bound > 0 ? cell->seconds / cell->bound : 0), "guide_seconds",
        number_or_null(guide), "guide_column",
        guide > 0 ? json_string(guide_column_name(guide_column)) : json_null(), "error",
        cell->status == CELL_FAILED ? text_or_null(cell->error.message) : json_null());
}

static json_t *row_json(const struct row_result *result, const struct setting *setting)
{
    static const char *const kinds[WORKLOAD_KINDS] = {"http", "file", "cpu", "db"};
    char title[64];
    json_t *parts = json_array(), *cells = json_array();
    for (int i = 0; i < result->row->part_count; i++) {
        const struct row_part *part = &result->row->parts[i];
        json_array_append_new(parts,
                              json_pack("{s:s, s:i, s:f}", "work", kinds[part->kind], "tasks",
                                        part->count, "seconds", part->seconds * setting->scale));
    }
    for (size_t i = 0; i < column_count(); i++)
        json_array_append_new(cells, cell_json(result, i, setting));
    row_title(result->row, setting->scale, title, sizeof title);
    return json_pack("{s:s, s:s, s:i, s:o, s:o}", "row", result->row->name, "title", title, "tasks",
                     row_tasks(result->row), "parts", parts, "cells", cells);
}

int report_json(FILE *out, const struct row_result *results, size_t count,
                const struct setting *setting, int signal)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, row_json(&results[i], setting));
    json_t *whole = json_pack("{s:s, s:i, s:i, s:b, s:i, s:o, s:{s:o, s:o, s:o, s:o}, s:o}",
                              "thrum", thrum_version(), "cores", setting->cores, "workers",
                              setting->options->workers, "quick", setting->options->quick,
                              "repeats", setting->options->repeats, "interrupted_by",
                              signal ? json_sprintf("SIG%s", sigabbrev_np(signal)) : json_null(),
                              "work", "http", text_or_null(setting->notes[WORKLOAD_HTTP]), "file",
                              text_or_null(setting->notes[WORKLOAD_FILE]), "cpu",
                              text_or_null(setting->notes[WORKLOAD_CPU]), "db",
                              text_or_null(setting->notes[WORKLOAD_DATABASE]), "rows", rows);
    if (!whole)
        return -ENOMEM;
    int rc = json_dumpf(whole, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    json_decref(whole);
    if (rc != 0 || fputc('\n', out) == EOF || fflush(out) != 0)
        return -EIO;
    return 0;
}
