/* The CPU task: `for i in range(n): total += i * i`, with n such that it takes 100 ms.
 *
 * A compiler may replace the loop by the formula n(n-1)(2n-1)/6, or do several steps at once.
 * Neither is the work that was meant. An empty
 * piece of assembly that claims to change each square makes every step happen, in order, at no
 * cost; it works alike on every machine and needs no special kind of variable.
 *
 * Time is counted on the thread's own processor clock, which stands still while another program
 * has the core. So neither the calibration nor the bound that comes of these times grows because a
 * compiler runs beside it; the row's time does, as it is taken on the wall, and others.c says why.
 *
 * Calibration. The number of steps in 100 ms is found once, before anything is measured, as the
 * median of 15 samples of 20 ms. Before them the loop runs for 30 ms, as a core that was asleep
 * needs to reach its speed. The calibrated figure only sizes the tasks. The bounds of the parallel
 * columns come from what the sequential column measured (bounds.c), so an error made here moves
 * both alike.
 *
 * Each task checks its sum against the formula: a wrong answer in good time is worth nothing.
 */
#include "cpu_sum.h"

#include "workload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 15 };
static const double warm_up_seconds = 0.030;
static const double sample_seconds = 0.020;

static double nanoseconds_per_step;

/* The argument of a task. */
struct sum {
    uint64_t steps;
};

__attribute__((noinline)) uint64_t sum_of_squares(uint64_t n)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t square = i * i;
        __asm__("" : "+r"(square));
        total += square;
    }
    return total;
}

uint64_t sum_of_squares_formula(uint64_t n)
{
    if (n == 0)
        return 0;
    /* Of n, n-1 and 2n-1 one is even and one is a multiple of 3: divide before multiplying, so that
     * the product is right modulo 2^64. */
    uint64_t factor[3] = {n, n - 1, 2 * n - 1};
    for (int i = 0; i < 2; i++) {
        if (factor[i] % 2 == 0) {
            factor[i] /= 2;
            break;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (factor[i] % 3 == 0) {
            factor[i] /= 3;
            break;
        }
    }
    return factor[0] * factor[1] * factor[2];
}

double cpu_nanoseconds_per_step(void)
{
    return nanoseconds_per_step;
}

/* Nanoseconds that this thread has computed. */
static int64_t thread_nanoseconds(void)
{
    struct timespec time = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Nanoseconds per step over `steps` of them; negative if the sum came out wrong. */
static double time_steps(uint64_t steps)
{
    int64_t begin = thread_nanoseconds();
    uint64_t total = sum_of_squares(steps);
    double nanoseconds = (double)(thread_nanoseconds() - begin);
    return total == sum_of_squares_formula(steps) ? nanoseconds / (double)steps : -1;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int calibrate(const struct demo_options *options, thrum_error *ret_error)
{
    (void)options;
    (void)ret_error;
    uint64_t steps = 100000;
    double step = 0, sample[SAMPLES];
    for (thrum_deadline end = thrum_in(warm_up_seconds); thrum_now() < end.ns;)
        step = time_steps(steps);
    steps = (uint64_t)(sample_seconds * 1e9 / step);
    for (int i = 0; i < SAMPLES; i++)
        sample[i] = time_steps(steps);
    qsort(sample, SAMPLES, sizeof sample[0], compare_doubles);
    nanoseconds_per_step = sample[SAMPLES / 2];
    return 0;
}

static int sum_squares(thrum_task *self)
{
    const struct sum *sum = &thrum_arg(self, struct sum);
    thrum_time began = thrum_now();
    int64_t begin = thread_nanoseconds();
    uint64_t total = sum_of_squares(sum->steps);
    thrum_time took = thread_nanoseconds() - begin;
    if (total != sum_of_squares_formula(sum->steps))
        return thrum_fail(self, -EDOM, "the sum of %" PRIu64 " squares came out as %" PRIu64,
                          sum->steps, total);
    return piece_return(self, began, took);
}

THRUM_TASK(sum_squares)

/* Beside tasks that wait: a fiber hands the sum to a helper thread, so that its worker serves them meanwhile. A thread
 * computes it at once. */
static int sum_squares_apart(thrum_task *self)
{
    struct piece_result result;
    thrum_error error;
    int rc = thrum_blocking(sum_squares, &thrum_arg(self, struct sum), sizeof(struct sum), &result,
                            sizeof result, &error, THRUM_FOREVER);
    return rc == 0 ? thrum_return(self, &result, sizeof result) : thrum_fail_with(self, &error);
}

THRUM_TASK(sum_squares_apart)

static size_t fill_sum(void *ret_arg, int index, double seconds)
{
    (void)index;
    struct sum *sum = ret_arg;
    *sum = (struct sum){.steps = (uint64_t)(seconds * 1e9 / nanoseconds_per_step)};
    return sizeof *sum;
}

static void describe(char *ret_text, size_t size)
{
    snprintf(ret_text, size, "sums of squares, calibrated: %.0f steps in 100 ms, %.3f ns each",
             1e8 / nanoseconds_per_step, nanoseconds_per_step);
}

static void close_nothing(void)
{
}

const struct workload cpu_workload = {
    .open = calibrate,
    .task = sum_squares,
    .beside_waits = sum_squares_apart,
    .fill = fill_sum,
    .describe = describe,
    .close = close_nothing,
};
