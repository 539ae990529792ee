/* The laws of `thrum tune`: times made by a law, with noise, give that law and its best number. */
#include "harness.h"
#include "measure/statistics.h"
#include "support_sanitizer.h"
#include "tune/law.h"
#include "tune/sweep.h"

#include <math.h>

static const double counts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
enum { COUNT = sizeof counts / sizeof counts[0] };

/* Fits a law to times of `truth` that are off by up to `noise`. */
static struct law fit(const struct law *truth, double noise, uint64_t seed)
{
    double seconds[COUNT];
    struct law law;
    for (size_t i = 0; i < COUNT; i++) {
        double off = (double)(random_next(&seed) >> 11) * 0x1p-52 - 1;
        seconds[i] = law_seconds(truth, counts[i]) * (1 + noise * off);
    }
    law_fit(counts, seconds, COUNT, &law);
    return law;
}

TEST(each_law_is_found_again)
{
    struct law waiting = fit(&(struct law){.kind = LAW_WAITING, .single = 3}, 0, 1);
    CHECK_INT(waiting.kind, ==, LAW_WAITING);
    CHECK(fabs(waiting.single - 3) < 1e-9);
    struct law limit = fit(&(struct law){.kind = LAW_LIMIT, .single = 3, .limit = 0.5}, 0, 1);
    CHECK_INT(limit.kind, ==, LAW_LIMIT);
    CHECK(fabs(limit.single - 3) < 1e-9 && fabs(limit.limit - 0.5) < 1e-9);
    struct law scaling =
        fit(&(struct law){.kind = LAW_SCALING, .single = 2, .contention = 0.05, .coherence = 0.002},
            0, 1);
    CHECK_INT(scaling.kind, ==, LAW_SCALING);
    CHECK(fabs(scaling.contention - 0.05) < 1e-9 && fabs(scaling.coherence - 0.002) < 1e-9);
    CHECK(scaling.error < 1e-9);
}

TEST(noise_seldom_changes_the_kind_of_law)
{
    int waiting = 0, limit = 0, coherent = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        waiting +=
            fit(&(struct law){.kind = LAW_WAITING, .single = 3}, 0.02, seed).kind == LAW_WAITING;
        limit +=
            fit(&(struct law){.kind = LAW_LIMIT, .single = 3, .limit = 0.5}, 0.02, seed).kind ==
            LAW_LIMIT;
        coherent +=
            fit(&(struct law){.kind = LAW_SCALING, .single = 2, .coherence = 0.01}, 0.02, seed)
                .coherence > 0.008;
    }
    CHECK_INT(waiting, >=, 80);
    CHECK_INT(limit, >=, 95);
    CHECK_INT(coherent, >=, 95);
}

TEST(the_best_number_is_the_smallest_that_is_near_the_least)
{
    CHECK_INT(law_best(&(struct law){.kind = LAW_WAITING, .single = 1}, 1, 64, 0.01), ==, 64);
    CHECK_INT(law_best(&(struct law){.kind = LAW_LIMIT, .single = 1, .limit = 0.2}, 1, 64, 0.01),
              ==, 5);
    struct law peak = {.kind = LAW_SCALING, .single = 1, .coherence = 0.01}; /* least at N = 10 */
    CHECK_INT(law_best(&peak, 1, 64, 1e-9), ==, 10);
    CHECK_INT(law_best(&peak, 1, 64, 0.01), ==, 9);
    CHECK_INT(law_best(&peak, 20, 64, 0.01), ==, 20);
}

TEST(ranges_and_lists_of_workers_are_read)
{
    struct sweep sweep = {0};
    CHECK(sweep_parse(&sweep, "1..4"));
    CHECK_INT(sweep.count, ==, 4);
    CHECK(sweep_parse(&sweep, "1..64"));
    CHECK(sweep.count >= 9 && sweep.points[0].workers == 1 &&
          sweep.points[sweep.count - 1].workers == 64);
    for (size_t i = 1; i < sweep.count; i++)
        CHECK(sweep.points[i].workers > sweep.points[i - 1].workers);
    CHECK(sweep_parse(&sweep, "8,2,4,2"));
    CHECK_INT(sweep.count, ==, 3);
    CHECK_INT(sweep.points[0].workers, ==, 2);
    static const char *const wrong[] = {"",   "0", "1..", "..4",       "4..4", "1,,2",
                                        "1,", "a", "-1",  "1..200000", "1 2",  "99999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (sweep_parse(&sweep, wrong[i]))
            test_fail(__FILE__, __LINE__, wrong[i], "is taken");
}

/* Programs whose best number of workers is known, as in workers_sample.c, with a start that takes time and with noise: each
 * run is off by some per cent, and one in five is delayed by another program. */
struct program {
    double (*seconds)(int workers);
    int best;
    double spread, delay; /* the standard deviation, and the mean delay in seconds */
    uint64_t seed;
};

static double waiting(int workers)
{
    return 0.24 / workers;
}

static double computing(int workers)
{
    return workers < 2 ? 0.2 : 0.1;
}

static double locked(int workers)
{
    return workers < 4 ? 0.32 / workers : 0.08;
}

static double coherent(int workers)
{
    return 0.18 * (1 + workers * (workers - 1) / 36.0) / workers;
}

/* A random number between 0 and 1. */
static double draw(struct program *program)
{
    return ((double)(random_next(&program->seed) >> 11) + 0.5) * 0x1p-53;
}

/* A sweep.measure. */
static int simulate(void *context, int workers, struct cost *ret_cost, thrum_error *ret_error)
{
    static const double start = 0.005;
    struct program *program = context;
    double seconds =
        (start + program->seconds(workers)) * exp(program->spread * normal_quantile(draw(program)));
    bool delayed = program->delay > 0 && draw(program) < 0.2;
    (void)ret_error;
    *ret_cost =
        (struct cost){.seconds = seconds - (delayed ? log(draw(program)) : 0) * program->delay,
                      .user = program->seconds == computing ? 0.2 : 0.003};
    return 0;
}

enum { TRIALS = SANITIZED ? 20 : 100 };

/* In how many of the trials the interval contains the best number. */
static int count_inside(struct program program)
{
    int inside = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct sweep sweep = {0};
        thrum_error error;
        CHECK(sweep_parse(&sweep, program.seconds == computing ? "1..8" : "1..16"));
        sweep.cores = 2;
        sweep.rounds = 5;
        sweep.quiet = true;
        sweep.measure = simulate;
        sweep.context = &program;
        CHECK_INT(sweep_run(&sweep, &error), ==, 0);
        inside += sweep.advice.low <= program.best && program.best <= sweep.advice.high;
        sweep_finish(&sweep);
    }
    return inside;
}

TEST(the_interval_contains_the_best_number)
{
    static const struct program programs[] = {
        {waiting, 16}, {computing, 2}, {locked, 4}, {coherent, 6}};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        for (int noise = 0; noise < 3; noise++) {
            struct program program = programs[i];
            program.spread = noise == 0 ? 0.01 : 0.08;
            program.delay = noise == 2 ? 0.03 : 0;
            program.seed = i + 1;
            CHECK_INT(count_inside(program), >=, TRIALS * 95 / 100);
        }
}
