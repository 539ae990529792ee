/* A deadline for a task: it ends the task's waits, however many there are.
 *
 * The deadline of thrum_future_result ends only the wait of the caller; the task goes on. A deadline given with the
 * submit ends the task: its waits return -ECANCELED from then on, and thrum_cancelled tells a task that computes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static int read_pages(thrum_task *self)
{
    int pages = 0;
    while (pages < thrum_arg(self, int)) {
        int rc = thrum_sleep(thrum_in(0.01)); /* a page comes */
        if (rc < 0)
            return rc;
        pages++;
    }
    return thrum_return(self, thrum_value(int, pages));
}

/* Returns 0, or the code of the task's error. */
static int read_until(thrum_executor *pool, int pages, double seconds)
{
    thrum_future *book =
        thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_in(seconds)}, read_pages,
                          thrum_value(int, pages));
    int read = 0;
    int rc = thrum_future_result(book, &read, sizeof read, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(book);
    if (rc == 0)
        printf("%d pages: read all %d\n", pages, read);
    else
        printf("%d pages: %s\n", pages, error->message);
    int code = error ? error->code : 0;
    thrum_future_free(book);
    return code;
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    if (!pool)
        return EXIT_FAILURE;
    int in_time = read_until(pool, 3, 60);
    int too_long = read_until(pool, 1000000, 1);
    thrum_executor_shutdown(pool);
    return in_time == 0 && too_long == -ETIMEDOUT ? EXIT_SUCCESS : EXIT_FAILURE;
}
