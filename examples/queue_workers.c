/* Queue: four workers take items from one queue and put results into another.
 *
 * No lock is in sight: the queues have them. Python stops its workers by a None for each, which
 * must be counted and can never be an item; here the queue is closed, and whoever waits in it is
 * told so when it is empty. Items travel by value.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { WORKERS = 4, ITEMS = 20 };

struct queues {
    thrum_queue *tasks;
    thrum_queue *results;
};

static int worker(thrum_task *self)
{
    struct queues q = thrum_arg(self, struct queues);
    int item, rc;
    while ((rc = thrum_queue_get(q.tasks, &item, THRUM_FOREVER)) == 0) {
        int result = item * item;
        rc = thrum_queue_put(q.results, &result, THRUM_FOREVER);
        thrum_queue_task_done(q.tasks);
        if (rc < 0)
            return rc;
    }
    return rc == -EPIPE ? 0 : rc; /* closed, and nothing left: the end that was wanted */
}

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int main(void)
{
    struct queues q = {thrum_queue_new(sizeof(int), NULL), thrum_queue_new(sizeof(int), NULL)};
    if (!q.tasks || !q.results)
        errx(EXIT_FAILURE, "no memory for the queues");
    thrum_thread *workers[WORKERS];
    int failed = 0;
    for (int i = 0; i < WORKERS; i++)
        workers[i] = thrum_thread_start(worker, &q, sizeof q);

    for (int i = 0; i < ITEMS; i++)
        failed |= thrum_queue_put(q.tasks, &i, THRUM_FOREVER);
    failed |= thrum_queue_join(q.tasks, thrum_in(30)); /* until each item is done with */
    thrum_queue_close(q.tasks);
    for (int i = 0; i < WORKERS; i++) {
        failed |= thrum_thread_join(workers[i], THRUM_FOREVER);
        thrum_thread_free(workers[i]);
    }

    int results[ITEMS];
    size_t count = 0;
    while (count < ITEMS && thrum_queue_get(q.results, &results[count], THRUM_NOW) == 0)
        count++;
    qsort(results, count, sizeof *results, ascending);
    printf("Results:");
    for (size_t i = 0; i < count; i++)
        printf(" %d", results[i]);
    printf("\n");
    thrum_queue_free(q.tasks);
    thrum_queue_free(q.results);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
