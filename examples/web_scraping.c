/* Concurrent web scraping: the same pages one after another and eight at a time.
 *
 * One function does both, as only the executor differs: thrum_inline_new runs each task in the caller, a pool runs them
 * at once. A page that cannot be fetched is a failed task with a message, not a tuple with a member for errors. A sleep
 * stands for the server.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

#define LATENCY 0.1 /* seconds that a server takes */

static const char *const urls[] = {
    "https://site.example",        "https://docs.site.example", "https://packages.site.example",
    "https://lessons.example",     "https://code.example",      "https://answers.example",
    "https://news.combin.example", "https://nowhere.invalid",
};

enum { URLS = sizeof urls / sizeof *urls };

static int fetch_page(thrum_task *self)
{
    const char *url = thrum_arg(self, const char *);
    int rc = thrum_sleep(thrum_in(LATENCY)); /* stands for the request */
    if (rc < 0)
        return rc;
    if (strstr(url, ".invalid"))
        return thrum_fail(self, -EHOSTUNREACH, "no such host");
    return thrum_return(self, thrum_value(size_t, 1000 * strlen(url)));
}

/* Fetches all pages and returns how many seconds that took. Ends the executor. */
static double scrape(thrum_executor *executor)
{
    if (!executor)
        errx(EXIT_FAILURE, "no memory for the executor");
    thrum_time begin = thrum_now();
    thrum_future *futures[URLS];
    for (int i = 0; i < URLS; i++)
        futures[i] = thrum_submit(executor, fetch_page, thrum_value(const char *, urls[i]));
    for (int i = 0; i < URLS; i++) {
        size_t size;
        if (thrum_future_result(futures[i], &size, sizeof size, THRUM_FOREVER) == 0)
            printf("  OK   %s: %zu bytes\n", urls[i], size);
        else
            printf("  FAIL %s: %s\n", urls[i], thrum_future_error(futures[i])->message);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(executor);
    return (double)(thrum_now() - begin) / 1e9;
}

int main(void)
{
    double sequential = scrape(thrum_inline_new());
    double threaded = scrape(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 8}));
    printf("Sequential: %.2f s\n", sequential);
    printf("Threaded: %.2f s, %s\n", threaded, threaded < sequential ? "faster" : "slower");
    return EXIT_SUCCESS;
}
