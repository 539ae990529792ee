/* Tasks with a deadline.
 *
 * A task that is submitted with a deadline is submitted as another one, whose argument is the deadline,
 * the function and the argument meant for it. When its turn comes it runs the task inside of itself
 * and hands the outcome on. So nothing else has to know of deadlines: no executor, no future, and no
 * task without one pays for them.
 *
 * The deadline stands in the scope that the task runs in (park/scope.h), as `ends_at`, and nobody else
 * reads it. A wait that may be cancelled ends there at the latest and returns -ECANCELED, as do all waits
 * after it; thrum_cancelled looks at the clock. So nobody has to watch running tasks, and a task that was
 * not late leaves nothing behind. A task that runs another inside of itself, as on the inline executor,
 * passes nothing of its deadline on: the other one has a scope of its own.
 *
 * An executor that runs tasks elsewhere takes the parts out of the wrapper and carries them itself.
 *
 * A task that ends with -ECANCELED because it was late has failed with -ETIMEDOUT, so that a waiter
 * can tell this from a cancel. One that has its result after all has it.
 */
#include "future/deadline.h"
#include "base/clock.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

struct timed {
    thrum_deadline deadline;
    thrum_destructor
        *destroy; /* of the argument; the inner task's from when the outer one begins */
    alignas(16) thrum_task_fn *function; /* what follows this is its argument, aligned likewise */
};

enum { SMALL = 256 };

/* Hands the outcome of `inner` on to the task that ran it. */
static int hand_on(thrum_task *self, thrum_task *inner)
{
    const thrum_error *error = thrum__task_error(inner);
    if (error)
        return thrum_fail_with(self, error);
    return thrum__task_hand_on(self, inner);
}

static int run_timed(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    const struct timed *timed = thrum_task_arg(self, size);
    thrum_task inner = {0};
    self->function = timed->function; /* a failure that nobody asks for is told of it */
    const thrum__value arg = {timed + 1, size - sizeof *timed, timed->destroy, 0};
    if (thrum__task_init_value(&inner, timed->function, arg) < 0)
        return -ENOMEM;
    thrum__task_run_until(&inner, timed->deadline);
    int code = hand_on(self, &inner);
    thrum__task_finish(&inner);
    return code;
}

thrum__timed_parts thrum__timed_parts_of(thrum_task *task)
{
    size_t size = thrum_task_arg_size(task);
    thrum__timed_parts parts = {THRUM__NO_DEADLINE, task->function, thrum_task_arg(task, size),
                                size};
    if (task->function == run_timed) {
        const struct timed *timed = parts.arg;
        parts =
            (thrum__timed_parts){timed->deadline, timed->function, timed + 1, size - sizeof *timed};
    }
    return parts;
}

thrum_future *thrum__future_new_until(thrum_deadline deadline, thrum_task_fn *function,
                                      thrum__value value)
{
    alignas(16) char small[SMALL];
    size_t all;
    struct timed *timed = NULL;
    if (!__builtin_add_overflow(sizeof *timed, value.size, &all))
        timed = all <= sizeof small ? (void *)small : thrum__alloc(all);
    if (!timed) {
        thrum__value_drop(value);
        return thrum__future_no_memory();
    }
    *timed = (struct timed){.deadline = deadline, .destroy = value.destroy, .function = function};
    if (value.size)
        memcpy(timed + 1, value.bytes, value.size);
    thrum_future *future =
        thrum__future_new(run_timed, (thrum__value){timed, all, value.destroy, sizeof *timed});
    if ((void *)timed != small)
        thrum__free(timed);
    return future;
}
