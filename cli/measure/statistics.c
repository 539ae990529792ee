/* Statistics.
 *
 * Times of programs have a long tail: now and then something else runs. So means and standard deviations say
 * little. The figures here are the median and the mean without the lowest and the highest fifth, which a few
 * disturbed runs do not move.
 *
 * An interval is found by the bootstrap. The sample is drawn again from itself, with replacement, RESAMPLES times.
 * The figure of each resample is worked out, and the interval contains the middle 95 % of these figures. Small samples
 * give intervals that are too narrow, since the spread of a resample is that of the sample and not of what it was
 * drawn from. So each end is moved away from the middle by the ratio of Student's t to the normal quantile, times
 * sqrt(n / (n - 1)); n is the number of values that count (Hesterberg, "What Teachers Should Know About the Bootstrap",
 * 2015, section 5.3, gives the reason for the same correction).
 *
 * The random numbers have a fixed beginning: the same samples give the same verdict.
 *
 * Sources: normal quantile: Abramowitz and Stegun 26.2.23, refined by a Newton step with erfc. Student's t: the
 * expansion of Cornish and Fisher, Abramowitz and Stegun 26.7.5. Generator: splitmix64 (Steele and others, 2014).
 */
#include "statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 2000 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile_of_sorted(const double *values, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count)
        return values[count - 1];
    return values[below] + (place - (double)below) * (values[below + 1] - values[below]);
}

double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], compare);
    return quantile_of_sorted(values, count, 0.5);
}

/* How many values trimmed_mean_of leaves out at each end. */
static size_t trimmed(size_t count)
{
    return count / 5;
}

double trimmed_mean_of(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], compare);
    size_t cut = trimmed(count);
    double sum = 0;
    for (size_t i = cut; i < count - cut; i++)
        sum += values[i];
    return sum / (double)(count - 2 * cut);
}

double normal_quantile(double probability)
{
    double tail = probability < 0.5 ? probability : 1 - probability;
    double t = sqrt(-2 * log(tail));
    double z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
                       (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
    for (int i = 0; i < 3; i++) {
        double error = 0.5 * erfc(z / M_SQRT2) - tail;
        z += error / (exp(-z * z / 2) / sqrt(2 * M_PI));
    }
    return probability < 0.5 ? -z : z;
}

double student_quantile(double probability, double freedom)
{
    double z = normal_quantile(probability), f = freedom;
    if (f <= 1)
        return tan(M_PI * (probability - 0.5));
    if (f <= 2) /* exact for two; between one and two it is an upper bound of no importance */
        return (2 * probability - 1) / sqrt(2 * probability * (1 - probability));
    double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, z9 = z7 * z * z;
    return z + (z3 + z) / (4 * f) + (5 * z5 + 16 * z3 + 3 * z) / (96 * f * f) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * f * f * f) +
           (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * f * f * f * f);
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t random_below(uint64_t *state, size_t count)
{
    return (size_t)((double)(random_next(state) >> 11) * 0x1p-53 * (double)count);
}

void random_order(uint64_t *state, size_t *ret_order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t j = random_below(state, i + 1);
        ret_order[i] = ret_order[j];
        ret_order[j] = i;
    }
}

struct interval interval_of_resamples(double *figures, size_t count, double middle,
                                      double effective, double confidence)
{
    double upper = 0.5 + confidence / 2, wider = 1;
    qsort(figures, count, sizeof figures[0], compare);
    if (effective > 1)
        wider = student_quantile(upper, effective - 1) / normal_quantile(upper) *
                sqrt(effective / (effective - 1));
    struct interval interval = {
        .low = middle - wider * (middle - quantile_of_sorted(figures, count, 1 - upper)),
        .middle = middle,
        .high = middle + wider * (quantile_of_sorted(figures, count, upper) - middle)};
    interval.low = fmin(interval.low, middle);
    interval.high = fmax(interval.high, middle);
    return interval;
}

/* Draws as many values as there are, with replacement. */
static void draw(const double *values, size_t count, uint64_t *state, double *ret_drawn)
{
    for (size_t i = 0; i < count; i++)
        ret_drawn[i] = values[random_below(state, count)];
}

/* How many values of a sample count. */
static double effective_count(size_t count)
{
    return (double)(count - 2 * trimmed(count));
}

int bootstrap_difference(const double *first, size_t first_count, const double *second,
                         size_t second_count, statistic_fn *statistic, double confidence,
                         struct interval *ret_interval)
{
    size_t room = first_count > second_count ? first_count : second_count;
    size_t fewer = first_count < second_count && second_count > 0 ? first_count : second_count;
    double *drawn = malloc((room ? room : 1) * sizeof *drawn);
    double *figures = malloc(RESAMPLES * sizeof *figures);
    int rc = drawn && figures ? 0 : -ENOMEM;
    uint64_t state = 1;
    for (size_t r = 0; rc == 0 && r <= RESAMPLES; r++) {
        double figure = 0;
        const double *samples[] = {first, second};
        size_t counts[] = {first_count, second_count};
        for (size_t s = 0; s < 2; s++) {
            if (counts[s] == 0)
                continue;
            if (r < RESAMPLES)
                draw(samples[s], counts[s], &state, drawn);
            else
                memcpy(drawn, samples[s], counts[s] * sizeof *drawn);
            figure += s == 0 ? statistic(drawn, counts[s]) : -statistic(drawn, counts[s]);
        }
        if (r < RESAMPLES)
            figures[r] = figure;
        else
            *ret_interval =
                interval_of_resamples(figures, RESAMPLES, figure,
                                      effective_count(fewer ? fewer : first_count), confidence);
    }
    free(drawn);
    free(figures);
    return rc;
}

int bootstrap(const double *values, size_t count, statistic_fn *statistic, double confidence,
              struct interval *ret_interval)
{
    return bootstrap_difference(values, count, NULL, 0, statistic, confidence, ret_interval);
}
