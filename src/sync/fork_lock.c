/* The list of locks that a fork holds. It only grows. It is read without a lock. A lock of its own
 * guards writes and keeps it unchanged across a fork.
 *
 * The users of these locks know nothing of each other. They may hold one while they take another,
 * in any order, or enter one into the list. So a fork waits for one lock while it holds no other,
 * then tries the rest. If one is held, it releases all and waits for that one. No thread can wait
 * for the fork while it waits.
 *
 * The list has a lock and no guard: a fork keeps it for the whole fork, and a fiber that would spin
 * for it may belong to the worker that forks.
 *
 * To take the locks may take a wait, and a wait may need contexts: the owner's, or that of a fiber
 * in which the worker continues. So these handlers are registered after those of the table of
 * contexts, and are called before that table is closed for the fork. */
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

/* Takes the list and, if it need not wait for one, all locks; `first` is held already. Gives the
 * place of one that another has, and then has taken none; MOST for success. */
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
