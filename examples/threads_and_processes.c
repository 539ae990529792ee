/* The guide's CPU benchmark: sums of squares one after another, in four threads and in four processes.
 *
 * In Python only the processes are faster. Here threads compute at the same time, too, and share memory. Processes cost
 * their start, and are for code that may crash. The three measurements are the same call with another executor.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { TASKS = 20 };

static int sum_of_squares(thrum_task *self)
{
    uint64_t count = thrum_arg(self, uint64_t), sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += i * i % 1000003; /* the remainder keeps compilers from finding a formula for it */
    return thrum_return(self, thrum_value(uint64_t, sum));
}

/* Runs the tasks, gives the sum of their results, prints how long it took. Ends the executor. */
static uint64_t measure(const char *name, thrum_executor *executor)
{
    if (!executor)
        errx(EXIT_FAILURE, "no executor for %s", name);
    uint64_t counts[TASKS], results[TASKS], sum = 0;
    for (int i = 0; i < TASKS; i++)
        counts[i] = 1000000 + (uint64_t)i;
    thrum_error error;
    thrum_time begin = thrum_now();
    int rc = thrum_map(executor, sum_of_squares,
                       &(thrum_map_options){.count = TASKS,
                                            .args = counts,
                                            .arg_size = sizeof counts[0],
                                            .results = results,
                                            .result_size = sizeof results[0],
                                            .ret_error = &error});
    thrum_executor_shutdown(executor);
    if (rc != 0)
        errx(EXIT_FAILURE, "%s: %s", name, error.message);
    printf("%s: %.2f s\n", name, (double)(thrum_now() - begin) / 1e9);
    for (int i = 0; i < TASKS; i++)
        sum += results[i];
    return sum;
}

int main(void)
{
    uint64_t alone = measure("sequential", thrum_inline_new());
    uint64_t threads = measure(
        "four threads", thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4}));
    uint64_t processes = measure(
        "four processes", thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 4}));
    printf("the results %s\n", alone == threads && alone == processes ? "agree" : "differ");
    return EXIT_SUCCESS;
}
