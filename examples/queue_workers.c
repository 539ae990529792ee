/* Queue: four workers take items from one queue and put results into another.
 *
 * Python stops its workers by putting one None for each of them, and None can then not be an item. Here the queue is
 * closed, and get returns -EPIPE once it is empty. Items travel by value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

struct queues {
    thrum_queue *tasks, *results;
};

static int worker(thrum_task *self)
{
    struct queues q = thrum_arg(self, struct queues);
    for (int item, rc = 0; thrum_queue_get(q.tasks, &item, THRUM_FOREVER) == 0;) {
        rc = thrum_queue_put(q.results, &(int){item * item}, THRUM_FOREVER);
        thrum_queue_task_done(q.tasks);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int main(void)
{
    struct queues q = {thrum_queue_new(sizeof(int), NULL), thrum_queue_new(sizeof(int), NULL)};
    thrum_thread *workers[4];
    int failed = 0, results[20] = {0};
    size_t count = 0;
    for (int i = 0; i < 4; i++)
        workers[i] = thrum_thread_start(worker, thrum_value(struct queues, q.tasks, q.results));
    for (int i = 0; i < 20; i++)
        failed |= thrum_queue_put(q.tasks, &i, THRUM_FOREVER);
    failed |= thrum_queue_join(q.tasks, thrum_in(30)); /* until each item was processed */
    thrum_queue_close(q.tasks);
    for (int i = 0; i < 4; i++) {
        failed |= thrum_thread_join(workers[i], THRUM_FOREVER);
        thrum_thread_free(workers[i]);
    }
    failed |= thrum_queue_get_many(q.results, results, 20, &count, THRUM_NOW);
    qsort(results, count, sizeof *results, ascending);
    for (size_t i = 0; i < count; i++)
        printf("%d%s", results[i], i + 1 < count ? " " : "\n");
    thrum_queue_free(q.tasks);
    thrum_queue_free(q.results);
    return failed != 0;
}
