/* A select: waits for whichever of several things comes first.
 *
 *     struct job job;
 *     thrum_case cases[] = {
 *         thrum_case_get(jobs, &job),
 *         thrum_case_event(&stop),
 *     };
 *     switch (thrum_select(cases, 2, thrum_in(5))) {
 *     case 0:
 *         if (cases[0].code == 0)             // -EPIPE: the queue is closed and empty
 *             run(&job);
 *         break;
 *     case 1:
 *         return;
 *     case -ETIMEDOUT:
 *         puts("nothing for 5 seconds");
 *     }
 *
 * A case is a small value: what to wait for, and what to do with it. A select performs at most one
 * of its cases: it takes one item, puts one item, or acquires one lock. If several cases are ready,
 * each has the same chance.
 *
 * A case is ready when its operation would return at once, with success or with an error. The
 * result is in `code` of the case that was performed. So a case of a closed queue is ready, and its
 * code is -EPIPE. An all-zero case is never ready: assign `(thrum_case){0}` to leave a case out of
 * further selects.
 *
 * Threads and fibers use the same cases. The array may be used for many selects, one at a time, and
 * changed between them. The objects must not be freed before the select has returned.
 *
 * Idea: Go's select statement. Python has asyncio.wait with FIRST_COMPLETED, which cannot undo what
 * the slower ones have done.
 */
#ifndef THRUM_SELECT_H
#define THRUM_SELECT_H

#include <stddef.h>
#include <thrum/event.h>
#include <thrum/export.h>
#include <thrum/future.h>
#include <thrum/lock.h>
#include <thrum/process.h>
#include <thrum/queue.h>
#include <thrum/semaphore.h>
#include <thrum/signals.h>
#include <thrum/thread.h>
#include <thrum/time.h>

THRUM_BEGIN

/* One case of a select. Fields that end in an underscore are private. */
typedef struct thrum_case {
    const struct thrum__case_ops *ops_;
    void *object_;
    union {
        void *ret_;
        const void *item_;
        int64_t number_;
    } with_;
    int code; /* of the case that a select performed: 0 or a negative errno */
} thrum_case;

/* Waits until one of the `count` cases at `cases` is ready and performs it. With THRUM_NOW it looks
 * at each case once and does not wait. Blocks.
 *
 * Returns:
 *     0 to count-1  the index of the case that was performed; its `code` says how it went
 *     -ETIMEDOUT    the deadline has passed; no case was performed
 *     -EAGAIN       the deadline is THRUM_NOW and no case was ready
 *     -ECANCELED    the running task was cancelled; no case was performed
 *     -ENOMEM       memory ran out; only with more than 8 cases
 *     -EINVAL       `count` is more than INT_MAX
 */
THRUM_API THRUM_MUST_CHECK int thrum_select(thrum_case *cases, size_t count,
                                            thrum_deadline deadline);

/* Takes the next item of `queue` into `ret_item`, as thrum_queue_get. Its code is 0, or -EPIPE if
 * the queue is closed and empty. */
THRUM_API thrum_case thrum_case_get(thrum_queue *queue, void *ret_item);

/* Adds a copy of `item` to `queue`, as thrum_queue_put. The item is read when the case is
 * performed. Its code is 0, -EPIPE if the queue is closed, or -ENOMEM. An item that was not added
 * stays the caller's, also if the queue has a destructor. */
THRUM_API thrum_case thrum_case_put(thrum_queue *queue, const void *item);

/* Ready while `event` is set, which it stays. Its code is 0. */
THRUM_API thrum_case thrum_case_event(thrum_event *event);

/* Takes one permit of `semaphore`, in turn with the callers of thrum_semaphore_acquire. Its code is
 * 0. */
THRUM_API thrum_case thrum_case_semaphore(thrum_semaphore *semaphore);

/* Acquires `lock`; the caller releases it. Its code is 0, or -EDEADLK if the caller holds it. */
THRUM_API thrum_case thrum_case_lock(thrum_lock *lock);

/* Ready once `future` is done, however it ended. A failure stays unobserved. Its code is 0, or
 * -ESRCH in a child of fork for a task that a pool of the parent has. */
THRUM_API thrum_case thrum_case_future(thrum_future *future);

/* Takes the next future that is done, as thrum_as_completed_next, and gives its index. Its code is
 * 0, -ENODATA when all have been given, or -ESRCH as thrum_as_completed_next. */
THRUM_API thrum_case thrum_case_as_completed(thrum_as_completed *done, size_t *ret_index);

/* Ready once `thread` has ended: thrum_thread_join then does not wait for its task. Its code is 0,
 * -ESRCH in a child of fork for a thread of the parent, or -EDEADLK for the calling thread. */
THRUM_API thrum_case thrum_case_thread(thrum_thread *thread);

/* Ready once `process` has ended: thrum_process_join then does not wait. Its code is 0, or -ESRCH
 * in a child of fork for a process of the parent. */
THRUM_API thrum_case thrum_case_process(thrum_process *process);

/* Takes one of the signals that `signals` watches and gives its number, as thrum_signals_wait. Its
 * code is 0. */
THRUM_API thrum_case thrum_case_signals(thrum_signals *signals, int *ret_number);

/* Ready when a read from `descriptor` would not wait, as thrum_wait_readable. The descriptor must
 * not be closed meanwhile; thrum_socket_descriptor gives that of a socket. Its code is 0, or -EBADF
 * if it is no descriptor. */
THRUM_API thrum_case thrum_case_readable(int descriptor);

/* The same for a write, as thrum_wait_writable. */
THRUM_API thrum_case thrum_case_writable(int descriptor);

/* Ready once the moment `moment` has come. A select may have several such cases. Its code is 0. */
THRUM_API thrum_case thrum_case_deadline(thrum_deadline moment);

THRUM_END

#endif
