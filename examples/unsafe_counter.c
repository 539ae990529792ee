/* Race conditions: five threads count to 100 000 each, in one way that loses counts and three that
 * do not.
 *
 * Python's counter += 1 is a read and a write, with room for another thread between them. The same line would be worse
 * in C: two threads that touch one variable without a lock are undefined behaviour, and the program may do anything. So
 * the unsafe variant locks the read and the write separately, as real programs do that check and then act. Now nothing
 * is undefined and no tool complains, but counts are still lost: the read and the write belong into one critical
 * section. All threads meet at a barrier between their first read and write, so that some are lost on every machine.
 */
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { THREADS = 5, COUNTS = 100000, ALL = THREADS * COUNTS, MESSAGE = 100 };

static thrum_lock lock; /* protects `counter` */
static int counter;
static thrum_barrier all_have_read;
static thrum_queue *messages;

static int increment_unsafe(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < COUNTS; i++) {
        int seen = 0;
        thrum_with (&lock)
            seen = counter;
        if (i == 0 && thrum_barrier_wait(&all_have_read, thrum_in(30)) < 0)
            return -EPIPE;
        thrum_with (&lock)
            counter = seen + 1; /* whatever others have counted since is forgotten */
    }
    return 0;
}

/* Mended by a lock: read and write in one hold. */
static int increment_locked(thrum_task *self)
{
    (void)self;
    for (int i = 0; i < COUNTS; i++)
        thrum_with (&lock)
            counter++;
    return 0;
}

/* Mended by one owner: only main touches the counter, all others send it what to add. A message
 * stands for many counts, as each costs a lock inside the queue. */
static int increment_by_message(thrum_task *self)
{
    int rc = 0, count = MESSAGE;
    (void)self;
    for (int i = 0; i < COUNTS && rc == 0; i += MESSAGE)
        rc = thrum_queue_put(messages, &count, THRUM_FOREVER);
    return rc;
}

/* Mended by sharing nothing: each thread has its own sum and returns it. By far the fastest. */
static int increment_own(thrum_task *self)
{
    int sum = 0;
    for (int i = 0; i < COUNTS; i++)
        sum++;
    return thrum_return(self, thrum_value(int, sum));
}

/* Adds up what the messages say, as the one owner of the counter. */
static int own_messages(void)
{
    int rc = 0, count;
    while (counter < ALL && (rc = thrum_queue_get(messages, &count, thrum_in(30))) == 0)
        counter += count;
    return rc;
}

/* Runs `function` on all threads and returns what they have counted together. */
static int count_with(const char *name, thrum_task_fn *function)
{
    thrum_thread *threads[THREADS];
    counter = 0;
    for (int i = 0; i < THREADS; i++)
        threads[i] = thrum_thread_start(function, THRUM_NOTHING);
    int failed = function == increment_by_message ? own_messages() : 0;
    for (int i = 0; i < THREADS; i++) {
        int own;
        failed |= thrum_thread_join(threads[i], THRUM_FOREVER);
        if (thrum_thread_result(threads[i], &own, sizeof own, THRUM_FOREVER) == 0)
            counter += own; /* only those that count for themselves have a result */
        thrum_thread_free(threads[i]);
    }
    if (failed)
        errx(EXIT_FAILURE, "%s: a thread failed", name);
    printf("%s: expected %d, got %d\n", name, ALL, counter);
    return counter;
}

int main(void)
{
    thrum_barrier_init(&all_have_read, THREADS, NULL, NULL);
    messages = thrum_queue_new(sizeof(int), NULL);
    if (!messages)
        errx(EXIT_FAILURE, "no memory for the queue");
    bool right = count_with("Unsafe", increment_unsafe) < ALL;
    right &= count_with("Lock", increment_locked) == ALL;
    right &= count_with("One owner", increment_by_message) == ALL;
    right &= count_with("Own sums", increment_own) == ALL;
    thrum_queue_free(messages);
    thrum_barrier_finish(&all_have_read);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
