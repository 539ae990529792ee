/* OpenMP, asked line by line as ../external.h says.
 *
 *     sum WORKERS COUNT       nanoseconds for a sum of so many doubles
 *     mandelbrot WORKERS SIDE milliseconds for a square image, its rows in turn
 *     idle WORKERS 1          milliseconds of processor time in two seconds after a region
 */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_ITERATIONS = 1000 };

static double *numbers(size_t count)
{
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        values[i] = (double)((i * 2654435761u) % 1000003);
    return values;
}

static double sum_of(const double *values, long count)
{
    double sum = 0;
#pragma omp parallel for reduction(+ : sum) schedule(static)
    for (long i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static double sum(long count)
{
    double *values = numbers((size_t)count),
           result = sum_of(values, count); /* starts the threads */
    long times = count > 100000 ? 20000000 / count : 20000;
    double start = omp_get_wtime();
    for (long i = 0; i < times; i++)
        result += sum_of(values, count);
    double took = (omp_get_wtime() - start) * 1e9 / (double)times;
    free(values);
    return result >= 0 ? took : -1;
}

static double mandelbrot(long side)
{
    uint16_t *image = malloc((size_t)(side * side) * sizeof *image);
    double start = omp_get_wtime();
#pragma omp parallel for schedule(dynamic)
    for (long row = 0; row < side; row++)
        for (long column = 0; column < side; column++) {
            double re = -2.0 + 3.0 * (double)column / (double)side;
            double im = -1.5 + 3.0 * (double)row / (double)side, x = 0, y = 0;
            int n = 0;
            for (; n < MOST_ITERATIONS && x * x + y * y < 4; n++) {
                double next = x * x - y * y + re;
                y = 2 * x * y + im;
                x = next;
            }
            image[row * side + column] = (uint16_t)n;
        }
    double took = (omp_get_wtime() - start) * 1e3;
    free(image);
    return took;
}

static double processor_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double idle(void)
{
    double values[1000] = {0}, nothing = sum_of(values, 1000);
    double before = processor_ms();
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    double used = processor_ms() - before + nothing;
    return used > 0.001 ? used : 0.001;
}

int main(void)
{
    char what[32];
    int workers;
    long size;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (scanf("%31s %d %ld", what, &workers, &size) == 3) {
        omp_set_num_threads(workers);
        if (strcmp(what, "sum") == 0)
            printf("%g\n", sum(size));
        else if (strcmp(what, "mandelbrot") == 0)
            printf("%g\n", mandelbrot(size));
        else if (strcmp(what, "idle") == 0)
            printf("%g\n", idle());
        else
            printf("no such work\n");
    }
    return 0;
}
