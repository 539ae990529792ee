/* A sweep.
 *
 * In a round each number of workers is measured once, in a random order: a machine that becomes slower meanwhile slows
 * all of them. After REFINE_AFTER rounds, numbers next to the best so far are added, and these catch up.
 *
 * The best number is the smallest with which the law's time is within 1 % of its least: beyond a knee the least itself is
 * decided by noise, and workers that gain nothing cost memory. Its interval is found by the bootstrap. In each resample the
 * runs of each number are drawn again, a law is fitted anew (perhaps another one), and its best number taken: with 2 % for the
 * lower end, with 0.2 % for the upper, since a small error of the times moves the best within about these. The interval leaves
 * out half a per cent of the resamples at each end.
 *
 * Other programs. A run that waits for a core because another program has it is longer, and less so with many workers than
 * with few. What is due to that is taken out of each time before a law is fitted (measure/run_delay.c).
 *
 * The cause. Whether the cores are busy is seen from the processor time at the best number. Otherwise the form of the law
 * tells: a limit is something that serves few at a time; a time that rises again is coherence.
 */
#include "sweep.h"

#include "array.h"
#include "interrupt.h"
#include "measure/statistics.h"
#include "progress.h"
#include "trouble.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_USUAL = 12, RESAMPLES = 400, REFINE_AFTER = 2, ROUNDS_LEAST = 3 };

static const double tolerance = 0.01, tolerance_low = 0.02, tolerance_high = 0.002,
                    misfit_most = 0.15, lost_most = 0.5, busy_share = 0.8, flat_gain = 1.03;

const char *cause_name(enum limit_cause cause)
{
    static const char *const names[] = {"unknown",    "waiting",   "cores",
                                        "contention", "coherence", "none"};
    return names[cause];
}

/* -------------------------------------------------------------------------------------------- points */

/* Adds a number of workers in its place, unless it is there. */
static void add_point(struct sweep *sweep, int workers)
{
    size_t at = 0;
    while (at < sweep->count && sweep->points[at].workers < workers)
        at++;
    if (sweep->count == COUNTS_MOST || (at < sweep->count && sweep->points[at].workers == workers))
        return;
    memmove(&sweep->points[at + 1], &sweep->points[at],
            (sweep->count - at) * sizeof sweep->points[0]);
    sweep->points[at] = (struct point){.workers = workers};
    sweep->count++;
}

static bool parse_list(struct sweep *sweep, const char *text)
{
    for (const char *at = text;; at++) {
        char *end;
        long number = strtol(at, &end, 10);
        if (end == at || number < 1 || number > WORKERS_MOST || (*end && *end != ',') ||
            sweep->count == COUNTS_MOST)
            return false;
        add_point(sweep, (int)number);
        if (!*end)
            break;
        at = end;
    }
    sweep->listed = true;
    sweep->first = sweep->points[0].workers;
    sweep->last = sweep->points[sweep->count - 1].workers;
    return true;
}

bool sweep_parse(struct sweep *sweep, const char *text)
{
    int length = 0;
    sweep->count = 0;
    if (sscanf(text, "%d..%d%n", &sweep->first, &sweep->last, &length) != 2 || text[length])
        return *text >= '0' && *text <= '9' && parse_list(sweep, text);
    if (sweep->first < 1 || sweep->last <= sweep->first || sweep->last > WORKERS_MOST)
        return false;
    int span = sweep->last - sweep->first + 1, points = span < POINTS_USUAL ? span : POINTS_USUAL;
    for (int i = 0; i < points; i++) {
        double share = (double)i / (points - 1);
        double number = span <= POINTS_USUAL
                            ? sweep->first + i
                            : sweep->first * pow((double)sweep->last / sweep->first, share);
        add_point(sweep, (int)(number + 0.5));
    }
    return true;
}

int sweep_add(struct point *point, const struct cost *cost)
{
    if (!array_has_room(&point->runs, point->run_count, &point->room, sizeof *point->runs))
        return -ENOMEM;
    point->runs[point->run_count++] = *cost;
    return 0;
}

void sweep_finish(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->count; i++)
        free(sweep->points[i].runs);
    sweep->count = 0;
}

/* -------------------------------------------------------------------------------------------- advice */

/* Fits a law to one figure for each point. `drawn` is NULL for the medians of all runs; otherwise the runs are drawn
 * again with that state. */
static void fit(const struct sweep *sweep, uint64_t *drawn, double *room, struct law *ret_law)
{
    double workers[COUNTS_MOST], seconds[COUNTS_MOST];
    size_t count = 0;
    for (size_t i = 0; i < sweep->count; i++) {
        const struct point *point = &sweep->points[i];
        if (point->run_count == 0)
            continue;
        for (size_t r = 0; r < point->run_count; r++)
            room[r] =
                sweep_seconds(&point->runs[drawn ? random_below(drawn, point->run_count) : r]);
        workers[count] = point->workers;
        seconds[count++] = median_of(room, point->run_count);
    }
    law_fit(workers, seconds, count, ret_law);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The interval of the best number. */
static void find_interval(const struct sweep *sweep, double *room, struct advice *advice)
{
    int lows[RESAMPLES], highs[RESAMPLES];
    uint64_t state = 1;
    for (int i = 0; i < RESAMPLES; i++) {
        struct law law;
        fit(sweep, &state, room, &law);
        lows[i] = law_best(&law, sweep->first, sweep->last, tolerance_low);
        highs[i] = law_best(&law, sweep->first, sweep->last, tolerance_high);
    }
    qsort(lows, RESAMPLES, sizeof lows[0], compare);
    qsort(highs, RESAMPLES, sizeof highs[0], compare);
    advice->low = lows[RESAMPLES / 200];
    advice->high = highs[RESAMPLES - 1 - RESAMPLES / 200];
    advice->low = advice->low < advice->best ? advice->low : advice->best;
    advice->high = advice->high > advice->best ? advice->high : advice->best;
}

/* The point whose number is nearest to the best. */
static const struct point *nearest_point(const struct sweep *sweep, int workers)
{
    const struct point *nearest = NULL;
    for (size_t i = 0; i < sweep->count; i++) {
        const struct point *point = &sweep->points[i];
        if (point->run_count > 0 &&
            (!nearest || abs(point->workers - workers) < abs(nearest->workers - workers)))
            nearest = point;
    }
    return nearest;
}

static enum limit_cause find_cause(const struct sweep *sweep, const struct advice *advice)
{
    const struct law *law = &advice->law;
    const struct point *point = nearest_point(sweep, advice->best);
    double first = law_seconds(law, sweep->first), best = law_seconds(law, advice->best),
           last = law_seconds(law, sweep->last), n = advice->best;
    if (first < best * flat_gain && last < best * flat_gain)
        return CAUSE_NONE;
    if (last > best * flat_gain)
        return CAUSE_COHERENCE;
    double room = point ? point->seconds * sweep->cores : 0;
    if (point && point->cpu > busy_share * room)
        return CAUSE_CORES;
    if (advice->high == sweep->last)
        return CAUSE_WAITING; /* the most that was tried may be the best */
    if (law->kind == LAW_LIMIT)
        return CAUSE_CONTENTION;
    if (law->kind == LAW_SCALING && law->contention * (n - 1) > 1)
        return CAUSE_CONTENTION;
    return CAUSE_WAITING;
}

/* Goetz, from the fewest workers: what is not computing is waiting. */
static double find_goetz(const struct sweep *sweep)
{
    const struct point *point = nearest_point(sweep, sweep->first);
    double all = point->seconds * point->workers, least = 1e-4 * all;
    return point->cpu > least ? sweep->cores * fmax(1, all / point->cpu) : INFINITY;
}

int sweep_settle(struct sweep *sweep)
{
    size_t most = 1, measured = 0;
    for (size_t i = 0; i < sweep->count; i++)
        most = sweep->points[i].run_count > most ? sweep->points[i].run_count : most;
    double *room = malloc(most * sizeof *room);
    if (!room)
        return -ENOMEM;
    for (size_t i = 0; i < sweep->count; i++) {
        struct point *point = &sweep->points[i];
        if (point->run_count == 0)
            continue;
        for (size_t r = 0; r < point->run_count; r++)
            room[r] = point->runs[r].user + point->runs[r].system;
        point->cpu = median_of(room, point->run_count);
        for (size_t r = 0; r < point->run_count; r++)
            room[r] = point->runs[r].others;
        point->others = median_of(room, point->run_count);
        for (size_t r = 0; r < point->run_count; r++)
            room[r] = point->runs[r].lost / point->runs[r].seconds;
        point->lost = median_of(room, point->run_count);
        for (size_t r = 0; r < point->run_count; r++)
            room[r] = sweep_seconds(&point->runs[r]);
        point->seconds = median_of(room, point->run_count);
        measured++;
    }
    struct advice *advice = &sweep->advice;
    *advice = (struct advice){.known = measured >= 2};
    if (advice->known) {
        fit(sweep, NULL, room, &advice->law);
        advice->best = law_best(&advice->law, sweep->first, sweep->last, tolerance);
        find_interval(sweep, room, advice);
        advice->cause = find_cause(sweep, advice);
        advice->goetz = find_goetz(sweep);
        bool narrow = advice->high <= 2 * advice->low || advice->high <= advice->low + 2;
        advice->clear =
            most >= ROUNDS_LEAST && narrow && advice->law.error <= misfit_most &&
            (advice->cause == CAUSE_CORES || nearest_point(sweep, advice->best)->lost <= lost_most);
        if (!advice->clear && advice->cause != CAUSE_NONE)
            advice->cause = CAUSE_UNKNOWN;
    }
    free(room);
    return 0;
}

/* --------------------------------------------------------------------------------------------- rounds */

static int measure(struct sweep *sweep, struct point *point, thrum_error *ret_error)
{
    struct cost cost;
    int rc = interrupt_asked() ? -ECANCELED
                               : sweep->measure(sweep->context, point->workers, &cost, ret_error);
    if (rc == 0 && sweep_add(point, &cost) < 0)
        rc = trouble(ret_error, -ENOMEM, "out of memory");
    return rc;
}

/* Adds the numbers next to the best so far, and measures them as often as the others. */
static int refine(struct sweep *sweep, int rounds, thrum_error *ret_error)
{
    int rc = sweep->listed ? 0 : sweep_settle(sweep), best = sweep->advice.best;
    if (sweep->listed || rc < 0)
        return rc;
    for (int n = best - 1; n <= best + 1; n++)
        if (n >= sweep->first && n <= sweep->last)
            add_point(sweep, n);
    for (size_t i = 0; rc == 0 && i < sweep->count; i++)
        while (rc == 0 && sweep->points[i].run_count < (size_t)rounds)
            rc = measure(sweep, &sweep->points[i], ret_error);
    return rc;
}

static int run_round(struct sweep *sweep, uint64_t *state, thrum_error *ret_error)
{
    size_t order[COUNTS_MOST] = {0};
    int rc = 0;
    random_order(state, order, sweep->count);
    for (size_t i = 0; rc == 0 && i < sweep->count; i++)
        rc = measure(sweep, &sweep->points[order[i]], ret_error);
    return rc;
}

int sweep_run(struct sweep *sweep, thrum_error *ret_error)
{
    thrum_time begin = thrum_now();
    uint64_t state = (uint64_t)begin;
    int rc = 0;
    if (!sweep->quiet) {
        progress_begin("measuring", "rounds");
        progress_expect((uint64_t)sweep->rounds, 0);
    }
    for (int round = 1; rc == 0 && round <= sweep->rounds; round++) {
        rc = run_round(sweep, &state, ret_error);
        if (rc == 0 && round == REFINE_AFTER)
            rc = refine(sweep, round, ret_error);
        if (rc == 0 && sweep->after_round)
            rc = sweep->after_round(sweep->context, ret_error);
        if (!sweep->quiet)
            progress_show((uint64_t)round, 0);
        if (sweep->most > 0 && round >= ROUNDS_LEAST &&
            (double)(thrum_now() - begin) * 1e-9 > sweep->most)
            break;
    }
    if (!sweep->quiet)
        progress_end();
    if (rc == 0 || rc == -ECANCELED) {
        int settled = sweep_settle(sweep);
        rc = settled < 0 ? trouble(ret_error, settled, "out of memory") : rc;
    }
    return rc;
}
