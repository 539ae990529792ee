/* A leak: threads that are never joined, and futures that are never freed. */
#include <stdio.h>
#include <thrum.h>

static int answer(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 200));
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    for (int i = 0; i < 3; i++) {
        thrum_future *future = thrum_submit(pool, answer, THRUM_NOTHING);
        if (thrum_future_wait(future, THRUM_FOREVER) == 0)
            printf("request %d is done\n", i); /* and its future is kept for ever */
    }
    thrum_executor_shutdown(pool);
}
