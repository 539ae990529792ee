#include <stdio.h>
#include <thrum.h>

static int fetch(thrum_task *self) /* a task; it runs unchanged on every executor */
{
    int page = thrum_arg(self, int);
    int rc = thrum_sleep(thrum_in(0.2)); /* stands for a slow server */
    if (rc < 0)
        return thrum_fail(self, rc, "page %d: %s", page, thrum_strerror(rc));
    return thrum_return(self, thrum_value(int, page * 100));
}

int main(void)
{
    thrum_time begin = thrum_now();
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10});
    thrum_future *pages[10];
    for (int i = 0; i < 10; i++)
        pages[i] = thrum_submit(pool, fetch, thrum_value(int, i));
    for (int i = 0; i < 10; i++) {
        int length, rc = thrum_future_result(pages[i], &length, sizeof length, thrum_in(5));
        printf("page %d: %s, %d bytes\n", i, thrum_strerror(rc), rc == 0 ? length : 0);
        thrum_future_free(pages[i]);
    }
    thrum_executor_shutdown(pool);
    printf("10 pages of 0.2 s in %.2f s\n", (double)(thrum_now() - begin) / 1e9);
    // prints page 0: success, 0 bytes
    // prints ...
    // prints 10 pages of 0.2 s in 0.20 s
}
