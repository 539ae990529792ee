/* What threads are good for, and what a global lock would cost: four tasks that compute, then four that wait, each time
 * first one after another and then at the same time.
 *
 * In Python the GIL lets one thread compute at a time, so only the waiting overlaps. Here there is no such lock. With
 * four processors both jobs take a quarter of the time; with two the computing takes half.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.1 /* seconds that the server lets us wait */

enum { THREADS = 4 };

static int cpu_bound(thrum_task *self)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < 5000000; i++)
        total += i * i % 1000003; /* the remainder keeps compilers from finding a formula for it */
    return thrum_return(self, thrum_value(uint64_t, total));
}

static int io_bound(thrum_task *self)
{
    int rc = thrum_sleep(thrum_in(LATENCY)); /* stands for a request */
    return rc < 0 ? rc : thrum_return(self, thrum_value(uint64_t, 200));
}

/* Adds up the results of four threads, none of which starts before the last has ended unless they
 * run at once. */
static int run_four(thrum_task_fn *function, bool at_once, uint64_t *ret_sum, double *ret_seconds)
{
    thrum_thread *threads[THREADS];
    thrum_time begin = thrum_now();
    int failed = 0;
    for (int i = 0; i < THREADS; i++) {
        threads[i] = thrum_thread_start(function, THRUM_NOTHING);
        if (!at_once)
            (void)!thrum_thread_join(threads[i],
                                     THRUM_FOREVER); /* its outcome stays in the handle */
    }
    *ret_sum = 0;
    for (int i = 0; i < THREADS; i++) {
        uint64_t result = 0;
        failed |= thrum_thread_result(threads[i], &result, sizeof result, THRUM_FOREVER);
        *ret_sum += result;
        thrum_thread_free(threads[i]);
    }
    *ret_seconds = (double)(thrum_now() - begin) / 1e9;
    return failed;
}

static int compare(const char *name, thrum_task_fn *function)
{
    uint64_t sum, same;
    double sequential, threaded;
    if (run_four(function, false, &sum, &sequential) || run_four(function, true, &same, &threaded))
        return -1;
    printf("%s: one after another %.2f s, four threads %.2f s\n", name, sequential, threaded);
    printf("%s: results %s\n", name, sum == same ? "agree" : "differ");
    return 0;
}

int main(void)
{
    int failed = compare("CPU-bound", cpu_bound);
    failed |= compare("I/O-bound", io_bound);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
