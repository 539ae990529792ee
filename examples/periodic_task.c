/* A periodic background task: a function that is called at fixed intervals until it is stopped.
 *
 * The next moment is counted from the last one, not from the end of the call, so the beat does not drift, as it does in
 * Python's wait(interval). Stopping neither cuts a call short nor waits for the rest of an interval.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static int check_health(thrum_task *self)
{
    thrum_time begin = thrum_arg(self, thrum_time);
    printf("Health check after %.2f s\n", (double)(thrum_now() - begin) / 1e9);
    return 0;
}

int main(void)
{
    thrum_periodic *task;
    int rc = thrum_periodic_start(&(thrum_periodic_options){.period = 0.2}, check_health,
                                  thrum_value(thrum_time, thrum_now()), &task);
    if (rc < 0)
        errx(EXIT_FAILURE, "cannot start the health check: %s", thrum_strerror(rc));
    (void)thrum_sleep(thrum_in(0.7)); /* stands for the work of the program */
    rc = thrum_periodic_stop(task, THRUM_FOREVER);
    thrum_periodic_free(task);
    puts("Stopped");
    return rc != 0;
}
