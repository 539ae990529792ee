/* The list of locks that a fork holds. It only grows; it is read without a lock, and written and kept still
 * across a fork under one of its own.
 *
 * Those who use the locks know nothing of each other, and may hold one while they take another, in whatever
 * order, or enter one. So a fork waits for one lock while it has no other, then tries the rest, and gives
 * all back to wait for the next that somebody has. While it waits nobody can wait for it.
 *
 * The list has a lock and no guard, as a fork keeps it for as long as the fork takes, and a fiber that would
 * spin for it may be of the worker that forks.
 *
 * To take the locks may take a wait, and a wait may need contexts: the holder's, or that of a fiber in which
 * the worker goes on. So these handlers are registered after those of the table of contexts, and then are
 * called before that one is closed for the fork. */
#include "sync/fork_lock.h"
#include "base/process.h"
#include "base/unexplored.h"
#include "park/context.h"

#include <stdbool.h>
#include <stddef.h>

enum { MOST = 16 };

static thrum_lock list;
static thrum_lock *locks[MOST];
static uint32_t count;

/* Takes the list and, if it need not wait for one, all locks; `first` is held already. Gives the place of one
 * that another has, and then has taken none; MOST for success. */
static uint32_t try_all(uint32_t first)
{
    thrum_lock_acquire(&list);
    for (uint32_t i = 0; i < count; i++) {
        if (i == first || thrum_lock_try(locks[i]) == 0)
            continue;
        for (uint32_t taken = 0; taken < i; taken++)
            if (taken != first)
                thrum_lock_release(locks[taken]);
        thrum_lock_release(&list);
        return i;
    }
    return MOST;
}

static void acquire_all(void)
{
    uint32_t first = MOST, busy;
    while ((busy = try_all(first)) != MOST) {
        if (first != MOST)
            thrum_lock_release(locks[first]);
        first = busy;
        thrum_lock_acquire(locks[first]);
    }
}

/* The forking thread is the holder on both sides: its context lives on in the child. */
static void release_all(void)
{
    for (uint32_t i = count; i > 0; i--)
        thrum_lock_release(locks[i - 1]);
    thrum_lock_release(&list);
}

static bool is_listed(const thrum_lock *lock)
{
    uint32_t listed = thrum__load_acquire(&count);
    for (uint32_t i = 0; i < listed; i++)
        if (locks[i] == lock)
            return true;
    return false;
}

void thrum__lock_across_fork(thrum_lock *lock)
{
    thrum__unexplored_begin();
    if (!is_listed(lock)) {
        thrum_lock_acquire(&list);
        if (!is_listed(lock) && count < MOST) {
            if (count == 0) {
                (void)thrum__self();
                thrum__process_on_fork(acquire_all, release_all, release_all);
            }
            locks[count] = lock;
            thrum__store_release(&count, count + 1);
        }
        thrum_lock_release(&list);
    }
    thrum__unexplored_end();
}
