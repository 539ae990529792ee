/* The proxies of the process: as many as there were ever fibers that waited at once, by 127. They
 * are made as they are needed, stay, and sleep while they have nothing to watch.
 *
 * The list only grows, at its head, under the lock; it is read without. A child of fork has none of
 * the threads, and begins a list of its own.
 */
#include "base/memory.h"
#include "base/process.h"
#include "shared/proxy.h"
#include "sync/fork_lock.h"
#include <thrum/lock.h>
#include <thrum/thread.h>
#include <thrum/with.h>

static thrum_lock lock;
static thrum__proxy *first;
static uint32_t process; /* the process that they belong to */

static int serve(thrum_task *self)
{
    thrum__proxy *proxy = thrum_arg(self, thrum__proxy *);
    while (proxy)
        thrum__proxy_turn(proxy);
    return 0;
}

/* A proxy with its thread, or NULL. */
static thrum__proxy *proxy_new(void)
{
    thrum__proxy *proxy = thrum__alloc(sizeof *proxy);
    if (!proxy)
        return NULL;
    thrum_thread *thread =
        thrum_thread_start_with(&(thrum_thread_options){.name = "shared-proxy", .daemon = true},
                                serve, thrum_value(thrum__proxy *, proxy));
    bool failed = thrum_thread_error(thread) != NULL;
    thrum_thread_free(thread);
    if (failed)
        thrum__free(proxy);
    return failed ? NULL : proxy;
}

static bool reserve_any(thrum__proxy_place *ret_place)
{
    for (thrum__proxy *proxy = thrum__load_acquire(&first); proxy; proxy = proxy->next)
        if (thrum__proxy_reserve(proxy, ret_place))
            return true;
    return false;
}

bool thrum__proxies_reserve(thrum__proxy_place *ret_place)
{
    if (thrum__load_acquire(&process) == thrum__process_generation && reserve_any(ret_place))
        return true;
    bool reserved = false;
    *ret_place = (thrum__proxy_place){NULL, 0};
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        if (process != thrum__process_generation) {
            thrum__store_relaxed(&first, NULL);
            thrum__store_release(&process, thrum__process_generation);
        }
        reserved = reserve_any(ret_place);
        if (reserved)
            break;
        thrum__proxy *fresh = proxy_new();
        if (!fresh)
            break;
        reserved = thrum__proxy_reserve(fresh, ret_place);
        fresh->next = first;
        thrum__store_release(&first, fresh);
    }
    return reserved;
}
