/* Producer and consumer: two threads make items, three consume them, with a queue of ten between them.
 *
 * The bound makes fast producers wait for slow consumers. Consumers in Python wake up twice a second to check whether
 * an event tells them to stop. Here closing the queue wakes them at once, after they have taken all items.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define PRODUCTION  0.010 /* seconds for an item, a tenth of the time that people would watch */
#define CONSUMPTION 0.015

enum { PRODUCERS = 2, CONSUMERS = 3, ITEMS = 10 };

struct item {
    char name[32];
};

struct party {
    thrum_queue *queue;
    int number;
};

static int producer(thrum_task *self)
{
    const struct party *me = &thrum_arg(self, struct party);
    for (int i = 0; i < ITEMS; i++) {
        struct item item;
        snprintf(item.name, sizeof item.name, "P%d-item-%d", me->number, i);
        printf("Producer P%d: created %s\n", me->number, item.name);
        int rc = thrum_queue_put(me->queue, &item, THRUM_FOREVER);
        if (rc < 0)
            return thrum_fail(self, rc, "%s is lost: %s", item.name, thrum_strerror(rc));
        thrum_sleep(thrum_in(PRODUCTION));
    }
    printf("Producer P%d: done\n", me->number);
    return 0;
}

static int consumer(thrum_task *self)
{
    const struct party *me = &thrum_arg(self, struct party);
    struct item item;
    int rc;
    while ((rc = thrum_queue_get(me->queue, &item, THRUM_FOREVER)) == 0) {
        printf("Consumer C%d: processing %s\n", me->number, item.name);
        thrum_sleep(thrum_in(CONSUMPTION));
    }
    printf("Consumer C%d: shutting down\n", me->number);
    return rc == -EPIPE ? 0 : rc;
}

static int finish(thrum_thread **threads, int count)
{
    int failed = 0;
    for (int i = 0; i < count; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    return failed;
}

int main(void)
{
    thrum_queue *queue =
        thrum_queue_new(sizeof(struct item), &(thrum_queue_options){.max_size = 10});
    if (!queue)
        errx(EXIT_FAILURE, "no memory for the queue");
    thrum_thread *producers[PRODUCERS], *consumers[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = thrum_thread_start(consumer, thrum_value(struct party, queue, i + 1));
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = thrum_thread_start(producer, thrum_value(struct party, queue, i + 1));

    int failed = finish(producers, PRODUCERS);
    thrum_queue_close(queue); /* what is left in it is still processed */
    failed |= finish(consumers, CONSUMERS);
    thrum_queue_free(queue);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
