/* A pool of workers made by hand, from two queues and four threads.
 *
 * Use thrum_thread_pool_new unless you need something that it does not have. This program shows what such a pool
 * consists of. Each task has a number of its own. Python programs often take id(func), which is the same for all tasks
 * of one function. An error is passed on beside the result.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { WORKERS = 4, TASKS = 10 };

struct job {
    int id;
    int (*function)(int argument, int *ret_result); /* 0 or a negative errno */
    int argument;
};

struct outcome {
    int id, error, result;
};

struct worker_pool {
    thrum_queue *jobs, *outcomes;
    thrum_thread *workers[WORKERS];
    int next_id;
};

static int work(thrum_task *self)
{
    struct worker_pool *pool = thrum_arg(self, struct worker_pool *);
    struct job job;
    int rc;
    while ((rc = thrum_queue_get(pool->jobs, &job, THRUM_FOREVER)) == 0) {
        struct outcome outcome = {.id = job.id};
        outcome.error = job.function(job.argument, &outcome.result);
        rc = thrum_queue_put(pool->outcomes, &outcome, THRUM_FOREVER);
        thrum_queue_task_done(pool->jobs);
        if (rc < 0)
            return rc;
    }
    return rc == -EPIPE ? 0 : rc;
}

static void pool_start(struct worker_pool *pool)
{
    pool->jobs = thrum_queue_new(sizeof(struct job), NULL);
    pool->outcomes = thrum_queue_new(sizeof(struct outcome), NULL);
    if (!pool->jobs || !pool->outcomes)
        errx(EXIT_FAILURE, "no memory for the queues");
    for (int i = 0; i < WORKERS; i++)
        pool->workers[i] = thrum_thread_start(work, thrum_value(struct worker_pool *, pool));
}

/* Returns the number of the task, or a negative errno. */
static int pool_submit(struct worker_pool *pool, int (*function)(int, int *), int argument)
{
    struct job job = {pool->next_id++, function, argument};
    int rc = thrum_queue_put(pool->jobs, &job, THRUM_FOREVER);
    return rc < 0 ? rc : job.id;
}

static int pool_shutdown(struct worker_pool *pool)
{
    int failed = 0;
    thrum_queue_close(pool->jobs);
    for (int i = 0; i < WORKERS; i++) {
        failed |= thrum_thread_join(pool->workers[i], THRUM_FOREVER);
        thrum_thread_free(pool->workers[i]);
    }
    thrum_queue_free(pool->jobs);
    return failed;
}

static int square(int x, int *ret_result)
{
    if (x == 7)
        return -EDOM; /* some task always fails */
    *ret_result = x * x;
    return 0;
}

int main(void)
{
    struct worker_pool pool = {0};
    pool_start(&pool);
    for (int i = 0; i < TASKS; i++) {
        if (pool_submit(&pool, square, i) < 0)
            errx(EXIT_FAILURE, "no memory for task %d", i);
    }
    int failed = pool_shutdown(&pool);
    struct outcome outcome;
    while (thrum_queue_get(pool.outcomes, &outcome, THRUM_NOW) == 0) {
        if (outcome.error)
            printf("Task %d failed: %s\n", outcome.id, thrum_strerror(outcome.error));
        else
            printf("Task %d: %d\n", outcome.id, outcome.result);
    }
    thrum_queue_free(pool.outcomes);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
