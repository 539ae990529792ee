/* Creating and running threads: two downloads at the same time take as long as one.
 *
 * Where Python makes a Thread and then starts it, thrum_thread_start does both, so that no thread
 * can be forgotten or started twice. The argument is copied: nothing dangles if the caller returns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define LATENCY 0.2 /* seconds for a download; a real one takes ten times as long */

static int download_file(thrum_task *self)
{
    const char *filename = thrum_arg(self, const char *);
    printf("[%s] Downloading %s...\n", thrum_thread_current_name(), filename);
    int rc = thrum_sleep(thrum_in(LATENCY)); /* stands for the download */
    if (rc < 0)
        return rc;
    printf("[%s] Finished %s\n", thrum_thread_current_name(), filename);
    return 0;
}

int main(void)
{
    thrum_time begin = thrum_now();
    thrum_thread *t1 = thrum_thread_start(download_file, thrum_value(const char *, "data.csv"));
    thrum_thread *t2 = thrum_thread_start(download_file, thrum_value(const char *, "report.pdf"));

    /* Joining tells how the task ended, or that the thread could not be started. */
    int failed = thrum_thread_join(t1, THRUM_FOREVER);
    failed |= thrum_thread_join(t2, THRUM_FOREVER);
    thrum_thread_free(t1);
    thrum_thread_free(t2);
    if (failed)
        return EXIT_FAILURE;
    printf("All downloads complete in %.2f s\n", (double)(thrum_now() - begin) / 1e9);
    return EXIT_SUCCESS;
}
