/* The list of locks that a fork holds. It only grows; it is read without the guard, and written and
 * kept still across a fork under it. The guard comes before the locks in the list, so a lock is
 * entered there by one who holds none of them.
 *
 * To take the locks may take a wait, and a wait may need contexts: the holder's, or that of a fiber in which
 * the worker goes on. So these handlers are registered after those of the table of contexts, and then are
 * called before that one is closed for the fork. */
#include "sync/fork_lock.h"
#include "base/process.h"
#include "base/unexplored.h"
#include "park/context.h"
#include "park/guard.h"

#include <stdbool.h>
#include <stddef.h>

enum { MOST = 16 };

static uint32_t guard;
static thrum_lock *locks[MOST];
static uint32_t count;

static void acquire_all(void)
{
    thrum__guard_acquire(&guard, 1);
    for (uint32_t i = 0; i < count; i++)
        thrum_lock_acquire(locks[i]);
}

/* The forking thread is the holder on both sides: its context lives on in the child. */
static void release_all(void)
{
    for (uint32_t i = count; i > 0; i--)
        thrum_lock_release(locks[i - 1]);
    thrum__guard_release(&guard, 1);
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
        thrum__guard_acquire(&guard, 1);
        if (!is_listed(lock) && count < MOST) {
            if (count == 0) {
                (void)thrum__self();
                thrum__process_on_fork(acquire_all, release_all, release_all);
            }
            locks[count] = lock;
            thrum__store_release(&count, count + 1);
        }
        thrum__guard_release(&guard, 1);
    }
    thrum__unexplored_end();
}
