/* ThreadPoolExecutor, submit and as_completed: five pages, three at a time, each reported as soon as it is there.
 *
 * Python keeps a table from future to URL; here as_completed gives an index into the array of futures.
 */
#include <stdio.h>
#include <thrum.h>

static int fetch_url(thrum_task *self)
{
    char content[64];
    int rc = thrum_sleep(thrum_in(0.1)); /* stands for the request */
    snprintf(content, sizeof content, "Content from %s", thrum_arg_text(self));
    return rc < 0 ? rc : thrum_return(self, thrum_text(content));
}

int main(void)
{
    static const char *const urls[] = {
        "https://example.com/page1", "https://example.com/page2", "https://example.com/page3",
        "https://example.com/page4", "https://example.com/page5",
    };
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 3});
    thrum_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = thrum_submit(pool, fetch_url, thrum_text(urls[i]));
    thrum_as_completed *done = thrum_as_completed_new(futures, 5);
    for (size_t i; thrum_as_completed_next(done, &i, THRUM_FOREVER) == 0;) {
        char data[64];
        int rc = thrum_future_copy(futures[i], data, sizeof data, NULL, THRUM_FOREVER);
        printf("%s: %s\n", urls[i], rc == 0 ? data : thrum_future_error(futures[i])->message);
    }
    thrum_as_completed_free(done);
    for (int i = 0; i < 5; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
}
