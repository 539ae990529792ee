/* The delivery of outcomes: how the threads that wait for a task get its result, or learn that it
 * has failed.
 *
 * A future, a thread and a process each carry a task, and any number of threads may ask one of them
 * for the outcome at the same time. The carrier waits for the end of the task and then calls
 * thrum__task_deliver, whose code it returns. So this is the only place where a failed task becomes
 * THRUM_FAILED: a carrier returns a negative code only for its own wait.
 *
 * A result can be copied, or taken away. After the end of the task only `outcome` changes, and only
 * once:
 *
 *     the result ----> thrum__task_taken
 *
 * Results differ in where they lie, and so in what a copy has to fear from a thread that takes:
 *
 *     in the task     a copy reads `outcome` once. The bytes stay where they are when the result is taken, so
 *                     nothing keeps the two apart
 *     on the heap     the memory goes to the thread that takes. A copy is made, and `outcome` exchanged, under the carrier's lock
 *     owned           as on the heap, and a copy takes the result away, too, because only one may own it
 *
 * `outcome` is written under the lock and read by atomic loads. Memory is allocated before the lock
 * is taken and freed after it was given back: a future's lock is the guard in its state word, under
 * which no system call is made. A failed call leaves the result where it is.
 *
 * Tests: tests/unit/thread/test_value.c, tests/explore/explore_deliver.c.
 */
#ifndef THRUM_THREAD_DELIVER_H
#define THRUM_THREAD_DELIVER_H

#include "thread/task.h"

#include <string.h>

/* What is asked for. */
enum thrum__form {
    THRUM__FORM_EXACT, /* a copy of a result of exactly `size` bytes, in `ret_bytes` */
    THRUM__FORM_COPY,  /* a copy of at most `size` bytes, in `ret_bytes` */
    THRUM__FORM_TAKE,  /* memory of its own, in *(void **)ret_bytes */
    THRUM__FORM_TEXT   /* the same for a result that ends in a zero byte */
};

typedef struct thrum__request {
    enum thrum__form form;
    void *ret_bytes;
    size_t size;
    size_t *ret_size; /* NULL if nobody wants it; set also where a copy has no room */
} thrum__request;

/* What only waits for the end asks for. */
#define THRUM__REQUEST_NONE                                                                        \
    {                                                                                              \
        .form = THRUM__FORM_EXACT                                                                  \
    }

/* How a carrier keeps others from its task's result; NULL where nobody else can get to it. */
typedef struct thrum__deliver_lock {
    void (*acquire)(void *carrier);
    void (*release)(void *carrier);
} thrum__deliver_lock;

/* The general case of the function below. */
int thrum__task_deliver_any(thrum_task *task, const thrum__request *request,
                            const thrum__deliver_lock *lock, void *carrier);

/* Delivers the outcome of a task that is over. Returns
 *
 *     0             the result was delivered
 *     THRUM_FAILED  the task has failed; thrum__task_error is not NULL
 *     -EMSGSIZE     the result has another size, needs more room, or is no text
 *     -ENODATA      the result was taken
 *     -ENOMEM */
static inline int thrum__task_deliver(thrum_task *task, const thrum__request *request,
                                      const thrum__deliver_lock *lock, void *carrier)
{
    const void *outcome = thrum__load_relaxed(&task->outcome);
    if (request->form == THRUM__FORM_EXACT && request->size > 0 &&
        request->size == task->result_size &&
        thrum__task_is_inside(task, outcome)) { /* small, plain, and of the right size */
        thrum__task_copy(request->ret_bytes, outcome, request->size);
        return 0;
    }
    if (request->form == THRUM__FORM_EXACT && !request->ret_bytes && !request->size && !outcome)
        return 0;
    return thrum__task_deliver_any(task, request, lock, carrier);
}

/* The error that goes with a code of thrum__task_deliver, or with that of the wait before it, other
 * than 0. The task is looked at for THRUM_FAILED alone. */
static inline const thrum_error *thrum__outcome_error(const thrum_task *task, int rc)
{
    return rc == THRUM_FAILED ? thrum__task_error(task) : thrum__error_constant(rc);
}

/* Makes the result of `first`, which succeeded, the argument of zeroed `second`. Returns 0,
 * -ENODATA or -ENOMEM. */
int thrum__task_pass_on(thrum_task *first, const thrum__deliver_lock *lock, void *carrier,
                        thrum_task *second, thrum_task_fn *function);

#endif
