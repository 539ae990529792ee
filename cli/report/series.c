/* Files of results. They may come from anywhere: nothing in them is taken for granted. */
#include "series.h"

#include "trouble.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adds a series. `samples` is an array of seconds, or of objects with the member `member`. Samples that are no times are
 * an error. Returns 0, -EINVAL or -ENOMEM. */
static int add(struct results *results, const char *name, const json_t *samples, const char *member)
{
    size_t count = json_array_size(samples);
    if (count == 0)
        return 0; /* it was not measured */
    struct series *items = realloc(results->items, (results->count + 1) * sizeof *results->items);
    if (!items)
        return -ENOMEM;
    results->items = items;
    struct series *series = &items[results->count++];
    *series = (struct series){.name = strdup(name), .seconds = calloc(count, sizeof(double))};
    if (!series->name || !series->seconds)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *sample = json_array_get(samples, i);
        double seconds = json_number_value(member ? json_object_get(sample, member) : sample);
        if (!(seconds > 0) || !isfinite(seconds))
            return -EINVAL;
        series->seconds[series->count++] = seconds;
    }
    return 0;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static int read_demo(struct results *results)
{
    size_t i, j;
    json_t *row, *cell;
    int rc = 0;
    json_array_foreach(json_object_get(results->json, "rows"), i, row)
    {
        json_array_foreach(json_object_get(row, "cells"), j, cell)
        {
            char name[160];
            snprintf(name, sizeof name, "%.60s, %.60s", text_of(row, "row"),
                     text_of(cell, "column"));
            if (rc == 0)
                rc = add(results, name, json_object_get(cell, "samples"), NULL);
        }
    }
    return rc;
}

static int read_bench(struct results *results)
{
    size_t i;
    json_t *command;
    int rc = 0;
    json_array_foreach(json_object_get(results->json, "commands"), i, command)
    {
        if (rc == 0)
            rc =
                add(results, text_of(command, "name"), json_object_get(command, "runs"), "seconds");
    }
    return rc;
}

static int read_tune(struct results *results)
{
    size_t i;
    json_t *point, *sweep = json_object_get(results->json, "sweep");
    int rc = 0;
    json_array_foreach(json_object_get(sweep, "points"), i, point)
    {
        char name[64];
        snprintf(name, sizeof name, "%lld workers",
                 (long long)json_integer_value(json_object_get(point, "workers")));
        if (rc == 0)
            rc = add(results, name, json_object_get(point, "runs"), "seconds");
    }
    return rc;
}

int results_read(const char *path, struct results *ret_results, thrum_error *ret_error)
{
    static const struct {
        const char *kind;
        int (*read)(struct results *results);
    } kinds[] = {{"demo", read_demo}, {"bench", read_bench}, {"tune", read_tune}};
    json_error_t wrong;
    *ret_results = (struct results){0};
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return trouble(ret_error, -errno, "cannot read %.160s: %s", path, thrum_strerror(-errno));
    ret_results->json = json_loadf(file, JSON_REJECT_DUPLICATES, &wrong);
    if (file != stdin)
        (void)fclose(file); /* it was only read */
    if (!ret_results->json)
        return trouble(ret_error, -EINVAL, "%.120s is not JSON: line %d: %.80s", path, wrong.line,
                       wrong.text);
    ret_results->kind = text_of(ret_results->json, "kind");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(ret_results->kind, kinds[i].kind) != 0)
            continue;
        int rc = kinds[i].read(ret_results);
        if (rc == -EINVAL)
            return trouble(ret_error, rc, "%.160s: a sample is not a time in seconds", path);
        return rc < 0 ? trouble(ret_error, rc, "out of memory") : 0;
    }
    return trouble(
        ret_error, -EINVAL,
        "%.160s has no results of thrum: write them by --json of thrum demo, bench or tune", path);
}

void results_finish(struct results *results)
{
    for (size_t i = 0; i < results->count; i++) {
        free(results->items[i].name);
        free(results->items[i].seconds);
    }
    free(results->items);
    json_decref(results->json);
    *results = (struct results){0};
}

const struct series *results_find(const struct results *results, const char *name)
{
    for (size_t i = 0; i < results->count; i++)
        if (strcmp(results->items[i].name, name) == 0)
            return &results->items[i];
    return NULL;
}
