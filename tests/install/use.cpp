/* The same from C++: the interface is usable there, short of the macros that build C's literals. */
#include <cstdio>
#include <cstring>
#include <thrum.h>

struct pair {
    int a, b;
};

static int add(thrum_task *self)
{
    const pair &p = thrum_arg(self, pair);
    int sum = p.a + p.b;
    return thrum_return(self, &sum, sizeof sum);
}

int main()
{
    if (std::strcmp(thrum_version(), THRUM_VERSION) != 0)
        return 1;
    thrum_thread_pool_options options = {};
    options.max_workers = 2;
    thrum_executor *pool = thrum_thread_pool_new(&options);
    pair argument = {40, 2};
    thrum_future *future = thrum_submit(pool, add, &argument, sizeof argument);
    int sum = 0;
    int rc = thrum_future_result(future, &sum, sizeof sum, thrum_in(10));
    thrum_future_free(future);
    thrum_executor_shutdown(pool);

    static thrum_lock lock = THRUM_LOCK_INIT;
    thrum_with (&lock)
        std::printf("%d\n", sum);
    return rc == 0 && sum == 42 ? 0 : 1;
}
