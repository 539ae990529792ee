/* The CPU benchmark of the guide, `for i in range(n): total += i * i`, on all processors: one loop in the caller, then
 * thrum_reduce, which splits the range when a worker is free.
 *
 * In Python threads do not help here, because of the GIL, and processes cost their start. The parts of
 * a fork share the caller's variables and cost some nanoseconds.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { COUNT = 100000000 };

static int add_squares(void *arg, size_t first, size_t end, void *total)
{
    uint64_t sum = 0;
    (void)arg;
    for (uint64_t i = first; i < end; i++)
        sum += i * i % 1000003; /* the remainder keeps compilers from finding a formula for it */
    *(uint64_t *)total += sum;
    return 0;
}

static void add(void *arg, void *total, const void *other)
{
    (void)arg;
    *(uint64_t *)total += *(const uint64_t *)other;
}

int main(void)
{
    const thrum_reduction squares = {sizeof(uint64_t), add_squares, add};
    uint64_t alone = 0, together = 0;
    thrum_time begin = thrum_now();
    add_squares(NULL, 0, COUNT, &alone);
    thrum_time middle = thrum_now();

    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = thrum_cpu_count()});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for a pool");
    int rc = thrum_reduce(pool, 0, COUNT, &squares, NULL, &together);
    if (rc < 0)
        errx(EXIT_FAILURE, "the sum: %s", thrum_strerror(rc));
    thrum_time end = thrum_now();
    thrum_executor_shutdown(pool);

    printf("one thread: %.2f s\n", (double)(middle - begin) / 1e9);
    printf("all processors: %.2f s\n", (double)(end - middle) / 1e9);
    printf("the sums are %s\n", alone == together ? "equal" : "different");
    return alone == together ? EXIT_SUCCESS : EXIT_FAILURE;
}
