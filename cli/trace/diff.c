/* Two runs, by lock.
 *
 * Locks are the same if their names are: names have no addresses. What is compared is how long a thread waits for
 * each acquisition; for conditions, semaphores and barriers for each wait. So runs of different length, and flight recorders that cover
 * different times, can be compared. A trace is cut into PARTS of equal length; each in which the lock was used
 * gives one value. Neighbouring waits depend on each other; values of whole parts do much less.
 */
#include "outputs.h"

#include "doctor/preload/region.h"
#include "json_text.h"
#include "measure/statistics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 20, PARTS_LEAST = 5, NAME_MOST = 640 };
#define CONFIDENCE 0.99

struct side {
    uint64_t waits, wait_time, longest, acquired;
    double time[PARTS], count[PARTS];
};

struct row {
    char *name;
    struct side sides[2];
};

struct table {
    struct row *rows;
    size_t count, room;
};

static const char *const verdicts[] = {"no difference shown", "longer",    "shorter",
                                       "cannot tell",         "only in A", "only in B"};
enum verdict { SAME, LONGER, SHORTER, CANNOT_TELL, ONLY_A, ONLY_B };

struct result {
    enum verdict verdict;
    double means[2]; /* ns for each acquisition */
    struct interval difference;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* The row of each object; joined by name afterwards. */
static int add_objects(struct table *table, const struct trace *trace, size_t *ret_first)
{
    char name[NAME_MOST];
    struct row *rows = realloc(table->rows, (table->count + trace->object_count) * sizeof *rows);
    if (!rows)
        return -ENOMEM;
    table->rows = rows;
    *ret_first = table->count;
    for (size_t i = 0; i < trace->object_count; i++) {
        trace_object_name(trace, (uint32_t)i, false, name, sizeof name);
        rows[table->count] = (struct row){.name = strdup(name)};
        if (!rows[table->count++].name)
            return -ENOMEM;
    }
    return 0;
}

/* Conditions and the like are only waited for. */
static bool is_held(unsigned kind)
{
    return kind == LOCK_MUTEX || kind == LOCK_RWLOCK || kind == LOCK_SPIN || kind == LOCK_ONCE ||
           kind == LOCK_THRUM_LOCK || kind == LOCK_THRUM_RWLOCK;
}

static void add_spans(struct row *rows, const struct trace *trace, int which)
{
    for (size_t i = 0; i < trace->thread_count; i++) {
        const struct trace_thread *thread = &trace->threads[i];
        for (size_t j = 0; j < thread->count; j++) {
            const struct span *span = &thread->spans[j];
            const struct span_info *info = &trace->infos[span->info];
            struct side *side = &rows[info->object].sides[which];
            uint64_t took = span->end - span->begin;
            double at = (double)span->begin / ((double)trace->length + 1) * PARTS;
            unsigned part = at < PARTS ? (unsigned)at : PARTS - 1;
            bool waits = info->what == SPAN_WAIT;
            if (!waits && info->what != SPAN_HOLD)
                continue;
            if (waits) {
                side->waits++;
                side->wait_time += took;
                side->time[part] += (double)took;
                side->longest = took > side->longest ? took : side->longest;
            }
            if (waits != is_held(trace->objects[info->object].kind)) {
                side->count[part]++;
                side->acquired++;
            }
        }
    }
}

static void join(struct side *into, const struct side *from)
{
    into->waits += from->waits;
    into->wait_time += from->wait_time;
    into->acquired += from->acquired;
    into->longest = from->longest > into->longest ? from->longest : into->longest;
    for (int i = 0; i < PARTS; i++) {
        into->time[i] += from->time[i];
        into->count[i] += from->count[i];
    }
}

static void join_rows(struct table *table)
{
    size_t kept = 0;
    if (table->count)
        qsort(table->rows, table->count, sizeof *table->rows, by_name);
    for (size_t i = 0; i < table->count; i++) {
        struct row *row = &table->rows[i];
        if (kept == 0 || strcmp(table->rows[kept - 1].name, row->name) != 0) {
            table->rows[kept++] = *row;
            continue;
        }
        for (int side = 0; side < 2; side++)
            join(&table->rows[kept - 1].sides[side], &row->sides[side]);
        free(row->name);
    }
    table->count = kept;
}

static double mean_of(double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

static size_t values_of(const struct side *side, double *values)
{
    size_t count = 0;
    for (int i = 0; i < PARTS; i++)
        if (side->count[i] > 0)
            values[count++] = side->time[i] / side->count[i];
    return count;
}

static int judge(const struct row *row, struct result *ret)
{
    double values[2][PARTS];
    size_t counts[2];
    *ret = (struct result){.verdict = CANNOT_TELL};
    for (int i = 0; i < 2; i++) {
        counts[i] = values_of(&row->sides[i], values[i]);
        ret->means[i] = counts[i] ? mean_of(values[i], counts[i]) : 0;
    }
    if (counts[0] == 0 || counts[1] == 0) {
        ret->verdict = counts[0] ? ONLY_A : ONLY_B;
        return 0;
    }
    if (counts[0] < PARTS_LEAST || counts[1] < PARTS_LEAST)
        return 0;
    int rc = bootstrap_difference(values[1], counts[1], values[0], counts[0], mean_of, CONFIDENCE,
                                  &ret->difference);
    ret->verdict = ret->difference.low > 0 ? LONGER : ret->difference.high < 0 ? SHORTER : SAME;
    return rc;
}

static double wait_of(const struct row *row)
{
    return (double)row->sides[0].wait_time + (double)row->sides[1].wait_time;
}

static int by_wait(const void *a, const void *b)
{
    double first = wait_of(a), second = wait_of(b);
    return first > second ? -1 : first < second ? 1 : by_name(a, b);
}

static void put_text(const struct row *row, const struct result *result, FILE *out)
{
    fprintf(out, "%s\n", row->name);
    for (int i = 0; i < 2; i++) {
        const struct side *side = &row->sides[i];
        fprintf(out, "  %c  %10.6f s in %8lu waits, at most %.6f s; %10.1f ns for each of %lu\n",
                'A' + i, (double)side->wait_time / 1e9, (unsigned long)side->waits,
                (double)side->longest / 1e9, result->means[i], (unsigned long)side->acquired);
    }
    fprintf(out, "  %s", verdicts[result->verdict]);
    if (result->verdict == LONGER || result->verdict == SHORTER)
        fprintf(out, ": by %.1f ns (%.1f to %.1f)", result->difference.middle,
                result->difference.low, result->difference.high);
    fputc('\n', out);
}

static void put_json(const struct row *row, const struct result *result, bool first, FILE *out)
{
    fputs(first ? "\n  {\"lock\": " : ",\n  {\"lock\": ", out);
    json_put_string(out, row->name);
    fprintf(out, ", \"verdict\": \"%s\"", verdicts[result->verdict]);
    for (int i = 0; i < 2; i++) {
        const struct side *side = &row->sides[i];
        fprintf(out,
                ", \"%c\": {\"waits\": %lu, \"seconds\": %.9f, \"longest\": %.9f, "
                "\"acquisitions\": %lu, \"wait_each\": %.9f}",
                'a' + i, (unsigned long)side->waits, (double)side->wait_time / 1e9,
                (double)side->longest / 1e9, (unsigned long)side->acquired, result->means[i] / 1e9);
    }
    if (result->verdict <= SHORTER)
        fprintf(out, ", \"difference\": {\"low\": %.9f, \"middle\": %.9f, \"high\": %.9f}",
                result->difference.low / 1e9, result->difference.middle / 1e9,
                result->difference.high / 1e9);
    fputc('}', out);
}

static int put(struct table *table, bool json, FILE *out, bool *ret_longer)
{
    int rc = 0, shown = 0;
    if (table->count)
        qsort(table->rows, table->count, sizeof *table->rows, by_wait);
    if (json)
        fputs("{\"locks\": [", out);
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        const struct row *row = &table->rows[i];
        struct result result;
        if (row->sides[0].waits + row->sides[1].waits == 0)
            continue;
        rc = judge(row, &result);
        *ret_longer |= result.verdict == LONGER;
        if (json)
            put_json(row, &result, shown == 0, out);
        else
            put_text(row, &result, out);
        shown++;
    }
    if (json)
        fputs("\n]}\n", out);
    else if (!shown)
        fputs("no thread waited for a lock\n", out);
    return rc < 0 ? rc : ferror(out) ? -EIO : 0;
}

int trace_diff(const struct trace *a, const struct trace *b, bool json, FILE *out, bool *ret_longer)
{
    struct table table = {0};
    size_t first = 0;
    *ret_longer = false;
    int rc = add_objects(&table, a, &first);
    if (rc == 0)
        add_spans(table.rows + first, a, 0);
    if (rc == 0)
        rc = add_objects(&table, b, &first);
    if (rc == 0) {
        add_spans(table.rows + first, b, 1);
        join_rows(&table);
        rc = put(&table, json, out, ret_longer);
    }
    for (size_t i = 0; i < table.count; i++)
        free(table.rows[i].name);
    free(table.rows);
    return rc;
}
