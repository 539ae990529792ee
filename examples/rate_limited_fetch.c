/* A rate-limited pool: ten workers, and yet no more requests per second than the server allows.
 *
 * Where Python's RateLimiter sleeps with its lock held, so that nobody else can even ask, each
 * worker here is told its moment and sleeps by itself. A wait has a deadline, and cancelling the
 * future ends it.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define PER_SECOND 50   /* requests; ten times as many as people would watch */
#define REQUEST    0.05 /* seconds */

enum { ITEMS = 20 };

static thrum_rate_limiter limiter = THRUM_RATE_LIMITER_INIT(PER_SECOND, 1);
static thrum_time begin;

static int rate_limited_fetch(thrum_task *self)
{
    int item = thrum_arg(self, int);
    int rc = thrum_rate_limiter_acquire(&limiter, 1, THRUM_FOREVER);
    if (rc < 0)
        return rc;
    printf("Fetching item %d after %.2f s\n", item, (double)(thrum_now() - begin) / 1e9);
    rc = thrum_sleep(thrum_in(REQUEST)); /* stands for the request */
    return rc < 0 ? rc : thrum_return(self, thrum_value(int, item));
}

int main(void)
{
    begin = thrum_now();
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    thrum_future *futures[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        futures[i] = thrum_submit(pool, rate_limited_fetch, thrum_value(int, i));
    int fetched = 0;
    for (int i = 0; i < ITEMS; i++) {
        int item;
        if (thrum_future_result(futures[i], &item, sizeof item, THRUM_FOREVER) == 0)
            fetched++;
        thrum_future_free(futures[i]);
    }
    double elapsed = (double)(thrum_now() - begin) / 1e9;
    thrum_executor_shutdown(pool);
    printf("Fetched %d items, %s\n", fetched,
           elapsed * PER_SECOND >= ITEMS - 1 ? "no faster than allowed" : "too fast");
    return EXIT_SUCCESS;
}
