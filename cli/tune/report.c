/* What a sweep has found, for a person, as JSON, as CSV and as a picture. */
#include "sweep.h"

#include "measure/chart.h"
#include "measure/statistics.h"
#include "style.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 40 };

static const double worth_knowing = 0.05;

/* A bar for each number of workers; "|" is where the law is. */
static void print_bars(FILE *out, const struct sweep *sweep)
{
    const struct advice *advice = &sweep->advice;
    double most = 0;
    for (size_t i = 0; i < sweep->count; i++)
        most = fmax(most, sweep->points[i].seconds);
    fprintf(out, "workers      time  runs   CPU\n");
    for (size_t i = 0; i < sweep->count; i++) {
        const struct point *point = &sweep->points[i];
        char bar[BAR_WIDTH + 2], time[24];
        if (point->run_count == 0)
            continue;
        int length = (int)(point->seconds / most * (BAR_WIDTH - 1) + 0.5);
        int law =
            advice->known
                ? (int)(law_seconds(&advice->law, point->workers) / most * (BAR_WIDTH - 1) + 0.5)
                : 0;
        memset(bar, ' ', sizeof bar);
        memset(bar, '#', (size_t)length + 1);
        if (advice->known && law >= 0 && law <= BAR_WIDTH)
            bar[law] = '|';
        bar[BAR_WIDTH + 1] = '\0';
        fprintf(out, "%7d %9s %5zu %4.0f %%  %.*s%s\n", point->workers,
                chart_time(point->seconds, time), point->run_count,
                100 * point->cpu / (point->seconds * sweep->cores), BAR_WIDTH + 1, bar,
                point->workers == advice->best ? " best" : "");
    }
}

static void print_law(FILE *out, const struct sweep *sweep)
{
    const struct law *law = &sweep->advice.law;
    char first[24], second[24];
    switch (law->kind) {
    case LAW_WAITING:
        fprintf(out, "law: %s / N", chart_time(law->single, first));
        break;
    case LAW_LIMIT:
        fprintf(out, "law: %s / N, but at least %s", chart_time(law->single, first),
                chart_time(law->limit, second));
        break;
    case LAW_SCALING:
        fprintf(out, "law: %s (1 + %.4f (N - 1) + %.6f N (N - 1)) / N",
                chart_time(law->single, first), law->contention, law->coherence);
        break;
    }
    fprintf(out, "\ntimes differ from the law by %.1f %%\n", law->error * 100);
}

static void print_cause(FILE *out, const struct sweep *sweep)
{
    const struct advice *advice = &sweep->advice;
    switch (advice->cause) {
    case CAUSE_WAITING:
        fprintf(out, "limited by waiting: each further worker still gains\n%s",
                advice->best == sweep->last ? "more workers than were tried may be faster\n" : "");
        break;
    case CAUSE_CORES:
        fprintf(out, "limited by the cores: all %d are busy\n", sweep->cores);
        break;
    case CAUSE_CONTENTION:
        fputs("limited by contention: a lock, or something else that serves few at a time\n", out);
        break;
    case CAUSE_COHERENCE:
        fputs("limited by coherence: workers disturb each other, and more of them are slower\n",
              out);
        break;
    case CAUSE_NONE:
        fputs("the number of workers makes no difference\n", out);
        break;
    case CAUSE_UNKNOWN:
        break;
    }
}

/* The mean share of the cores that others took. */
static double others(const struct sweep *sweep)
{
    double sum = 0;
    for (size_t i = 0; i < sweep->count; i++)
        sum += sweep->points[i].others;
    return sum / (double)sweep->count;
}

/* The share of the time of all runs that was lost to others. */
static double lost(const struct sweep *sweep)
{
    double all = 0, part = 0;
    for (size_t i = 0; i < sweep->count; i++)
        for (size_t r = 0; r < sweep->points[i].run_count; r++) {
            all += sweep->points[i].runs[r].seconds;
            part += sweep->points[i].runs[r].lost;
        }
    return all > 0 ? part / all : 0;
}

void sweep_report(FILE *out, const struct sweep *sweep)
{
    const struct advice *advice = &sweep->advice;
    bool colours = style_wanted(fileno(out));
    print_bars(out, sweep);
    if (!advice->known) {
        fputs("\ncannot tell: that needs two numbers of workers\n", out);
        return;
    }
    fputc('\n', out);
    if (advice->clear)
        fprintf(out, "%sbest: %d worker%s%s (%d to %d)\n", colours ? STYLE_BOLD : "", advice->best,
                advice->best == 1 ? "" : "s", colours ? STYLE_END : "", advice->low, advice->high);
    else
        fprintf(out,
                "%scannot tell%s: the best is between %d and %d\n"
                "More rounds (-r) or a quieter machine may tell.\n",
                colours ? STYLE_BOLD : "", colours ? STYLE_END : "", advice->low, advice->high);
    print_cause(out, sweep);
    if (others(sweep) > worth_knowing)
        fprintf(out, "other programs took %.0f %% of the cores\n", others(sweep) * 100);
    if (lost(sweep) > worth_knowing)
        fprintf(out, "%.0f %% of the time was lost to them; the times above are without it\n",
                lost(sweep) * 100);
    print_law(out, sweep);
    if (isinf(advice->goetz) || advice->goetz > 1000)
        fputs("Goetz, cores x (1 + wait / compute): more than 1000 workers; next to nothing "
              "computes\n",
              out);
    else
        fprintf(out, "Goetz, cores x (1 + wait / compute): %.0f workers\n", advice->goetz);
}

/* --------------------------------------------------------------------------------------- JSON and CSV */

static json_t *point_json(const struct point *point)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < point->run_count; i++) {
        const struct cost *cost = &point->runs[i];
        json_array_append_new(runs,
                              json_pack("{s:f, s:f, s:f, s:f, s:f}", "seconds", cost->seconds,
                                        "lost_seconds", cost->lost, "user", cost->user, "system",
                                        cost->system, "others_share", cost->others));
    }
    return json_pack("{s:i, s:f, s:f, s:o}", "workers", point->workers, "seconds", point->seconds,
                     "cpu_seconds", point->cpu, "runs", runs);
}

json_t *sweep_json(const struct sweep *sweep)
{
    const struct advice *advice = &sweep->advice;
    json_t *points = json_array(), *law = json_null();
    bool fine = true;
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->points[i].run_count > 0)
            fine &= json_array_append_new(points, point_json(&sweep->points[i])) == 0;
    if (advice->known)
        law = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "kind", law_name(advice->law.kind),
                        "single_seconds", advice->law.single, "limit_seconds", advice->law.limit,
                        "contention", advice->law.contention, "coherence", advice->law.coherence,
                        "error", advice->law.error);
    json_t *json =
        json_pack("{s:o, s:o, s:b, s:i, s:i, s:i, s:s, s:o}", "points", points, "law", law, "clear",
                  advice->clear, "best", advice->best, "low", advice->low, "high", advice->high,
                  "cause", cause_name(advice->cause), "goetz",
                  isinf(advice->goetz) || !advice->known ? json_null() : json_real(advice->goetz));
    if (fine)
        return json;
    json_decref(json);
    return NULL;
}

int sweep_csv(FILE *out, const struct sweep *sweep)
{
    fputs("workers,run,seconds,lost_seconds,user,system,others_share\n", out);
    for (size_t i = 0; i < sweep->count; i++)
        for (size_t r = 0; r < sweep->points[i].run_count; r++) {
            const struct cost *cost = &sweep->points[i].runs[r];
            fprintf(out, "%d,%zu,%.9f,%.9f,%.6f,%.6f,%.4f\n", sweep->points[i].workers, r + 1,
                    cost->seconds, cost->lost, cost->user, cost->system, cost->others);
        }
    return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

/* ----------------------------------------------------------------------------------------- the picture */

static double law_at(const void *context, double workers)
{
    return law_seconds(context, workers);
}

int sweep_svg(FILE *out, const struct sweep *sweep, const char *title)
{
    struct chart_dot dots[COUNTS_MOST];
    const struct advice *advice = &sweep->advice;
    size_t count = 0;
    char note[96] = "";
    for (size_t i = 0; i < sweep->count; i++) {
        const struct point *point = &sweep->points[i];
        if (point->run_count == 0)
            continue;
        struct chart_dot dot = {.x = point->workers, .y = point->seconds, .low = INFINITY};
        for (size_t r = 0; r < point->run_count; r++) {
            dot.low = fmin(dot.low, sweep_seconds(&point->runs[r]));
            dot.high = fmax(dot.high, sweep_seconds(&point->runs[r]));
        }
        dots[count++] = dot;
    }
    if (advice->clear)
        snprintf(note, sizeof note, "best: %d (%d to %d)", advice->best, advice->low, advice->high);
    return chart_curve(out, &(struct chart_curve){.title = title,
                                                  .x_name = "workers",
                                                  .dots = dots,
                                                  .count = count,
                                                  .curve = advice->known ? law_at : NULL,
                                                  .context = &advice->law,
                                                  .mark = advice->clear ? advice->best : 0,
                                                  .note = note});
}
