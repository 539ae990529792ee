/* as_completed: futures in the order of their ends.
 *
 * One watch stands in each future. When it is told, it appends itself to a list of the ready, from
 * which `next` takes: so n futures cost n watches and n notes, however many are asked for in what
 * order, and none is looked at twice.
 *
 * A watch is told under its future's guard, and takes the guard of the list inside of that. `next`
 * takes only the list's, and `free` only one future's at a time, after which that future's watch is
 * neither told nor being told; so what `free` frees, nobody uses. The waiter in `next` stands
 * in `waiter`; the watch that takes it out claims it.
 *
 * Fork: a future of a pool of the parent that is not done in the child will not be. A wait for
 * nothing else fails.
 */
#include "base/probe.h"
#include "base/process.h"
#include "future/future.h"
#include "park/queued.h"
#include "park/select.h"

#include <errno.h>

struct watched {
    thrum__future_watch watch;
    thrum_as_completed *done;
    thrum_future *future;
    struct watched *next_ready;
};

enum { GUARD = 1 };

struct thrum_as_completed {
    uint32_t state;                            /* GUARD or 0 */
    struct watched *first_ready, **last_ready; /* in order; under the guard */
    thrum__waiter *waiter;                     /* who waits for one, or NULL; under the guard */
    size_t left;                               /* not yet given; belongs to the caller of next */
    size_t count;
    struct watched watched[];
};

/* Appends one to the ready; gives the waiter if it claimed it. */
static thrum__waiter *note(thrum__future_watch *watch)
{
    struct watched *watched = (struct watched *)watch; /* its first member */
    thrum_as_completed *done = watched->done;
    thrum__guard_acquire(&done->state, GUARD);
    thrum__plain_write(&done->first_ready);
    *done->last_ready = watched;
    done->last_ready = &watched->next_ready;
    thrum__plain_write(&done->waiter);
    thrum__waiter *waiter = done->waiter ? thrum__future_claim(done->waiter) : NULL;
    done->waiter = NULL;
    thrum__guard_release(&done->state, GUARD);
    return waiter;
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
        if (!thrum__future_watch_begin(futures[i], &watched->watch))
            (void)note(&watched->watch);
    }
    return done;
}

/* Returns the first ready future, or NULL. After NULL the next future that is ready wakes `waiter`. */
static struct watched *take(thrum_as_completed *done, thrum__waiter *waiter)
{
    thrum__guard_acquire(&done->state, GUARD);
    thrum__plain_write(&done->first_ready);
    struct watched *first = done->first_ready;
    if (first) {
        done->first_ready = first->next_ready;
        if (!done->first_ready)
            done->last_ready = &done->first_ready;
    }
    thrum__plain_write(&done->waiter);
    done->waiter = first ? NULL : waiter;
    thrum__guard_release(&done->state, GUARD);
    return first;
}

/* Whether, in a child of fork, nobody will end any of those that were not given. None is ready. */
static bool is_lost(const thrum_as_completed *done)
{
    size_t lost = 0;
    for (size_t i = 0; thrum__process_is_forked() && i < done->count; i++)
        lost += thrum__future_is_lost(done->watched[i].future);
    return lost > 0 && lost == done->left;
}

/* A wait in `next`, and what it took. */
struct waiting {
    thrum__waiter waiter; /* first: enqueue and withdraw are given it */
    struct watched *first;
};

static bool enqueue(void *done, thrum__waiter *waiter)
{
    struct waiting *waiting = (struct waiting *)waiter;
    waiting->first = take(done, waiter);
    return !waiting->first;
}

/* Takes one that became ready after the wait had ended. */
static void withdraw(void *done, thrum__waiter *waiter)
{
    ((struct waiting *)waiter)->first = take(done, NULL);
}

/* Waits until one is ready, or takes it if it is. */
static int wait_for_one(thrum_as_completed *done, thrum_deadline deadline,
                        struct watched **ret_first)
{
    static const thrum__queue_ops queue = {enqueue, withdraw};
    static const thrum__wait_kind kind = {.name = "futures"};
    struct waiting waiting = {.first = NULL};
    int rc = thrum__wait_queued(done, &queue, &waiting.waiter, &kind, deadline, true, NULL);
    *ret_first = rc == 0 && !waiting.first ? take(done, NULL) : waiting.first;
    return *ret_first ? 0 : rc;
}

int thrum_as_completed_next(thrum_as_completed *done, size_t *ret_index, thrum_deadline deadline)
{
    if (done->left == 0)
        return -ENODATA;
    struct watched *first = take(done, NULL);
    if (!first && is_lost(done))
        return -ESRCH;
    if (!first && thrum_deadline_is_now(deadline))
        return -EAGAIN;
    if (!first) {
        thrum__context *self = thrum__futures_wait_begin();
        int rc = wait_for_one(done, deadline, &first);
        thrum__futures_wait_end(self);
        if (rc < 0)
            return rc;
    }
    thrum__probe(task_awaited, &first->future->task);
    done->left--;
    *ret_index = (size_t)(first - done->watched);
    return 0;
}

/* In a select. */

static int case_attempt(thrum_case *of)
{
    thrum_as_completed *done = of->object_;
    if (done->left == 0)
        return -ENODATA;
    struct watched *first = take(done, NULL);
    if (!first)
        return is_lost(done) ? -ESRCH : -EAGAIN;
    thrum__probe(task_awaited, &first->future->task);
    done->left--;
    *(size_t *)of->with_.ret_ = (size_t)(first - done->watched);
    return 0;
}

static bool case_enqueue(thrum__select_place *place)
{
    thrum_as_completed *done = place->of->object_;
    thrum__guard_acquire(&done->state, GUARD);
    thrum__plain_read(&done->first_ready);
    bool ready = done->first_ready;
    thrum__plain_write(&done->waiter);
    done->waiter = ready ? NULL : &place->waiter;
    thrum__guard_release(&done->state, GUARD);
    return !ready;
}

static void case_withdraw(thrum__select_place *place)
{
    thrum_as_completed *done = place->of->object_;
    thrum__guard_acquire(&done->state, GUARD);
    thrum__plain_write(&done->waiter);
    done->waiter = NULL;
    thrum__guard_release(&done->state, GUARD);
}

static int case_settle(thrum__select_place *place)
{
    return case_attempt(place->of);
}

thrum_case thrum_case_as_completed(thrum_as_completed *done, size_t *ret_index)
{
    static const thrum__case_ops ops = {.attempt = case_attempt,
                                        .enqueue = case_enqueue,
                                        .withdraw = case_withdraw,
                                        .settle = case_settle,
                                        .lets_another_in = true};
    return (thrum_case){.ops_ = &ops, .object_ = done, .with_.ret_ = ret_index};
}

void thrum_as_completed_free(thrum_as_completed *done)
{
    if (!done)
        return;
    for (size_t i = 0; i < done->count; i++)
        thrum__future_watch_end(done->watched[i].future, &done->watched[i].watch);
    thrum__free(done);
}
