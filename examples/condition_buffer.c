/* Condition: a producer and two consumers share a buffer of five places.
 *
 * As in Python: hold the lock, wait in a loop until the buffer has room or an item, change it, notify. The loop is
 * needed because another thread may come first. There are no spurious wake-ups, and notify_all wakes the waiters one by
 * one, so they do not compete for the lock. A program uses a thrum_queue, which is such a buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define PRODUCTION  0.010 /* seconds for an item, a tenth of the time that people would watch */
#define CONSUMPTION 0.015

enum { MAX_SIZE = 5, ITEMS = 20, CONSUMERS = 2 };

static thrum_condition changed; /* all-zero has a lock of its own, which protects the buffer */
static int buffer[MAX_SIZE];
static int first, size;

static int producer(thrum_task *self)
{
    (void)self;
    for (int item = 1; item <= ITEMS; item++) {
        thrum_with (&changed) {
            while (size == MAX_SIZE) {
                int rc = thrum_condition_wait(&changed, thrum_in(30));
                if (rc < 0)
                    return rc; /* nobody consumes */
            }
            buffer[(first + size++) % MAX_SIZE] = item;
            printf("Produced: %d (buffer size: %d)\n", item, size);
            thrum_condition_notify_all(&changed);
        }
        thrum_sleep(thrum_in(PRODUCTION));
    }
    return 0;
}

static int consumer(thrum_task *self)
{
    char name = thrum_arg(self, char);
    for (int i = 0; i < ITEMS / CONSUMERS; i++) {
        thrum_with (&changed) {
            while (size == 0) {
                int rc = thrum_condition_wait(&changed, thrum_in(30));
                if (rc < 0)
                    return rc; /* nobody produces */
            }
            int item = buffer[first];
            first = (first + 1) % MAX_SIZE;
            size--;
            printf("Consumer %c consumed: %d (buffer size: %d)\n", name, item, size);
            thrum_condition_notify_all(&changed);
        }
        thrum_sleep(thrum_in(CONSUMPTION));
    }
    return 0;
}

int main(void)
{
    thrum_thread *threads[] = {
        thrum_thread_start(producer, THRUM_NOTHING),
        thrum_thread_start(consumer, thrum_value(char, 'X')),
        thrum_thread_start(consumer, thrum_value(char, 'Y')),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
