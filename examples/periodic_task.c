/* A periodic background task: a function called at fixed intervals until it is stopped.
 *
 * The next moment is counted from the last one, not from the end of the call, so the beat does not
 * drift, as it does in Python's wait(interval). Stopping neither cuts a call short nor waits for
 * the rest of an interval.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define INTERVAL 0.2 /* seconds, a tenth of the time that people would watch */
#define WATCH    0.7

static int check_health(thrum_task *self)
{
    thrum_time begin = thrum_arg(self, thrum_time);
    printf("Health check after %.2f s\n", (double)(thrum_now() - begin) / 1e9);
    return 0;
}

int main(void)
{
    thrum_periodic *task = thrum_periodic_start(&(thrum_periodic_options){.period = INTERVAL},
                                                check_health, thrum_value(thrum_time, thrum_now()));
    if (!task)
        errx(EXIT_FAILURE, "no memory for the task");
    thrum_sleep(thrum_in(WATCH)); /* stands for the work of the program */
    int rc = thrum_periodic_stop(task, THRUM_FOREVER);
    thrum_periodic_free(task);
    puts("Stopped");
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
