/* Queues in a select, and the get from whichever of several queues has an item.
 *
 * A case stands in the condition of its queue, as a getter or putter does: a getter in not_empty, a
 * putter in not_full (queue.c). The notify that claims it moves it to the queue of the lock, as it does
 * with every waiter of a condition, and a release of the lock wakes it.
 *
 * A getter then takes the item from this queue and from nowhere else, before it leaves the others. The
 * notify was for that item. If it went for another one, this item would lie here while another getter sleeps
 * beside it. If the item is gone, another getter came first and has it. A putter is no different.
 *
 * While a queue is held, nobody puts. So after a held look that found it empty, it is empty still when
 * the waiter is queued.
 *
 * thrum_queue_get_any is a select in order: the lowest index that has an item gives it. A queue that is
 * closed and empty stays so, and is left out of the next round.
 */
#include "park/select.h"
#include "base/memory.h"
#include "base/probe.h"
#include "queue/queue.h"
#include "sync/lock.h"

#include <errno.h>

static void case_hold(void *object)
{
    thrum_queue *queue = object;
    thrum_lock_acquire(&queue->lock);
    queue->make->hold(queue);
}

static void case_let_go(void *object)
{
    thrum_queue *queue = object;
    queue->make->let_go(queue);
    thrum__lock_release(&queue->lock);
}

static bool case_give_way(const thrum_case *of)
{
    const thrum_queue *queue = of->object_;
    return queue->make->give_way();
}

static void leave(thrum_condition *condition, thrum_lock *lock, thrum__waiter *waiter)
{
    thrum_lock_acquire(lock);
    if (thrum__waiter_queued(waiter))
        thrum__waiters_remove(&condition->waiters_, waiter);
    thrum__lock_release(lock);
}

/* ------------------------------------------------------------------------------------------ get */

static int get_attempt(thrum_case *of)
{
    thrum_queue *queue = of->object_;
    return queue->make->get(queue, of->with_.ret_, THRUM_NOW);
}

static int get_attempt_held(thrum_case *of)
{
    thrum_queue *queue = of->object_;
    return queue->make->take(queue, of->with_.ret_);
}

static void get_learned(const thrum_case *of)
{
    thrum__probe(learned, THRUM__PROBE_QUEUE, of->object_, 1);
}

static bool get_enqueue(thrum__select_place *place)
{
    thrum_queue *queue = place->of->object_;
    if (!queue->make->await_item(queue))
        return false;
    thrum__waiters_push_back(&queue->not_empty.waiters_, &place->waiter);
    return true;
}

static void get_withdraw(thrum__select_place *place)
{
    thrum_queue *queue = place->of->object_;
    leave(&queue->not_empty, &queue->lock, &place->waiter);
}

static int get_settle(thrum__select_place *place)
{
    thrum_queue *queue = place->of->object_;
    thrum__lock_acquire_woken(&queue->lock, &place->waiter, NULL);
    int rc = queue->make->take(queue, place->of->with_.ret_);
    thrum__lock_release(&queue->lock);
    return rc;
}

thrum_case thrum_case_get(thrum_queue *queue, void *ret_item)
{
    static const thrum__case_ops ops = {.attempt = get_attempt,
                                        .hold = case_hold,
                                        .let_go = case_let_go,
                                        .attempt_held = get_attempt_held,
                                        .give_way = case_give_way,
                                        .enqueue = get_enqueue,
                                        .withdraw = get_withdraw,
                                        .settle = get_settle,
                                        .learned = get_learned};
    return (thrum_case){.ops_ = &ops, .object_ = queue, .with_.ret_ = ret_item};
}

/* ------------------------------------------------------------------------------------------ put */

static int put_attempt(thrum_case *of)
{
    thrum_queue *queue = of->object_;
    thrum__probe(told, THRUM__PROBE_QUEUE, queue, 1);
    return queue->make->put(queue, of->with_.item_, THRUM_NOW);
}

static bool put_enqueue(thrum__select_place *place)
{
    thrum_queue *queue = place->of->object_;
    if (!queue->make->await_room(queue))
        return false;
    thrum__waiters_push_back(&queue->not_full.waiters_, &place->waiter);
    return true;
}

static void put_withdraw(thrum__select_place *place)
{
    thrum_queue *queue = place->of->object_;
    leave(&queue->not_full, &queue->lock, &place->waiter);
}

static int put_settle(thrum__select_place *place)
{
    thrum_queue *queue = place->of->object_;
    thrum__lock_acquire_woken(&queue->lock, &place->waiter, NULL);
    thrum__lock_release(&queue->lock);
    return put_attempt(place->of);
}

thrum_case thrum_case_put(thrum_queue *queue, const void *item)
{
    static const thrum__case_ops ops = {.attempt = put_attempt,
                                        .hold = case_hold,
                                        .let_go = case_let_go,
                                        .give_way = case_give_way,
                                        .enqueue = put_enqueue,
                                        .withdraw = put_withdraw,
                                        .settle = put_settle};
    return (thrum_case){.ops_ = &ops, .object_ = queue, .with_.item_ = item};
}

/* --------------------------------------------------------------------------- any of several queues */

enum { ON_STACK = 8 };

/* Gets from the first that has an item. Leaves closed ones out. */
static int get_first(thrum_case *cases, size_t count, size_t *ret_index, thrum_deadline deadline)
{
    for (size_t open = count; open > 0; open--) {
        int index = thrum__select_cases(cases, count, true, "queues", deadline);
        if (index < 0)
            return index;
        if (cases[index].code == 0) {
            *ret_index = (size_t)index;
            return 0;
        }
        cases[index] = (thrum_case){0};
    }
    return -EPIPE;
}

int thrum_queue_get_any(thrum_queue *const *queues, size_t count, size_t *ret_index, void *ret_item,
                        thrum_deadline deadline)
{
    thrum_case on_stack[ON_STACK];
    thrum_case *cases = on_stack;
    if (count > ON_STACK)
        cases = thrum__alloc_array(count, sizeof *cases);
    if (!cases)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        cases[i] = thrum_case_get(queues[i], ret_item);
    int rc = get_first(cases, count, ret_index, deadline);
    if (count > ON_STACK)
        thrum__free(cases);
    return rc;
}
