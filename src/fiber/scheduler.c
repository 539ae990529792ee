/* The pool of fibers: how tasks get in, and how it ends.
 *
 * Ownership:
 *
 *     a worker's thread     its fibers and their stacks, its ready list, its spares, its timers; no
 *                           other thread reads or writes them
 *     the inbox             written by each thread that wakes one of its fibers: inbox.h
 *     the ring              filled by the worker, emptied by all: run_ring.h
 *     the injected          a list under `guard`: tasks of other threads, and what a ring had no
 *                           room for
 *     idle                  which workers sleep and which one searches: idle.h
 *
 * A task is in one queue until a worker takes it. Then a fiber of that worker runs it to its end;
 * it never moves. So between two waits of a task no other task of the same worker runs, and in a
 * pool of one worker tasks need no locks for what they do between two waits.
 *
 * What can race with what:
 *
 *     unpark with park          decided by the claim, before either: fiber.c
 *     unpark with sleep         one word: the inbox
 *     submit with sleep         the fences: idle.h
 *     take with steal           one word: `head` of the ring
 *     submit with close         under `guard` from outside; a task of the pool itself is not done,
 *                               so the pool cannot end meanwhile
 *     the end with all of these below
 *
 * Tickets. A pool whose tasks have an order of their own (priorities, a bounded backlog) keeps them
 * outside of the scheduler, and issues a ticket for each. A ticket is a count beside the injected; a
 * worker takes it as it would take a task, and asks the owner (`choose`) which task to begin. The
 * scheduler takes no lock, and the owner's order is under one: `choose` runs where a task would
 * begin, on a fiber that may wait. Tasks outnumber tickets at no time, nor tickets tasks for longer
 * than the owner's lock is held, so each ticket finds a task.
 *
 * The first submit starts the workers, up to the maximum, each a daemon thread. If the system
 * refuses some, the pool runs with fewer.
 *
 * The end. A closing pool takes no more tasks. It has ended when all submitted tasks are done. No
 * counter is shared for that: each worker counts what it has submitted and what it has done. An
 * idle worker adds up, first the done and then the submitted tasks. If the sums are equal, no task
 * was running in between, because a task counts as done only after all that it submitted was
 * counted. No task runs and none can be submitted, so the sums stay equal. If two workers finish
 * their last tasks at once, each counts (release), falls asleep (a fence, idle.h) and adds up; at
 * least one sees the count of the other. That worker sets `ended` and wakes all, which then free
 * their fibers and leave. The last to leave calls `end`. Each joins the worker that left before it
 * (thread/own.c).
 *
 * A thread in a submit or a close may still touch the pool when the task that it submitted is done.
 * `inside` counts these threads, and the last worker waits until it is 0: a few instructions, and
 * perhaps a system call.
 *
 * A child of fork has none of the workers and refuses.
 *
 * Sources: the scheduler of Go by Vyukov (rings, one searcher, the fence before sleep); asyncio for
 * the promises of one worker.
 */
#include "fiber/scheduler.h"
#include "base/crash.h"
#include "base/futex.h"
#include "base/process.h"
#include "base/spin.h"
#include "fiber/idle.h"
#include "fiber/inbox.h"
#include "fiber/overflow.h"
#include "park/guard.h"
#include "park/scope.h"
#include "thread/own.h"
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- lists */

/* The link lies in a struct of another kind, which is known here by its place alone. */
void *thrum__fibers_next(const thrum__fibers *fibers, const void *task)
{
    void *next;
    memcpy(&next, (const char *)task + fibers->tasks->link, sizeof next);
    return next;
}

static void link_to(const thrum__fibers *fibers, void *task, const void *next)
{
    memcpy((char *)task + fibers->tasks->link, &next, sizeof next);
}

void thrum__fiber_list_push(const thrum__fibers *fibers, thrum__fiber_list *list, void *task)
{
    link_to(fibers, task, NULL);
    if (list->first)
        link_to(fibers, list->last, task);
    else
        list->first = task;
    list->last = task;
}

/* An empty list leads to no task that was taken: thrum doctor would think that the list can reach it. */
static void cut_to(thrum__fiber_list *list, void *first)
{
    list->first = first;
    if (!first)
        list->last = NULL;
}

void *thrum__fiber_list_pop(const thrum__fibers *fibers, thrum__fiber_list *list)
{
    void *task = list->first;
    if (task)
        cut_to(list, thrum__fibers_next(fibers, task));
    return task;
}

/* -------------------------------------------------------------------------------------- waking */

bool thrum__fibers_have_work(thrum__fibers *fibers)
{
    if (thrum__load_relaxed(&fibers->injected_count))
        return true;
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++)
        if (!thrum__ring_empty(&fibers->workers[i]->ring))
            return true;
    return false;
}

static bool poke_one(void *workers)
{
    thrum__fibers *fibers = workers;
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++) {
        uint32_t *inbox = &fibers->workers[i]->inbox;
        uint32_t slept = thrum__inbox_poke(inbox);
        if (slept) {
            thrum__inbox_wake(inbox, slept);
            return true;
        }
    }
    return false;
}

static bool someone_sleeps(void *workers)
{
    thrum__fibers *fibers = workers;
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++)
        if (thrum__inbox_sleeps(thrum__load_relaxed(&fibers->workers[i]->inbox)))
            return true;
    return false;
}

static bool have_work(void *workers)
{
    return thrum__fibers_have_work(workers);
}

void thrum__fibers_notify(thrum__fibers *fibers)
{
    static const thrum__idle_workers ops = {poke_one, someone_sleeps, have_work};
    thrum__idle_notify(&fibers->idle, &ops, fibers);
}

void thrum__fibers_wake_all(thrum__fibers *fibers)
{
    thrum__fence_seq_cst();
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++) {
        uint32_t *inbox = &fibers->workers[i]->inbox;
        thrum__inbox_wake(inbox, thrum__inbox_interrupt(inbox));
    }
}

/* ------------------------------------------------------------------------------------- workers */

static int work(thrum_task *self)
{
    enum { SIGNAL_STACK = 32 << 10 };
    thrum__fiber *first = thrum_arg(self, thrum__fiber *);
    thrum__fiber_worker *worker = first->worker;
    thrum__fibers *fibers = worker->fibers;
    void *stack = thrum__crash_stack_new(SIGNAL_STACK);
    if (fibers->tasks->begin)
        fibers->tasks->begin(fibers);
    thrum__worker_run(worker, first);
    thrum__crash_stack_free(stack);
    if (fibers->process == thrum__process_generation)
        thrum__fibers_leave(fibers);
    return 0;
}

static int start_worker(thrum__fibers *fibers, uint32_t index)
{
    thrum__fiber_worker *worker = fibers->workers[index];
    thrum__fiber *first = thrum__fiber_new(worker);
    if (!first)
        return -ENOMEM;
    char name[128];
    snprintf(name, sizeof name, "%s-worker-%u", fibers->name_prefix, index);
    thrum__add_relaxed(&fibers->left, 1);
    int code = thrum__thread_start_own(name, work, thrum_value(thrum__fiber *, first));
    if (code < 0) {
        thrum__sub_relaxed(&fibers->left, 1);
        thrum__fiber_free(first);
    }
    return code;
}

/* Starts the workers, once. Returns 0 if there is at least one. */
static int start(thrum__fibers *fibers)
{
    int rc = 0;
    thrum_with (&fibers->start_lock) {
        uint32_t started = fibers->started;
        if (started || fibers->closing) {
            rc = started ? 0 : -EPIPE;
            break;
        }
        thrum__overflow_watch();
        while (started < fibers->width && (rc = start_worker(fibers, started)) == 0)
            thrum__store_release(&fibers->started, ++started);
        if (started && fibers->hold_limit)
            rc = thrum__fibers_monitor_start(fibers);
        if (started)
            rc = 0;
    }
    return rc;
}

void thrum__fibers_leave(thrum__fibers *fibers)
{
    thrum_thread *previous = thrum__thread_depart(&fibers->departed);
    if (thrum__sub_acq_rel(&fibers->left, 1) == 1) {
        uint32_t turn = 0;
        while (thrum__load_acquire(&fibers->inside))
            thrum__spin(&turn);
        fibers->tasks->end(fibers);
    }
    thrum__thread_end(previous);
}

/* ------------------------------------------------------------------------------- tasks in and out */

/* Half of the ring and `task`, which it has no room for, go to the injected, in this order. */
static void spill(thrum__fibers *fibers, thrum__fiber_worker *worker, void *task)
{
    enum { HALF = THRUM__RING_SIZE / 2 };
    void *tasks[HALF + 1];
    uint32_t count = thrum__ring_take_many(&worker->ring, tasks, HALF);
    tasks[count++] = task;
    thrum__guard_acquire(&fibers->guard, 1);
    for (uint32_t i = 0; i < count; i++)
        thrum__fiber_list_push(fibers, &fibers->injected, tasks[i]);
    thrum__store_relaxed(&fibers->injected_count, fibers->injected_count + count);
    thrum__guard_release(&fibers->guard, 1);
}

/* From a task of the pool, which is not done before it returns. */
static int submit_here(thrum__fibers *fibers, thrum__fiber_worker *worker, void *task, bool helps)
{
    if (thrum__load_relaxed(&fibers->closing) && !helps)
        return -EPIPE;
    thrum__store_release(&worker->submitted, worker->submitted + 1);
    if (fibers->width == 1) {
        thrum__fiber_list_push(fibers, &worker->local, task);
        return 0;
    }
    if (!thrum__ring_put(&worker->ring, task))
        spill(fibers, worker, task);
    thrum__fibers_notify(fibers);
    return 0;
}

int thrum__fibers_ready(thrum__fibers *fibers, const char **ret_reason)
{
    if (thrum__load_acquire(&fibers->started))
        return 0;
    int rc = start(fibers);
    if (rc == -EAGAIN)
        *ret_reason = "the system refuses the executor's first thread";
    return rc;
}

/* Where it `helps`, the task that it helps is not done meanwhile: a sum that includes its end includes it. */
static int submit_outside(thrum__fibers *fibers, void *task, bool helps, const char **ret_reason)
{
    int rc = thrum__fibers_ready(fibers, ret_reason);
    if (rc < 0)
        return rc;
    thrum__guard_acquire(&fibers->guard, 1);
    bool closing = fibers->closing && !helps;
    if (!closing) {
        thrum__add_relaxed(&fibers->inside, 1);
        thrum__store_relaxed(&fibers->injected_total, fibers->injected_total + 1);
        thrum__fiber_list_push(fibers, &fibers->injected, task);
        thrum__store_relaxed(&fibers->injected_count, fibers->injected_count + 1);
    }
    thrum__guard_release(&fibers->guard, 1);
    if (closing)
        return -EPIPE;
    thrum__fibers_notify(fibers);
    thrum__sub_release(&fibers->inside, 1);
    return 0;
}

int thrum__fibers_submit(thrum__fibers *fibers, void *task, bool helps, const char **ret_reason)
{
    thrum__context *self = thrum__self();
    if (self->executor == fibers->owner && self->fiber)
        return submit_here(fibers, self->fiber->worker, task, helps);
    return submit_outside(fibers, task, helps, ret_reason);
}

int thrum__fibers_submit_ticket(thrum__fibers *fibers, const char **ret_reason)
{
    int rc = thrum__fibers_ready(fibers, ret_reason);
    if (rc < 0)
        return rc;
    thrum__guard_acquire(&fibers->guard, 1);
    thrum__add_relaxed(&fibers->inside, 1);
    thrum__store_relaxed(&fibers->injected_total, fibers->injected_total + 1);
    fibers->tickets++;
    thrum__store_relaxed(&fibers->injected_count, fibers->injected_count + 1);
    thrum__guard_release(&fibers->guard, 1);
    thrum__fibers_notify(fibers);
    thrum__sub_release(&fibers->inside, 1);
    return 0;
}

char thrum__fibers_ticket;

/* Takes a ticket, if there is one. Under the guard. */
static void *take_ticket(thrum__fibers *fibers)
{
    if (!fibers->tickets)
        return NULL;
    fibers->tickets--;
    thrum__store_relaxed(&fibers->injected_count, fibers->injected_count - 1);
    return &thrum__fibers_ticket;
}

/* Takes a share of the list to the worker's own queue, and gives the first. Under the guard. */
static void *take_share(thrum__fibers *fibers, thrum__fiber_worker *worker)
{
    uint32_t width = fibers->width;
    uint32_t there = fibers->injected_count - fibers->tickets, share = there / width + 1;
    share = share < THRUM__RING_SIZE / 2 ? share : THRUM__RING_SIZE / 2;
    share = share < there && width > 1 ? share : there;
    void *first = NULL;
    uint32_t taken = 0;
    for (; taken < share; taken++) {
        void *task = fibers->injected.first, *next = thrum__fibers_next(fibers, task);
        if (width == 1)
            thrum__fiber_list_push(fibers, &worker->local, task);
        else if (!first)
            first = task;
        else if (!thrum__ring_put(&worker->ring, task))
            break;
        cut_to(&fibers->injected, next);
    }
    thrum__store_relaxed(&fibers->injected_count, fibers->injected_count - taken);
    return width == 1 ? thrum__fiber_list_pop(fibers, &worker->local) : first;
}

void *thrum__fibers_take(thrum__fibers *fibers, thrum__fiber_worker *worker)
{
    if (!thrum__load_relaxed(&fibers->injected_count))
        return NULL;
    thrum__guard_acquire(&fibers->guard, 1);
    void *task =
        fibers->injected_count > fibers->tickets ? take_share(fibers, worker) : take_ticket(fibers);
    thrum__guard_release(&fibers->guard, 1);
    return task;
}

/* --------------------------------------------------------------------------------------- the end */

bool thrum__fibers_all_done(thrum__fibers *fibers)
{
    if (!thrum__load_acquire(&fibers->closing))
        return false;
    uint64_t done = 0, submitted = 0;
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++)
        done += thrum__load_acquire(&fibers->workers[i]->done);
    for (uint32_t i = 0; i < started; i++)
        submitted += thrum__load_acquire(&fibers->workers[i]->submitted);
    /* Read last: what is injected while the pool is closing helps a task that is not done before. */
    if (done != submitted + thrum__load_relaxed(&fibers->injected_total))
        return false;
    if (!thrum__load_relaxed(&fibers->ended)) {
        thrum__store_release(&fibers->ended, 1);
        thrum__fibers_wake_all(fibers);
        thrum_event_set(&fibers->stop);
    }
    return true;
}

/* Asks the tasks that run at the moment to stop: their workers may be far from looking round. The
 * context may carry the next task by then, which runs as well; it is not freed meanwhile, as a
 * fiber is freed only after another runs in its place, and `asking` is 0 then (thrum__fiber_free).
 * */
static void ask_running(thrum__fibers *fibers)
{
    thrum__add_relaxed(&fibers->asking, 1);
    thrum__fence_seq_cst();
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++) {
        uint32_t ident = thrum__load_acquire(&fibers->workers[i]->current);
        if (ident)
            thrum__scope_cancel(&thrum__context_of(ident)->fiber->scope);
    }
    thrum__sub_release(&fibers->asking, 1);
}

bool thrum__fibers_close(thrum__fibers *fibers, bool drop, bool cancel)
{
    bool none = false;
    thrum_with (&fibers->start_lock) { /* no thread starts workers after this */
        thrum__add_relaxed(&fibers->inside, 1);
        none = fibers->started == 0;
        if (drop)
            thrum__store_relaxed(&fibers->drop, 1);
        if (cancel)
            thrum__store_relaxed(&fibers->cancel, 1);
        thrum__guard_acquire(&fibers->guard, 1);
        thrum__store_release(&fibers->closing, 1);
        thrum__guard_release(&fibers->guard, 1);
    }
    if (cancel)
        ask_running(fibers);
    if (!none)
        thrum__fibers_wake_all(fibers);
    thrum__sub_release(&fibers->inside, 1);
    return none;
}

void *thrum__fibers_take_injected(thrum__fibers *fibers)
{
    void *first = fibers->injected.first;
    fibers->injected = (thrum__fiber_list){0};
    fibers->injected_count = fibers->tickets = 0;
    return first;
}

int thrum__fibers_init(thrum__fibers *fibers, uint32_t workers, size_t stack_size,
                       const char *name_prefix)
{
    size_t length = strlen(name_prefix) + 1;
    fibers->name_prefix = thrum__alloc(length);
    fibers->workers = thrum__alloc_array(workers, sizeof *fibers->workers);
    bool complete = fibers->name_prefix && fibers->workers;
    for (uint32_t i = 0; complete && i < workers; i++) {
        thrum__fiber_worker *worker = thrum__alloc_line(sizeof *worker);
        complete = worker != NULL;
        if (complete) {
            worker->fibers = fibers;
            worker->index = i;
            thrum__stacks_init(&worker->stacks, stack_size);
            fibers->workers[i] = worker;
            fibers->width = i + 1;
        }
    }
    fibers->process = thrum__process_generation;
    if (!complete) {
        thrum__fibers_finish(fibers);
        return -ENOMEM;
    }
    memcpy(fibers->name_prefix, name_prefix, length);
    return 0;
}

void thrum__fibers_finish(thrum__fibers *fibers)
{
    for (uint32_t i = 0; i < fibers->width; i++) {
        thrum__timers_finish(&fibers->workers[i]->timers);
        thrum__stacks_finish(&fibers->workers[i]->stacks);
        thrum__free(fibers->workers[i]);
    }
    thrum__free(fibers->workers);
    thrum__free(fibers->name_prefix);
}
