/* Calling helpers: tasks of an executor that take the parts on offer (fork.c).
 *
 * A thread that offers a part and finds fewer helpers than the executor has workers submits one more. It has a high
 * priority and is not subject to the bound of the backlog, as it finishes what was begun.
 *
 * A submit takes the pool's lock and may start a thread. A context that is about to sleep must do neither: its
 * wait is open, and a context has one wait at a time. It makes a request, and the staff thread submits in its
 * place. The thread is a daemon, one for each process, started at the first fork. It runs no code of the
 * user.
 *
 * A worker of a thread pool that waits inside of a part holds up its pool: the helper that it needs could
 * find no worker. The pool lets another worker in for one that waits for a future (executor/thread/worker.c);
 * the same is done here, but only if a helper that was called has not begun, or one is called while the worker
 * waits. Each worker that waits
 * stands in the list `blocked` of the offers with its forks:
 *
 *     NONE    no other worker is in for it
 *     COMES   a thread that calls a helper is about to let one in
 *     THERE   one is in; the worker takes that back after its wait
 *
 * NONE -> COMES and COMES -> THERE are made under the guard of the offers by a thread that holds `lock`. The
 * worker leaves the list after its wait, under the guard, and takes a stand-in back when it settles.
 *
 * A wait may end with a lock held by the waiter, the pool's own lock for one. So nothing is
 * settled right after the wait, when `lock` could not be taken, but at the next join, and when the forks end. A
 * request that is in the queue until then is carried out though its context goes on; a stand-in stays a little
 * longer; a further wait that finds one needs no other. If the context meanwhile waits for a future, it is
 * counted as waiting twice, and the pool may have one worker too many for that time.
 *
 * The staff thread holds `lock` from the moment at which it takes a request off the queue until it is done with
 * it. Settling takes a request out of the queue, and calls the helpers, as others may count on them; then it
 * waits for `lock`, and after that nobody has the forks any more. So forks may be on the stack, and an
 * executor is not touched after the last fork on it has ended.
 *
 * The guard of the requests is taken with no other guard held.
 *
 * Fork: the child has no staff thread; its first fork starts one, and empties the queue. `lock` is held across
 * a fork.
 *
 * Rejected: to submit in the hook of the wait under another identity, with a claim of its own. A fiber would
 * hold up its worker while it waits for the pool's lock, whose holder may be a fiber of that worker.
 */
#include "base/process.h"
#include "parallel/fork.h"
#include "park/park.h"
#include "sync/fork_lock.h"
#include <thrum/lock.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

static thrum_lock lock;  /* held while a helper is called for those that wait */
static uint32_t process; /* the generation whose thread there is; under `lock`, read by all */

static uint32_t guard; /* of these: */
static thrum__forks *first_request, *last_request;
static void *idle; /* the staff thread, if it sleeps */
static bool ending;

/* ------------------------------------------------------------------------------------- stand-ins */

static thrum__forks *next_without_stand_in(thrum__offers *offers)
{
    thrum__guard_acquire(&offers->guard, 1);
    thrum__forks *forks = offers->blocked;
    while (forks && forks->stand_in != THRUM__STAND_IN_NONE)
        forks = forks->next_blocked;
    if (forks)
        forks->stand_in = THRUM__STAND_IN_COMES;
    thrum__guard_release(&offers->guard, 1);
    return forks;
}

/* Lets a worker in for each that waits. Under `lock`. */
static void let_in(thrum__offers *offers)
{
    thrum__forks *forks;
    while ((forks = next_without_stand_in(offers))) {
        thrum__plain_read(&forks->context);
        thrum__context *context = forks->context;
        context->worker->wait_begin(context);
        thrum__guard_acquire(&offers->guard, 1);
        forks->stand_in = THRUM__STAND_IN_THERE;
        thrum__guard_release(&offers->guard, 1);
    }
}

/* --------------------------------------------------------------------------------------- calling */

static int submit_helper(const thrum__forks *forks)
{
    thrum__plain_read(&forks->list.executor);
    thrum_executor *executor = forks->list.executor;
    uint32_t inside = forks->context->executor == executor ? THRUM__FUTURE_HELPER_INSIDE : 0;
    return thrum__executor_start(executor, thrum__fork_help,
                                 (thrum__value){.bytes = &executor, .size = sizeof executor},
                                 THRUM__FUTURE_HIGH | THRUM__FUTURE_HELPER | inside);
}

/* A refusal leaves the parts to the threads that forked them. */
static void call(const thrum__forks *forks)
{
    thrum__offers *offers = &forks->list.executor->offers;
    if (submit_helper(forks) == 0)
        return;
    thrum__guard_acquire(&offers->guard, 1);
    offers->helpers--;
    offers->called--;
    thrum__guard_release(&offers->guard, 1);
}

void thrum__staff_call(const thrum__forks *forks)
{
    thrum__context *self = thrum__self();
    thrum__forks_base *innermost = self->forks;
    self->forks = NULL; /* what it waits for here depends on no part */
    if (thrum__load_relaxed(&forks->list.executor->offers.blocked))
        thrum_with (&lock)
            let_in(&forks->list.executor->offers);
    call(forks);
    self->forks = innermost;
}

/* -------------------------------------------------------------------------------------- requests */

void thrum__staff_request(thrum__forks *forks, uint32_t calls)
{
    forks->unsettled = true;
    thrum__guard_acquire(&guard, 1);
    thrum__plain_write(&forks->calls);
    forks->calls += calls;
    if (!forks->queued) {
        forks->queued = true;
        forks->next_request = NULL;
        if (first_request)
            last_request->next_request = forks;
        else
            first_request = forks;
        last_request = forks;
    }
    thrum__waiter *woken = thrum__waiters_claim_first(&idle);
    thrum__context *context = woken ? woken->context : NULL;
    thrum__guard_release(&guard, 1);
    if (context)
        thrum__unpark(context);
}

/* Takes the request out of the queue, if it is there. Gives how many helpers were not called. */
static uint32_t withdraw(thrum__forks *forks)
{
    thrum__guard_acquire(&guard, 1);
    thrum__plain_write(&forks->calls);
    uint32_t calls = forks->calls;
    if (forks->queued) {
        thrum__forks *previous = NULL;
        for (thrum__forks *request = first_request; request != forks;)
            previous = request, request = request->next_request;
        if (previous)
            previous->next_request = forks->next_request;
        else
            first_request = forks->next_request;
        if (last_request == forks)
            last_request = previous;
        forks->queued = false;
        forks->calls = 0;
    }
    thrum__guard_release(&guard, 1);
    return calls;
}

/* Takes the stand-in back that the context had in a wait. */
static void dismiss(thrum__forks *forks)
{
    thrum__offers *offers = &forks->list.executor->offers;
    thrum__guard_acquire(&offers->guard, 1);
    bool there = forks->stand_in == THRUM__STAND_IN_THERE;
    forks->stand_in = THRUM__STAND_IN_NONE;
    thrum__guard_release(&offers->guard, 1);
    if (there)
        forks->context->worker->wait_end(forks->context);
}

void thrum__staff_settle(thrum__forks *forks)
{
    if (!forks->unsettled)
        return;
    forks->unsettled = false;
    thrum__context *self = forks->context;
    thrum__forks_base *innermost = self->forks;
    self->forks = NULL; /* what it waits for here depends on no part, and makes no request */
    for (uint32_t calls = withdraw(forks); calls > 0; calls--)
        thrum__staff_call(forks); /* others may count on it */
    thrum_lock_acquire(&lock);    /* the thread that had the forks is done with them */
    thrum_lock_release(&lock);
    dismiss(forks);
    self->forks = innermost;
}

/* ------------------------------------------------------------------------------------ the thread */

static thrum__forks *next_request(uint32_t *ret_calls)
{
    thrum__guard_acquire(&guard, 1);
    thrum__forks *forks = first_request;
    if (forks) {
        thrum__plain_write(&forks->calls);
        first_request = forks->next_request;
        *ret_calls = forks->calls;
        forks->calls = 0;
        forks->queued = false;
    }
    thrum__guard_release(&guard, 1);
    return forks;
}

/* Sleeps until a request comes. False if the thread is to end. */
static bool sleep_until_request(void)
{
    thrum__waiter waiter;
    thrum__memory_live(&waiter);
    (void)thrum__wait_begin(&waiter, false);
    thrum__guard_acquire(&guard, 1);
    bool ends = ending, sleeps = !ends && !first_request;
    if (sleeps)
        thrum__waiters_push_back(&idle, &waiter);
    thrum__guard_release(&guard, 1);
    if (sleeps)
        (void)thrum__wait(&waiter, THRUM_FOREVER, "staff", &idle);
    else
        thrum__wait_abandon(&waiter);
    thrum__memory_dead(&waiter);
    return !ends;
}

static int serve(thrum_task *task)
{
    (void)task;
    do {
        thrum__forks *forks = NULL;
        do {
            thrum_with (&lock) {
                uint32_t calls = 0;
                forks = next_request(&calls);
                if (forks)
                    let_in(&forks->list.executor->offers);
                for (; calls > 0; calls--)
                    call(forks);
            }
        } while (forks);
    } while (sleep_until_request());
    return 0;
}

static int start(void)
{
    const thrum_thread_options options = {.name = "parallel", .daemon = true};
    first_request = last_request = NULL;
    idle = NULL;
    ending = false;
    thrum_thread *thread = thrum_thread_start_with(&options, serve, THRUM_NOTHING);
    const thrum_error *error = thrum_thread_error(thread);
    int code = error ? error->code : 0;
    thrum_thread_free(thread);
    return code;
}

int thrum__staff_begin(thrum_executor *executor)
{
    const char *reason;
    if (!thrum__forks_have_helpers(executor))
        return 0;
    int rc = executor->ops->ready(executor, &reason);
    if (rc < 0 || __builtin_expect(thrum__load_acquire(&process) == thrum__process_generation, 1))
        return rc;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock)
        if (process != thrum__process_generation) {
            rc = start();
            if (rc == 0)
                thrum__store_release(&process, thrum__process_generation);
        }
    return rc;
}

void thrum__staff_end(void)
{
    thrum__guard_acquire(&guard, 1);
    ending = true;
    thrum__waiter *woken = thrum__waiters_claim_first(&idle);
    thrum__context *context = woken ? woken->context : NULL;
    thrum__guard_release(&guard, 1);
    if (context)
        thrum__unpark(context);
    thrum_with (&lock)
        thrum__store_release(&process, 0);
}
