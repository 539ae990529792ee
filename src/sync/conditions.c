#include "sync/conditions.h"
#include "park/park.h"
#include "sync/lock.h"

static thrum_lock *lock_of(const thrum__condition_place *place)
{
    thrum_condition *condition = place->condition;
    return condition->shared_ ? condition->shared_ : &condition->own_;
}

static void release_all(thrum__condition_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        thrum__lock_release(lock_of(&places[i]));
}

/* The place that was notified. Only the winner of the claim writes it, before it wakes us. */
static size_t find_claimed(const thrum__condition_place *places)
{
    size_t i = 0;
    while (!places[i].waiter.claimed)
        i++;
    return i;
}

int thrum__conditions_wait(thrum__condition_place *places, size_t count, thrum_time deadline,
                           const char *kind, const void *object, size_t *ret_index)
{
    thrum__waiter first;
    int rc = thrum__wait_begin(&first, true);
    if (rc < 0) {
        for (size_t i = 0; i < count; i++)
            places[i].waiter.queued = false;
        release_all(places, count);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        places[i].waiter = first;
        thrum__waiters_push_back(&places[i].condition->waiters_, &places[i].waiter);
    }
    release_all(places, count);
    rc = thrum__wait(&first, deadline, kind, object);
    if (rc < 0)
        return rc;
    *ret_index = find_claimed(places);
    thrum__lock_acquire_woken(lock_of(&places[*ret_index]), &places[*ret_index].waiter);
    return 0;
}

void thrum__conditions_leave(thrum__condition_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        thrum_lock_acquire(lock_of(&places[i]));
        if (thrum__waiter_queued(&places[i].waiter))
            thrum__waiters_remove(&places[i].condition->waiters_, &places[i].waiter);
        thrum__lock_release(lock_of(&places[i]));
    }
}
