/* The statistics of `thrum bench` and `thrum tune`, beside known values: those of Python's statistics, of scipy and of
 * tables. Intervals are counted: how many contain the truth. */
#include "harness.h"
#include "measure/statistics.h"

#include <math.h>
#include <string.h>

#define CHECK_NEAR(value, expected, error) CHECK(fabs((value) - (expected)) <= (error))

TEST(quantiles_are_those_of_python)
{
    /* statistics.quantiles([1, 2, 4, 7, 11], n=4, method="inclusive") == [2.0, 4.0, 7.0] */
    static const double values[] = {1, 2, 4, 7, 11};
    CHECK_NEAR(quantile_of_sorted(values, 5, 0.25), 2, 0);
    CHECK_NEAR(quantile_of_sorted(values, 5, 0.5), 4, 0);
    CHECK_NEAR(quantile_of_sorted(values, 5, 0.75), 7, 0);
    CHECK_NEAR(quantile_of_sorted(values, 5, 0), 1, 0);
    CHECK_NEAR(quantile_of_sorted(values, 5, 1), 11, 0);
    CHECK_NEAR(quantile_of_sorted(values, 5, 0.1), 1.4, 1e-12);
    CHECK_NEAR(quantile_of_sorted(values, 1, 0.9), 1, 0);
}

TEST(medians_and_trimmed_means_do_not_need_sorted_values)
{
    CHECK_NEAR(median_of((double[]){9, 1, 5}, 3), 5, 0);
    CHECK_NEAR(median_of((double[]){9, 1, 5, 2}, 4), 3.5, 0);
    /* scipy.stats.trim_mean([10, 1, 9, 2, 8, 3, 7, 4, 6, 500], 0.2) == 6.166666666666667 */
    CHECK_NEAR(trimmed_mean_of((double[]){10, 1, 9, 2, 8, 3, 7, 4, 6, 500}, 10), 37.0 / 6, 1e-12);
    CHECK_NEAR(trimmed_mean_of((double[]){4, 1}, 2), 2.5, 0);
}

TEST(quantiles_of_distributions_are_those_of_tables)
{
    CHECK_NEAR(normal_quantile(0.5), 0, 1e-9);
    CHECK_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-9);
    CHECK_NEAR(normal_quantile(0.005), -2.5758293035489004, 1e-9);
    CHECK_NEAR(normal_quantile(0.9999), 3.719016485455709, 1e-8);
    CHECK_NEAR(student_quantile(0.975, 1), 12.706, 1e-3);
    CHECK_NEAR(student_quantile(0.975, 2), 4.303, 1e-3);
    CHECK_NEAR(student_quantile(0.975, 5), 2.5706, 5e-3);
    CHECK_NEAR(student_quantile(0.995, 10), 3.1693, 5e-3);
    CHECK_NEAR(student_quantile(0.975, 30), 2.0423, 1e-4);
}

TEST(random_orders_are_orders_and_differ)
{
    uint64_t state = 7;
    int firsts[5] = {0};
    for (int i = 0; i < 1000; i++) {
        size_t order[5] = {0}, seen = 0;
        random_order(&state, order, 5);
        for (int j = 0; j < 5; j++)
            seen |= (size_t)1 << order[j];
        CHECK_INT(seen, ==, 31);
        firsts[order[0]]++;
    }
    for (int i = 0; i < 5; i++)
        CHECK(firsts[i] > 140 && firsts[i] < 260); /* 200 are expected */
}

/* A value with mean 0: normal, and now and then far off, as the time of a program is. */
static double disturbed(uint64_t *state)
{
    double u = (double)((random_next(state) >> 11) + 1) * 0x1p-53;
    double v = (double)((random_next(state) >> 11) + 1) * 0x1p-53;
    double value = sqrt(-2 * log(u)) * cos(2 * M_PI * v);
    return random_below(state, 10) == 0 ? value * 20 : value;
}

/* How many of 300 intervals of `count` values contain the truth, which is 0. */
static int count_hits(size_t count, double confidence, statistic_fn *statistic)
{
    uint64_t state = count;
    int hits = 0;
    for (int trial = 0; trial < 300; trial++) {
        double values[40];
        struct interval interval;
        for (size_t i = 0; i < count; i++)
            values[i] = disturbed(&state);
        CHECK_INT(bootstrap(values, count, statistic, confidence, &interval), ==, 0);
        CHECK(interval.low <= interval.middle && interval.middle <= interval.high);
        hits += interval.low <= 0 && interval.high >= 0;
    }
    return hits;
}

TEST(intervals_contain_the_truth_as_often_as_they_say)
{
    CHECK_INT(count_hits(10, 0.95, trimmed_mean_of), >=,
              279); /* 285 are expected, with 3.8 either way */
    CHECK_INT(count_hits(30, 0.95, trimmed_mean_of), >=, 277);
    CHECK_INT(count_hits(30, 0.80, trimmed_mean_of), <=,
              264); /* 240; an interval of everything is none */
    CHECK_INT(count_hits(20, 0.99, trimmed_mean_of), >=, 291);
    CHECK_INT(count_hits(20, 0.95, median_of), >=, 277);
}

TEST(a_sample_of_one_has_its_value)
{
    struct interval interval;
    CHECK_INT(bootstrap((double[]){3}, 1, median_of, 0.95, &interval), ==, 0);
    CHECK_NEAR(interval.low, 3, 0);
    CHECK_NEAR(interval.high, 3, 0);
}
