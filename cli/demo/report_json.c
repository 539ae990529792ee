/* The results as JSON; docs/demo.md lists the fields.
 *
 * Everything that the table shows is here and unrounded. What there is not is null and not left
 * out, so a reader need not ask whether a field exists.
 */
#include "report.h"

#include "interrupt.h"
#include "peer.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Sets a field. Out of memory shows in `ok`, which the end asks once. */
static void put(json_t *object, const char *name, json_t *value, bool *ok)
{
    *ok &= json_object_set_new(object, name, value) == 0;
}

static json_t *number_or_null(double number)
{
    return number > 0 ? json_real(number) : json_null();
}

/* A message may be cut in the middle of a character, or quote bytes that are no UTF-8, which JSON
 * must be: what is not ASCII is then replaced. */
static json_t *text_or_null(const char *text)
{
    char plain[512];
    if (!text || !*text)
        return json_null();
    json_t *value = json_string(text);
    if (value)
        return value;
    snprintf(plain, sizeof plain, "%s", text);
    for (char *at = plain; *at; at++)
        if (*at & 0x80)
            *at = '?';
    return json_string(plain);
}

static json_t *samples_json(const struct cell *cell, bool *ok)
{
    json_t *samples = json_array();
    for (int i = 0; i < cell->sample_count; i++)
        *ok &= json_array_append_new(samples, json_real(cell->samples[i].seconds)) == 0;
    return samples;
}

static json_t *peer_json(const struct cell *cell, bool *ok)
{
    json_t *samples = json_array();
    for (int i = 0; i < cell->peer_count; i++)
        *ok &= json_array_append_new(samples, json_real(cell->peer_samples[i])) == 0;
    return samples;
}

/* [begin, end, worker, computes] of each task of the first measurement, in the order in which they ended. */
static json_t *timeline_json(const struct cell *cell, bool *ok)
{
    json_t *timeline = json_array();
    for (int i = 0; i < cell->span_count; i++) {
        const struct span *span = &cell->spans[i];
        *ok &= json_array_append_new(timeline, json_pack("[f, f, i, b]", span->begin, span->end,
                                                         span->worker, span->computes)) == 0;
    }
    return timeline;
}

static json_t *cell_json(const struct row_result *result, size_t index,
                         const struct setting *setting, bool *ok)
{
    const struct column *column = column_at(index);
    const struct cell *cell = &result->cells[index];
    bool done = cell->status == CELL_DONE, failed = cell->status == CELL_FAILED;
    char title[32];
    int guide_column = 0;
    double guide = cell_guide(result->row, column, setting, &guide_column);
    const char *guide_name = guide > 0 ? guide_column_name(guide_column) : NULL;
    const char *bound_from = cell->measured ? "measured" : "given";
    column_title(column, setting->options->workers, title, sizeof title);
    json_t *json = json_object();
    put(json, "column", json_string(title), ok);
    put(json, "executor", json_string(column->executor), ok);
    put(json, "workers", json_integer(cell->workers), ok);
    put(json, "status", json_string(cell_status_name(cell->status)), ok);
    put(json, "tasks_done", json_integer(cell->done), ok);
    put(json, "tasks_failed", json_integer(cell->failed), ok);
    put(json, "seconds", number_or_null(cell->seconds), ok);
    put(json, "seconds_low", number_or_null(cell->interval.low), ok);
    put(json, "seconds_high", number_or_null(cell->interval.high), ok);
    put(json, "samples", samples_json(cell, ok), ok);
    put(json, "bound_seconds", number_or_null(cell->bound), ok);
    put(json, "bound_from", text_or_null(cell->bound > 0 ? bound_from : NULL), ok);
    put(json, "ratio", number_or_null(cell->bound > 0 ? cell->seconds / cell->bound : 0), ok);
    put(json, "guide_seconds", number_or_null(guide), ok);
    put(json, "guide_column", text_or_null(guide_name), ok);
    put(json, "timeline", timeline_json(cell, ok), ok);
    put(json, "peer_seconds", number_or_null(cell->peer_seconds), ok);
    put(json, "peer_samples", peer_json(cell, ok), ok);
    put(json, "others_share", done ? json_real(cell->others) : json_null(), ok);
    put(json, "error", text_or_null(failed ? cell->error.message : NULL), ok);
    return json;
}

static json_t *parts_json(const struct row *row, const struct setting *setting, bool *ok)
{
    static const char *const kinds[WORKLOAD_KINDS] = {"http", "file", "cpu", "db"};
    json_t *parts = json_array();
    for (int i = 0; i < row->part_count; i++) {
        const struct row_part *part = &row->parts[i];
        json_t *json = json_object();
        put(json, "work", json_string(kinds[part->kind]), ok);
        put(json, "tasks", json_integer(part->count), ok);
        put(json, "seconds", json_real(part->seconds * setting->scale), ok);
        *ok &= json_array_append_new(parts, json) == 0;
    }
    return parts;
}

static json_t *row_json(const struct row_result *result, const struct setting *setting, bool *ok)
{
    char title[64];
    json_t *json = json_object(), *cells = json_array();
    row_title(result->row, setting->scale, title, sizeof title);
    for (size_t i = 0; i < column_count(); i++)
        *ok &= json_array_append_new(cells, cell_json(result, i, setting, ok)) == 0;
    put(json, "row", json_string(result->row->name), ok);
    put(json, "title", json_string(title), ok);
    put(json, "tasks", json_integer(row_tasks(result->row)), ok);
    put(json, "parts", parts_json(result->row, setting, ok), ok);
    put(json, "cells", cells, ok);
    return json;
}

static json_t *work_json(const struct setting *setting, bool *ok)
{
    json_t *json = json_object();
    put(json, "http", text_or_null(setting->notes[WORKLOAD_HTTP]), ok);
    put(json, "file", text_or_null(setting->notes[WORKLOAD_FILE]), ok);
    put(json, "cpu", text_or_null(setting->notes[WORKLOAD_CPU]), ok);
    put(json, "db", text_or_null(setting->notes[WORKLOAD_DATABASE]), ok);
    return json;
}

json_t *report_json(const struct row_result *results, size_t count, const struct setting *setting,
                    int signal)
{
    bool ok = true;
    json_t *json = json_object(), *rows = json_array();
    for (size_t i = 0; i < count; i++)
        ok &= json_array_append_new(rows, row_json(&results[i], setting, &ok)) == 0;
    put(json, "kind", json_string("demo"), &ok);
    put(json, "machine", machine_json(&setting->machine), &ok);
    put(json, "peer", text_or_null(peer_name()), &ok);
    put(json, "thrum", json_string(thrum_version()), &ok);
    put(json, "cores", json_integer(setting->cores), &ok);
    put(json, "workers", json_integer(setting->options->workers), &ok);
    put(json, "repeats", json_integer(setting->options->repeats), &ok);
    put(json, "quick", json_boolean(setting->options->quick), &ok);
    put(json, "interrupted_by", text_or_null(signal ? interrupt_name(signal) : NULL), &ok);
    put(json, "work", work_json(setting, &ok), &ok);
    put(json, "rows", rows, &ok);
    if (ok)
        return json;
    json_decref(json);
    return NULL;
}
