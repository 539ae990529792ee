#include "park/park.h"
#include "base/clock.h"
#include "base/probe.h"
#include "park/guard.h"
#include "park/scope.h"

#include <errno.h>

int thrum__wait_begin(thrum__waiter *waiter, bool cancellable)
{
    thrum__context *self = thrum__self();
    const thrum__scope *scope = self->scope;
    cancellable = cancellable && scope->shields == 0;
    uint64_t state = cancellable ? THRUM__CLAIM_WAITING : THRUM__CLAIM_SHIELDED;
    uint64_t generation = thrum__load_relaxed(&self->claim) / THRUM__CLAIM_STATES + 1;
    uint64_t ticket = generation * THRUM__CLAIM_STATES | state;
    *waiter = (thrum__waiter){.context = self, .ticket = ticket};
    thrum__store_seq_cst(&self->claim, ticket);
    if (!cancellable ||
        (!thrum__load_seq_cst(&scope->cancelled) && !thrum__load_seq_cst(&self->stop) &&
         !(scope->parent && thrum__scope_parent_cancelled(scope))))
        return 0;
    thrum__wait_abandon(waiter);
    return -ECANCELED;
}

void thrum__wait_abandon(thrum__waiter *waiter)
{
    thrum__context *self = waiter->context;
    if (!thrum__claim(self, waiter->ticket, THRUM__CLAIM_TIMED_OUT))
        self->ops->park(self, waiter->ticket, THRUM_FOREVER); /* a canceller won, and owes a wake */
}

/* Whether the task's deadline comes before that of the wait: then it ends the wait as a request to
 * stop does, unless that is shielded. */
static bool ends_before(const thrum__scope *scope, uint64_t ticket, thrum_deadline deadline)
{
    return scope->ends_at.ns && scope->ends_at.ns < deadline.ns &&
           ticket % THRUM__CLAIM_STATES == THRUM__CLAIM_WAITING;
}

int thrum__wait(thrum__waiter *waiter, thrum_deadline deadline, const char *kind,
                const void *object)
{
    thrum__context *self = waiter->context;
    uint64_t ticket = waiter->ticket; /* the waiter is the guard's; only these two are read here */
    thrum__store_relaxed(&self->wait_object, object);
    thrum__store_relaxed(&self->wait_kind, kind);
    thrum__probe_wait watched;
    thrum__probe(wait_begin, kind, object, &watched);
    bool ends_first = ends_before(self->scope, ticket, deadline);
    thrum__forks_base *forks = self->forks;
    if (__builtin_expect(forks != NULL, 0))
        forks->hook->begin(self);
    thrum_deadline limit = ends_first ? self->scope->ends_at : deadline;
    int rc = self->ops->park(self, ticket, limit.ns > 0 ? limit : THRUM_NOW);
    if (rc == -ETIMEDOUT && ends_first)
        rc = -ECANCELED;
    if (rc == 0 && thrum__load_relaxed(&self->claim) % THRUM__CLAIM_STATES != THRUM__CLAIM_NOTIFIED)
        rc = -ECANCELED;
    thrum__probe(wait_end, kind, object, rc, &watched);
    thrum__store_relaxed(&self->wait_kind, NULL);
    if (__builtin_expect(forks != NULL, 0))
        forks->hook->end(self);
    return rc;
}

bool thrum__claim(thrum__context *context, uint64_t ticket, enum thrum__claim_state outcome)
{
    uint64_t found = ticket;
    uint64_t claimed = (ticket & ~(uint64_t)(THRUM__CLAIM_STATES - 1)) | outcome;
    return thrum__cas_acq_rel(&context->claim, &found, claimed);
}

bool thrum__claim_waiter(thrum__waiter *waiter)
{
    if (thrum__context_lost(waiter->context->ident))
        return false; /* this is a child of a fork: it will never wake */
    /* Written by the winner alone: a waiter in several queues reads it in all of them. */
    if (!waiter->claimed && thrum__claim(waiter->context, waiter->ticket, THRUM__CLAIM_NOTIFIED))
        waiter->claimed = true;
    return waiter->claimed;
}

thrum__waiter *thrum__waiters_claim_first(void **tail)
{
    thrum__waiter *waiter;
    while ((waiter = thrum__waiters_first(tail))) {
        thrum__waiters_remove(tail, waiter);
        if (thrum__claim_waiter(waiter))
            return waiter;
    }
    return NULL;
}

thrum__waiter *thrum__waiters_claim_chain(void **tail, uint32_t most, uint32_t *ret_won)
{
    thrum__waiter *chain = NULL, **end = &chain, *waiter;
    for (; most > 0 && (waiter = thrum__waiters_claim_first(tail)); most--) {
        *end = waiter;
        end = &waiter->next;
        ++*ret_won;
    }
    *end = NULL;
    return chain;
}

void thrum__waiter_withdraw(thrum__waiter *waiter, void **tail, uint32_t *word, uint32_t guard,
                            uint32_t waiters)
{
    thrum__guard_acquire(word, guard);
    if (thrum__waiter_queued(waiter))
        thrum__waiters_remove(tail, waiter);
    thrum__guard_release(word, thrum__waiters_empty(tail) ? guard | waiters : guard);
}

void thrum__unpark_chain(thrum__waiter *chain)
{
    while (chain) {
        thrum__plain_read(&chain->next);
        thrum__waiter *next = chain->next; /* before the unpark: the frame may go with it */
        thrum__unpark(chain->context);
        chain = next;
    }
}

/* A sleep is a wait that nobody wakes: it stands in no queue. */
int thrum_sleep(thrum_deadline until)
{
    thrum__waiter waiter;
    int rc = thrum__wait_begin(&waiter, true);
    if (rc == 0)
        rc = thrum__wait(&waiter, until, "sleep", NULL);
    return rc == -ETIMEDOUT ? 0 : rc;
}
