/* The fiber: a context with a stack of its own.
 *
 * A fiber waits as a thread does: its context has `park` and `unpark`, and no primitive knows the
 * difference. A fiber never leaves its worker, so only that worker touches it. A fiber is in one of
 * these states:
 *
 *     running            on the worker's thread
 *     parked             in no list; `claim` in its context is open, or a waker has won it and owes
 *                        an unpark
 *     woken              in the worker's inbox (unpark by another thread), or in the ready list
 *                        (unpark on the worker's own thread, a deadline, a yield)
 *     spare              has no task; in the worker's list of spares
 *
 * A claimed wait has exactly one unpark (park/park.h), which puts the fiber into one list once. The
 * waker touches no register and no stack of the fiber. Only the worker takes the fiber out of the
 * list and resumes it, and it does so after it has left the fiber and saved its registers. So a
 * wake between the decision to wait and the save of the registers, or before `park` was called, is
 * not lost and resumes nothing twice. In that case the fiber finds itself first in the ready list
 * and continues without a switch.
 *
 * `unpark` is the waker's last touch of the fiber. The context is immortal. The fiber and the
 * worker are read before the push that lets the fiber run; inbox.h says what follows the push.
 *
 * A deadline is in the worker's timers from park to resume. When it passes, the worker moves the
 * claim to TIMED_OUT. If a release or a cancellation has won the claim, its unpark is under way and
 * the deadline is dropped. The claim says whether a wait timed out. The moment at which a wait
 * without a deadline is checked for a deadlock (park/deadlock.c) is also a timer: the worker
 * checks, and the fiber stays parked.
 *
 * `errno` is saved across a switch, because the C library has one for each thread. Other
 * thread-local variables (__thread) belong to the worker, and the tasks of a worker share them.
 * thrum_local has values for each task.
 *
 * The memory of a fiber is its stack; this struct lies at its top. Its context comes from the table
 * of contexts. Its slot in the timers has room for its deadline, so a wait never fails for memory.
 *
 * fork in a fiber: the child has only this fiber, on its stack, and no worker. Its context becomes
 * the context of a thread (park/context.c), and it waits as a thread. When its task returns, the
 * thread ends.
 */
#include "base/futex.h"
#include "base/local.h"
#include "base/os_thread.h"
#include "base/pages.h"
#include "base/probe.h"
#include "base/process.h"
#include "base/spin.h"
#include "fiber/inbox.h"
#include "fiber/scheduler.h"
#include "park/first_look.h"
#include "park/park.h"
#include "sync/rwlock.h"
#include <thrum/fiber.h>

#include <errno.h>
#include <string.h>

/* The fiber that the calling thread runs, or NULL. */
static thrum__fiber *current(void)
{
    thrum__context *self = thrum__local();
    return self ? self->fiber : NULL;
}

/* The same, seen by a watcher. */
static __attribute__((noinline, cold)) void switch_out_probed(thrum__fiber_worker *worker,
                                                              thrum__fiber *fiber)
{
    uint64_t left = thrum__probe_table->leave();
    thrum__worker_wait(worker, fiber);
    thrum__probe(arrive, left);
}

/* Runs other fibers until this one is resumed. */
static void switch_out(thrum__fiber_worker *worker, thrum__fiber *fiber)
{
    if (thrum__probed())
        switch_out_probed(worker, fiber);
    else
        thrum__worker_wait(worker, fiber);
}

static int park(thrum__context *self, uint64_t ticket, thrum_deadline deadline)
{
    thrum__fiber *fiber = self->fiber;
    thrum__fiber_worker *worker = fiber->worker;
    int error = errno;
    thrum__rwlock_before_switch(self);
    if (self->look_at.ns)
        self->look_at = thrum__first_look_timed(self);
    thrum_deadline limit = self->look_at.ns ? self->look_at : deadline;
    if (!thrum_deadline_is_forever(limit)) {
        fiber->ticket = ticket;
        thrum__timers_insert(&worker->timers, fiber->slot, limit);
    }
    switch_out(worker, fiber);
    if (!thrum_deadline_is_forever(limit))
        thrum__timers_remove(&worker->timers, fiber->slot);
    errno = error;
    uint64_t state = thrum__load_relaxed(&self->claim) % THRUM__CLAIM_STATES;
    return state == THRUM__CLAIM_TIMED_OUT ? -ETIMEDOUT : 0;
}

static void unpark(thrum__context *context)
{
    thrum__fiber *fiber = context->fiber, *own = current();
    thrum__fiber_worker *worker = fiber->worker;
    if (own && own->worker == worker)
        thrum__fiber_ready(fiber);
    else
        thrum__inbox_wake(&worker->inbox, thrum__inbox_push(&worker->inbox, context));
}

static const thrum__context_ops fiber_park_ops = {park, unpark};

thrum__fiber *thrum__fiber_self(void)
{
    thrum__context *self = thrum__self();
    return self->ops == &fiber_park_ops ? self->fiber : NULL;
}

void thrum_yield(void)
{
    thrum__context *self = thrum__self();
    if (self->ops != &fiber_park_ops) {
        thrum__os_thread_yield();
        return;
    }
    int error = errno;
    thrum__fiber *fiber = self->fiber;
    thrum__rwlock_before_switch(self);
    thrum__fiber_ready(fiber);
    switch_out(fiber->worker, fiber);
    errno = error;
}

/* --------------------------------------------------------------------------------- the switch */

/* A fiber that has slept long is in no cache: these ask for the memory that it is about to be
 * resumed with, first for itself, and later, through it, for its context and its stack where it
 * stopped. */
void thrum__fiber_fetch(const thrum__fiber *fiber)
{
    for (size_t at = 0; at < sizeof *fiber; at += THRUM__CACHE_LINE)
        __builtin_prefetch((const char *)fiber + at, 1);
}

void thrum__fiber_fetch_more(const thrum__fiber *fiber)
{
    enum { FRAMES = 8 }; /* in lines: those of a sleep and of its callers */
    const char *context = (const char *)fiber->context;
    const char *stack = thrum__switch_stack(&fiber->coroutine.registers);
    for (size_t at = 0; at < sizeof *fiber->context; at += THRUM__CACHE_LINE)
        __builtin_prefetch(context + at, 1);
    for (size_t at = 0; stack && at < FRAMES; at++)
        __builtin_prefetch(stack + at * THRUM__CACHE_LINE, 1);
}

/* What is to be done on arrival, after whatever switch. */
static void arrive(thrum__fiber_worker *worker)
{
    thrum__fiber *dead = worker->dead;
    if (dead) {
        worker->dead = NULL;
        thrum__fiber_free(dead);
    }
}

static void begin(void *argument)
{
    thrum__fiber *fiber = argument;
    thrum__fiber_worker *worker = fiber->worker;
    thrum__coroutine_arrive(worker->from_home ? &worker->home : NULL);
    worker->from_home = false;
    arrive(worker);
    thrum__worker_loop(fiber);
}

static void enter(thrum__fiber *to)
{
    thrum__fiber_worker *worker = to->worker;
    worker->running = to;
    thrum__store_relaxed(&worker->place, to->place);
    thrum__store_release(&worker->current, to->context->ident);
    thrum__local_assign(to->context, to->context->ident);
}

void thrum__fiber_switch(thrum__fiber *from, thrum__fiber *to)
{
    enter(to);
    thrum__coroutine_switch(&from->coroutine, &to->coroutine, false);
    arrive(from->worker);
}

void thrum__fiber_leave(thrum__fiber *from, thrum__fiber *to)
{
    thrum__fiber_worker *worker = from->worker;
    worker->dead = from;
    thrum__store_release(&worker->current, 0);
    if (to)
        enter(to);
    thrum__coroutine_switch(&from->coroutine, to ? &to->coroutine : &worker->home, true);
    __builtin_unreachable();
}

void thrum__worker_run(thrum__fiber_worker *worker, thrum__fiber *first)
{
    thrum__context *self = thrum__self();
    worker->thread = self;
    worker->native_id = thrum__os_thread_number();
    first->context->of_thread = &self->rest->of_thread;
    thrum__store_relaxed(&first->context->native_id, worker->native_id);
    worker->from_home = true;
    thrum__coroutine_adopt(&worker->home);
    enter(first);
    thrum__coroutine_switch(&worker->home, &first->coroutine, false);
    thrum__local_assign(self, self->ident);
    arrive(worker);
    thrum__reactor_free(worker->reactor);
    worker->reactor = NULL;
}

/* -------------------------------------------------------------------------- birth and end */

/* "prefix-ident": without printf, as there may be a million. */
static void name(thrum__context *context, const char *prefix)
{
    char digits[12];
    size_t count = 0, used = 0;
    for (uint32_t rest = context->ident; rest; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (prefix[used] && used < THRUM__NAME_SIZE - sizeof digits - 2) {
        context->name[used] = prefix[used];
        used++;
    }
    context->name[used++] = '-';
    while (count > 0)
        context->name[used++] = digits[--count];
    context->name[used] = '\0';
    context->full_name = context->name;
}

thrum__fiber *thrum__fiber_new(thrum__fiber_worker *worker)
{
    thrum__fibers *fibers = worker->fibers;
    thrum__stack stack;
    if (!thrum__stack_take(&worker->stacks, &stack))
        return NULL;
    size_t room = (sizeof(thrum__fiber) + THRUM__CACHE_LINE - 1) & ~(size_t)(THRUM__CACHE_LINE - 1);
    thrum__fiber *fiber = (void *)(stack.bottom + worker->stacks.size - room);
    *fiber = (thrum__fiber){.worker = worker, .stack = stack};
    int64_t slot = thrum__timers_slot_new(&worker->timers, fiber);
    fiber->context = slot < 0 ? NULL : thrum__context_new("", &fiber->scope);
    if (!fiber->context) {
        if (slot >= 0)
            thrum__timers_slot_free(&worker->timers, (uint32_t)slot);
        thrum__stack_give(&worker->stacks, &stack);
        return NULL;
    }
    fiber->slot = (uint32_t)slot;
    fiber->context->ops = &fiber_park_ops;
    thrum__store_relaxed(&fiber->context->fiber, fiber);
    fiber->context->executor = fibers->owner;
    if (worker->thread)
        fiber->context->of_thread = &worker->thread->rest->of_thread;
    fiber->context->daemon = true;
    thrum__store_relaxed(&fiber->context->native_id, worker->native_id);
    name(fiber->context, fibers->name_prefix);
    char *bottom = stack.bottom + thrum__pages_size();
    thrum__coroutine_new(&fiber->coroutine, bottom, (size_t)((char *)fiber - bottom), begin, fiber);
    return fiber;
}

/* Waits until no thread asks the running tasks to stop (scheduler.c: ask_running). In a child of
 * fork no thread does; a mark that another thread of the parent had left there stays. */
static void await_askers(thrum__fibers *fibers)
{
    uint32_t turn = 0;
    thrum__fence_seq_cst();
    while (thrum__load_acquire(&fibers->asking) && fibers->process == thrum__process_generation)
        thrum__spin(&turn);
}

void thrum__fiber_free(thrum__fiber *fiber)
{
    thrum__fiber_worker *worker = fiber->worker;
    await_askers(worker->fibers);
    thrum__coroutine_free(&fiber->coroutine);
    thrum__timers_slot_free(&worker->timers, fiber->slot);
    thrum__context_free(fiber->context);
    thrum__stack stack = fiber->stack; /* which the fiber stands on */
    thrum__stack_give(&worker->stacks, &stack);
}
