/* A deadlock that explains itself: two threads take two locks in opposite order.
 *
 * A barrier makes each thread hold one lock before it asks for the other, so this program always deadlocks. After 100
 * ms of waiting thrum finds the cycle and reports it: which thread waits for which lock, where, and which thread holds
 * it. By default the report goes to stderr, and the threads continue to wait. THRUM_DEADLOCK=abort stops the program,
 * for a core file. Here a hook prints the report and lets main return. The threads are daemons, as nothing can end
 * them.
 *
 * How to prevent it: take the locks in one order (lock_order.c), or with deadlines
 * (deadlock_timeout.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

static thrum_lock lock_a, lock_b;
static thrum_barrier both_hold_one;
static thrum_event explained;

static int thread_1(thrum_task *self)
{
    (void)self;
    thrum_with (&lock_a) {
        if (thrum_barrier_wait(&both_hold_one, THRUM_FOREVER) < 0)
            return -EPIPE;
        thrum_with (&lock_b) /* waits for ever */
            printf("Thread 1: acquired both locks\n");
    }
    return 0;
}

static int thread_2(thrum_task *self)
{
    (void)self;
    thrum_with (&lock_b) {
        if (thrum_barrier_wait(&both_hold_one, THRUM_FOREVER) < 0)
            return -EPIPE;
        thrum_with (&lock_a) /* waits for ever */
            printf("Thread 2: acquired both locks\n");
    }
    return 0;
}

/* A deadlock is a failure of the kind "deadlock" whose name is the report. */
static void explain(const thrum_failure *failure, void *context)
{
    (void)context;
    if (strcmp(failure->kind, "deadlock") != 0)
        return;
    fputs(failure->name, stdout);
    thrum_event_set(&explained);
}

int main(void)
{
    thrum_failure_hook_set(explain, NULL);
    thrum_barrier_init(&both_hold_one, 2, NULL, NULL);
    thrum_thread_free(thrum_thread_start_with(
        &(thrum_thread_options){.name = "Thread 1", .daemon = true}, thread_1, THRUM_NOTHING));
    thrum_thread_free(thrum_thread_start_with(
        &(thrum_thread_options){.name = "Thread 2", .daemon = true}, thread_2, THRUM_NOTHING));
    return thrum_event_wait(&explained, THRUM_FOREVER) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
