/* A user's program, built against an installed copy alone: one task on a thread and one in a pool. */
#include <stdio.h>
#include <string.h>
#include <thrum.h>

struct pair {
    int a, b;
};

static int add(thrum_task *self)
{
    const struct pair *p = &thrum_arg(self, struct pair);
    return thrum_return(self, thrum_value(int, p->a + p->b));
}

int main(void)
{
    if (strcmp(thrum_version(), THRUM_VERSION) != 0) {
        fprintf(stderr, "the library is %s, the header %s\n", thrum_version(), THRUM_VERSION);
        return 1;
    }
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2});
    thrum_future *future = thrum_submit(pool, add, thrum_value(struct pair, 40, 2));
    int sum = 0;
    int rc = thrum_future_result(future, &sum, sizeof sum, thrum_in(10));
    thrum_future_free(future);
    thrum_executor_shutdown(pool);

    static thrum_lock lock;
    thrum_with (&lock)
        printf("%d\n", sum);
    return rc == 0 && sum == 42 ? 0 : 1;
}
