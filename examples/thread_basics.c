/* Creating and running threads: two downloads at the same time take as long as one.
 *
 * Python makes a Thread and then starts it; thrum_thread_start does both. The argument is copied, so nothing dangles
 * if the caller returns. A join tells how the task ended, or that the system refused the thread.
 */
#include <stdio.h>
#include <thrum.h>

static int download_file(thrum_task *self)
{
    const char *filename = thrum_arg_text(self);
    printf("[%s] Downloading %s...\n", thrum_thread_current_name(), filename);
    int rc = thrum_sleep(thrum_in(0.2)); /* stands for the download */
    printf("[%s] Finished %s\n", thrum_thread_current_name(), filename);
    return rc;
}

int main(void)
{
    thrum_thread *t1 = thrum_thread_start(download_file, thrum_text("data.csv"));
    thrum_thread *t2 = thrum_thread_start(download_file, thrum_text("report.pdf"));
    int failed = thrum_thread_join(t1, THRUM_FOREVER) | thrum_thread_join(t2, THRUM_FOREVER);
    thrum_thread_free(t1);
    thrum_thread_free(t2);
    puts("All downloads complete");
    return failed != 0;
}
