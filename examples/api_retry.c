/* Concurrent API calls that are tried again: after each failure a pause twice as long as the last.
 *
 * The pause is a wait like any other, so cancelling the future ends it at once, where Python's
 * time.sleep would be slept to its end; and it is drawn at random, so that those who were refused
 * together do not come back together. The API is played by a function that refuses a post as many
 * times as the rest of its number by four, so those with 3 are refused too often.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.02 /* seconds for a call */
#define BACKOFF 0.05 /* seconds of the first pause; a real server wants a second or more */

enum { POSTS = 20, MAX_TRIES = 3 };

/* Stands for the request. */
static int get_post(int post, uint32_t attempt)
{
    int rc = thrum_sleep(thrum_in(LATENCY));
    if (rc == 0 && attempt <= (uint32_t)post % 4)
        rc = -ECONNREFUSED;
    return rc;
}

static int fetch_api(thrum_task *self)
{
    int post = thrum_arg(self, int);
    thrum_retry retry = THRUM_RETRY(.attempts = MAX_TRIES, .base = BACKOFF);
    while (thrum_retry_next(&retry))
        thrum_retry_done(&retry, get_post(post, thrum_retry_attempt(&retry)));
    int rc = thrum_retry_code(&retry);
    if (rc < 0)
        return thrum_fail(self, rc, "%s at try %u", thrum_retry_error(&retry)->message,
                          thrum_retry_attempt(&retry));
    return thrum_return(self, thrum_value(uint32_t, thrum_retry_attempt(&retry)));
}

int main(void)
{
    thrum_time begin = thrum_now();
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    thrum_future *futures[POSTS];
    for (int i = 0; i < POSTS; i++)
        futures[i] = thrum_submit(pool, fetch_api, thrum_value(int, i + 1));

    int fetched = 0;
    for (int i = 0; i < POSTS; i++) {
        uint32_t tries;
        if (thrum_future_result(futures[i], &tries, sizeof tries, THRUM_FOREVER) == 0) {
            printf("/posts/%d: fetched at try %u\n", i + 1, tries);
            fetched++;
        } else {
            printf("/posts/%d: %s\n", i + 1, thrum_future_error(futures[i])->message);
        }
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    printf("Fetched %d/%d endpoints in %.2f s\n", fetched, POSTS,
           (double)(thrum_now() - begin) / 1e9);
    return EXIT_SUCCESS;
}
