/* Deadlocks, and the way out by timeouts: two threads take two locks in opposite order.
 *
 * A barrier makes each thread hold one lock before it asks for the other, so this program always reaches the deadlock.
 * Without deadlines it would hang. Here each thread asks for its second lock with a deadline. If the deadline passes,
 * the thread releases the first lock, pauses and tries again. The two deadlines differ, because with equal ones both
 * threads could give up together again and again.
 *
 * A thread that asks for a lock that it already holds gets -EDEADLK at once.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

#define PAUSE 0.05 /* seconds for the other to get on */

static thrum_lock lock_a, lock_b;
static thrum_barrier both_hold_one;

struct plan {
    const char *name;
    thrum_lock *first;
    thrum_lock *second;
    double patience; /* seconds, a tenth of what people would have */
};

/* Returns 0 having done its work with both locks, or why it could not; then it holds neither. */
static int safe_acquire(const struct plan *plan, bool meet)
{
    int rc = thrum_lock_acquire_until(plan->first, thrum_in(30));
    if (rc < 0)
        return rc;
    if (meet)
        rc = thrum_barrier_wait(&both_hold_one, thrum_in(30));
    if (rc >= 0)
        rc = thrum_lock_acquire_until(plan->second, thrum_in(plan->patience));
    if (rc == 0) {
        printf("%s: acquired both locks safely\n", plan->name);
        thrum_lock_release(plan->second);
    } else {
        printf("%s: could not acquire the second lock, releasing the first\n", plan->name);
    }
    thrum_lock_release(plan->first);
    return rc;
}

static int run(thrum_task *self)
{
    const struct plan *plan = &thrum_arg(self, struct plan);
    int rc = safe_acquire(plan, true);
    while (rc == -ETIMEDOUT) {
        thrum_sleep(thrum_in(PAUSE));
        rc = safe_acquire(plan, false);
    }
    return rc;
}

int main(void)
{
    thrum_barrier_init(&both_hold_one, 2, NULL, NULL);
    thrum_thread *t1 =
        thrum_thread_start(run, thrum_value(struct plan, "Thread 1", &lock_a, &lock_b, 0.2));
    thrum_thread *t2 =
        thrum_thread_start(run, thrum_value(struct plan, "Thread 2", &lock_b, &lock_a, 30));
    int failed = thrum_thread_join(t1, THRUM_FOREVER);
    failed |= thrum_thread_join(t2, THRUM_FOREVER);
    thrum_thread_free(t1);
    thrum_thread_free(t2);
    thrum_barrier_finish(&both_hold_one);

    thrum_with (&lock_a)
        printf("Asking for a lock twice: %s\n",
               thrum_lock_acquire_until(&lock_a, THRUM_FOREVER) == -EDEADLK ? "refused" : "taken");
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
