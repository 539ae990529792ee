/* select: a worker that waits for several things at once.
 *
 * It takes jobs from a queue, reports when nothing has come for a while, and ends when it is told to stop
 * and no job is left. Each turn of the loop performs exactly one case, so no job is taken and lost when the
 * stop comes at the same moment. asyncio.wait with FIRST_COMPLETED needs a task for each of these waits,
 * and has to cancel those that were slower.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static const double quiet_seconds = 0.02;

struct worker {
    thrum_queue *jobs;
    thrum_event stop, was_quiet;
};

enum { JOB, QUIET, STOP, CASES };

static int work(thrum_task *self)
{
    struct worker *worker = thrum_arg(self, struct worker *);
    int job, done = 0;
    thrum_case cases[CASES] = {
        [JOB] = thrum_case_get(worker->jobs, &job), [STOP] = thrum_case_event(&worker->stop)};
    cases[QUIET] = thrum_case_deadline(thrum_in(quiet_seconds));
    for (;;) {
        int performed = thrum_select(cases, CASES, THRUM_FOREVER);
        if (performed < 0)
            return performed; /* -ECANCELED: the task was asked to stop */
        if (performed == JOB && cases[JOB].code == 0) {
            printf("job %d\n", job);
            done++;
        } else if (performed == JOB) {
            break; /* -EPIPE: closed, and no job is left */
        } else if (performed == QUIET) {
            puts("nothing to do for a while");
            thrum_event_set(&worker->was_quiet);
            cases[QUIET] = (thrum_case){0}; /* said once: never ready again */
        } else {
            puts("stop: only what is there");
            thrum_queue_close(worker->jobs);
            cases[STOP] = (thrum_case){0};
        }
    }
    return thrum_return(self, &done, sizeof done);
}

int main(void)
{
    struct worker worker = {.jobs = thrum_queue_new(sizeof(int), NULL)};
    if (!worker.jobs)
        errx(EXIT_FAILURE, "no memory for a queue");
    thrum_thread *thread = thrum_thread_start(work, thrum_value(struct worker *, &worker));
    if (thrum_event_wait(&worker.was_quiet, THRUM_FOREVER) < 0)
        errx(EXIT_FAILURE, "the worker did not start");
    for (int job = 1; job <= 3; job++)
        if (thrum_queue_put(worker.jobs, &job, THRUM_FOREVER) < 0)
            errx(EXIT_FAILURE, "no memory for a job");
    thrum_event_set(&worker.stop);
    int done = 0, rc = thrum_thread_result(thread, &done, sizeof done, THRUM_FOREVER);
    if (rc == THRUM_FAILED)
        warnx("the worker failed: %s", thrum_thread_error(thread)->message);
    else
        printf("%d jobs done\n", done);
    thrum_thread_free(thread);
    thrum_queue_free(worker.jobs);
    return rc != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
