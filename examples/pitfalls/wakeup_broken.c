/* A lost wake-up: a notification that comes before the wait wakes no thread. */
#include <stdio.h>
#include <thrum.h>

static thrum_condition ready;

static int consume(thrum_task *self)
{
    (void)self;
    int rc = 0;
    thrum_with (&ready)
        rc = thrum_condition_wait(&ready, THRUM_FOREVER); /* waits even if the data is there */
    puts("consumed");
    return rc;
}

int main(void)
{
    thrum_name_set(&ready, sizeof ready, "ready");
    thrum_thread *consumer = thrum_thread_start(consume, THRUM_NOTHING);
    thrum_with (&ready)
        thrum_condition_notify(&ready, 1);
    int failed = thrum_thread_join(consumer, THRUM_FOREVER);
    thrum_thread_free(consumer);
    return failed;
}
