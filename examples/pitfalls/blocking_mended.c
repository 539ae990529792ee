/* A fiber hands a blocking call to another thread, and waits. */
#include <stdio.h>
#include <thrum.h>
#include <unistd.h>

enum { FIBERS = 10 };

static int ask_server(thrum_task *self)
{
    (void)self;
    usleep(50000); /* blocks this thread, which runs no fibers */
    return 0;
}

static int ask(thrum_task *self)
{
    thrum_error error;
    int rc = thrum_blocking(ask_server, THRUM_NOTHING, NULL, 0, &error, THRUM_FOREVER);
    return rc == 0 ? 0 : thrum_fail_with(self, &error);
}

int main(void)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_future *futures[FIBERS];
    thrum_time begin = thrum_now();
    int failed = 0;
    for (int i = 0; i < FIBERS; i++)
        futures[i] = thrum_submit(pool, ask, THRUM_NOTHING);
    for (int i = 0; i < FIBERS; i++) {
        failed |= thrum_future_wait(futures[i], THRUM_FOREVER);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    printf("ten calls of 0.05 s took %.2f s\n", (double)(thrum_now() - begin) / 1e9);
    return failed;
}
