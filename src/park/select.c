/* Select: one wait in the queues of several objects, of which one case is performed.
 *
 * Every object that can be waited for keeps a queue of waiters, and a waiter is claimed by one
 * compare-and-swap on the claim word of its context (context.h). A select puts one waiter into the
 * queue of each case, all with the same ticket. So all of them, the deadline and a canceller race for
 * one claim word, and exactly one wins. The one rule that every object keeps already does the rest: a
 * waker that finds the claim lost drops the waiter and takes the next of its queue. A permit, an item
 * or a lock is never given to a select that has gone elsewhere, and no wake-up is spent on it.
 *
 * Steps
 *
 *     attempt    Each case is tried once, in random order, without a wait. The first that is ready is
 *                performed, and that is all. Most selects end here, and it costs what the plain calls cost.
 *     hold       Objects whose queue is behind a lock (queues) are locked, in the order of their addresses,
 *                each once. Two selects over the same objects therefore never wait for each other. No
 *                other lock is acquired meanwhile. Once all are held, these cases are tried again.
 *     begin      The claim opens. From here to its end the context must not wait for anything else, since
 *                that would open another claim: hence the locks before it.
 *     enqueue    Each object looks and queues the waiter, in one step against those that make it ready.
 *                One that is ready says so and takes nothing: what it would give belongs to nobody until
 *                the claim is decided.
 *     let go     The locks are released.
 *     wait       If all are queued: until a waker, the deadline or a canceller wins the claim. If one was
 *                ready: the claim is closed, as if its deadline had passed; a waker may win it before.
 *     settle     The place whose waiter was claimed performs its case. Some wakers have done that already
 *                (a semaphore hands over its permit, a lock may). Some only say that it is worth a try (an
 *                item is there, a lock is free), and another may have been faster: then all begins anew.
 *     withdraw   All other places leave their queues, one guard or lock after the other. A place that was
 *                claimed has been taken out by its waker.
 *
 * Who touches what. A place belongs to the guard of the queue that it stands in, as every waiter
 * (waiter.h). `claimed` is written by the winner of the claim before its unpark and read by the select
 * after it. A loser touches the place only under the guard, which withdraw takes later: so after it the
 * frame may go. The place that was claimed is not withdrawn, because its object may be gone: the first
 * waiter of an event may free it.
 *
 * A wake-up that says "try" must not be lost when the try fails or is not made. It is made in every
 * case, by settle, before anything else is looked at. A queue's notify is for an item: if that is gone,
 * another took it. A lock's release makes the waiter the designated one (lock.c); if a barging
 * thread has the lock, settle gives that role back while the lock is held, so that the holder's release
 * wakes the next.
 *
 * Fairness. The order of the attempts is a random permutation, so each ready case is performed with the
 * same probability. A case that waits keeps the order of its object: first in, first out for a semaphore,
 * at the head for a lock that woke it once.
 *
 * Deadlines. A case of a deadline, and a descriptor that cannot be watched, have no queue. They
 * shorten the wait (thrum__select_limit); when it times out then, they are settled.
 *
 * Descriptors. A fiber stands in the reactor of its worker, and the event claims its waiter. A thread
 * sleeps in poll on all its descriptors at once, and claims the waiter itself when poll finds one
 * ready (poll_park.c).
 *
 * In order. With `in_order` there is no attempt before the hold, and the held look goes from the first
 * case to the last. While all queues are held, nobody adds an item, so the look is as of one moment:
 * "none has one" is true of all at once, and a lower index is passed over only if it is empty.
 *
 * Cancellation and fork are those of every wait: park.h. A child of fork has no select under way but that
 * of its one thread, which does not wait.
 *
 * Rejected
 * - An event that all objects set, and a look at all of them after each wake-up: a put would have to wake
 *   all selects, and the waiter that takes the item would have to pass its other wake-ups on.
 * - A claim word for each select, in its frame: a late waker would touch a frame that is gone.
 * - Taking what is there in enqueue, as single waits do (queued.h): two cases could be performed.
 * - Looking for ready cases under all locks first, as Go does: a select that need not wait would pay for
 *   every case.
 *
 * Sources: Go's runtime/select.go, for the order of the locks and the random order of the cases; Reppy's
 * Concurrent ML, for cases as values.
 */
#include "park/select.h"
#include "base/clock.h"
#include "base/probe.h"
#include "park/park.h"

#include <errno.h>
#include <limits.h>

enum { ON_STACK = 8 };

struct thrum__select {
    thrum_case *cases;
    size_t count;
    bool in_order;
    const char *kind;
    uint32_t *order; /* of the attempts; then of the cases that are held, by address */
    size_t held;     /* how many those are */
    thrum__select_place *places;
    thrum_deadline limit;         /* of the present wait */
    thrum__select_place *limited; /* whose limit that is, or NULL */
    thrum__polls polls;
};

/* ------------------------------------------------------------------------------ without a wait */

/* A number below `count`. It decides an order and nothing else, so any generator will do. */
static uint32_t draw(uint32_t count)
{
    thrum__context *self = thrum__self();
    uint64_t *state = &self->rest->random;
    *state = (*state ^ self->ident) * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 32) * count >> 32);
}

/* The case was performed. */
static inline void note_code(thrum_case *of, int code)
{
    of->code = code;
    if (thrum__probed() && code == 0 && of->ops_->learned)
        of->ops_->learned(of);
}

/* Performs a case if it is ready. */
static inline bool attempt(thrum_case *of)
{
    int code = of->ops_ ? of->ops_->attempt(of) : -EAGAIN;
    if (code == -EAGAIN)
        return false;
    note_code(of, code);
    return true;
}

/* Performs a case that is ready, in random order. Returns its index or -EAGAIN. */
static __attribute__((noinline)) int attempt_several(thrum_case *cases, uint32_t count,
                                                     uint32_t *order)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = i + 1 < count ? i + draw(count - i) : i;
        uint32_t index = order[other];
        order[other] = order[i];
        if (attempt(&cases[index]))
            return (int)index;
    }
    return -EAGAIN;
}

static inline int attempt_all(thrum_case *cases, uint32_t count, uint32_t *order)
{
    if (count != 1)
        return attempt_several(cases, count, order);
    return attempt(cases) ? 0 : -EAGAIN; /* a single case has no order */
}

/* ------------------------------------------------------------------------------ what is locked */

/* Finds the objects that are to be held, each once, in the order of their addresses. Sorts by insertion:
 * they are few, or given in order. */
static void sort_held(thrum__select *select)
{
    select->held = 0;
    for (uint32_t i = 0; i < select->count; i++) {
        const thrum_case *of = &select->cases[i];
        if (!of->ops_ || !of->ops_->hold)
            continue;
        size_t place = select->held;
        while (place > 0 &&
               (uintptr_t)select->cases[select->order[place - 1]].object_ > (uintptr_t)of->object_)
            place--;
        if (place > 0 && select->cases[select->order[place - 1]].object_ == of->object_)
            continue;
        for (size_t k = select->held++; k > place; k--)
            select->order[k] = select->order[k - 1];
        select->order[place] = i;
    }
}

static void hold_all(const thrum__select *select)
{
    for (size_t i = 0; i < select->held; i++) {
        const thrum_case *of = &select->cases[select->order[i]];
        of->ops_->hold(of->object_);
    }
}

static void let_go_all(const thrum__select *select)
{
    for (size_t i = 0; i < select->held; i++) {
        const thrum_case *of = &select->cases[select->order[i]];
        of->ops_->let_go(of->object_);
    }
}

/* Performs the first held case that is ready. Returns its index or -EAGAIN. */
static int attempt_held(const thrum__select *select)
{
    for (size_t i = 0; i < select->count; i++) {
        thrum_case *of = &select->cases[i];
        int code = of->ops_ && of->ops_->attempt_held ? of->ops_->attempt_held(of) : -EAGAIN;
        if (code != -EAGAIN) {
            note_code(of, code);
            return (int)i;
        }
    }
    return -EAGAIN;
}

/* -------------------------------------------------------------------------------------- the wait */

void thrum__select_limit(thrum__select_place *place, thrum_deadline moment)
{
    if (moment.ns >= place->select->limit.ns)
        return;
    place->select->limit = moment;
    place->select->limited = place;
}

void thrum__select_poll(thrum__select_place *place, int descriptor, int side)
{
    thrum__polls *polls = &place->select->polls;
    polls->polled[polls->count] = thrum__polled_of(descriptor, side);
    polls->waiters[polls->count++] = &place->waiter;
}

static void prepare_all(thrum__select *select, thrum_deadline deadline)
{
    select->limit = deadline;
    select->limited = NULL;
    select->polls.count = 0;
    for (size_t i = 0; i < select->count; i++) {
        const thrum_case *of = &select->cases[i];
        if (of->ops_ && of->ops_->prepare)
            of->ops_->prepare(&select->places[i]);
    }
}

/* Queues the waiters up to the first case that is ready. Returns how many cases have been passed. */
static size_t enqueue_all(thrum__select *select, const thrum__waiter *wait)
{
    for (size_t i = 0; i < select->count; i++) {
        const thrum__case_ops *ops = select->cases[i].ops_;
        select->places[i].waiter = *wait;
        if (ops && ops->enqueue && !ops->enqueue(&select->places[i]))
            return i;
    }
    return select->count;
}

/* Settles the place that was claimed, or whose limit has passed, and takes all others out of their
 * queues. Returns the index of the case that was performed, or -EAGAIN. */
static int leave(thrum__select *select, size_t queued, bool timed_out)
{
    thrum__select_place *won = timed_out ? select->limited : NULL;
    for (size_t i = 0; i < queued; i++)
        if (select->places[i].waiter.claimed)
            won = &select->places[i];
    int code = -EAGAIN;
    if (won)
        code = won->of->ops_->settle ? won->of->ops_->settle(won) : 0;
    for (size_t i = 0; i < queued; i++) {
        thrum__select_place *place = &select->places[i];
        if (place->of->ops_ && place->of->ops_->enqueue && !place->waiter.claimed)
            place->of->ops_->withdraw(place);
    }
    if (code == -EAGAIN)
        return -EAGAIN;
    note_code(won->of, code);
    return (int)(won->of - select->cases);
}

/* Waits once. Enters with all held and leaves with none. Returns the index of the case that was
 * performed, -EAGAIN to look again, -ETIMEDOUT or -ECANCELED. */
static int wait_once(thrum__select *select)
{
    thrum__context *self = thrum__self();
    thrum__waiter wait;
    if (select->polls.count)
        thrum__poll_park_begin(self, &select->polls);
    int rc = thrum__wait_begin(&wait, true);
    size_t queued = rc == 0 ? enqueue_all(select, &wait) : 0;
    let_go_all(select);
    if (rc == 0 && queued == select->count)
        rc = thrum__wait(&wait, select->limit, select->kind, select->cases);
    else if (rc == 0)
        thrum__wait_abandon(&wait);
    if (select->polls.count)
        thrum__poll_park_end(self);
    int index = leave(select, queued, rc == -ETIMEDOUT);
    return index == -EAGAIN && rc < 0 && !(rc == -ETIMEDOUT && select->limited) ? rc : index;
}

/* Whether the caller has given the processor away, for a case that may then be ready. */
static bool gave_way(const thrum_case *cases, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const thrum__case_ops *ops = cases[i].ops_;
        if (ops && ops->give_way && ops->give_way(&cases[i]))
            return true;
    }
    return false;
}

static int wait_and_perform(thrum__select *select, thrum_deadline deadline)
{
    for (;;) {
        sort_held(select);
        prepare_all(select, deadline);
        hold_all(select);
        int index = attempt_held(select);
        if (index != -EAGAIN || thrum_deadline_is_now(deadline)) {
            let_go_all(select);
            return index;
        }
        index = wait_once(select);
        if (index == -EAGAIN && !select->in_order)
            index = attempt_all(select->cases, (uint32_t)select->count, select->order);
        if (index != -EAGAIN)
            return index;
    }
}

/* A worker of a pool that waits for a task of that pool lets another worker step in. */
static thrum__context *let_another_in(const thrum__select *select)
{
    thrum__context *self = thrum__self();
    if (!self->worker)
        return NULL;
    for (size_t i = 0; i < select->count; i++) {
        const thrum_case *of = &select->cases[i];
        if (of->ops_ && of->ops_->lets_another_in) {
            self->worker->wait_begin(self);
            return self;
        }
    }
    return NULL;
}

static int wait_in_places(thrum__select *select, thrum_deadline deadline)
{
    for (size_t i = 0; i < select->count; i++)
        select->places[i] = (thrum__select_place){.of = &select->cases[i], .select = select};
    thrum__context *self = let_another_in(select);
    int index = wait_and_perform(select, deadline);
    if (self)
        self->worker->wait_end(self);
    return index;
}

static int wait_on_stack(thrum__select *select, thrum_deadline deadline)
{
    thrum__select_place places[ON_STACK];
    thrum__polled polled[ON_STACK + 1];
    thrum__waiter *waiters[ON_STACK];
    thrum__memory_live(&places);
    select->places = places;
    select->polls = (thrum__polls){polled, waiters, 0};
    int index = wait_in_places(select, deadline);
    thrum__memory_dead(&places);
    return index;
}

static int wait_in_memory(thrum__select *select, thrum_deadline deadline)
{
    select->places = thrum__alloc_array(select->count, sizeof *select->places);
    select->polls.polled = thrum__alloc_array(select->count + 1, sizeof *select->polls.polled);
    select->polls.waiters = thrum__alloc_array(select->count, sizeof *select->polls.waiters);
    int index = -ENOMEM;
    if (select->places && select->polls.polled && select->polls.waiters)
        index = wait_in_places(select, deadline);
    thrum__free(select->places);
    thrum__free(select->polls.polled);
    thrum__free(select->polls.waiters);
    return index;
}

/* After a look that found no case ready. Out of line, so that a select that need not wait fills in nothing and
 * saves few registers. */
static __attribute__((noinline)) int wait_for(thrum_case *cases, uint32_t count, uint32_t *order,
                                              const char *kind, bool in_order,
                                              thrum_deadline deadline)
{
    thrum__select select = {
        .cases = cases, .count = count, .order = order, .kind = kind, .in_order = in_order};
    return count <= ON_STACK ? wait_on_stack(&select, deadline) : wait_in_memory(&select, deadline);
}

/* After such a look that was not in order: looks again if that is likely to help. */
static __attribute__((noinline)) int look_again(thrum_case *cases, uint32_t count, uint32_t *order,
                                                const char *kind, thrum_deadline deadline)
{
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    int index = gave_way(cases, count) ? attempt_all(cases, count, order) : -EAGAIN;
    return index != -EAGAIN ? index : wait_for(cases, count, order, kind, false, deadline);
}

static int perform(thrum_case *cases, uint32_t count, uint32_t *order, const char *kind,
                   bool in_order, thrum_deadline deadline)
{
    if (in_order)
        return wait_for(cases, count, order, kind, true, deadline);
    int index = attempt_all(cases, count, order);
    return index != -EAGAIN ? index : look_again(cases, count, order, kind, deadline);
}

int thrum__select_cases(thrum_case *cases, size_t count, bool in_order, const char *kind,
                        thrum_deadline deadline)
{
    uint32_t on_stack[ON_STACK];
    if (count <= ON_STACK)
        return perform(cases, (uint32_t)count, on_stack, kind, in_order, deadline);
    if (count > INT_MAX)
        return -EINVAL;
    uint32_t *order = thrum__alloc_array(count, sizeof *order);
    if (!order)
        return -ENOMEM;
    int index = perform(cases, (uint32_t)count, order, kind, in_order, deadline);
    thrum__free(order);
    return index;
}

static __attribute__((noinline)) int wait_for_single(thrum_case *of, thrum_deadline deadline)
{
    uint32_t order[1];
    return look_again(of, 1, order, "select", deadline);
}

/* A single case costs little more than the plain call. */
int thrum_select(thrum_case *cases, size_t count, thrum_deadline deadline)
{
    if (count != 1)
        return thrum__select_cases(cases, count, false, "select", deadline);
    return attempt(cases) ? 0 : wait_for_single(cases, deadline);
}

/* ----------------------------------------------------------------------------- a case of a deadline */

static int attempt_deadline(thrum_case *of)
{
    return of->with_.number_ <= thrum__clock_now() ? 0 : -EAGAIN;
}

static void prepare_deadline(thrum__select_place *place)
{
    thrum__select_limit(place, (thrum_deadline){place->of->with_.number_});
}

thrum_case thrum_case_deadline(thrum_deadline moment)
{
    static const thrum__case_ops ops = {.attempt = attempt_deadline, .prepare = prepare_deadline};
    return (thrum_case){.ops_ = &ops, .with_.number_ = moment.ns};
}
