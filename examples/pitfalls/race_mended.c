/* A counter with a lock: no addition is lost. */
#include <assert.h>
#include <stdio.h>
#include <thrum.h>

static int counter;
static thrum_lock lock;

static int add(thrum_task *self)
{
    (void)self;
    thrum_with (&lock)
        counter++;
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
