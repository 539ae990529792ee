/* How the result of a task that is over gets to those who ask for it.
 *
 * A future, a thread and a process each carry a task, and any number of threads may ask one of them
 * for the result at the same time: to copy it, or to take it away. All do so here. The carrier has
 * waited for the end; from then on these change nothing of the task but `outcome`, and only once:
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

/* Delivers the result of a task that succeeded. Returns 0; -EMSGSIZE if it has another size, no
 * room, or is no text; -ENODATA if it was taken; -ENOMEM. */
static inline int thrum__task_deliver(thrum_task *task, const thrum__request *request,
                                      const thrum__deliver_lock *lock, void *carrier)
{
    const void *outcome = thrum__load_relaxed(&task->outcome);
    if (request->form == THRUM__FORM_EXACT && request->size > 0 &&
        request->size == task->result_size &&
        thrum__task_is_inside(task, outcome)) { /* small, plain, and of the right size */
        memcpy(request->ret_bytes, outcome, request->size);
        return 0;
    }
    return thrum__task_deliver_any(task, request, lock, carrier);
}

/* Makes the result of `first`, which succeeded, the argument of zeroed `second`. Returns 0,
 * -ENODATA or -ENOMEM. */
int thrum__task_pass_on(thrum_task *first, const thrum__deliver_lock *lock, void *carrier,
                        thrum_task *second, thrum_task_fn *function);

#endif
