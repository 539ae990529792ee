/* as_completed: futures in the order of their ends.
 *
 * One watch stands in each future. When it is told, it appends itself to a list of the ready, from
 * which `next` takes: so n futures cost n watches and n notes, however many are asked for in what
 * order, and none is looked at twice.
 *
 * Locks are taken future first, then `changed`: a watch is told under its future's lock. `next`
 * takes only `changed`, and `free` only one future's lock at a time, after which that future's
 * watch is neither told nor being told; so what `free` frees, nobody uses.
 */
#include "future/future.h"
#include <thrum/condition.h>
#include <thrum/with.h>

#include <errno.h>

struct watched {
    thrum__future_watch watch;
    thrum_as_completed *done;
    thrum_future *future;
    struct watched *next_ready;
};

struct thrum_as_completed {
    thrum_condition changed;
    struct watched *first_ready, **last_ready; /* in order; under the condition's lock */
    size_t left;                               /* not yet given; belongs to the caller of next */
    size_t count;
    struct watched watched[];
};

static void note(thrum__future_watch *watch)
{
    struct watched *watched = (struct watched *)watch; /* its first member */
    thrum_as_completed *done = watched->done;
    thrum_with (&done->changed) {
        *done->last_ready = watched;
        done->last_ready = &watched->next_ready;
        thrum_condition_notify(&done->changed, 1);
    }
}

thrum_as_completed *thrum_as_completed_new(thrum_future *const *futures, size_t count)
{
    if (count > (SIZE_MAX - sizeof(thrum_as_completed)) / sizeof(struct watched))
        return NULL;
    thrum_as_completed *done = thrum__alloc(sizeof *done + count * sizeof(struct watched));
    if (!done)
        return NULL;
    done->last_ready = &done->first_ready;
    done->left = done->count = count;
    for (size_t i = 0; i < count; i++) {
        struct watched *watched = &done->watched[i];
        *watched = (struct watched){
            .watch.fire = note,
            .done = done,
            .future = futures[i],
        };
        thrum__future_watch_begin(futures[i], &watched->watch);
    }
    return done;
}

/* Under the lock. */
static int wait_for_one(thrum_as_completed *done, thrum_time deadline)
{
    if (deadline == THRUM_NOW)
        return -EAGAIN;
    thrum__context *self = thrum__futures_wait_begin();
    int rc = thrum_condition_wait(&done->changed, deadline);
    thrum__futures_wait_end(self);
    return rc;
}

int thrum_as_completed_next(thrum_as_completed *done, size_t *ret_index, thrum_time deadline)
{
    if (done->left == 0)
        return -ENODATA;
    thrum_with (&done->changed) {
        while (!done->first_ready) {
            int rc = wait_for_one(done, deadline);
            if (rc < 0)
                return rc;
        }
        struct watched *first = done->first_ready;
        done->first_ready = first->next_ready;
        if (!done->first_ready)
            done->last_ready = &done->first_ready;
        done->left--;
        *ret_index = (size_t)(first - done->watched);
    }
    return 0;
}

void thrum_as_completed_free(thrum_as_completed *done)
{
    if (!done)
        return;
    for (size_t i = 0; i < done->count; i++)
        thrum__future_watch_end(done->watched[i].future, &done->watched[i].watch);
    thrum__free(done);
}
