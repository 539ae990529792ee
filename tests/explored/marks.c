/* Marked code in a program that is not explored: the marks are plain accesses and the compiler's atomics. */
#include <stdio.h>
#include <thrum.h>
#include <thrum/explore.h>

static int data, ready, turns;

static int publish(thrum_task *self)
{
    (void)self;
    thrum_explore_write(data, 7);
    thrum_explore_store(&ready, 1, __ATOMIC_RELEASE);
    return 0;
}

int main(void)
{
    thrum_thread *thread = thrum_thread_start(publish, NULL, 0);
    while (!thrum_explore_load(&ready, __ATOMIC_ACQUIRE))
        thrum_explore_pause();
    thrum_explore_fence();
    int found = thrum_explore_add(&turns, 2, __ATOMIC_RELAXED), expected = 2;
    bool stored = thrum_explore_compare_exchange(&turns, &expected, 4, __ATOMIC_ACQ_REL);
    int lost = found != 0 || !stored || thrum_explore_exchange(&turns, 5, __ATOMIC_RELAXED) != 4;
    printf("data %d, turns %d, lost %d\n", thrum_explore_read(data), turns, lost);
    int rc = thrum_thread_join(thread, THRUM_FOREVER);
    thrum_thread_free(thread);
    return rc != 0;
}
