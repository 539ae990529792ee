/* A rate-limited pool: ten workers, and no more requests per second than the server allows.
 *
 * Python's RateLimiter sleeps with its lock held, so other threads cannot ask meanwhile. Here each worker gets the
 * moment of its turn and sleeps without a lock. The wait has a deadline, and cancelling the future ends it.
 */
#include <stdio.h>
#include <thrum.h>

static thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(50, 1);
static thrum_time begin;

static int rate_limited_fetch(thrum_task *self)
{
    int rc = thrum_rate_limiter_acquire(&limiter, 1, thrum_in(30));
    if (rc < 0)
        return rc;
    double after = (double)(thrum_now() - begin) / 1e9;
    printf("Fetching item %d after %.2f s\n", thrum_arg(self, int), after);
    return thrum_sleep(thrum_in(0.05)); /* stands for the request */
}

int main(void)
{
    begin = thrum_now();
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10});
    int items[20];
    for (int i = 0; i < 20; i++)
        items[i] = i;
    int rc = thrum_map(pool, rate_limited_fetch,
                       &(thrum_map_options){.count = 20, .args = items, .arg_size = sizeof *items});
    thrum_executor_shutdown(pool);
    puts(thrum_now() - begin >= 19 * 20000000 ? "No faster than allowed" : "Too fast");
    return rc != 0;
}
