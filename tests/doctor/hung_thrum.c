/* Programs that use libthrum and hang, and some that are well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

static thrum_lock lock_a, lock_b;
static thrum_rwlock rwlock;
static thrum_event never;
static thrum_barrier meeting;

/* Two locks, taken one after the other, with a meeting in between. */
struct pair {
    thrum_lock *first, *second;
};

static const struct pair ab = {&lock_a, &lock_b}, ba = {&lock_b, &lock_a};

static void meet(void)
{
    if (thrum_barrier_wait(&meeting, THRUM_FOREVER) < 0)
        abort();
}

static int take_pair(thrum_task *self)
{
    const struct pair *pair = &thrum_arg(self, struct pair);
    thrum_lock_acquire(pair->first);
    meet();
    thrum_lock_acquire(pair->second);
    return 0;
}

static int take_pair_in_time(thrum_task *self)
{
    const struct pair *pair = &thrum_arg(self, struct pair);
    thrum_lock_acquire(pair->first);
    meet();
    return thrum_lock_acquire_until(pair->second, thrum_in(100));
}

static int read_then_lock(thrum_task *self)
{
    (void)self;
    thrum_rwlock_acquire_read(&rwlock);
    meet();
    thrum_lock_acquire(&lock_a);
    return 0;
}

static int lock_then_write(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&lock_a);
    meet();
    thrum_rwlock_acquire_write(&rwlock);
    return 0;
}

static int wait_never(thrum_task *self)
{
    (void)self;
    meet();
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static int take_a(thrum_task *self)
{
    (void)self;
    meet();
    thrum_lock_acquire(&lock_a);
    return 0;
}

static thrum_thread *thread(const char *name, thrum_task_fn *function, const void *argument,
                            size_t size)
{
    return thrum_thread_start_with(&(thrum_thread_options){.name = name}, function, argument, size);
}

static void ready(void)
{
    meet();
    puts("ready");
    fflush(stdout);
}

static void threads(void)
{
    thrum_barrier_init(&meeting, 3, NULL, NULL);
    thrum_thread *a = thread("a", take_pair, &ab, sizeof ab);
    thread("b", take_pair, &ba, sizeof ba);
    ready();
    (void)!thrum_thread_join(a, THRUM_FOREVER); /* never returns */
}

static void two_tasks(thrum_executor *pool, thrum_task_fn *one, thrum_task_fn *two)
{
    thrum_barrier_init(&meeting, 3, NULL, NULL);
    thrum_future *first = thrum_submit(pool, one, &ab, sizeof ab);
    thrum_submit(pool, two, &ba, sizeof ba);
    ready();
    (void)!thrum_future_result(first, NULL, 0, THRUM_FOREVER); /* never returns */
}

static void fibers(void)
{
    two_tasks(thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1}), take_pair,
              take_pair);
}

static void fibers_in_time(void)
{
    two_tasks(thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1}),
              take_pair_in_time, take_pair_in_time);
}

static void pool(void)
{
    two_tasks(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2}), take_pair,
              take_pair);
}

/* One is a fiber, the other a thread. */
static void mixed(void)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_barrier_init(&meeting, 3, NULL, NULL);
    thrum_submit(pool, take_pair, &ab, sizeof ab);
    thrum_thread *b = thread("b", take_pair, &ba, sizeof ba);
    ready();
    (void)!thrum_thread_join(b, THRUM_FOREVER); /* never returns */
}

static void reader(void)
{
    thrum_barrier_init(&meeting, 3, NULL, NULL);
    thrum_thread *a = thread("a", read_then_lock, THRUM_NOTHING);
    thread("b", lock_then_write, THRUM_NOTHING);
    ready();
    (void)!thrum_thread_join(a, THRUM_FOREVER); /* never returns */
}

static void event(void)
{
    thrum_barrier_init(&meeting, 2, NULL, NULL);
    thrum_thread *a = thread("a", wait_never, THRUM_NOTHING);
    ready();
    (void)!thrum_thread_join(a, THRUM_FOREVER); /* never returns */
}

/* A task wants what is held by the one that waits for its result. */
static void result(void)
{
    thrum_executor *pool = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    thrum_barrier_init(&meeting, 2, NULL, NULL);
    thrum_lock_acquire(&lock_a);
    thrum_future *future = thrum_submit(pool, take_a, THRUM_NOTHING);
    ready();
    (void)!thrum_future_result(future, NULL, 0, THRUM_FOREVER); /* never returns */
}

static void join_holding(void)
{
    thrum_barrier_init(&meeting, 2, NULL, NULL);
    thrum_lock_acquire(&lock_a);
    thrum_thread *a = thread("a", take_a, THRUM_NOTHING);
    ready();
    (void)!thrum_thread_join(a, THRUM_FOREVER); /* never returns */
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } samples[] = {{"threads", threads}, {"fibers", fibers}, {"fibers_in_time", fibers_in_time},
                   {"pool", pool},       {"mixed", mixed},   {"reader", reader},
                   {"event", event},     {"result", result}, {"join_holding", join_holding}};
    alarm(3600);
    for (size_t i = 0; argc == 2 && i < sizeof samples / sizeof *samples; i++)
        if (strcmp(samples[i].name, argv[1]) == 0)
            samples[i].run();
    return 2;
}
