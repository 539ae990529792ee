/* Futures.
 *
 *     PENDING ----> RUNNING ----> FINISHED
 *        \
 *         `-------> CANCELLED
 *
 * One word holds the phase and a few marks (future.h). While GUARD is set, only its holder writes the
 * word, and its plain store of the next word clears the guard. While GUARD is clear, each change is a
 * compare-and-swap. So all changes have one order:
 *
 *     start    takes the guard, sees PENDING, notes the runner, leaves RUNNING. Of a cancel and two
 *              starts one wins.
 *     end      without watchers one compare-and-swap, RUNNING to FINISHED. It fails while the guard is
 *              held or after a watcher has come. With watchers: see watch.c.
 *     cancel   takes the guard. PENDING: ends the future. RUNNING: asks the runner to stop before it
 *              clears the guard. The end cannot pass the guard, so the request reaches this task or
 *              none. The wake comes after the guard: a task whose wait is claimed waits for that wake.
 *     wait     adds a watch under the guard while the future is not DONE.
 *
 * The end is a release: an acquire that sees DONE may read the outcome, which changes no more. It is
 * an acquire too: what a canceller wrote to the runner comes before what the runner does next.
 *
 * An executor that refuses, and a maker by hand, end a future that does not run. They make it RUNNING
 * without a runner, settle the outcome without the guard, and end it. A cancel in between asks nothing.
 *
 * A worker that waits for a pending future of its own pool may run it (thread_pool.c).
 *
 * References: one for the owner, one for the executor until the task is done or dropped. Both may free
 * in any order. The end of a task touches the future only while it has the executor's reference. The
 * holder of the only reference drops it without an atomic subtraction, as no other thread can make one.
 * The last one to go tells the failure hook of a failure that was neither read nor cancelled.
 *
 * Rejected: a lock and an event in each future, which were half of its size and of its time; the runner
 * in the word itself, which would need 64 bits to save one plain store.
 * Source: Python's concurrent.futures.Future; reference counts in place of its garbage collector.
 */
#include "future/future.h"
#include "base/panic.h"
#include "base/probe.h"
#include "base/process.h"
#include "future/future_cache.h"
#include "future/in_place.h"
#include "park/deadlock.h"
#include "park/park.h"
#include "park/queued.h"
#include "park/scope.h"
#include "park/select.h"

#include <errno.h>

enum {
    PENDING = THRUM__FUTURE_PENDING,
    RUNNING = THRUM__FUTURE_RUNNING,
    FINISHED = THRUM__FUTURE_FINISHED,
    CANCELLED = THRUM__FUTURE_CANCELLED,
    PHASE = THRUM__FUTURE_PHASE,
    DONE = THRUM__FUTURE_DONE,
    GUARD = THRUM__FUTURE_GUARD,
    WATCHED = THRUM__FUTURE_WATCHED,
    SEEN = THRUM__FUTURE_SEEN,
    ASKED = THRUM__FUTURE_ASKED
};

_Static_assert(sizeof(thrum_future) == 2 * THRUM__CACHE_LINE, "a future has two cache lines");

/* The future that is given out when memory ran out: failed, immortal, and shared by all callers. */
thrum_future thrum__no_memory = {.task = THRUM__TASK_NO_MEMORY, .state = FINISHED | SEEN};

static void give_memory_back(thrum_future *future)
{
    if (!(thrum__load_relaxed(&future->state) & THRUM__FUTURE_IN_PLACE))
        thrum__future_cache_give(future);
}

/* `where` says where its memory is from: 0, or IN_PLACE. The task's room stays as it is, which saves stores. */
static void begin(thrum_future *future, uint32_t where)
{
    future->state = thrum__process_generation << THRUM__FUTURE_BORN | where;
    future->references = 2;
    future->watches = NULL;
    future->next = NULL;
    future->runner = NULL;
    future->executor = NULL;
    future->submitted = 0;
    future->task.outcome = NULL;
    future->task.result_size = future->task.arg_size = 0;
}

static thrum_future *fill(thrum_future *future, thrum_task_fn *function, thrum__value arg)
{
    if (thrum__task_init_value(&future->task, function, arg) < 0) {
        give_memory_back(future);
        return &thrum__no_memory;
    }
    return future;
}

thrum_future *thrum__future_new_plain(thrum_task_fn *function, const void *arg, size_t size)
{
    thrum_future *future = thrum__future_cache_take();
    if (!future)
        return &thrum__no_memory;
    begin(future, 0);
    if (__builtin_expect(thrum__task_init_near(&future->task, function, arg, size), 1))
        return future;
    return fill(future, function, (thrum__value){.bytes = arg, .size = size});
}

thrum_future *thrum__future_new(thrum_task_fn *function, thrum__value arg)
{
    thrum_future *future = thrum__future_cache_take();
    if (!future) {
        thrum__value_drop(arg);
        return &thrum__no_memory;
    }
    begin(future, 0);
    return fill(future, function, arg);
}

_Static_assert(sizeof(thrum_future_memory) == sizeof(thrum_future) &&
                   _Alignof(thrum_future_memory) >= _Alignof(thrum_future),
               "the caller's memory has room for a future");

thrum_future *thrum__future_new_in(thrum_future_memory *memory, thrum_task_fn *function,
                                   thrum__value arg)
{
    thrum_future *future = (thrum_future *)(void *)memory;
    begin(future, THRUM__FUTURE_IN_PLACE);
    return fill(future, function, arg);
}

void thrum__future_reference(thrum_future *future)
{
    if (future != &thrum__no_memory)
        thrum__add_relaxed(&future->references, 1);
}

static bool give_up_reference(thrum_future *future)
{
    return thrum__load_acquire(&future->references) == 1 ||
           thrum__sub_acq_rel(&future->references, 1) == 1;
}

/* Whether it failed and nobody has asked. By the last who has a reference. */
static bool is_unobserved(const thrum_future *future)
{
    return thrum__task_error(&future->task) && !(thrum__load_relaxed(&future->state) & SEEN);
}

void thrum__future_unreference(thrum_future *future)
{
    if (future == &thrum__no_memory || !give_up_reference(future))
        return;
    if (is_unobserved(future)) {
        thrum__failure_report_task("future", &future->task);
        thrum__in_place_seen(future, thrum__load_relaxed(&future->state));
    }
    thrum__task_finish(&future->task);
    give_memory_back(future);
}

bool thrum__future_unreference_quietly(thrum_future *future)
{
    if (!give_up_reference(future))
        return true;
    if (is_unobserved(future) || thrum__task_undelivered(&future->task)) {
        if (!thrum__load_relaxed(&future->references))
            thrum__store_relaxed(&future->references, 1); /* it was subtracted: take it back */
        return false;
    }
    thrum__task_finish(&future->task);
    give_memory_back(future);
    return true;
}

const thrum_error *thrum__future_failure(const thrum_future *future)
{
    const thrum_error *error = thrum__task_error(&future->task);
    return error && error->code != -ECANCELED ? error : NULL;
}

static bool is_lost(const thrum_future *future, uint32_t word)
{
    uint32_t now = thrum__process_generation << THRUM__FUTURE_BORN;
    return !(word & DONE) && word >> THRUM__FUTURE_BORN != now >> THRUM__FUTURE_BORN &&
           thrum__load_acquire(&future->executor);
}

bool thrum__future_is_lost(const thrum_future *future)
{
    return is_lost(future, thrum__load_acquire(&future->state));
}

/* The scope in which it runs, or NULL. Under the guard. In a child of fork the scope of a lost task is on the
 * stack of a thread that does not exist here; only the task that forked still has one. */
static thrum__scope *runner_in(const thrum_future *future, uint32_t word)
{
    thrum__plain_read(&future->runner);
    thrum__scope *runner = (word & PHASE) == RUNNING ? future->runner : NULL;
    if (!runner || !is_lost(future, word))
        return runner;
    const thrum__scope *own = thrum__self()->scope;
    while (own && own != runner)
        own = own->outer;
    return own ? runner : NULL;
}

bool thrum__future_runs_here(thrum_future *future)
{
    uint32_t word = thrum__future_guard(future);
    const thrum__scope *runner = runner_in(future, word);
    bool here = runner && runner->context == thrum__self();
    thrum__future_unguard(future, word);
    return here;
}

bool thrum__future_start(thrum_future *future, thrum__scope *runner)
{
    uint32_t word = thrum__future_guard(future);
    bool pending = (word & PHASE) == PENDING;
    if (pending) {
        thrum__plain_write(&future->runner);
        future->runner = runner;
        word |= RUNNING;
    }
    thrum__future_unguard(future, word);
    return pending;
}

/* So that the end of the program finds a failure that nobody has read. In the explorer only what is in the caller's
 * memory is listed. */
static void list_failure(thrum_future *future)
{
    if (__builtin_expect(!thrum__task_error(&future->task), 1))
        return;
    if (thrum__load_relaxed(&future->state) & THRUM__FUTURE_IN_PLACE)
        thrum__in_place_failed(future);
#ifndef THRUM_EXPLORE
    else if (THRUM__MEMORY_PLAIN)
        thrum__future_cache_failed(future);
#endif
}

static uint32_t ended(uint32_t word)
{
    return (word & ~(uint32_t)(PHASE | WATCHED)) | FINISHED;
}

/* The usual end: without a failure, a watcher or a canceller. Returns false, with nothing done, if it is none. */
static bool end_alone(thrum_future *future)
{
    uint32_t word = thrum__load_relaxed(&future->state);
    return !(word & (GUARD | WATCHED)) && !thrum__task_error(&future->task) &&
           thrum__cas_acq_rel(&future->state, &word, ended(word));
}

thrum__future_watch *thrum__future_end_quietly(thrum_future *future)
{
    uint32_t turns = 0;
    list_failure(future);
    for (;;) {
        uint32_t word = thrum__load_relaxed(&future->state);
        uint32_t next = ended(word);
        if (word & GUARD) {
            thrum__spin(&turns);
        } else if (!(word & WATCHED)) {
            if (thrum__cas_acq_rel(&future->state, &word, next))
                return NULL;
        } else if (thrum__guard_try(&future->state, &word, word | GUARD)) {
            return thrum__future_tell(future, next);
        }
    }
}

void thrum__future_end(thrum_future *future)
{
    if (!end_alone(future))
        thrum__future_call_back(future, thrum__future_end_quietly(future));
}

bool thrum__future_run(thrum_future *future)
{
    thrum__scope scope;
    if (thrum__load_relaxed(&future->state) & THRUM__FUTURE_ITEM)
        thrum__scope_open_item(&scope, future);
    else
        thrum__scope_open(&scope, future);
    bool runs = thrum__future_start(future, &scope);
    if (runs)
        thrum__task_run(&future->task);
    thrum__scope_close(&scope);
    if (runs)
        thrum__future_end(future); /* after this nobody reaches the scope */
    thrum__memory_dead(&scope);
    return runs;
}

void thrum__future_fail(thrum_future *future, int code, const char *message)
{
    if (thrum__future_start(future, NULL)) {
        thrum__task_fail(&future->task, code, message);
        thrum__probe(task_end, &future->task, code, 0);
        thrum__future_end(future);
    }
    thrum__future_unreference(future);
}

thrum__future_watch *thrum__future_end_unrun(thrum_future *future)
{
    uint32_t word = thrum__future_guard(future);
    thrum__task_fail_constant(&future->task, -ECANCELED);
    return thrum__future_tell(future, (word & ~(uint32_t)(PHASE | WATCHED)) | CANCELLED | SEEN);
}

bool thrum__future_is_asked(thrum_future *future)
{
    uint32_t word = thrum__future_guard(future);
    thrum__future_unguard(future, word);
    return word & ASKED;
}

void thrum__future_ignore(thrum_future *future)
{
    if (thrum__load_relaxed(&future->state) & SEEN)
        return;
    uint32_t word = thrum__future_guard(future);
    thrum__future_unguard(future, word | SEEN);
    thrum__in_place_seen(future, word);
}

/* Asks a running task to stop. Under the guard, which it gives back. */
static void ask(thrum_future *future, uint32_t word)
{
    thrum__scope *runner = runner_in(future, word);
    const thrum__far_ops *far = runner ? thrum__load_relaxed(&runner->far) : NULL;
    bool passes = far && far->asked && far->enter(future);
    bool owes = runner && !passes && thrum__scope_cancel_claim(runner);
    thrum__future_unguard(future, word | SEEN | ASKED);
    if (owes) /* a task whose wait is claimed goes nowhere before this wake */
        thrum__unpark(runner->context);
    if (passes)
        far->asked(future);
    thrum__in_place_seen(future, word);
}

int thrum_future_cancel(thrum_future *future)
{
    if (thrum_future_done(future))
        return -EALREADY;
    uint32_t word = thrum__future_guard(future);
    switch (word & PHASE) {
    case PENDING:
        thrum__task_fail_constant(&future->task, -ECANCELED);
        word = (word & ~(uint32_t)(PHASE | WATCHED)) | CANCELLED | SEEN;
        thrum__probe(task_end, &future->task, -ECANCELED, 0);
        thrum__future_call_back(future, thrum__future_tell(future, word));
        return 0;
    case RUNNING:
        ask(future, word);
        return -EINPROGRESS;
    default:
        thrum__future_unguard(future, word);
        return -EALREADY;
    }
}

/* A wait for one future: the waiter, and the watch that wakes it. */
struct waiting {
    thrum__waiter waiter; /* first: enqueue and withdraw are given it */
    thrum__future_watch watch;
};

static thrum__waiter *wake(thrum__future_watch *watch)
{
    char *waiting = (char *)watch - offsetof(struct waiting, watch);
    return thrum__future_claim(&((struct waiting *)(void *)waiting)->waiter);
}

/* The context that runs it; none while it is pending or runs elsewhere. */
static uint32_t runner_of(const void *object)
{
    thrum_future *future = (thrum_future *)(uintptr_t)object;
    uint32_t word = thrum__future_guard(future);
    const thrum__scope *runner = runner_in(future, word);
    uint32_t ident = runner && !thrum__load_relaxed(&runner->far) ? runner->context->ident : 0;
    thrum__future_unguard(future, word);
    return ident;
}

static bool enqueue(void *future, thrum__waiter *waiter)
{
    struct waiting *waiting = (struct waiting *)waiter;
    waiting->watch = (thrum__future_watch){.fire = wake};
    return thrum__future_watch_begin(future, &waiting->watch);
}

static void withdraw(void *future, thrum__waiter *waiter)
{
    thrum__future_watch_end(future, &((struct waiting *)waiter)->watch);
}

static int wait_for_end(thrum_future *future, thrum_deadline deadline, const void *place)
{
    static const thrum__queue_ops queue = {enqueue, withdraw};
    static const thrum__wait_kind kind = {"future", "run by", runner_of};
    struct waiting waiting;
    thrum__memory_live(&waiting);
    int rc = thrum__wait_queued(future, &queue, &waiting.waiter, &kind, deadline, true, place);
    thrum__memory_dead(&waiting);
    return rc;
}

/* In a select: a watch in the room of the place. */

static thrum__future_watch *watch_of(thrum__select_place *place)
{
    _Static_assert(sizeof(thrum__future_watch) <= sizeof place->room, "there is room for a watch");
    return (thrum__future_watch *)(void *)place->room;
}

static thrum__waiter *wake_select(thrum__future_watch *watch)
{
    char *place = (char *)watch - offsetof(thrum__select_place, room);
    return thrum__future_claim(&((thrum__select_place *)(void *)place)->waiter);
}

static int case_attempt(thrum_case *of)
{
    if (thrum_future_done(of->object_))
        return 0;
    return thrum__future_is_lost(of->object_) ? -ESRCH : -EAGAIN;
}

static void case_learned(const thrum_case *of)
{
    const thrum_future *future = of->object_;
    thrum__probe(task_awaited, &future->task);
}

static bool case_enqueue(thrum__select_place *place)
{
    thrum__future_watch *watch = watch_of(place);
    *watch = (thrum__future_watch){.fire = wake_select};
    return thrum__future_watch_begin(place->of->object_, watch);
}

static void case_withdraw(thrum__select_place *place)
{
    thrum__future_watch_end(place->of->object_, watch_of(place));
}

thrum_case thrum_case_future(thrum_future *future)
{
    static const thrum__case_ops ops = {.attempt = case_attempt,
                                        .enqueue = case_enqueue,
                                        .withdraw = case_withdraw,
                                        .learned = case_learned,
                                        .lets_another_in = true};
    return (thrum_case){.ops_ = &ops, .object_ = future};
}

/* Who runs it in another process, entered for a wait; NULL if nobody does. */
static const thrum__far_ops *enter_far(thrum_future *future)
{
    uint32_t word = thrum__future_guard(future);
    const thrum__scope *runner = runner_in(future, word);
    const thrum__far_ops *far = runner ? thrum__load_relaxed(&runner->far) : NULL;
    if (far && (!far->wait || !far->enter(future)))
        far = NULL;
    thrum__future_unguard(future, word);
    return far;
}

/* Waits where the task runs, if that is another process. 1 if it is not, or cannot be waited for there. */
static int wait_far(thrum_future *future, thrum_deadline deadline)
{
    int rc = 0;
    while (rc == 0 && !thrum_future_done(future)) {
        const thrum__far_ops *far = enter_far(future);
        rc = far ? far->wait(future, deadline) : 1;
    }
    return rc;
}

static int wait(thrum_future *future, thrum_deadline deadline, const void *place)
{
    if (thrum_future_done(future))
        return 0;
    if (thrum__future_is_lost(future))
        return -ESRCH;
    if (thrum_deadline_is_now(deadline))
        return -EAGAIN;
    thrum__context *self = thrum__self();
    if (self->worker && thrum_deadline_is_forever(deadline) && self->worker->run(self, future))
        return 0;
    thrum__futures_wait_begin();
    int rc = self->fiber || !thrum_future_running(future) ? 1 : wait_far(future, deadline);
    if (rc > 0)
        rc = wait_for_end(future, deadline, place);
    thrum__futures_wait_end(self);
    return rc;
}

int thrum_future_wait(thrum_future *future, thrum_deadline deadline)
{
    int rc = wait(future, deadline, thrum__caller());
    if (rc == 0)
        thrum__probe(task_awaited, &future->task);
    return rc;
}

static void keep_others_out(void *future)
{
    (void)thrum__guard_acquire(&((thrum_future *)future)->state, GUARD);
}

static void let_others_in(void *future)
{
    thrum__guard_release(&((thrum_future *)future)->state, GUARD);
}

const thrum__deliver_lock thrum__future_deliver_lock = {keep_others_out, let_others_in};

int thrum__future_result(thrum_future *future, const thrum__request *request,
                         thrum_deadline deadline, const void *place)
{
    int rc = thrum_future_done(future) ? 0 : wait(future, deadline, place);
    if (rc < 0)
        return rc;
    thrum__probe(task_awaited, &future->task);
    rc = thrum__task_deliver(&future->task, request, &thrum__future_deliver_lock, future);
    if (rc == THRUM_FAILED)
        thrum__future_ignore(future);
    return rc;
}

int thrum_future_result(thrum_future *future, void *ret_result, size_t size,
                        thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_EXACT, ret_result, size, NULL};
    return thrum__future_result(future, &request, deadline, thrum__caller());
}

int thrum_future_copy(thrum_future *future, void *ret_result, size_t capacity, size_t *needed_size,
                      thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_COPY, ret_result, capacity, needed_size};
    return thrum__future_result(future, &request, deadline, thrum__caller());
}

int thrum_future_take(thrum_future *future, void **ret_bytes, size_t *ret_size,
                      thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_TAKE, ret_bytes, 0, ret_size};
    return thrum__future_result(future, &request, deadline, thrum__caller());
}

int thrum_future_take_text(thrum_future *future, char **ret_text, thrum_deadline deadline)
{
    const thrum__request request = {THRUM__FORM_TEXT, ret_text, 0, NULL};
    return thrum__future_result(future, &request, deadline, thrum__caller());
}

const thrum_error *thrum_future_error(thrum_future *future)
{
    if (!thrum_future_done(future))
        return NULL;
    thrum__future_ignore(future);
    return thrum__task_error(&future->task);
}

size_t thrum_future_result_size(thrum_future *future)
{
    return thrum_future_done(future) ? thrum__task_result_size(&future->task) : 0;
}

bool thrum_future_done(thrum_future *future)
{
    return thrum__load_acquire(&future->state) & DONE;
}

bool thrum_future_running(thrum_future *future)
{
    return (thrum__load_relaxed(&future->state) & PHASE) == RUNNING;
}

bool thrum_future_cancelled(thrum_future *future)
{
    return (thrum__load_relaxed(&future->state) & PHASE) == CANCELLED;
}

void thrum_future_free(thrum_future *future)
{
    if (!future)
        return;
    if (__builtin_expect(thrum__load_relaxed(&future->state) & THRUM__FUTURE_IN_PLACE, 0))
        thrum__in_place_await(future);
    thrum__future_unreference(future);
}
