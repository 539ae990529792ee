/* Written for thrum 0.1. */
#include <errno.h>
#include <stdio.h>
#include <thrum.h>

static int wait_a_little(thrum_event *event, thrum_time deadline)
{
    if (deadline == THRUM_NOW)
        return -EAGAIN;
    while (thrum_now() < deadline)
        if (thrum_event_wait(event, thrum_now() + 1000) != -ETIMEDOUT)
            return 0;
    return -ETIMEDOUT;
}

static int answer(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 42));
}

static void run_processes(void)
{
    int result = 0;
    thrum_process *first = thrum_process_start(answer, THRUM_NOTHING);
    if (thrum_process_join(first, &result, sizeof result, THRUM_FOREVER) == 0)
        printf("%d\n", result);
    printf("%d\n", thrum_process_join(first, &result, sizeof(result), thrum_in(1)));
    printf("%d\n", thrum_process_join(first, NULL, 0, THRUM_FOREVER));
    thrum_process_free(first);
}

static int run_thread(void)
{
    int result = 0;
    thrum_thread *thread = thrum_thread_start(answer, THRUM_NOTHING);
    int rc = thrum_thread_result(thread, &result, sizeof result, THRUM_FOREVER);
    thrum_thread_free(thread);
    if (rc < 0)
        return rc;
    return result;
}

static int compare(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

static int first_of_two(enum thrum_queue_order order)
{
    thrum_queue_options options = {.order = order,
                                   .compare = order == THRUM_PRIORITY ? compare : NULL};
    thrum_queue *queue = thrum_queue_new(sizeof(int), &options);
    int first = 0;
    int rc = thrum_queue_put(queue, &(int){2}, THRUM_NOW);
    if (rc == 0)
        rc = thrum_queue_put(queue, &(int){1}, THRUM_NOW);
    if (rc == 0)
        rc = thrum_queue_get(queue, &first, THRUM_NOW);
    thrum_queue_free(queue);
    return rc == 0 ? first : rc;
}

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int wait_and_map(thrum_executor *pool)
{
    char address[THRUM_ADDRESS_SIZE] = "";
    thrum_future *future = thrum_submit(pool, nothing, THRUM_NOTHING);
    int rc = thrum_wait(&future, 1, THRUM_ALL_COMPLETED, THRUM_FOREVER);
    thrum_future_free(future);
    return rc == 0 ? thrum_map(pool, nothing, &(thrum_map_options){.count = 1, .ret_results = NULL})
                   : address[0];
}

int main(void)
{
    thrum_executor *threads = thrum_thread_pool_new(&(thrum_pool_options){.max_workers = 1});
    thrum_executor *fibers = thrum_fiber_pool_new(&(thrum_fiber_options){.workers = 1});
    thrum_future_free(thrum_submit(threads, nothing, THRUM_NOTHING));
    thrum_future_free(thrum_submit(fibers, nothing, THRUM_NOTHING));
    printf("%d\n", wait_and_map(threads));
    thrum_executor_shutdown(threads);
    thrum_executor_shutdown(fibers);
    printf("%d %d\n", first_of_two(THRUM_FIFO), first_of_two(THRUM_PRIORITY));
    run_processes();
    printf("%d\n", run_thread());
    thrum_event event = {0};
    thrum_time soon = thrum_in(0.001);
    printf("%s\n", wait_a_little(&event, soon) == -ETIMEDOUT ? "late" : "set");
    printf("%s\n", wait_a_little(&event, THRUM_NOW) == -EAGAIN ? "now" : "set");
    return soon != THRUM_FOREVER && thrum_now() >= soon ? 0 : 1;
}
