/* wait: for one of many futures, or for all.
 *
 * A watch stands in each future and one event in the frame of the waiter. Each watch that is told
 * counts its future off; the one that makes the condition true sets the event. So n futures cost
 * n watches and n notes, and the waiter wakes once, however many there are.
 *
 *     THRUM_ALL_COMPLETED    the last one counted off sets the event
 *     THRUM_FIRST_COMPLETED  any does
 *     THRUM_FIRST_FAILED     one that failed does, and else the last one
 *
 * The watches are told under the lock of their futures, `left` is shared between them and hence
 * atomic. On the way out each watch is ended under its future's lock: after that it is not being
 * told, so the frame may go; and whatever was written before the end of a future that is done
 * happened before the return. Where the condition is true before all futures are watched, the rest
 * is not looked at.
 */
#include "future/future.h"
#include <thrum/event.h>

#include <errno.h>

struct waiting {
    thrum_event met;
    thrum_wait_condition condition;
    size_t left; /* not counted off */
};

struct watched {
    thrum__future_watch watch;
    struct waiting *waiting;
    const thrum_future *future;
};

static void count_off(thrum__future_watch *watch)
{
    struct watched *watched = (struct watched *)watch; /* its first member */
    struct waiting *waiting = watched->waiting;
    bool met = thrum__sub_acq_rel(&waiting->left, 1) == 1;
    if (waiting->condition == THRUM_FIRST_COMPLETED)
        met = true;
    else if (waiting->condition == THRUM_FIRST_FAILED)
        met = met || thrum__future_failure(watched->future);
    if (met)
        thrum_event_set(&waiting->met);
}

int thrum_wait(thrum_future *const *futures, size_t count, thrum_wait_condition condition,
               thrum_time deadline)
{
    if (count == 0)
        return 0;
    struct watched *watched = thrum__alloc_array(count, sizeof *watched);
    if (!watched)
        return -ENOMEM;
    struct waiting waiting = {THRUM_EVENT_INIT, condition, count};
    thrum__memory_live(&waiting);
    size_t begun = 0;
    while (begun < count && !thrum_event_is_set(&waiting.met)) {
        struct watched *next = &watched[begun];
        *next = (struct watched){
            .watch.fire = count_off,
            .waiting = &waiting,
            .future = futures[begun],
        };
        thrum__future_watch_begin(futures[begun++], &next->watch);
    }
    int rc = thrum_event_wait(&waiting.met, THRUM_NOW);
    if (rc < 0 && deadline != THRUM_NOW) {
        thrum__context *self = thrum__futures_wait_begin();
        rc = thrum_event_wait(&waiting.met, deadline);
        thrum__futures_wait_end(self);
    }
    for (size_t i = 0; i < begun; i++)
        thrum__future_watch_end(futures[i], &watched[i].watch);
    thrum__memory_dead(&waiting);
    thrum__free(watched);
    return rc;
}
