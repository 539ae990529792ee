/* What a pool of four gains, for tasks that wait and for tasks that compute.
 *
 * map does not know what runs its tasks, so the sequential column is the same call with the inline executor. In Python
 * only the first line gets faster with threads. The second needs processes, which must copy what they share. Here
 * threads make both faster, up to the number of processors.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.02 /* seconds; a tenth of a slow request */

enum { TASKS = 20 };

static int io_task(thrum_task *self)
{
    int rc = thrum_sleep(thrum_in(LATENCY));
    return rc < 0 ? rc : thrum_return(self, thrum_value(uint64_t, 1));
}

static int cpu_task(thrum_task *self)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 1000000; i++)
        sum += i * i % 1000003; /* the remainder keeps compilers from finding a formula for it */
    return thrum_return(self, thrum_value(uint64_t, sum));
}

/* Runs the tasks, adds their results to `*sum`, returns the seconds taken. Ends the executor. */
static double measure(thrum_executor *executor, thrum_task_fn *function, uint64_t *sum)
{
    if (!executor)
        errx(EXIT_FAILURE, "no memory for the executor");
    uint64_t results[TASKS];
    thrum_error error;
    thrum_time begin = thrum_now();
    int rc = thrum_map(executor, function,
                       &(thrum_map_options){.count = TASKS,
                                            .results = results,
                                            .result_size = sizeof *results,
                                            .ret_error = &error});
    double seconds = (double)(thrum_now() - begin) / 1e9;
    thrum_executor_shutdown(executor);
    if (rc != 0)
        errx(EXIT_FAILURE, "%s", error.message);
    for (int i = 0; i < TASKS; i++)
        *sum += results[i];
    return seconds;
}

static void compare(const char *name, thrum_task_fn *function)
{
    uint64_t alone = 0, together = 0;
    double sequential = measure(thrum_inline_new(), function, &alone);
    double threaded = measure(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4}),
                              function, &together);
    printf("%s: sequential %.2f s, four threads %.2f s, results %s\n", name, sequential, threaded,
           alone == together ? "agree" : "differ");
}

int main(void)
{
    compare("I/O", io_task);
    compare("CPU", cpu_task);
    return EXIT_SUCCESS;
}
