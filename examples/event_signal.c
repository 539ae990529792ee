/* Event: one thread tells all waiters that the data are ready.
 *
 * A consumer sees what the producer wrote before it set the event: data that are written once need no lock. The
 * deadline keeps a consumer from waiting for ever for a producer that has died.
 */
#include <stdio.h>
#include <thrum.h>

static thrum_event data_ready; /* all-zero is an event that is not set */
static int shared_data[5];

static int producer(thrum_task *self)
{
    puts("Producer: preparing data...");
    int rc = thrum_sleep(thrum_in(thrum_arg(self, double)));
    for (int i = 0; i < 5; i++)
        shared_data[i] = i + 1;
    puts("Producer: data ready, signaling consumers");
    thrum_event_set(&data_ready);
    return rc;
}

static int consumer(thrum_task *self)
{
    printf("Consumer %s: waiting for data...\n", thrum_arg_text(self));
    int rc = thrum_event_wait(&data_ready, thrum_in(30));
    if (rc == 0)
        printf("Consumer %s: got %d to %d\n", thrum_arg_text(self), shared_data[0], shared_data[4]);
    return rc;
}

int main(void)
{
    thrum_thread *threads[] = {
        thrum_thread_start(consumer, thrum_text("A")),
        thrum_thread_start(consumer, thrum_text("B")),
        thrum_thread_start(producer, thrum_value(double, 0.3)),
    };
    for (int i = 0; i < 3; i++) {
        if (thrum_thread_join(threads[i], THRUM_FOREVER) != 0)
            fprintf(stderr, "%s\n", thrum_thread_error(threads[i])->message);
        thrum_thread_free(threads[i]);
    }
}
