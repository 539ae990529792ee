/* The reserve: what carries a worker of a thread pool if the system refuses a thread.
 *
 * A pool promises that as many tasks run at once as it may have workers, and that a worker that waits for
 * futures lets another in. A task relies on both when it waits for another task. The system may refuse the
 * thread that is needed then, when the tasks are accepted already and no call is left that could report it.
 *
 * So the worker becomes a fiber. The reserve is a fiber pool with one thread for all thread pools of the
 * process. It starts before the first worker of the first pool, so a refusal of its thread is reported by the
 * submit. From then on a worker needs a thread or a fiber, and a fiber needs memory alone. The same fibers serve
 * a pool whose workers wait in such number that it starts no more threads (worker.c: SPARES).
 *
 * A worker cannot tell the difference: the same function runs, with the same waits. But fibers take turns. A
 * task that waits by other means than thrum's, or computes, holds up the others of the reserve until it goes
 * on. So a worker that is a fiber leaves as soon as it finds no task, unless it is the last one, and the next
 * worker asks the system for a thread again.
 *
 * The reserve belongs to the library, and nobody shuts it down. The end of the program waits for it after all pools
 * for which its fibers work; or not at all, once it has carried a worker of a pool that is not waited for.
 *
 * Fork: a child has no reserve and makes one of its own with its first pool. `lock` is held across a fork.
 *
 * Rejected: to run pending tasks on the stack of the worker that waits. A task that waits for one below it on
 * that stack waits for ever, also where it need not have begun. To let a wait fail: it would fail, too, where
 * what it waits for comes from elsewhere. A spare thread for each pool: it is one for each pool, and its own
 * task may wait as well.
 *
 * Tests: tests/unit/executor/test_reserve.c, tests/explore/explore_reserve.c.
 */
#include "executor/thread/reserve.h"
#include "base/process.h"
#include "executor/core/pool.h"
#include "sync/fork_lock.h"
#include <thrum/fiber.h>
#include <thrum/with.h>

#include <errno.h>

static thrum_lock lock; /* held while the reserve is made */
static thrum_executor *reserve;
static uint32_t process; /* the generation whose reserve it is; under `lock`, read by all */

#ifdef THRUM_EXPLORE
enum { STACK_SIZE = 64 << 10 };
bool thrum__reserve_wanted;
#else
enum { STACK_SIZE = 8 << 20 }; /* of address space, as a thread has it */
#endif

static int make(void)
{
    const char *reason;
    reserve = thrum_fiber_pool_new(&(thrum_fiber_pool_options){
        .max_workers = 1, .name_prefix = "reserve", .stack_size = STACK_SIZE});
    if (!reserve)
        return -ENOMEM;
    int rc = reserve->ops->ready(reserve, &reason);
    if (rc < 0)
        thrum_executor_shutdown(reserve);
    else
        thrum__pool_keep((thrum__pool *)reserve, true);
    return rc;
}

int thrum__reserve_begin(void)
{
#ifdef THRUM_EXPLORE
    if (!thrum__reserve_wanted)
        return 0;
#endif
    if (__builtin_expect(thrum__load_acquire(&process) == thrum__process_generation, 1))
        return 0;
    int rc = 0;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock)
        if (process != thrum__process_generation) {
            rc = make();
            if (rc == 0)
                thrum__store_release(&process, thrum__process_generation);
        }
    return rc;
}

int thrum__reserve_carry(thrum_task_fn *function, thrum__value arg, bool daemon)
{
#ifdef THRUM_EXPLORE
    if (!thrum__reserve_wanted)
        return -EAGAIN;
#endif
    if (daemon)
        thrum__store_relaxed(&((thrum__pool *)reserve)->daemon, 1);
    return thrum__executor_start(reserve, function, arg, 0);
}

#ifdef THRUM_EXPLORE
void thrum__reserve_end(void)
{
    ((thrum__pool *)reserve)->claimed = false;
    thrum_executor_shutdown(reserve);
    process = 0;
}
#endif
