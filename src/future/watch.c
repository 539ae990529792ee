/* Watches: how the end of a future reaches all who are to be told.
 *
 * They hang in one ring, under the guard, in order of arrival: waiters for the
 * future (future.c), for one of many (wait.c), for all in the order of their ends (as_completed.c),
 * and the callbacks (callback.c). WATCHED says that the ring is not empty, and agrees with it
 * whenever the guard is clear; so an end that finds it clear needs no guard.
 *
 * The one that ends the future takes the whole ring off. It publishes the end first, with the guard
 * kept: who learns of it from a watch, awake and without a wait, can ask for the result at once.
 * Then, still under the guard, it tells each watch: the owner of a watch that was ended under the
 * guard knows that it is not being told any more, and may let its memory go. The store that gives
 * the guard back is its last touch of the future. After that it unparks the waiters whose claims it won.
 * It took a reference for the callbacks and returns them: the caller calls them or has them called.
 */
#include "future/future.h"
#include "park/park.h"

static void link_watch(thrum_future *future, thrum__future_watch *watch)
{
    thrum__future_watch *last = future->watches;
    thrum__plain_write(&future->watches);
    watch->next = last ? last->next : watch;
    watch->prev = last ? last : watch;
    watch->next->prev = watch->prev->next = watch;
    watch->linked = true;
    future->watches = watch;
}

static void unlink_watch(thrum_future *future, thrum__future_watch *watch)
{
    thrum__plain_write(&future->watches);
    watch->linked = false;
    watch->next->prev = watch->prev;
    watch->prev->next = watch->next;
    if (future->watches == watch)
        future->watches = watch->prev == watch ? NULL : watch->prev;
}

bool thrum__future_watch_begin(thrum_future *future, thrum__future_watch *watch)
{
    watch->linked = false;
    if (thrum_future_done(future))
        return false;
    uint32_t word = thrum__future_guard(future);
    if (!(word & THRUM__FUTURE_DONE)) {
        link_watch(future, watch);
        word |= THRUM__FUTURE_WATCHED;
    }
    thrum__future_unguard(future, word);
    return !(word & THRUM__FUTURE_DONE);
}

void thrum__future_watch_end(thrum_future *future, thrum__future_watch *watch)
{
    uint32_t word = thrum__future_guard(future);
    if (watch->linked) {
        unlink_watch(future, watch);
        if (!future->watches)
            word &= ~(uint32_t)THRUM__FUTURE_WATCHED;
    }
    thrum__future_unguard(future, word);
}

thrum__waiter *thrum__future_claim(thrum__waiter *waiter)
{
    thrum__plain_read(&waiter->next); /* the waiter must be alive */
    if (thrum__context_lost(waiter->context->ident))
        return NULL; /* this is a child of a fork: it will never wake */
    if (!thrum__claim(waiter->context, waiter->ticket, THRUM__CLAIM_NOTIFIED))
        return NULL;
    waiter->claimed = true;
    return waiter;
}

/* Two chains in the making: those to be unparked, and the callbacks, in order. */
struct told {
    thrum__waiter *waiters;
    thrum__future_watch *callbacks, **last_callback;
};

static void tell(struct told *told, thrum__future_watch *watch)
{
    watch->linked = false;
    if (watch->fire) {
        thrum__waiter *waiter = watch->fire(watch);
        if (waiter) {
            waiter->next = told->waiters;
            told->waiters = waiter;
        }
    } else {
        watch->next = NULL;
        *told->last_callback = watch;
        told->last_callback = &watch->next;
    }
}

thrum__future_watch *thrum__future_tell(thrum_future *future, uint32_t word)
{
    struct told told = {.last_callback = &told.callbacks};
    thrum__plain_write(&future->watches);
    thrum__future_watch *last = future->watches;
    thrum__future_watch *next = last ? last->next : NULL;
    future->watches = NULL;
    thrum__store_release(&future->state, word | THRUM__FUTURE_GUARD);
    while (next) {
        thrum__future_watch *watch = next;
        next = watch == last ? NULL : watch->next; /* one that was told may be gone */
        tell(&told, watch);
    }
    if (told.callbacks)
        thrum__future_reference(future);
    thrum__future_unguard(future, word);
    thrum__unpark_chain(told.waiters);
    return told.callbacks;
}
