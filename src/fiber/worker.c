/* What a worker does next.
 *
 * The scheduler has no stack of its own. A fiber whose task has ended or waits looks, on its own
 * stack, for what is next:
 *
 *     a ready fiber            the worker switches to it
 *     a task not yet started   a fiber without a task runs it in place, with no switch; a fiber
 *                              that waits takes a spare fiber for it
 *     nothing                  the worker sleeps, on the stack of the current fiber
 *
 * So a task that never waits costs no stack and no switch: the fiber that ran the task before runs
 * it. Only when it waits does it keep its stack, and the worker continues on another. A fiber whose
 * task has ended while others are ready becomes a spare; beyond SPARES it ends, and its memory goes
 * back. SPARES bounds what a worker keeps (its spares may have touched all of their stacks). It
 * suffices that a load with some hundred waits at once soon makes no new fibers.
 *
 * The code here never waits by park: the fiber on whose stack it runs may be in a wait itself. It
 * takes no lock, only guards and atomics, and calls no task.
 *
 * The order. Ready fibers come before tasks that have not started, because they hold memory. Each
 * FAIR_TURN-th choice asks the other way round, so that tasks start even if fibers are always
 * ready. The inbox is read each time (one load). The timers are checked each TIMER_TURN-th time,
 * because the clock costs more than a switch, and whenever nothing else is ready. The reactor is
 * asked each POLL_TURN-th time, because it costs a system call, and instead of the sleep; also
 * together with the timers if it was not asked for POLL_NS, so that fibers which compute between
 * their yields delay the others by a few turns and not by all of POLL_TURN. A check of the timers
 * removes as many entries as fibers run until the next check, so that many woken fibers become
 * ready as fast as others leave, and each runs while it is in the cache.
 *
 * Tasks come from the worker's own ring, from the injected list, and from the rings of others. The
 * only worker of a pool has no thieves and uses a plain list, which keeps the order of submission.
 * A worker that finds nothing takes the searcher's role, if it is free (idle.h), and visits the
 * others.
 *
 * A started task stays on its worker, and so do its waits. Without the next rule a submitter would
 * always be the first to start what it submits, because the worker that it wakes comes too late;
 * then the worker that accepts connections would keep them all. So a worker with more fibers than
 * its share (is_crowded) starts no task while another worker searches. The searcher takes the task,
 * or gives up the role and looks afterwards, as idle.h demands, and then wakes a sleeper for what
 * is left. The crowded worker may itself sleep meanwhile, for at most CROWDED_NS: the searcher may
 * be delayed or find no memory. Up to MANY fibers stay, so a task finds what it started near.
 *
 * Without memory for a fiber a task stays where it is. It starts when a task here has ended and its
 * fiber takes it, when another worker takes it, or when memory is available again; the worker looks
 * every STARVED_NS.
 */
#include "base/clock.h"
#include "base/futex.h"
#include "base/process.h"
#include "fiber/idle.h"
#include "fiber/inbox.h"
#include "fiber/scheduler.h"
#include "park/deadlock.h"
#include "park/local.h"
#include "park/park.h"

enum { FAIR_TURN = 16, INJECTED_TURN = 64, TIMER_TURN = 8, POLL_TURN = 8 * TIMER_TURN };
_Static_assert(FAIR_TURN % TIMER_TURN == 0, "choose_ready leaves both turns to choose");
enum { EXPIRED = TIMER_TURN }; /* no more at once than run until the next look */
enum { STARVED_NS = 10000000, CROWDED_NS = 1000000, POLL_NS = 500000 };

#ifdef THRUM_EXPLORE
enum { SPARES = 1, MANY = 0 };
#else
enum { SPARES = 256, MANY = 32 };
#endif

/* Stands for a task: ask all that run here to stop. */
static char cancel_all;

/* ------------------------------------------------------------------------------- what there is */

/* Takes what others have woken to the ready. */
static void open_inbox(thrum__fiber_worker *worker)
{
    bool search;
    uint32_t ident = thrum__inbox_take(&worker->inbox, &search);
    worker->searching |= search;
    while (ident) {
        thrum__context *context = thrum__context_of(ident);
        ident = thrum__load_relaxed(&context->wake_next); /* before it may be pushed again */
        thrum__fiber_ready(context->fiber);
    }
}

/* A fiber waits long for what another must do. */
static void look_again(thrum__fiber_worker *worker, thrum__fiber *fiber)
{
    thrum__context *context = fiber->context;
    context->look_at = thrum__deadlock_look(context);
    if (context->look_at.ns)
        thrum__timers_insert(&worker->timers, fiber->slot, context->look_at);
    else
        fiber->ticket = 0; /* nothing limits the wait any more */
}

/* Ends waits whose deadline has passed: a few, which run before the next are removed. After a long
 * sleep nothing of a fiber is in the cache. What is touched of it here is still cached when it
 * runs, unless thousands are before it. The memory of all of them is prefetched first, so that the
 * worker waits for it once and not for each. */
static void expire(thrum__fiber_worker *worker)
{
    if (thrum_deadline_is_forever(thrum__timers_first(&worker->timers)))
        return;
    void *owners[EXPIRED];
    thrum_time now = thrum__clock_now();
    uint32_t count = thrum__timers_expire(&worker->timers, now, owners, EXPIRED);
    for (uint32_t i = 0; i < count; i++)
        thrum__fiber_fetch(owners[i]);
    for (uint32_t i = 0; i < count; i++)
        thrum__fiber_fetch_more(owners[i]);
    for (uint32_t i = 0; i < count; i++) {
        thrum__fiber *fiber = owners[i];
        if (fiber->context->look_at.ns)
            look_again(worker, fiber);
        else if (thrum__claim(fiber->context, fiber->ticket, THRUM__CLAIM_TIMED_OUT))
            thrum__fiber_ready(fiber);
    }
}

/* Also asks for the memory of those that run next. Where only one is left, it has run a moment ago. */
static thrum__fiber *next_ready(thrum__fiber_worker *worker)
{
    thrum__fiber *fiber = worker->first_ready;
    if (!fiber)
        return NULL;
    thrum__fiber *next = worker->first_ready = fiber->next;
    if (next && next->next) {
        thrum__fiber_fetch_more(next);
        thrum__fiber_fetch(next->next);
    }
    return fiber;
}

static bool have_spare(thrum__fiber_worker *worker)
{
    if (worker->spare)
        return true;
    thrum__fiber *fresh = thrum__fiber_new(worker);
    if (fresh) {
        fresh->next = NULL;
        worker->spare = fresh;
        worker->spares = 1;
    }
    return fresh != NULL;
}

static thrum__fiber *take_spare(thrum__fiber_worker *worker)
{
    thrum__fiber *spare = worker->spare;
    worker->spare = spare->next;
    worker->spares--;
    return spare;
}

/* Whether tasks wait in the worker's own queue or among the injected. */
static bool has_tasks(thrum__fiber_worker *worker)
{
    return worker->local.first || !thrum__ring_empty(&worker->ring) ||
           thrum__load_relaxed(&worker->fibers->injected_count);
}

/* How many tasks it has begun that have not ended. */
static uint64_t fibers_of(const thrum__fiber_worker *worker)
{
    uint64_t done = thrum__load_relaxed(&worker->done), begun = thrum__load_relaxed(&worker->begun);
    return begun > done ? begun - done : 0;
}

/* Whether this worker has more than its share, and another worker searches and may take this task. */
static bool is_crowded(const thrum__fiber_worker *worker)
{
    const thrum__fibers *fibers = worker->fibers;
    uint64_t own = worker->begun - worker->done, all = 0;
    if (own <= MANY || worker->searching || !thrum__idle_is_searched(&fibers->idle))
        return false;
    uint32_t started = thrum__load_acquire(&fibers->started);
    for (uint32_t i = 0; i < started; i++)
        all += fibers_of(fibers->workers[i]);
    return own * started > all + all / 8;
}

/* The next task, for a fiber that has none (`idle`) or for a spare. */
static void *next_task(thrum__fiber_worker *worker, bool idle)
{
    thrum__fibers *fibers = worker->fibers;
    bool cancel = thrum__load_relaxed(&fibers->cancel) && !worker->asked_all;
    if (!cancel && (!has_tasks(worker) || is_crowded(worker)))
        return NULL;
    if (!idle && !have_spare(worker)) {
        worker->starved = true;
        return NULL;
    }
    if (cancel) {
        worker->asked_all = true;
        return &cancel_all;
    }
    void *task = NULL;
    if (worker->tick % INJECTED_TURN == 0)
        task = thrum__fibers_take(fibers, worker);
    if (!task && fibers->width == 1)
        task = thrum__fiber_list_pop(fibers, &worker->local);
    else if (!task)
        task = thrum__ring_take(&worker->ring);
    return task ? task : thrum__fibers_take(fibers, worker);
}

/* Goes round the others. */
static void *steal(thrum__fiber_worker *worker, bool idle)
{
    thrum__fibers *fibers = worker->fibers;
    uint32_t others = thrum__load_acquire(&fibers->started);
    if (others < 2 || !thrum__fibers_have_work(fibers))
        return NULL;
    if (!idle && !have_spare(worker)) {
        worker->starved = true;
        return NULL;
    }
    for (uint32_t i = 1; i < others; i++) {
        thrum__fiber_worker *victim = fibers->workers[(worker->index + i) % others];
        void *task = victim == worker ? NULL : thrum__ring_steal(&worker->ring, &victim->ring);
        if (task)
            return task;
    }
    return thrum__fibers_take(fibers, worker);
}

/* ----------------------------------------------------------------------------------- the choice */

struct choice {
    thrum__fiber *fiber; /* to go on with */
    void *task;          /* or a task to begin */
};

/* Whether some of its fibers wait for descriptors. */
static bool polls(const thrum__fiber_worker *worker)
{
    return worker->reactor && thrum__reactor_waiting(worker->reactor);
}

/* Asks the poller between two tasks: now and then, and if the last time is long ago. */
static void poll_in_passing(thrum__fiber_worker *worker, bool turn)
{
    if (!polls(worker))
        return;
    thrum_time now = thrum__clock_now();
    if (!turn && now - worker->polled < POLL_NS)
        return;
    worker->polled = now;
    thrum__reactor_poll(worker->reactor, THRUM_NOW);
}

/* Looks wherever something may be that costs no search. False if there is nothing. */
static bool look(thrum__fiber_worker *worker, bool idle, struct choice *ret_choice)
{
    uint32_t tick = worker->tick + 1;
    thrum__store_relaxed(&worker->tick, tick);
    if (thrum__load_relaxed(&worker->inbox))
        open_inbox(worker);
    if (tick % TIMER_TURN == 0) {
        expire(worker);
        poll_in_passing(worker, tick % POLL_TURN == 0);
    }
    *ret_choice = (struct choice){0};
    if (tick % FAIR_TURN == 0 && (ret_choice->task = next_task(worker, idle)))
        return true;
    if ((ret_choice->fiber = next_ready(worker)))
        return true;
    if ((ret_choice->task = next_task(worker, idle)))
        return true;
    expire(worker);
    return (ret_choice->fiber = next_ready(worker)) != NULL;
}

/* Gives the role up, as there is something to do; wakes another if there is more. */
static void end_search(thrum__fiber_worker *worker)
{
    worker->searching = false;
    thrum__idle_found(&worker->fibers->idle);
    thrum__fence_seq_cst();
    if (thrum__fibers_have_work(worker->fibers))
        thrum__fibers_notify(worker->fibers);
}

static thrum_deadline sooner(thrum_deadline deadline, thrum_time wait)
{
    return thrum_deadline_sooner(thrum__deadline_after(thrum__clock_now(), wait), deadline);
}

/* Sleeps until something may have come. */
static void rest(thrum__fiber_worker *worker)
{
    thrum__fibers *fibers = worker->fibers;
    bool poll = polls(worker);
    if (!(poll ? thrum__inbox_poll(&worker->inbox, thrum__reactor_wake(worker->reactor))
               : thrum__inbox_sleep(&worker->inbox)))
        return;
    thrum__idle_enter(&fibers->idle, worker->searching);
    worker->searching = false;
    bool work = thrum__fibers_have_work(fibers);
    bool left = work && is_crowded(worker);
    work &= !left;
    bool stay = work || thrum__load_relaxed(&fibers->ended) || thrum__fibers_all_done(fibers) ||
                (thrum__load_relaxed(&fibers->cancel) && !worker->asked_all);
    thrum_deadline deadline = thrum__timers_first(&worker->timers);
    if (left)
        deadline = sooner(deadline, CROWDED_NS);
    if (worker->starved) {
        deadline = sooner(deadline, STARVED_NS);
        work = stay = false;
        worker->starved = false;
    }
    if (!stay) {
        thrum__store_relaxed(&worker->place, NULL);
        if (poll) {
            thrum__reactor_poll(worker->reactor, deadline);
            worker->polled = thrum__clock_now();
        } else {
            thrum__futex_wait(&worker->inbox, THRUM__INBOX_ASLEEP, deadline);
        }
        thrum__store_relaxed(&worker->place, worker->running->place);
    }
    if (work)
        worker->searching = thrum__idle_return(&fibers->idle);
    else
        thrum__idle_leave(&fibers->idle);
}

/* Looks everywhere, and then sleeps. False if there was nothing. */
static bool choose(thrum__fiber_worker *worker, bool idle, struct choice *ret_choice)
{
    bool found = look(worker, idle, ret_choice);
    if (!found && worker->fibers->width > 1) {
        if (!worker->searching)
            worker->searching = thrum__idle_search(&worker->fibers->idle);
        if (worker->searching)
            found = (ret_choice->task = steal(worker, idle)) != NULL;
    }
    if (found && worker->searching)
        end_search(worker);
    if (!found) {
        thrum__stacks_sweep(&worker->stacks);
        rest(worker);
    }
    return found;
}

/* -------------------------------------------------------------------------------- the two callers */

/* The most frequent choice in a few instructions: a ready fiber, at a turn at which nothing else is due. NULL
 * if all has to be looked at. */
static inline thrum__fiber *choose_ready(thrum__fiber_worker *worker)
{
    uint32_t tick = worker->tick + 1;
    if (tick % TIMER_TURN == 0 || worker->searching || thrum__load_relaxed(&worker->inbox))
        return NULL;
    thrum__fiber *fiber = next_ready(worker);
    if (fiber)
        thrum__store_relaxed(&worker->tick, tick);
    return fiber;
}

/* Chooses by all rules, and sleeps if there is nothing. */
static __attribute__((noinline)) thrum__fiber *choose_any(thrum__fiber_worker *worker)
{
    struct choice choice;
    while (!choose(worker, false, &choice))
        ;
    if (!choice.task)
        return choice.fiber;
    worker->handed = choice.task;
    return take_spare(worker);
}

void thrum__worker_wait(thrum__fiber_worker *worker, thrum__fiber *self)
{
    thrum__fiber *next = choose_ready(worker);
    if (!next)
        next = choose_any(worker);
    if (next != self)
        thrum__fiber_switch(self, next);
}

/* Goes on with another, as a spare or for good. */
static void make_way(thrum__fiber_worker *worker, thrum__fiber *self, thrum__fiber *to)
{
    if (worker->spares >= SPARES)
        thrum__fiber_leave(self, to);
    self->next = worker->spare;
    worker->spare = self;
    worker->spares++;
    thrum__fiber_switch(self, to);
}

/* The next task for a fiber without one; NULL if it is to end. */
static void *get_task(thrum__fiber_worker *worker, thrum__fiber *self)
{
    struct choice choice;
    for (;;) {
        void *task = worker->handed;
        worker->handed = NULL;
        if (task)
            return task;
        if (worker->leaving || thrum__load_acquire(&worker->fibers->ended))
            return NULL;
        if (!choose(worker, true, &choice))
            continue;
        if (choice.task)
            return choice.task;
        make_way(worker, self, choice.fiber);
    }
}

static void ask_all(thrum__fiber_worker *worker)
{
    for (uint32_t slot = 0; slot < worker->timers.slots; slot++) {
        thrum__fiber *fiber = worker->timers.owners[slot];
        if (fiber && fiber->task && !fiber->asked) {
            fiber->asked = true;
            worker->fibers->tasks->cancel(fiber->task); /* may wait, and the table may grow */
        }
    }
}

/* Written by this worker alone; the release is for thrum__fibers_all_done. */
static void count(uint64_t *counter, bool one)
{
    thrum__store_release(counter, *counter + one);
}

/* The task to begin in place of one that was taken. A fiber that waits in `choose` leaves the worker to the next
 * one, which may be done with it first. So a task without a ticket is left in a list, and each fiber
 * begins the first of them. */
static void *choose_in_order(thrum__fiber_worker *worker, void *task)
{
    thrum__fibers *fibers = worker->fibers;
    if (task == &thrum__fibers_ticket)
        return fibers->tasks->choose(fibers, NULL);
    thrum__fiber_list_push(fibers, &worker->early, task);
    return fibers->tasks->choose(fibers, &worker->early);
}

/* Runs a task, and makes the context as if there had been none. */
static void run(thrum__fiber_worker *worker, thrum__fiber *self, void *task)
{
    thrum__fibers *fibers = worker->fibers;
    if (task == &cancel_all) {
        ask_all(worker);
        return;
    }
    count(&worker->begun, true);
    if (thrum__load_relaxed(&fibers->ordered))
        task = choose_in_order(worker, task);
    self->task = task;
    self->place = fibers->hold_limit ? fibers->tasks->place(task) : NULL;
    self->asked = false;
    thrum__store_relaxed(&worker->place, self->place);
    int how = fibers->tasks->run(task, thrum__load_relaxed(&fibers->drop));
    self->task = NULL; /* before it is given up: ask_all may run meanwhile */
    fibers->tasks->release(task);
    self->place = NULL;
    self->context->tenure = 0;
    if (self->context->locals)
        thrum__locals_destroy(self->context);
    count(&worker->failed, how & THRUM__FIBER_FAILED);
    count(&worker->cancelled, how & THRUM__FIBER_CANCELLED);
    count(&worker->done, true); /* the last, as all may end with it */
}

void thrum__worker_loop(thrum__fiber *self)
{
    thrum__fiber_worker *worker = self->worker;
    void *task;
    while ((task = get_task(worker, self))) {
        run(worker, self, task);
        if (worker->fibers->process != thrum__process_generation)
            thrum__fiber_leave(self, NULL); /* a child of fork has no pool */
    }
    worker->leaving = true;
    thrum__fiber_leave(self, worker->spare ? take_spare(worker) : NULL);
}
