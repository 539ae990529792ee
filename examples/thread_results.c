/* Collecting results from threads, in two ways.
 *
 * Python's threads return nothing, so they write into a table under a lock; that works here as
 * well. But a thrum thread has a result, which whoever joins it gets by value: no table, no lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { TASKS = 5 };

struct compute {
    int task_id;
    int value;
};

static thrum_lock lock; /* all-zero is an unlocked lock; it protects `results` */
static int results[TASKS];

static int compute_into_table(thrum_task *self)
{
    struct compute a = thrum_arg(self, struct compute);
    int result = a.value * a.value; /* outside the lock: only the table is shared */
    thrum_with (&lock)
        results[a.task_id] = result;
    return 0;
}

static int compute(thrum_task *self)
{
    struct compute a = thrum_arg(self, struct compute);
    return thrum_return(self, thrum_value(int, a.value *a.value));
}

int main(void)
{
    thrum_thread *threads[TASKS];
    int failed = 0;

    for (int i = 0; i < TASKS; i++)
        threads[i] = thrum_thread_start(compute_into_table, thrum_value(struct compute, i, i * 10));
    for (int i = 0; i < TASKS; i++) {
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        thrum_thread_free(threads[i]);
    }
    for (int i = 0; i < TASKS; i++)
        printf("table: task %d: %d\n", i, results[i]);

    for (int i = 0; i < TASKS; i++)
        threads[i] = thrum_thread_start(compute, thrum_value(struct compute, i, i * 10));
    for (int i = 0; i < TASKS; i++) {
        int result;
        int rc = thrum_thread_result(threads[i], &result, sizeof result, THRUM_FOREVER);
        if (rc == 0)
            printf("result: task %d: %d\n", i, result);
        failed |= rc;
        thrum_thread_free(threads[i]);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
