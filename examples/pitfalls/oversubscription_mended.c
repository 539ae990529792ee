/* No more threads compute than there are processors. */
#include <inttypes.h>
#include <stdio.h>
#include <thrum.h>

enum { TASKS = 2560 };

static int sum_of_squares(thrum_task *self)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < 1000000; i++)
        total += i * i % 1000003;
    return thrum_return(self, thrum_value(uint64_t, total));
}

int main(void)
{
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = thrum_cpu_count()});
    static thrum_future *futures[TASKS];
    uint64_t total = 0;
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, sum_of_squares, THRUM_NOTHING);
    for (int i = 0; i < TASKS; i++) {
        uint64_t part = 0;
        if (thrum_future_result(futures[i], &part, sizeof part, THRUM_FOREVER) == 0)
            total += part;
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    printf("total: %" PRIu64 "\n", total);
}
