/* One task function, three executors: in the caller, on threads, as fibers.
 *
 * Forty requests of 20 ms each. Only one line changes, the executor. In Python the third column needs async and await
 * in each function, down to the socket. A pool of ten threads takes them ten at a time, fibers all at once, on one
 * thread.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.02 /* seconds */

enum { REQUESTS = 40 };

struct request {
    int number;
};

static thrum_lock lock = THRUM_LOCK_INIT;
static int answered;

/* Cannot tell where it runs. */
static int fetch(thrum_task *self)
{
    int number = thrum_arg(self, struct request).number;
    int rc = thrum_sleep(thrum_in(LATENCY)); /* the network */
    if (rc < 0)
        return rc;
    thrum_with (&lock)
        answered++;
    return thrum_return(self, thrum_value(int, 100 * number));
}

/* Runs all of them and prints how long it took. Ends the executor. */
static double measure(const char *name, thrum_executor *executor)
{
    struct request requests[REQUESTS];
    int results[REQUESTS];
    thrum_error error;
    if (!executor)
        errx(EXIT_FAILURE, "no memory for the executor");
    for (int i = 0; i < REQUESTS; i++)
        requests[i].number = i;
    thrum_map_options items = {
        .count = REQUESTS,
        .args = requests,
        .arg_size = sizeof requests[0],
        .results = results,
        .result_size = sizeof results[0],
        .window = REQUESTS,
        .ret_error = &error,
    };
    thrum_time begin = thrum_now();
    int rc = thrum_map(executor, fetch, &items);
    double seconds = (double)(thrum_now() - begin) / 1e9;
    thrum_executor_shutdown(executor);
    if (rc != 0)
        errx(EXIT_FAILURE, "%s: %s", name, error.message);
    printf("%s: %.2f s, the last answer is %d\n", name, seconds, results[REQUESTS - 1]);
    return seconds;
}

int main(void)
{
    double alone = measure("inline", thrum_inline_new());
    double threads = measure(
        "ten threads", thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10}));
    double fibers =
        measure("fibers", thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1}));
    printf("%d requests were answered, %s\n", answered,
           fibers < threads && threads < alone ? "each time faster" : "and not as fast as hoped");
    return 0;
}
