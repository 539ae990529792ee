/* Programs whose fibers wait for what nothing can reach any more, and some that only look so: leaks NAME.
 *
 * test_doctor.c knows how many fibers wait in each, and how many of them are leaked. It asks the doctor until it sees so many
 * wait; the verdict must then be right.
 *
 * What leads to an object is made by a task that ends, so that nothing is left of it on the stack of main.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thrum.h>
#include <unistd.h>

static thrum_executor *fibers;

/* What leads to an object in a program that is well. */
thrum_queue *known_queue;
struct list {
    struct list *next;
    int number;
    thrum_event event;
} * known_list;
thrum_future *known_future;
_Thread_local thrum_queue *own_queue;
static void **known_page;

static void check(bool good)
{
    if (!good)
        abort();
}

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void start(thrum_task_fn *function, const void *argument, size_t size)
{
    thrum_future_free(thrum_submit(fibers, function, argument, size));
}

/* Runs a task that is over when this returns. */
static void run(thrum_task_fn *function)
{
    thrum_future *future = thrum_submit(fibers, function, THRUM_NOTHING);
    check(thrum_future_result(future, NULL, 0, THRUM_FOREVER) == 0);
    thrum_future_free(future);
}

static int get(thrum_task *self)
{
    int item;
    return thrum_queue_get(thrum_arg(self, thrum_queue *), &item, THRUM_FOREVER);
}

static int await_event(thrum_task *self)
{
    return thrum_event_wait(thrum_arg(self, thrum_event *), THRUM_FOREVER);
}

static thrum_queue *queue_with_getter(void)
{
    thrum_queue *queue = thrum_queue_new(sizeof(int), NULL);
    check(queue != NULL);
    start(get, thrum_value(thrum_queue *, queue));
    return queue;
}

/* ------------------------------------------------------------------------------ nothing leads to it */

static int lose_queue(thrum_task *self)
{
    (void)self;
    queue_with_getter();
    return 0;
}

static void lost_queue(void)
{
    run(lose_queue);
}

/* The last chunk of the heap has the size 0, as that of a heap which is full. */
static void lost_in_full_heap(void)
{
    char *block = malloc(100000), *end = sbrk(0);
    check(block && (char *)-1 != end);
    size_t *size = (size_t *)(void *)(block + malloc_usable_size(block)), left;
    left = (size_t)(end - (char *)(size - 1));
    check((*size & ~(size_t)7) == left); /* it is the top */
    *size -= 16;
    ((size_t *)(void *)end)[-1] = 0;
    run(lose_queue);
}

static int lose_event(thrum_task *self)
{
    (void)self;
    struct list *item = calloc(1, sizeof *item);
    check(item != NULL);
    start(await_event, thrum_value(thrum_event *, &item->event));
    start(await_event, thrum_value(thrum_event *, &item->event));
    return 0;
}

static void lost_event(void)
{
    run(lose_event);
}

/* Each would set the event of the other after its own. */
struct pair {
    thrum_event first, second;
};

static int first_of_pair(thrum_task *self)
{
    struct pair *pair = thrum_arg(self, struct pair *);
    int rc = thrum_event_wait(&pair->first, THRUM_FOREVER);
    thrum_event_set(&pair->second);
    return rc;
}

static int second_of_pair(thrum_task *self)
{
    struct pair *pair = thrum_arg(self, struct pair *);
    int rc = thrum_event_wait(&pair->second, THRUM_FOREVER);
    thrum_event_set(&pair->first);
    return rc;
}

static int make_pair(thrum_task *self)
{
    (void)self;
    struct pair *pair = calloc(1, sizeof *pair);
    check(pair != NULL);
    start(first_of_pair, thrum_value(struct pair *, pair));
    start(second_of_pair, thrum_value(struct pair *, pair));
    return 0;
}

static void lost_pair(void)
{
    run(make_pair);
}

/* A task waits for the result of a leaked task. */
static int await_result(thrum_task *self)
{
    (void)self;
    thrum_queue *queue = thrum_queue_new(sizeof(int), NULL);
    check(queue != NULL);
    thrum_future *future = thrum_submit(fibers, get, thrum_value(thrum_queue *, queue));
    int rc = thrum_future_result(future, NULL, 0, THRUM_FOREVER);
    thrum_future_free(future);
    return rc;
}

static void lost_chain(void)
{
    start(await_result, THRUM_NOTHING);
}

static int select_two(thrum_task *self)
{
    (void)self;
    int item;
    thrum_queue *one = thrum_queue_new(sizeof(int), NULL),
                *other = thrum_queue_new(sizeof(int), NULL);
    check(one && other);
    thrum_case cases[] = {thrum_case_get(one, &item), thrum_case_get(other, &item)};
    return thrum_select(cases, 2, THRUM_FOREVER);
}

static void lost_select(void)
{
    start(select_two, THRUM_NOTHING);
}

static int lose_many(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < 100; i++)
        queue_with_getter();
    return 0;
}

static void lost_among_known(void)
{
    run(lose_many);
    known_queue = queue_with_getter();
}

/* ----------------------------------------------------------------------------- something leads to it */

static void by_variable(void)
{
    known_queue = queue_with_getter();
}

/* The list leads to a block, and not to the event in it. */
static int add_to_list(thrum_task *self)
{
    (void)self;
    struct list *last = calloc(1, sizeof *last), *first = calloc(1, sizeof *first);
    check(last && first);
    first->next = last;
    known_list = first;
    start(await_event, thrum_value(thrum_event *, &last->event));
    return 0;
}

static void by_list(void)
{
    run(add_to_list);
}

static int keep_future(thrum_task *self)
{
    (void)self;
    thrum_queue *queue = thrum_queue_new(sizeof(int), NULL);
    check(queue != NULL);
    known_future = thrum_submit(fibers, get, thrum_value(thrum_queue *, queue));
    return 0;
}

/* It can be cancelled. */
static void by_future(void)
{
    run(keep_future);
}

static int sleep_then_put(thrum_task *self)
{
    thrum_queue *queue = thrum_arg(self, thrum_queue *);
    check(thrum_sleep(thrum_in(1000)) == 0);
    return thrum_queue_put(queue, &(int){1}, THRUM_FOREVER);
}

static int give_to_sleeper(thrum_task *self)
{
    (void)self;
    start(sleep_then_put, thrum_value(thrum_queue *, queue_with_getter()));
    return 0;
}

static void by_sleeping_fiber(void)
{
    run(give_to_sleeper);
}

/* One that waits for a known event has the other's. */
static int await_then_set(thrum_task *self)
{
    struct pair *pair = thrum_arg(self, struct pair *);
    int rc = thrum_event_wait(&known_list->event, THRUM_FOREVER);
    thrum_event_set(&pair->second);
    return rc;
}

static int give_to_waiter(thrum_task *self)
{
    (void)self;
    struct pair *pair = calloc(1, sizeof *pair);
    known_list = calloc(1, sizeof *known_list);
    check(pair && known_list);
    start(second_of_pair, thrum_value(struct pair *, pair));
    start(await_then_set, thrum_value(struct pair *, pair));
    return 0;
}

static void by_waiting_fiber(void)
{
    run(give_to_waiter);
}

static int hold_in_thread(thrum_task *self)
{
    own_queue = thrum_arg(self, thrum_queue *);
    while (pause() < 0)
        ;
    return 0;
}

static int start_thread(thrum_task *self)
{
    (void)self;
    thrum_thread_start_with(&(thrum_thread_options){.daemon = true}, hold_in_thread,
                            thrum_value(thrum_queue *, queue_with_getter()));
    return 0;
}

static void by_thread(void)
{
    run(start_thread);
}

static int keep_in_page(thrum_task *self)
{
    (void)self;
    known_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(known_page != MAP_FAILED);
    known_page[100] = queue_with_getter();
    return 0;
}

static void by_page(void)
{
    run(keep_in_page);
}

static int get_in_time(thrum_task *self)
{
    int item;
    return thrum_queue_get(thrum_arg(self, thrum_queue *), &item, thrum_in(1000));
}

static int lose_timed(thrum_task *self)
{
    (void)self;
    thrum_queue *queue = thrum_queue_new(sizeof(int), NULL);
    check(queue != NULL);
    start(get_in_time, thrum_value(thrum_queue *, queue));
    return 0;
}

static void by_time(void)
{
    run(lose_timed);
}

static int await_bytes(thrum_task *self)
{
    return thrum_wait_readable(thrum_arg(self, int), THRUM_FOREVER);
}

static void by_descriptor(void)
{
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    start(await_bytes, thrum_value(int, pair[0]));
}

/* Only a register of main leads to it, or a word of main's stack. */
static void by_local(void)
{
    thrum_queue *queue = queue_with_getter();
    ready();
    for (;;) {
        pause();
        (void)!thrum_queue_put(queue, &(int){1}, THRUM_NOW);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } programs[] = {
        {"lost_queue", lost_queue},
        {"lost_in_full_heap", lost_in_full_heap},
        {"lost_event", lost_event},
        {"lost_pair", lost_pair},
        {"lost_chain", lost_chain},
        {"lost_select", lost_select},
        {"lost_among_known", lost_among_known},
        {"by_variable", by_variable},
        {"by_list", by_list},
        {"by_future", by_future},
        {"by_sleeping_fiber", by_sleeping_fiber},
        {"by_waiting_fiber", by_waiting_fiber},
        {"by_thread", by_thread},
        {"by_page", by_page},
        {"by_time", by_time},
        {"by_descriptor", by_descriptor},
        {"by_local", by_local},
    };
    alarm(3600);
    fibers = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    for (size_t i = 0; argc == 2 && i < sizeof programs / sizeof *programs; i++)
        if (strcmp(programs[i].name, argv[1]) == 0) {
            programs[i].run();
            ready();
            for (;;)
                pause();
        }
    return 2;
}
