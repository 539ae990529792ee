/* ThreadPoolExecutor, submit and as_completed: five pages, three at a time, each reported as soon
 * as it is there.
 *
 * Python keeps a table from future to URL; here as_completed gives the index in the array that one
 * has anyway. A page is returned by value, in a struct.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.1 /* seconds; a tenth of what a slow server takes */

static const char *const urls[] = {
    "https://example.com/page1", "https://example.com/page2", "https://example.com/page3",
    "https://example.com/page4", "https://example.com/page5",
};

enum { URLS = sizeof urls / sizeof *urls };

struct page {
    char content[64];
};

static int fetch_url(thrum_task *self)
{
    const char *url = thrum_arg(self, const char *);
    int rc = thrum_sleep(thrum_in(LATENCY)); /* stands for the request */
    if (rc < 0)
        return rc;
    struct page page;
    snprintf(page.content, sizeof page.content, "Content from %s", url);
    return thrum_return(self, &page, sizeof page);
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    thrum_future *futures[URLS];
    for (int i = 0; i < URLS; i++)
        futures[i] = thrum_submit(pool, fetch_url, thrum_value(const char *, urls[i]));

    thrum_as_completed *done = thrum_as_completed_new(futures, URLS);
    if (!done)
        errx(EXIT_FAILURE, "no memory to watch the pages");
    size_t i;
    while (thrum_as_completed_next(done, &i, THRUM_FOREVER) == 0) {
        struct page page;
        if (thrum_future_result(futures[i], &page, sizeof page, THRUM_NOW) == 0)
            printf("%s: %s\n", urls[i], page.content);
        else
            printf("%s failed: %s\n", urls[i], thrum_future_error(futures[i])->message);
    }
    thrum_as_completed_free(done);

    for (i = 0; i < URLS; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
    return EXIT_SUCCESS;
}
