/* The same from C++. */
#include <cerrno>
#include <cstdio>
#include <cstdlib>
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

static int released;

static void release(void *value)
{
    released += *static_cast<int *>(value);
}

static int shout(thrum_task *self)
{
    return thrum_return(self, thrum_text(thrum_arg_text(self)));
}

/* Values, texts and owned values, by the macros that build them. */
static bool values_travel(thrum_executor *pool)
{
    int sum = 0, late = 4;
    char *text = nullptr;
    thrum_future *future = thrum_submit(pool, add, thrum_value(pair, 40, 2));
    bool good = thrum_future_result(future, &sum, sizeof sum, THRUM_FOREVER) == 0 && sum == 42;
    thrum_future_free(future);
    future = thrum_submit(pool, shout, thrum_text("a text"));
    good = good && thrum_future_take_text(future, &text, THRUM_FOREVER) == 0 &&
           std::strcmp(text, "a text") == 0;
    std::free(text);
    thrum_future_free(future);
    thrum_future_memory memory;
    future = thrum_submit_into(pool, &memory, add, thrum_value(pair, 1, 2));
    good = good && thrum_future_result(future, &sum, sizeof sum, THRUM_FOREVER) == 0 && sum == 3;
    thrum_future_free(future);
    const pair pairs[] = {{1, 1}, {2, 2}};
    thrum_future *futures[2];
    thrum_submit_many(pool, add, 2, pairs, sizeof pairs[0], futures);
    for (int i = 0; i < 2; i++) {
        good = good && thrum_future_result(futures[i], &sum, sizeof sum, THRUM_FOREVER) == 0 &&
               sum == 2 * (i + 1);
        thrum_future_free(futures[i]);
    }
    thrum_group *group = thrum_group_new();
    thrum_group_cancel(group); /* so nothing that it is given runs */
    thrum_future_free(thrum_group_submit(group, pool, add, thrum_owned(release, int, 3)));
    thrum_future_free(
        thrum_group_submit(group, pool, add, thrum_owned_at(release, &late, sizeof late)));
    thrum_group_free(group);
    return good && released == 7;
}

/* Options where they are used, deadlines, blocks that hold a lock, and a select. */
static bool calls_take_what_they_are_given()
{
    static thrum_lock lock = THRUM_LOCK_INIT;
    thrum_queue_options bound = {};
    bound.max_size = 1;
    thrum_queue *queue = thrum_queue_new(sizeof(int), &bound);
    thrum_event stop = THRUM_EVENT_INIT;
    int item = 7, found = 0, held = 0, missed = 0;
    thrum_executor *pool = thrum_fiber_pool_new(&thrum_fiber_pool_options{});
    thrum_executor_shutdown_with(pool, &thrum_shutdown_options{});
    bool good = thrum_queue_put(queue, &item, thrum_in(1)) == 0 &&
                thrum_queue_put(queue, &item, THRUM_NOW) == -EAGAIN;
    thrum_case cases[] = {thrum_case_event(&stop), thrum_case_get(queue, &found)};
    good = good && thrum_select(cases, 2, THRUM_FOREVER) == 1 && found == item;
    thrum_lock_acquire(&lock);
    thrum_with_until (&lock, thrum_at(thrum_now()))
        held++;
    else missed++;
    thrum_lock_release(&lock);
    thrum_with_until (&lock, THRUM_NOW)
        held++;
    thrum_queue_free(queue);
    return good && held == 1 && missed == 1 && !thrum_lock_locked(&lock);
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
    if (!values_travel(pool) || !calls_take_what_they_are_given())
        return 1;
    int sum = 0;
    int rc = thrum_future_result(future, &sum, sizeof sum, thrum_in(10));
    thrum_future_free(future);
    thrum_executor_shutdown(pool);

    static thrum_lock lock = THRUM_LOCK_INIT;
    thrum_with (&lock)
        std::printf("%d\n", sum);
    return rc == 0 && sum == 42 ? 0 : 1;
}
