/* No lost wake-up: a variable tells what has happened, and the wait looks at it first. */
#include <stdbool.h>
#include <stdio.h>
#include <thrum.h>

static thrum_condition ready;
static bool data_is_there;

static int consume(thrum_task *self)
{
    (void)self;
    int rc = 0;
    thrum_with (&ready)
        while (rc == 0 && !data_is_there)
            rc = thrum_condition_wait(&ready, THRUM_FOREVER);
    puts("consumed");
    return rc;
}

int main(void)
{
    thrum_name_set(&ready, sizeof ready, "ready");
    thrum_thread *consumer = thrum_thread_start(consume, THRUM_NOTHING);
    thrum_with (&ready) {
        data_is_there = true;
        thrum_condition_notify(&ready, 1);
    }
    int failed = thrum_thread_join(consumer, THRUM_FOREVER);
    thrum_thread_free(consumer);
    return failed;
}
