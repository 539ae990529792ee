/* The list of locks that a fork holds. It only grows; it is read without a lock, and written and kept still
 * across a fork under one of its own. That comes before the locks in the list, so a lock is entered
 * there by one who holds none of them. It is a lock and no guard: a fork has it for as long as it takes
 * to get all the others, and who holds one of these may be a fiber of the worker on which another would
 * then spin.
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

static void acquire_all(void)
{
    thrum_lock_acquire(&list);
    for (uint32_t i = 0; i < count; i++)
        thrum_lock_acquire(locks[i]);
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
