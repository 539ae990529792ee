/* Concurrent API calls that are tried again, with pauses that double.
 *
 * A pause is a wait, so cancelling the future ends it at once; Python's time.sleep goes on to its end. It has a random
 * length, so that callers that were refused together do not return together.
 */
#include <errno.h>
#include <stdio.h>
#include <thrum.h>

/* Stands for a server that refuses a post as many times as the rest of its number by four. */
static int get_post(int post, uint32_t attempt)
{
    int rc = thrum_sleep(thrum_in(0.02));
    return rc == 0 && attempt <= (uint32_t)post % 4 ? -ECONNREFUSED : rc;
}

static int fetch_api(thrum_task *self)
{
    thrum_retry retry = THRUM_RETRY(.attempts = 3, .base = 0.05);
    while (thrum_retry_next(&retry))
        thrum_retry_done(&retry, get_post(thrum_arg(self, int), thrum_retry_attempt(&retry)));
    uint32_t tries = thrum_retry_attempt(&retry);
    int rc = thrum_retry_code(&retry);
    if (rc < 0)
        return thrum_fail(self, rc, "%s at try %u", thrum_strerror(rc), tries);
    return thrum_return(self, thrum_value(uint32_t, tries));
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10});
    thrum_future *futures[20];
    for (int i = 0; i < 20; i++)
        futures[i] = thrum_submit(pool, fetch_api, thrum_value(int, i + 1));
    for (int i = 0; i < 20; i++) {
        uint32_t tries;
        if (thrum_future_result(futures[i], &tries, sizeof tries, THRUM_FOREVER) == 0)
            printf("/posts/%d: fetched at try %u\n", i + 1, tries);
        else
            printf("/posts/%d: %s\n", i + 1, thrum_future_error(futures[i])->message);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}
