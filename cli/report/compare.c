/* Comparison of two files. The runs of one were not in turns with those of the other, so nothing is paired: the figure is the
 * trimmed mean of the logarithms of one less that of the other. What changed between the two sessions other than the
 * program, such as the load of the machine, is in it. */
#include "compare.h"

#include "bench/contender.h"
#include "measure/chart.h"
#include "measure/statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_one(const struct series *old, const struct series *new, double confidence,
                       struct interval *ret_ratio)
{
    double *logs = malloc((old->count + new->count) * sizeof *logs);
    if (!logs)
        return -ENOMEM;
    for (size_t i = 0; i < old->count; i++)
        logs[i] = log(old->seconds[i]);
    for (size_t i = 0; i < new->count; i++)
        logs[old->count + i] = log(new->seconds[i]);
    struct interval interval;
    int rc = bootstrap_difference(logs + old->count, new->count, logs, old->count, trimmed_mean_of,
                                  confidence, &interval);
    bool known = old->count >= ROUNDS_FOR_INTERVALS && new->count >= ROUNDS_FOR_INTERVALS;
    *ret_ratio = (struct interval){.low = known ? exp(interval.low) : 0,
                                   .middle = exp(interval.middle),
                                   .high = known ? exp(interval.high) : INFINITY};
    free(logs);
    return rc;
}

/* Sorts the seconds, whose order no longer matters. */
static double median_seconds(const struct series *series)
{
    return median_of(series->seconds, series->count);
}

int compare_results(FILE *out, const struct results *old, const struct results *new,
                    const struct report_options *options, bool *ret_shown)
{
    int lines = 0;
    *ret_shown = false;
    for (size_t i = 0; i < new->count; i++) {
        const struct series *after = &new->items[i], *before = results_find(old, after->name);
        char was[24], is[24];
        struct interval ratio;
        if (!before)
            continue;
        int rc = compare_one(before, after, options->confidence / 100.0, &ratio);
        if (rc < 0)
            return rc;
        if (lines++ == 0)
            fprintf(out, "%-26s %9s %9s  new / old\n", "", "old", "new");
        fprintf(out, strlen(after->name) > 26 ? "%s\n%26s" : "%-26s%s", after->name, "");
        fprintf(out, " %9s %9s  ", chart_time(median_seconds(before), was),
                chart_time(median_seconds(after), is));
        enum verdict verdict = verdict_of(&ratio);
        if (isinf(ratio.high))
            fprintf(out, "%.3f; too few samples\n", ratio.middle);
        else
            fprintf(out, "%.3f to %.3f%s\n", ratio.low, ratio.high,
                    verdict == VERDICT_FASTER   ? ": faster"
                    : verdict == VERDICT_SLOWER ? ": slower"
                                                : "");
        *ret_shown |= options->conditional && condition_is_shown(&options->condition, &ratio);
    }
    return lines;
}
