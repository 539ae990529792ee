#include "park/scope.h"
#include "base/clock.h"
#include "base/panic.h"
#include "park/park.h"
#include <thrum/thread.h>

/* Has `outer`, and each scope that it is an item inside of, reach `innermost`. */
static void set_reach(thrum__scope *outer, thrum__scope *innermost)
{
    thrum__store_release(&outer->reaches, innermost);
    for (; outer->parent && outer->parent == outer->outer; outer = outer->outer)
        thrum__store_release(&outer->outer->reaches, innermost);
}

void thrum__scope_open_item(thrum__scope *scope, struct thrum_future *task)
{
    thrum__scope_open(scope, task);
    thrum__scope *outer = scope->outer;
    if (outer->shields)
        return;
    scope->parent = outer;
    scope->ends_at = outer->ends_at;
    set_reach(outer, scope);
}

void thrum__scope_close_item(thrum__scope *scope)
{
    if (scope->parent == scope->outer)
        set_reach(scope->outer, scope->outer);
}

void thrum__scope_reset(thrum__scope *scope, struct thrum_future *task)
{
    thrum__store_relaxed(&scope->cancelled, 0);
    scope->shields = 0;
    scope->ends_at = THRUM__NO_DEADLINE;
    scope->task = task;
}

/* Whether the innermost open scope of `context` is `scope` or the scope that it reaches. */
static bool is_innermost(thrum__context *context, thrum__scope *scope)
{
    const thrum__scope *innermost = thrum__load_acquire(&context->scope);
    return innermost == scope || innermost == thrum__load_acquire(&scope->reaches);
}

/* Ends the wait that the context is in, if it may be cancelled and is one of `scope`; NULL is any.
 * After the flag was set. */
static bool claim_wait(thrum__context *context, thrum__scope *scope)
{
    uint64_t ticket = thrum__load_seq_cst(&context->claim);
    return ticket % THRUM__CLAIM_STATES == THRUM__CLAIM_WAITING &&
           (!scope || is_innermost(context, scope)) &&
           thrum__claim(context, ticket, THRUM__CLAIM_CANCELLED);
}

bool thrum__scope_cancel_claim(thrum__scope *scope)
{
    thrum__store_seq_cst(&scope->cancelled, 1);
    return claim_wait(scope->context, scope);
}

void thrum__scope_cancel(thrum__scope *scope)
{
    if (thrum__scope_cancel_claim(scope))
        thrum__unpark(scope->context);
}

bool thrum__scopes_stop(thrum__context *context)
{
    thrum__store_seq_cst(&context->stop, 1);
    return claim_wait(context, NULL);
}

bool thrum__scope_parent_cancelled(const thrum__scope *scope)
{
    for (const thrum__scope *parent = scope->parent; parent; parent = parent->parent)
        if (thrum__load_seq_cst(&parent->cancelled) || thrum__load_seq_cst(&parent->context->stop))
            return true;
    return false;
}

bool thrum__scope_cancelled(const thrum__scope *scope)
{
    return thrum__load_relaxed(&scope->cancelled) ||
           (!scope->apart && thrum__load_relaxed(&scope->context->stop)) ||
           (scope->parent && thrum__scope_parent_cancelled(scope)) ||
           (scope->ends_at.ns && thrum__clock_now() >= scope->ends_at.ns);
}

/* A shield is a depth in the scope, which a wait reads as it begins. */
static void change_shields(thrum__context *self, int by)
{
    if (__builtin_expect(self->forks != NULL, 0))
        self->forks->hook->shield(self);
    self->scope->shields += (uint32_t)by;
}

void thrum_shield_begin(void)
{
    change_shields(thrum__self(), 1);
}

void thrum_shield_end(void)
{
    thrum__context *self = thrum__self();
    if (self->scope->shields == 0)
        thrum__panic(thrum__caller(), "thrum_shield_end without a begin in thread \"%s\"",
                     self->name);
    change_shields(self, -1);
}
