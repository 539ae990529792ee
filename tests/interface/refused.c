/* Mistakes that must not compile. CASE selects one; without it the file compiles, in C and in C++. */
#include <thrum.h>

int refused(thrum_queue *queue, thrum_lock *lock);

int refused(thrum_queue *queue, thrum_lock *lock)
{
    int item = 0, rc = thrum_sleep(thrum_in(2));
#if CASE == 1 /* seconds in place of a deadline */
    rc = thrum_sleep(2);
#elif CASE == 2
    rc = thrum_queue_get(queue, &item, 5);
#elif CASE == 3
    rc = thrum_lock_acquire_until(lock, 0.5);
#elif CASE == 4 /* a moment in place of a deadline */
    rc = thrum_sleep(thrum_now());
#elif CASE == 5 /* arithmetic on a deadline */
    rc = thrum_sleep(thrum_in(2) + 1000);
#elif CASE == 6 /* a comparison of deadlines */
    if (thrum_in(1) < THRUM_FOREVER)
        rc = 1;
#elif CASE == 7 /* a deadline in place of a moment */
    thrum_time now = THRUM_NOW;
    rc = now > 0;
#endif
    if (rc == 0)
        rc = thrum_queue_get(queue, &item, THRUM_NOW);
    if (rc == 0)
        rc = thrum_lock_acquire_until(lock, THRUM_FOREVER);
    return rc == 0 ? thrum_sleep(thrum_at(thrum_now() + item)) : rc;
}
