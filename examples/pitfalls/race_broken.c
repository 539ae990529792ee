/* A race: two threads add to a counter without a lock. */
#include <assert.h>
#include <stdio.h>
#include <thrum.h>

static int counter;

static int add(thrum_task *self)
{
    (void)self;
    counter++; /* reads, adds and writes: another thread can come in between */
    return 0;
}

int main(void)
{
    thrum_thread *first = thrum_thread_start(add, THRUM_NOTHING);
    thrum_thread *second = thrum_thread_start(add, THRUM_NOTHING);
    int failed = thrum_thread_join(first, THRUM_FOREVER) | thrum_thread_join(second, THRUM_FOREVER);
    thrum_thread_free(first);
    thrum_thread_free(second);
    printf("counter: %d\n", counter);
    assert(counter == 2);
    return failed;
}
