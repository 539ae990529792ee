/* Semaphore: ten queries, three connections, so three queries at a time.
 *
 * thrum_with takes a semaphore as it takes a lock. Waiters are served in order of arrival, which Python does not
 * promise. The pool replaces Python's list of threads: its shutdown waits for all tasks.
 */
#include <stdio.h>
#include <thrum.h>

static thrum_semaphore connections = THRUM_SEMAPHORE_INIT(3);

static int query_database(thrum_task *self)
{
    thrum_with (&connections) {
        printf("Query %d: connected\n", thrum_arg(self, int));
        (void)thrum_sleep(thrum_in(0.1)); /* stands for the query */
        printf("Query %d: done\n", thrum_arg(self, int));
    }
    return 0;
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 10});
    for (int i = 0; i < 10; i++)
        thrum_future_free(thrum_submit(pool, query_database, thrum_value(int, i)));
    thrum_executor_shutdown(pool);
}
