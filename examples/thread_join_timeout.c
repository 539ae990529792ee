/* Joining with a timeout: wait for a thread, but not for ever.
 *
 * Python's join(timeout) does not say why it returned; ours does: 0 and the task's own error mean
 * that it has finished, -ETIMEDOUT that time was up (a task may fail with that number, too, and
 * then thrum_thread_is_alive tells the two apart). And where Python can only go on waiting, here
 * the thread is asked to stop: its sleep ends at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define TASK     10.0 /* seconds that the task would take, if it were let */
#define PATIENCE 0.3  /* seconds that we are willing to wait */

static int slow_task(thrum_task *self)
{
    (void)self;
    return thrum_sleep(thrum_in(TASK)); /* 0, or -ECANCELED when asked to stop */
}

int main(void)
{
    thrum_thread *t = thrum_thread_start(slow_task, THRUM_NOTHING);
    int rc = thrum_thread_join(t, thrum_in(PATIENCE));
    if (thrum_thread_is_alive(t))
        printf("Thread still running after %g seconds: %s\n", PATIENCE, thrum_strerror(rc));
    else
        printf("Thread finished: %s\n", thrum_strerror(rc));

    thrum_thread_cancel(t);
    rc = thrum_thread_join(t, THRUM_FOREVER);
    printf("Asked to stop, it ended: %s\n", thrum_strerror(rc));
    thrum_thread_free(t);
    return rc == -ECANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}
