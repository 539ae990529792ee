/* A thread with data of its own: what Python does by deriving a class from Thread.
 *
 * A struct has the thrum_thread as its first member, and its function gets the address of the
 * struct. Nothing is allocated: the processor, its result and its thread are one local variable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define WORK 0.1 /* seconds to process a file; a real one takes ten times as long */

struct file_processor {
    thrum_thread thread;
    const char *path;
    char result[64];
};

static int run(thrum_task *self)
{
    struct file_processor *processor = thrum_arg(self, struct file_processor *);
    printf("Processing %s\n", processor->path);
    int rc = thrum_sleep(thrum_in(WORK)); /* stands for the work */
    if (rc < 0)
        return rc;
    snprintf(processor->result, sizeof processor->result, "Processed: %s", processor->path);
    return 0;
}

int main(void)
{
    struct file_processor processor = {.path = "/data/report.csv"};
    thrum_thread_start_in(&processor.thread, NULL, run); /* a failure is told by join, too */

    int rc = thrum_thread_join(&processor.thread, THRUM_FOREVER);
    if (rc == 0)
        puts(processor.result); /* written before the thread ended, so it is seen after the join */
    else
        fprintf(stderr, "%s: %s\n", processor.path, thrum_thread_error(&processor.thread)->message);
    thrum_thread_finish(&processor.thread);
    return rc != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
