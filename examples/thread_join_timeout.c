/* Joining with a timeout: wait for a thread, but not for ever.
 *
 * In Python the caller can only go on waiting. Here the thread is cancelled: its sleep ends at once.
 */
#include <stdio.h>
#include <thrum.h>

static int slow_task(thrum_task *self)
{
    return thrum_sleep(thrum_in(thrum_arg(self, double)));
}

int main(void)
{
    thrum_thread *t = thrum_thread_start(slow_task, thrum_value(double, 10));
    int rc = thrum_thread_join(t, thrum_in(0.3));
    printf("After 0.3 seconds: %s\n", rc == 0 ? "finished" : thrum_strerror(rc));
    thrum_thread_cancel(t);
    rc = thrum_thread_join(t, THRUM_FOREVER);
    printf("The task: %s\n", rc == THRUM_FAILED ? "cancelled" : "finished");
    thrum_thread_free(t);
}
