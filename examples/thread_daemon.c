/* Daemon threads: a monitor in the background that does not keep the program alive.
 *
 * As in Python, the end of the program waits for all other threads and leaves daemons where they are. The main thread
 * needs no handle: thrum_thread_free detaches the thread. If the thread fails, the failure is still printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define INTERVAL 0.2 /* seconds between two looks; a real monitor takes its time */
#define WORK     0.5 /* seconds of the main program */

static int background_monitor(thrum_task *self)
{
    thrum_time next = thrum_now();
    while (!thrum_cancelled(self)) {
        puts("Monitoring system health...");
        next += (thrum_time)(INTERVAL * 1e9); /* from the last moment, not from now: no drift */
        int rc = thrum_sleep(thrum_at(next));
        if (rc < 0)
            return rc;
    }
    return 0;
}

int main(void)
{
    thrum_thread_free(
        thrum_thread_start_with(&(thrum_thread_options){.name = "monitor", .daemon = true},
                                background_monitor, THRUM_NOTHING));
    if (thrum_sleep(thrum_in(WORK)) < 0) /* stands for the work of the program */
        return EXIT_FAILURE;
    puts("Main program exiting");
    return EXIT_SUCCESS; /* the monitor ends here, wherever it is */
}
