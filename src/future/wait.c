/* wait: for one of many futures, or for all.
 *
 * THRUM_WAIT_FIRST_COMPLETED is a select over the futures (park/select.c). The other two conditions count.
 *
 * A watch stands in each future that is not done, and one waiter in the frame of the caller. Each watch
 * that is told counts its future off; the one whose end makes the condition true claims the waiter. So n
 * futures cost n watches and n notes, and the waiter wakes once, however many there are. A future that is
 * done when its turn comes is counted off by the waiting thread itself.
 *
 *     THRUM_WAIT_ALL_COMPLETED    the last one counted off claims the waiter
 *     THRUM_WAIT_FIRST_FAILED     one that failed does, and else the last one
 *
 * The watches are told under the guard of their futures, `left` is shared between them and hence
 * atomic, and of several that claim one wins. On the way out each watch is ended under its future's
 * guard: after that it is not being told, so the frame may go; and whatever was written before the
 * end of a future that is done happened before the return. Where the condition is true before all
 * futures are watched, the rest is not looked at.
 *
 * A wait that finds its condition true at a first look over the futures needs no watch, and no
 * memory; one that may not wait needs none either.
 */
#include "base/probe.h"
#include "future/future.h"
#include "park/park.h"
#include "park/select.h"

#include <errno.h>

struct waiting {
    thrum__waiter waiter;
    thrum_wait_condition condition;
    size_t left; /* not counted off */
};

struct watched {
    thrum__future_watch watch;
    struct waiting *waiting;
    const thrum_future *future;
};

/* Counts a future off; true if that makes the condition true. */
static bool count_off(struct waiting *waiting, const thrum_future *future)
{
    bool met = thrum__sub_acq_rel(&waiting->left, 1) == 1;
    if (waiting->condition == THRUM_WAIT_FIRST_FAILED)
        met = met || thrum__future_failure(future);
    return met;
}

static thrum__waiter *note(thrum__future_watch *watch)
{
    struct watched *watched = (struct watched *)watch; /* its first member */
    struct waiting *waiting = watched->waiting;
    bool met = count_off(waiting, watched->future);
    return met ? thrum__future_claim(&waiting->waiter) : NULL;
}

/* Whether the condition is true already. */
static bool is_met(thrum_future *const *futures, size_t count, thrum_wait_condition condition)
{
    struct waiting look = {.condition = condition, .left = count};
    thrum__memory_live(&look); /* an earlier wait may have ended here */
    bool met = false;
    for (size_t i = 0; i < count && !met; i++)
        if (thrum_future_done(futures[i]))
            met = count_off(&look, futures[i]);
        else if (condition == THRUM_WAIT_ALL_COMPLETED)
            break;
    return met;
}

/* Watches the futures until all are watched or the condition is true, and then waits for it. */
static int wait_watching(struct watched *watched, struct waiting *waiting,
                         thrum_future *const *futures, size_t count, thrum_deadline deadline)
{
    int rc = thrum__wait_begin(&waiting->waiter, true);
    if (rc < 0)
        return rc;
    size_t begun = 0;
    bool met = false;
    for (; begun < count && !met; begun++) {
        struct watched *next = &watched[begun];
        *next = (struct watched){{.fire = note}, waiting, futures[begun]};
        if (!thrum__future_watch_begin(futures[begun], &next->watch))
            met = count_off(waiting, futures[begun]);
    }
    if (met)
        thrum__wait_abandon(&waiting->waiter);
    else
        rc = thrum__wait(&waiting->waiter, deadline, "futures", waiting);
    for (size_t i = 0; i < begun; i++)
        thrum__future_watch_end(futures[i], &watched[i].watch);
    return rc;
}

static bool any_done(thrum_future *const *futures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (thrum_future_done(futures[i]))
            return true;
    return false;
}

/* The futures that nobody will end, in a child of fork. */
static size_t count_lost(thrum_future *const *futures, size_t count)
{
    size_t lost = 0;
    for (size_t i = 0; i < count; i++)
        lost += thrum__future_is_lost(futures[i]);
    return lost;
}

static int wait_for_first(thrum_future *const *futures, size_t count, thrum_deadline deadline)
{
    if (any_done(futures, count))
        return 0;
    size_t lost = count_lost(futures, count), cased = 0;
    if (lost == count)
        return -ESRCH;
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    thrum_case *cases = thrum__alloc_array(count, sizeof *cases);
    if (!cases)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (lost == 0 || !thrum__future_is_lost(futures[i]))
            cases[cased++] = thrum_case_future(futures[i]);
    int index = thrum__select_cases(cases, cased, false, "futures", deadline);
    thrum__free(cases);
    return index < 0 ? index : 0;
}

/* Tells the probes which tasks are seen to have ended. */
static void tell(thrum_future *const *futures, size_t count)
{
    for (size_t i = 0; thrum__probed() && i < count; i++)
        if (thrum_future_done(futures[i]))
            thrum__probe(task_awaited, &futures[i]->task);
}

int thrum_wait(thrum_future *const *futures, size_t count, thrum_wait_condition condition,
               thrum_deadline deadline)
{
    if (count == 0)
        return 0;
    if (condition == THRUM_WAIT_FIRST_COMPLETED)
        return wait_for_first(futures, count, deadline);
    if (is_met(futures, count, condition)) {
        tell(futures, count);
        return 0;
    }
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    struct watched *watched = thrum__alloc_array(count, sizeof *watched);
    if (!watched)
        return -ENOMEM;
    struct waiting waiting = {.condition = condition, .left = count};
    thrum__memory_live(&waiting);
    thrum__context *self = thrum__futures_wait_begin();
    int rc = count_lost(futures, count)
                 ? -ESRCH
                 : wait_watching(watched, &waiting, futures, count, deadline);
    thrum__futures_wait_end(self);
    thrum__memory_dead(&waiting);
    thrum__free(watched);
    if (rc == 0)
        tell(futures, count);
    return rc;
}
