/* Laws.
 *
 * Three are tried:
 *
 *   waiting   T(N) = a / N                                                  one number
 *   limit     T(N) = max(a / N, f)                                          two numbers
 *   scaling   T(N) = a (1 + s (N - 1) + k N (N - 1)) / N                    two or three numbers
 *
 * The first is what work does that only waits. The second is Goetz's: work with waiting W and computing C on P cores gains
 * until P (1 + W / C) workers, and then nothing; a lock that is held for a fixed time gives the same form. The third is the
 * Universal Scalability Law (Gunther, "Guerrilla Capacity Planning", 2007): s is the share that is done one at a time
 * (contention), k what each pair of workers costs each other (coherence), which makes many workers slower than few.
 *
 * Fitting. Times span factors of a hundred, so errors are relative: what is minimised is the sum of squares of
 * log(measured / law).
 *   waiting: log a is a mean.
 *   limit:   the counts are split into those below the knee and those beyond; each side is a mean; each split is tried.
 *   scaling: N T(N) is linear in a, a s and a k. These are found by least squares with weights 1 / (N T)^2, without
 *            negative values: of the solutions with some of them at zero, the best that is allowed.
 *
 * Choosing. A law with more numbers always fits a little better. So the Bayesian information criterion
 * n log(SSE / n) + p log n decides. Below 0.5 % of error, better counts for nothing: times are not more exact than that.
 */
#include "law.h"

#include <math.h>

static const double exact = 0.005; /* relative error below which nothing is gained */

double law_seconds(const struct law *law, double workers)
{
    switch (law->kind) {
    case LAW_WAITING:
        return law->single / workers;
    case LAW_LIMIT:
        return fmax(law->single / workers, law->limit);
    default:
        return law->single / workers *
               (1 + law->contention * (workers - 1) + law->coherence * workers * (workers - 1));
    }
}

const char *law_name(enum law_kind kind)
{
    static const char *const names[] = {"waiting", "limit", "scaling"};
    return names[kind];
}

/* The mean square of log(measured / law). */
static double mean_square(const struct law *law, const double *workers, const double *seconds,
                          size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double off = log(seconds[i] / law_seconds(law, workers[i]));
        sum += off * off;
    }
    return sum / (double)count;
}

static struct law fit_waiting(const double *workers, const double *seconds, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += log(seconds[i] * workers[i]);
    return (struct law){.kind = LAW_WAITING, .single = exp(sum / (double)count)};
}

static struct law fit_limit(const double *workers, const double *seconds, size_t count)
{
    struct law best = {.kind = LAW_LIMIT, .single = seconds[0] * workers[0], .limit = seconds[0]};
    double least = INFINITY;
    for (size_t k = 0; k < count; k++) {
        double knee = workers[k], below = 0, beyond = 0;
        size_t below_count = 0;
        for (size_t i = 0; i < count; i++)
            if (workers[i] <= knee) {
                below += log(seconds[i] * workers[i]);
                below_count++;
            } else {
                beyond += log(seconds[i]);
            }
        if (below_count == count)
            continue;
        struct law law = {.kind = LAW_LIMIT,
                          .single = exp(below / (double)below_count),
                          .limit = exp(beyond / (double)(count - below_count))};
        double square = mean_square(&law, workers, seconds, count);
        if (square < least) {
            least = square;
            best = law;
        }
    }
    return best;
}

enum { TERMS = 3 };

/* Solves a small system in place by Gauss; terms outside of `used` are 0. False if it has no solution. */
static int solve(double matrix[TERMS][TERMS + 1], unsigned used, double ret_solution[TERMS])
{
    for (int i = 0; i < TERMS; i++) {
        ret_solution[i] = 0;
        if (used >> i & 1)
            continue;
        for (int j = 0; j <= TERMS; j++)
            matrix[i][j] = matrix[j < TERMS ? j : i][i] = 0;
        matrix[i][i] = 1;
        matrix[i][TERMS] = 0;
    }
    for (int i = 0; i < TERMS; i++) {
        if (fabs(matrix[i][i]) < 1e-300)
            return 0;
        for (int row = 0; row < TERMS; row++) {
            double factor = row == i ? 0 : matrix[row][i] / matrix[i][i];
            for (int j = i; j <= TERMS; j++)
                matrix[row][j] -= factor * matrix[i][j];
        }
    }
    for (int i = 0; i < TERMS; i++)
        ret_solution[i] = matrix[i][TERMS] / matrix[i][i];
    return 1;
}

static struct law fit_scaling(const double *workers, const double *seconds, size_t count)
{
    struct law best = fit_waiting(workers, seconds, count);
    best.kind = LAW_SCALING;
    double least = mean_square(&best, workers, seconds, count);
    for (unsigned used = 1; used < 1 << TERMS; used += 2) { /* `single` always */
        double matrix[TERMS][TERMS + 1] = {0}, solution[TERMS];
        for (size_t i = 0; i < count; i++) {
            double n = workers[i], y = n * seconds[i], weight = 1 / (y * y);
            double term[TERMS] = {1, n - 1, n * (n - 1)};
            for (int r = 0; r < TERMS; r++) {
                for (int c = 0; c < TERMS; c++)
                    matrix[r][c] += weight * term[r] * term[c];
                matrix[r][TERMS] += weight * term[r] * y;
            }
        }
        if (!solve(matrix, used, solution) || solution[0] <= 0 || solution[1] < 0 ||
            solution[2] < 0)
            continue;
        struct law law = {.kind = LAW_SCALING,
                          .single = solution[0],
                          .contention = solution[1] / solution[0],
                          .coherence = solution[2] / solution[0]};
        double square = mean_square(&law, workers, seconds, count);
        if (square < least) {
            least = square;
            best = law;
        }
    }
    return best;
}

/* How many numbers a law has. */
static int numbers_of(const struct law *law)
{
    return law->kind == LAW_WAITING ? 1
           : law->kind == LAW_LIMIT ? 2
                                    : 1 + (law->contention > 0) + (law->coherence > 0);
}

void law_fit(const double *workers, const double *seconds, size_t count, struct law *ret_law)
{
    struct law laws[] = {fit_waiting(workers, seconds, count), fit_limit(workers, seconds, count),
                         fit_scaling(workers, seconds, count)};
    double least = INFINITY, n = (double)count;
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        double square = mean_square(&laws[i], workers, seconds, count);
        double criterion = n * log(square + exact * exact) + numbers_of(&laws[i]) * log(n + 1);
        laws[i].error = sqrt(square);
        if (criterion < least) {
            least = criterion;
            *ret_law = laws[i];
        }
    }
}

int law_best(const struct law *law, int first, int last, double tolerance)
{
    double least = INFINITY;
    for (int n = first; n <= last; n++)
        least = fmin(least, law_seconds(law, n));
    int best = first;
    while (best < last && law_seconds(law, best) > least * (1 + tolerance))
        best++;
    return best;
}
