/* PriorityQueue: urgent items first, and items of equal priority in order of arrival.
 *
 * Python's queue takes tuples and compares them whole, so it fails for two items of the same priority whose data cannot
 * be compared. The usual remedy is a counter in the tuple. Here a function compares only the members that it needs, and
 * equal items come out in the order in which they were put.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

struct job {
    int priority; /* 1 is the most urgent */
    const char *name;
};

static int by_priority(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->priority > y->priority) - (x->priority < y->priority);
}

static int worker(thrum_task *self)
{
    thrum_queue *jobs = thrum_arg(self, thrum_queue *);
    struct job job;
    int rc;
    while ((rc = thrum_queue_get(jobs, &job, THRUM_FOREVER)) == 0) {
        printf("priority %d: %s\n", job.priority, job.name);
        thrum_queue_task_done(jobs);
    }
    return rc == -EPIPE ? 0 : rc; /* closed, and nothing left */
}

int main(void)
{
    thrum_queue *jobs =
        thrum_queue_new(sizeof(struct job), &(thrum_queue_options){.order = THRUM_QUEUE_PRIORITY,
                                                                   .compare = by_priority});
    if (!jobs)
        errx(EXIT_FAILURE, "no memory for the queue");
    static const struct job todo[] = {
        {3, "tidy up"},       {1, "put out the fire"}, {2, "answer the phone"},
        {1, "call for help"}, {3, "water the plants"}, {2, "open the door"},
    };
    /* All at once, so that the worker finds them all: else it would begin with the first. */
    int failed = thrum_queue_put_many(jobs, todo, sizeof todo / sizeof *todo, NULL, THRUM_FOREVER);

    thrum_thread *thread = thrum_thread_start(worker, thrum_value(thrum_queue *, jobs));
    failed |= thrum_queue_join(jobs, thrum_in(30));
    thrum_queue_close(jobs);
    failed |= thrum_thread_join(thread, THRUM_FOREVER);
    thrum_thread_free(thread);
    thrum_queue_free(jobs);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
