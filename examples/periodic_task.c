/* A periodic background task: a function called at fixed intervals until it is stopped.
 *
 * One event is both the pause and the signal to stop. The next moment is counted from the last one,
 * not from the end of the call, so the beat does not drift, as it does in Python's wait(interval).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define INTERVAL 0.2 /* seconds, a tenth of the time that people would watch */
#define WATCH    0.7

struct periodic_task {
    thrum_thread thread;
    thrum_event stop;
    double interval; /* seconds */
    void (*function)(void);
};

static int run(thrum_task *self)
{
    struct periodic_task *task = thrum_arg(self, struct periodic_task *);
    thrum_time next = thrum_now();
    int rc;
    do {
        task->function();
        next += (thrum_time)(task->interval * 1e9);
        rc = thrum_event_wait(&task->stop, next);
    } while (rc == -ETIMEDOUT);
    return rc;
}

static int periodic_start(struct periodic_task *task)
{
    return thrum_thread_start_in(&task->thread, &(thrum_thread_options){.daemon = true}, run);
}

/* Returns when the function runs no more and never will. */
static int periodic_stop(struct periodic_task *task)
{
    thrum_event_set(&task->stop);
    int rc = thrum_thread_join(&task->thread, THRUM_FOREVER);
    thrum_thread_finish(&task->thread);
    return rc;
}

static void check_health(void)
{
    static thrum_time first; /* only the task's own thread comes here */
    thrum_time now = thrum_now();
    if (!first)
        first = now;
    printf("Health check after %.2f s\n", (double)(now - first) / 1e9);
}

int main(void)
{
    struct periodic_task task = {.interval = INTERVAL, .function = check_health};
    int failed = periodic_start(&task);
    thrum_sleep(thrum_in(WATCH)); /* stands for the work of the program */
    failed |= periodic_stop(&task);
    puts("Stopped");
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
