/* What a condition needs of a lock beyond the public interface. */
#ifndef THRUM_SYNC_LOCK_H
#define THRUM_SYNC_LOCK_H

#include "park/waiter.h"
#include <thrum/lock.h>

/* How many low bits of a lock's state word are flags; rlock.c counts in those above. */
enum { THRUM__LOCK_FLAGS = 12 };

/* Puts `waiter`, whose wait the caller has claimed, into the queue of `lock`, which the caller
 * holds: a release will unpark it when its turn comes. */
void thrum__lock_enqueue(thrum_lock *lock, thrum__waiter *waiter);

/* thrum_lock_acquire and its form with a deadline, called at `place`. */
void thrum__lock_acquire(thrum_lock *lock, const void *place);
int thrum__lock_acquire_until(thrum_lock *lock, thrum_deadline deadline, const void *place);

/* Takes `lock` for a waiter that a release of it has woken through `waiter`, and that waited for it, or for a
 * condition, at `place`. No release hands the lock over to it: it has not begun to wait for the lock when it is
 * put into the queue, so its wait for the lock has no beginning (`since`). */
void thrum__lock_acquire_woken(thrum_lock *lock, const thrum__waiter *waiter, const void *place);

/* Releases `lock`, which the caller is known to hold. */
void thrum__lock_release(thrum_lock *lock);

/* Stops the program: what went wrong with `lock`, which thread called and which thread holds it. */
void thrum__lock_misuse(const thrum_lock *lock, const char *what, const void *place)
    __attribute__((noreturn));

#endif
