/* Event: one thread tells all that wait that the data is ready.
 *
 * What the producer wrote before it set the event is seen by whoever waited for it: no lock is
 * needed for data that is written once. The wait says why it ended, and a deadline keeps a consumer
 * from waiting for ever for a producer that has died.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define PREPARATION 0.3 /* seconds; a tenth of what a real producer may take */

enum { ITEMS = 5 };

static thrum_event data_ready; /* all-zero is one that is not set */
static int shared_data[ITEMS];

static int producer(thrum_task *self)
{
    (void)self;
    puts("Producer: preparing data...");
    int rc = thrum_sleep(thrum_in(PREPARATION));
    if (rc < 0)
        return rc;
    for (int i = 0; i < ITEMS; i++)
        shared_data[i] = i + 1;
    puts("Producer: data ready, signaling consumers");
    thrum_event_set(&data_ready);
    return 0;
}

static int consumer(thrum_task *self)
{
    const char *name = thrum_arg(self, const char *);
    printf("Consumer %s: waiting for data...\n", name);
    int rc = thrum_event_wait(&data_ready, thrum_in(30));
    if (rc < 0)
        return thrum_fail(self, rc, "consumer %s: no data: %s", name, thrum_strerror(rc));
    int sum = 0;
    for (int i = 0; i < ITEMS; i++)
        sum += shared_data[i];
    printf("Consumer %s: got %d items, their sum is %d\n", name, ITEMS, sum);
    return 0;
}

int main(void)
{
    thrum_thread *threads[] = {
        thrum_thread_start(consumer, thrum_value(const char *, "A")),
        thrum_thread_start(consumer, thrum_value(const char *, "B")),
        thrum_thread_start(producer, THRUM_NOTHING),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
