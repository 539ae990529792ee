/* A scope of cancellation: what a request to stop is addressed to.
 *
 * A context runs tasks one inside the other: a task that waits for another may run it in place of
 * the wait, a full pool has the submitter run the task, the inline executor runs each task in its
 * caller, and callbacks run wherever a future ends. Cancellation belongs to the task and not to the
 * context that happens to run it. So each of these opens a scope, which holds all that a request, a
 * shield or a deadline may change, and closes it again; the outer scope is as it was before.
 *
 *     cancelled   1 once the task was asked to stop; anyone who may reach the scope writes it
 *     shields     how many shields the task is under; its context's alone
 *     apart       1 for callbacks, which belong to none of the tasks that run in the context; fixed
 *     ends_at     the deadline of the task, `ns` 0 for none; its context's alone
 *     task        the future that runs here, or NULL; its context's alone
 *     parent      the scope of the fork whose half runs here, or of the map whose item, or NULL; fixed
 *     reaches     the innermost scope of an item that runs inside of this one, or NULL; its context
 *                 alone writes it, and never during a wait; a canceller reads it
 *     far         not NULL if the task runs elsewhere and the context only stands for it; fixed
 *
 * `context->scope` is the innermost open scope. Its context alone writes it, and never between the
 * beginning and the end of a wait. A context that has opened none is in its base scope: that of its
 * thread, or of the task that its fiber carries.
 *
 * A canceller sets `cancelled` and then ends the wait that the context is in, but only if the wait
 * is one of this scope:
 *
 *     canceller                                   the context
 *     1  cancelled = 1         (seq_cst)          1  scope = s               (release)
 *     2  t = claim             (seq_cst)          2  claim = a new ticket    (seq_cst)
 *     3  s' = context->scope   (acquire)          3  looks at s->cancelled   (seq_cst)
 *     4  if t is WAITING and s' is this scope,
 *        or the request that it reaches (acquire):
 *        claim: t -> CANCELLED (acq_rel)
 *
 * 1 and 2 of either side are the usual pair: at least one sees the other, so a task that was asked
 * to stop never sleeps through it. Step 4 cannot end a wait of another scope: no two waits have one
 * ticket, so if the exchange succeeds the context was in the wait `t` from step 2 to step 4, and
 * its scope did not change in between. A request that comes while an inner scope is open stays in
 * its own scope, and the task finds it when the inner one is closed.
 *
 * A pool that asks all that runs on one of its workers to stop means every scope of that context,
 * those of tasks that run in place of a wait included. It sets `context->stop` in place of a
 * scope's `cancelled`, by the same protocol without the look at the scope, while it knows that the
 * worker runs a task, and clears it when the worker's outermost task has ended. It is not meant for
 * callbacks: their scopes are `apart`, and shielded.
 *
 * A shield concerns waits alone. A task under a shield still finds that it was asked to stop, in its
 * own scope, in its context and in the parents of its scope.
 *
 * The half of a fork (parallel/fork.c) that runs in another context than the half that forked has a scope
 * there, whose `parent` is the scope of the fork. The half is asked to stop when its parent is: it looks at
 * the parents as it looks at its own scope. A request does not end a wait that the half is in already; the
 * context that forked passes it on when it comes to the join. The parent stands until the half has ended.
 *
 * An item of a map belongs to the task that maps: a map that is cancelled asks its items to stop. Where
 * the item runs in the context of that task, in place of its wait or inside of its submit, the task
 * cannot look at a request before the item has ended. So the item's scope has the task's as `parent`
 * and takes over its deadline, and `reaches` of the task's scope names the item's. An item that maps
 * has items of its own: then all scopes on the way reach the innermost. Each closing scope has them
 * reach the scope outside of it. Steps 2 to 4 hold as before, as `reaches` does not change during a
 * wait, and the canceller compares the scope that it names but never reads it. A task with a shield
 * is spared, and so is its item: it gets no parent.
 *
 * The canceller ensures that the scope stands meanwhile. A future's scope is reached under the
 * future's guard while it is RUNNING (future.c), a thread's base scope under the thread's lock.
 * Nothing is ever taken back: a request that comes too late finds no scope.
 *
 * Rejected: one flag for each context, which a nested run saves and restores. A request for the
 * outer task that came meanwhile reached the inner one, or was lost, or stayed for the next.
 *
 * Sources: Trio's cancel scopes, Java's structured concurrency.
 */
#ifndef THRUM_PARK_SCOPE_H
#define THRUM_PARK_SCOPE_H

#include "park/context.h"

/* Opens a scope of the calling context, for `task` or NULL. The scope stands until it is closed. */
static inline void thrum__scope_open(thrum__scope *scope, struct thrum_future *task)
{
    thrum__context *self = thrum__self();
    *scope = (thrum__scope){.context = self, .outer = self->scope, .task = task};
    thrum__memory_live(scope);
    thrum__store_release(&self->scope, scope);
}

/* The same for an item of a map that the task of the present scope is in, if that is not shielded. */
void thrum__scope_open_item(thrum__scope *scope, struct thrum_future *task);

/* What the scope of an item needs before it is closed. */
void thrum__scope_close_item(thrum__scope *scope);

/* Closes the innermost scope. Reaching it must have become impossible when its memory goes. */
static inline void thrum__scope_close(thrum__scope *scope)
{
    if (__builtin_expect(scope->parent != NULL, 0))
        thrum__scope_close_item(scope);
    thrum__store_release(&scope->context->scope, scope->outer);
}

/* Makes a base scope one without a request, shield or deadline, for `task` or NULL. */
void thrum__scope_reset(thrum__scope *scope, struct thrum_future *task);

/* Asks the task of the scope to stop, and ends its wait if that wait can be cancelled. The
 * caller sees to it that the scope stands. */
void thrum__scope_cancel(thrum__scope *scope);

/* The same for a caller that holds a guard. Returns true if the caller owes the scope's context an
 * unpark, which follows when the guard was given back. The task cannot end before that came. */
bool thrum__scope_cancel_claim(thrum__scope *scope);

/* Asks all tasks that run in the context to stop. Returns true if the caller owes it an unpark. The
 * caller sees to it that the context runs a task of the caller's, and clears `stop` when that has
 * ended. */
bool thrum__scopes_stop(thrum__context *context);

/* Whether a task that the scope's half or item belongs to was asked to stop: looks at all parents. */
bool thrum__scope_parent_cancelled(const thrum__scope *scope);

/* Whether the task was asked to stop, or is past its deadline. */
bool thrum__scope_cancelled(const thrum__scope *scope);

/* Asks what runs in a base scope of `context` to stop: for tests and whole threads. */
static inline void thrum__cancel(thrum__context *context)
{
    thrum__scope_cancel(&context->rest->base);
}

#endif
