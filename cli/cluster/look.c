/* Each pool is asked on a thread of its own, as its workers have a quarter of a second to answer. A pool that is deleted
 * meanwhile is left out.
 *
 * Counters of workers are added up, so the sum falls when a worker leaves. Then the rate of that interval is not known. */
#include "look.h"

#include "json_text.h"
#include "trouble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ASKED_AT_ONCE = 32, CELL_SIZE = 48 };

static int add_pool(const char *name, void *context)
{
    struct look *look = context;
    if (look->count == look->room) {
        size_t room = look->room ? 2 * look->room : 8;
        struct pool_look *more = realloc(look->pools, room * sizeof *more);
        if (!more)
            return -ENOMEM;
        look->pools = more;
        look->room = room;
    }
    struct pool_look *pool = &look->pools[look->count++];
    *pool = (struct pool_look){0};
    snprintf(pool->name, sizeof pool->name, "%s", name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pool_look *)a)->name, ((const struct pool_look *)b)->name);
}

static int ask_pool(thrum_task *self)
{
    struct pool_look *pool = thrum_arg(self, struct pool_look *);
    thrum_cluster_options options = *pool->options;
    options.pool = pool->name;
    pool->rc = pool->library->status_get(&options, &pool->status, &pool->error);
    pool->at = thrum_now();
    return 0;
}

static int ask_pools(struct look *look, const struct cluster_library *library,
                     const thrum_cluster_options *options)
{
    struct pool_look **args = malloc((look->count + 1) * sizeof(struct pool_look *));
    thrum_executor *threads = thrum_thread_pool_new(
        &(thrum_thread_pool_options){.max_workers = ASKED_AT_ONCE, .name_prefix = "asks"});
    for (size_t i = 0; args && i < look->count; i++) {
        look->pools[i].options = options;
        look->pools[i].library = library;
        args[i] = &look->pools[i];
    }
    int rc = -ENOMEM;
    if (args && threads)
        rc = thrum_map(
            threads, ask_pool,
            &(thrum_map_options){.count = look->count, .args = args, .arg_size = sizeof args[0]});
    if (threads)
        thrum_executor_shutdown(threads);
    free(args);
    return rc > 0 ? -EAGAIN : rc; /* a thread was refused */
}

/* Drops pools that have gone. Returns the failure of the first that could not be asked. */
static int settle(struct look *look, bool all, thrum_error *ret_error)
{
    size_t kept = 0;
    for (size_t i = 0; i < look->count; i++) {
        const struct pool_look *pool = &look->pools[i];
        if (pool->rc < 0 && !(all && pool->rc == -ENOENT)) {
            *ret_error = pool->error;
            return pool->rc;
        }
        if (pool->rc == 0)
            look->pools[kept++] = *pool;
    }
    look->count = kept;
    return 0;
}

int look_take(struct look *ret_look, const struct cluster_library *library,
              const thrum_cluster_options *options, thrum_error *ret_error)
{
    *ret_look = (struct look){0};
    bool all = !options->pool;
    int rc = all ? library->pools_visit(options, add_pool, ret_look, ret_error)
                 : add_pool(options->pool, ret_look);
    if (rc < 0)
        return rc == -ENOMEM ? trouble(ret_error, rc, "out of memory") : rc;
    if (ret_look->count == 0)
        return 0;
    qsort(ret_look->pools, ret_look->count, sizeof ret_look->pools[0], by_name);
    rc = ask_pools(ret_look, library, options);
    if (rc < 0)
        return trouble(ret_error, rc, "cannot ask for the pools: %s", thrum_strerror(rc));
    return settle(ret_look, all, ret_error);
}

void look_finish(struct look *look)
{
    free(look->pools);
    *look = (struct look){0};
}

/* ------------------------------------------------------------------------------------- printing */

/* A rate, or a negative number if it is not known. */
struct rates {
    double in, out, done;
};

static double rate(uint64_t now, uint64_t before, double seconds)
{
    return now >= before && seconds > 0 ? (double)(now - before) / seconds : -1;
}

static struct rates rates_of(const struct pool_look *pool, const struct look *before)
{
    const struct pool_look *old =
        before->count ? bsearch(pool, before->pools, before->count, sizeof *pool, by_name) : NULL;
    if (!old)
        return (struct rates){-1, -1, -1};
    double seconds = (double)(pool->at - old->at) * 1e-9;
    bool left = pool->status.workers < old->status.workers;
    return (struct rates){
        rate(pool->status.published, old->status.published, seconds),
        rate(pool->status.deliveries, old->status.deliveries, seconds),
        left ? -1 : rate(pool->status.done, old->status.done, seconds),
    };
}

static void put_rate(char cell[CELL_SIZE], double rate)
{
    snprintf(cell, CELL_SIZE, rate < 0 ? "-" : rate < 10 ? "%.1f" : "%.0f", rate);
}

/* A negative age is none. */
static void put_age(char cell[CELL_SIZE], double seconds)
{
    if (seconds < 0)
        snprintf(cell, CELL_SIZE, "-");
    else if (seconds < 120)
        snprintf(cell, CELL_SIZE, "%.0fs", seconds);
    else if (seconds < 7200)
        snprintf(cell, CELL_SIZE, "%.0fm", seconds / 60);
    else
        snprintf(cell, CELL_SIZE, "%.0fh", seconds / 3600);
}

/* The columns of the table, as they stand. */
enum column { POOL, WORKERS, RUNNING, QUEUED, OUT, AGAIN, OLDEST, IN_RATE, OUT_RATE, DONE_RATE };

enum { COLUMNS = DONE_RATE + 1, POOL_LEAST = 8 };

static const struct {
    const char *head;
    int width; /* at least, so columns do not move with each digit */
} columns_of[COLUMNS] = {
    [POOL] = {"pool", 16},       [WORKERS] = {"workers", 7}, [RUNNING] = {"running", 7},
    [QUEUED] = {"queued", 6},    [OUT] = {"out", 4},         [AGAIN] = {"again", 5},
    [OLDEST] = {"oldest", 6},    [IN_RATE] = {"in/s", 6},    [OUT_RATE] = {"out/s", 6},
    [DONE_RATE] = {"done/s", 6},
};

/* What is left out where a terminal is narrow, the first first. */
static const enum column dispensable[] = {OUT_RATE, IN_RATE,   OUT,     OLDEST,
                                          AGAIN,    DONE_RATE, WORKERS, RUNNING};

struct row {
    char cells[COLUMNS][CELL_SIZE];
};

static void fill_row(struct row *row, const struct pool_look *pool, const struct look *before)
{
    const thrum_cluster_status *status = &pool->status;
    struct rates rates = rates_of(pool, before);
    snprintf(row->cells[POOL], CELL_SIZE, "%s", pool->name);
    snprintf(row->cells[WORKERS], CELL_SIZE, "%zu", status->workers);
    snprintf(row->cells[RUNNING], CELL_SIZE, "%zu/%zu", status->running, status->capacity);
    snprintf(row->cells[QUEUED], CELL_SIZE, "%" PRIu64, status->queued);
    snprintf(row->cells[OUT], CELL_SIZE, "%" PRIu64, status->delivered);
    snprintf(row->cells[AGAIN], CELL_SIZE, "%" PRIu64, status->redelivered);
    put_age(row->cells[OLDEST], status->queued ? status->oldest : -1);
    put_rate(row->cells[IN_RATE], rates.in);
    put_rate(row->cells[OUT_RATE], rates.out);
    put_rate(row->cells[DONE_RATE], rates.done);
}

/* The widths of the columns. A column that is left out has the width 0. */
struct layout {
    int width[COLUMNS];
};

static int width_of(const struct layout *layout)
{
    int width = -1;
    for (int i = 0; i < COLUMNS; i++)
        width += layout->width[i] ? layout->width[i] + 1 : 0;
    return width;
}

/* Fits the table into so many columns: names of pools are cut first, and then columns left out. */
static struct layout choose_layout(const struct look *look, const struct look *before, int columns)
{
    struct layout layout;
    struct row row;
    for (int i = 0; i < COLUMNS; i++)
        layout.width[i] = columns_of[i].width;
    for (size_t i = 0; i < look->count; i++) {
        fill_row(&row, &look->pools[i], before);
        for (int j = 0; j < COLUMNS; j++)
            if ((int)strlen(row.cells[j]) > layout.width[j])
                layout.width[j] = (int)strlen(row.cells[j]);
    }
    for (size_t i = 0;; i++) {
        int over = width_of(&layout) - columns, spare = layout.width[POOL] - POOL_LEAST;
        if (over <= spare || i == sizeof dispensable / sizeof dispensable[0]) {
            if (over > 0)
                layout.width[POOL] -= over < spare ? over : spare;
            return layout;
        }
        layout.width[dispensable[i]] = 0;
    }
}

static void put_row(FILE *out, const struct row *row, const struct layout *layout, int columns)
{
    char line[COLUMNS * CELL_SIZE];
    int used = snprintf(line, sizeof line, "%-*.*s", layout->width[POOL], layout->width[POOL],
                        row->cells[POOL]);
    for (int i = POOL + 1; i < COLUMNS; i++)
        if (layout->width[i])
            used += snprintf(line + used, sizeof line - (size_t)used, " %*s", layout->width[i],
                             row->cells[i]);
    fprintf(out, "%.*s\n", columns, line);
}

/* A line below the row of a pool. Returns how many lines that is. */
static int put_replaced(FILE *out, const struct pool_look *pool, int columns)
{
    char line[80];
    snprintf(line, sizeof line, "  workers have replaced stalled consumers: %" PRIu64,
             pool->status.replaced);
    fprintf(out, "%.*s\n", columns, line);
    return 1;
}

void look_print_table(FILE *out, const struct look *look, const struct look *before, int rows,
                      int columns)
{
    struct layout layout = choose_layout(look, before, columns);
    struct row row;
    int lines = 1;
    for (int i = 0; i < COLUMNS; i++)
        snprintf(row.cells[i], CELL_SIZE, "%s", columns_of[i].head);
    put_row(out, &row, &layout, columns);
    for (size_t i = 0; i < look->count; i++) {
        if (lines + 1 >= rows && i + 1 < look->count) {
            fprintf(out, "... and %zu more\n", look->count - i);
            return;
        }
        fill_row(&row, &look->pools[i], before);
        put_row(out, &row, &layout, columns);
        lines++;
        if (look->pools[i].status.replaced && lines + 1 < rows)
            lines += put_replaced(out, &look->pools[i], columns);
    }
    if (look->count == 0)
        fprintf(out, "%.*s\n", columns, "the server has no pool");
}

static void put_json_rate(FILE *out, const char *name, double rate)
{
    if (rate < 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%.3f", name, rate);
}

void look_print_json(FILE *out, const struct look *look, const struct look *before)
{
    fputs("{\"pools\":[", out);
    for (size_t i = 0; i < look->count; i++) {
        const struct pool_look *pool = &look->pools[i];
        const thrum_cluster_status *status = &pool->status;
        struct rates rates = rates_of(pool, before);
        fprintf(out, "%s{\"pool\":", i ? "," : "");
        json_put_string(out, pool->name);
        fprintf(out,
                ",\"workers\":%zu,\"running\":%zu,\"capacity\":%zu,\"done\":%" PRIu64
                ",\"queued\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"redelivered\":%" PRIu64
                ",\"published\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"results\":%" PRIu64
                ",\"replaced\":%" PRIu64 ",\"oldest_seconds\":%.3f",
                status->workers, status->running, status->capacity, status->done, status->queued,
                status->delivered, status->redelivered, status->published, status->deliveries,
                status->results, status->replaced, status->oldest);
        put_json_rate(out, "published_per_second", rates.in);
        put_json_rate(out, "deliveries_per_second", rates.out);
        put_json_rate(out, "done_per_second", rates.done);
        fputs("}", out);
    }
    fputs("]}\n", out);
}
