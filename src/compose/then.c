/* then: a task that begins with what another one left.
 *
 * The future of the second task exists from the start, pending and given to no executor. A callback
 * in the first one's future, called by the thread that ends it, settles what becomes of it:
 *
 *     succeeded   its result becomes the argument, and the executor gets it; one that somebody has taken
 *                 meanwhile makes it fail with -ENODATA
 *     failed      it fails with the same error; the first one's failure counts as seen
 *     cancelled   it is cancelled
 *
 * Until then nobody but the callback touches the argument: a cancel changes the state alone, and
 * one that came before lets the callback drop what it holds. One that comes between is found when
 * the executor runs the future.
 *
 * References: the second future's owner has one, and the callback the executor's, which it passes
 * on. The first future needs none of its own: its end calls the callback, and every future ends.
 */
#include "base/panic.h"
#include "executor/core/executor.h"

#include <errno.h>

struct chain {
    thrum__future_callback callback;
    thrum_executor *executor;
    thrum_task_fn *function;
    thrum_future *second;
};

static void pass_on(const struct chain *chain, thrum_future *first)
{
    thrum_future *second = chain->second;
    int rc = thrum__task_pass_on(&first->task, &thrum__future_deliver_lock, first, &second->task,
                                 chain->function);
    if (rc < 0)
        thrum__future_fail(second, rc,
                           rc == -ENODATA ? "the result was taken before the chained task could "
                                            "have it"
                                          : NULL);
    else
        thrum__executor_submit(chain->executor, second);
}

static void hand_over(const struct chain *chain, thrum_future *first)
{
    thrum_future *second = chain->second;
    if (thrum_future_cancelled(first))
        (void)thrum_future_cancel(second);
    const thrum_error *error = thrum_future_error(first);
    if (error)
        thrum__future_fail(second, error->code, error->message);
    else if (thrum_future_done(second))
        thrum__future_unreference(second); /* cancelled */
    else
        pass_on(chain, first);
}

static void first_done(thrum__future_callback *callback, thrum_future *first)
{
    struct chain *chain = (struct chain *)callback; /* its first member */
    hand_over(chain, first);
    thrum__free(chain);
}

thrum_future *thrum_future_then(thrum_future *future, thrum_executor *executor,
                                thrum_task_fn *function)
{
    thrum__executor_check(executor, thrum__caller());
    struct chain *chain = thrum__alloc(sizeof *chain);
    if (!chain)
        return thrum__future_no_memory();
    thrum_future *second = thrum__future_new(function, THRUM__NO_VALUE);
    if (thrum_future_done(second)) { /* no memory */
        thrum__free(chain);
        return second;
    }
    chain->callback.run = first_done;
    chain->executor = executor;
    chain->function = function;
    chain->second = second;
    thrum__future_callback_add(future, &chain->callback);
    return second;
}
