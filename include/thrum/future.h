/* A future: the outcome that a submitted task will have.
 *
 *     thrum_future *f = thrum_submit(pool, fetch, thrum_value(struct fetch, .url = url));
 *     size_t length;
 *     int rc = thrum_future_result(f, &length, sizeof length, thrum_in(5));
 *     if (rc == THRUM_FAILED)
 *         fprintf(stderr, "%s\n", thrum_future_error(f)->message);     // why the task failed
 *     else if (rc < 0)
 *         fprintf(stderr, "%s\n", thrum_strerror(rc));                 // why the wait ended
 *     thrum_future_free(f);
 *     // prints https://example.org/: no route to host
 *
 * A future is pending, then running, and then done: finished with a result or an error, or
 * cancelled before it ran. A cancelled future has an error too, with the code -ECANCELED.
 *
 * The owner and the executor each hold a reference. The owner may free the future at any time, and
 * the task goes on. The failure hook gets a failure that is unobserved by then.
 *
 * Python: concurrent.futures.Future.
 */
#ifndef THRUM_FUTURE_H
#define THRUM_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_future thrum_future;

/* Memory for a future of the caller's own: thrum_submit_into. Fields are private. */
typedef struct thrum_future_memory {
    uint64_t room_[16];
} __attribute__((aligned(64))) thrum_future_memory;

/* Waits for the task and copies its result of `size` bytes to `ret_result`. NULL and 0 only wait.
 * Blocks. Python: Future.result(timeout).
 *
 * Returns:
 *     0             the task has succeeded, and the result was copied
 *     THRUM_FAILED  the task has failed or was cancelled: see thrum_future_error
 *     -EMSGSIZE     the task has succeeded, but the result is not of `size` bytes
 *     -ENODATA      the task has succeeded, but the result was taken before
 *     -ETIMEDOUT    the deadline passed first
 *     -EAGAIN       the deadline is THRUM_NOW, and the task is not done
 *     -ECANCELED    the running task, which waits, was cancelled
 *     -ESRCH        this is a child made by fork, and the task is in a pool of the parent
 */
THRUM_API THRUM_MUST_CHECK int thrum_future_result(thrum_future *future, void *ret_result,
                                                   size_t size, thrum_deadline deadline);

/* Waits for the task and copies its result, of at most `capacity` bytes, to `ret_result`. If there
 * is a result, `*needed_size`, unless it is NULL, is set to its size, also with -EMSGSIZE. Blocks.
 *
 * Returns:
 *     0             the task has succeeded, and the result was copied
 *     THRUM_FAILED  the task has failed or was cancelled: see thrum_future_error
 *     -EMSGSIZE     the result is larger than `capacity`; nothing was copied
 *     -ENODATA      the result was taken before
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ESRCH   as thrum_future_result: the task is not done
 */
THRUM_API THRUM_MUST_CHECK int thrum_future_copy(thrum_future *future, void *ret_result,
                                                 size_t capacity, size_t *needed_size,
                                                 thrum_deadline deadline);

/* Waits for the task and takes its result, whatever its size, out of the future. The caller owns
 * the bytes and gives them to free:
 *
 *     void *page;
 *     size_t size;
 *     if (thrum_future_take(f, &page, &size, thrum_in(5)) == 0) {
 *         write_page(page, size);
 *         free(page);
 *     }
 *
 * A large result is not copied. The bytes are aligned for any type. A task without a result gives
 * NULL and 0. If several calls run at the same time, one of them gets the result. Blocks.
 *
 * Returns:
 *     0             the task has succeeded, and the caller owns the result
 *     THRUM_FAILED  the task has failed or was cancelled: see thrum_future_error
 *     -ENODATA      the result was taken before, by this call or as an owned result (thrum_owned)
 *     -ENOMEM       memory ran out; the result stays in the future
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ESRCH   as thrum_future_result: the task is not done
 */
THRUM_API THRUM_MUST_CHECK int thrum_future_take(thrum_future *future, void **ret_bytes,
                                                 size_t *ret_size, thrum_deadline deadline);

/* The same for a text, the result of thrum_return(self, thrum_text(...)). Blocks.
 *
 * Returns what thrum_future_take returns, or -EMSGSIZE: the result does not end in a zero byte, and
 * stays in the future. */
THRUM_API THRUM_MUST_CHECK int thrum_future_take_text(thrum_future *future, char **ret_text,
                                                      thrum_deadline deadline);

/* Waits until the task is done, however it ended. A failure stays unobserved. Blocks.
 *
 * Returns:
 *     0           the task is done
 *     -ETIMEDOUT, -EAGAIN, -ECANCELED, -ESRCH   as thrum_future_result: the task is not done
 */
THRUM_API THRUM_MUST_CHECK int thrum_future_wait(thrum_future *future, thrum_deadline deadline);

/* The error of a task that has failed or was cancelled; NULL if the task has succeeded or is not
 * done. After a call that returned THRUM_FAILED it is never NULL. The failure counts as observed.
 * The pointer is valid as long as the future. Does not block. Python: Future.exception(). */
THRUM_API const thrum_error *thrum_future_error(thrum_future *future);

/* The size of the result in bytes, also after it was taken; 0 without a result. Does not block. */
THRUM_API size_t thrum_future_result_size(thrum_future *future);

/* Cancels the task. Does not wait for it to end. Python: Future.cancel(), which does not affect a
 * running task.
 *
 * Returns:
 *     0             the task was pending: it will never run. The future is done, and its waiters
 *                   wake with THRUM_FAILED
 *     -EINPROGRESS  the task runs and is asked to stop: its waits return -ECANCELED, and
 *                   thrum_cancelled is true
 *     -EALREADY     the task is done, or was cancelled before
 */
THRUM_API int thrum_future_cancel(thrum_future *future);

/* True once the task is finished or cancelled. Does not block. Python: Future.done(). */
THRUM_API bool thrum_future_done(thrum_future *future);

/* True while the task runs. Does not block. Python: Future.running(). */
THRUM_API bool thrum_future_running(thrum_future *future);

/* True if the task was cancelled before it ran. Does not block. Python: Future.cancelled(). */
THRUM_API bool thrum_future_cancelled(thrum_future *future);

/* What thrum_wait waits for. A future that was cancelled, or ended with the code -ECANCELED, counts
 * as done and not as failed. */
typedef enum thrum_wait_condition {
    THRUM_WAIT_ALL_COMPLETED,   /* until all are done */
    THRUM_WAIT_FIRST_COMPLETED, /* until one is done */
    THRUM_WAIT_FIRST_FAILED     /* until one has failed, or all are done */
} thrum_wait_condition;

/* Waits until the condition holds for the `count` futures. It holds if there are none. Failures
 * stay unobserved. Afterwards thrum_future_done tells which are done. The array may contain a
 * future twice. The cost is linear in `count`. Blocks. Python: concurrent.futures.wait().
 *
 * Returns:
 *     0           the condition holds
 *     -ETIMEDOUT  the deadline passed first
 *     -EAGAIN     the deadline is THRUM_NOW, and the condition does not hold
 *     -ECANCELED  the running task was cancelled
 *     -ENOMEM     memory ran out
 *     -ESRCH      this is a child made by fork, where the condition will never hold
 */
THRUM_API THRUM_MUST_CHECK int thrum_wait(thrum_future *const *futures, size_t count,
                                          thrum_wait_condition condition, thrum_deadline deadline);

/* A done callback: called when a future is done. Returns 0 or a negative errno, which the failure
 * hook gets. A positive number is a mistake, and the failure hook gets -EINVAL. */
typedef int thrum_done_callback(thrum_future *future, void *context);

/* Adds a done callback: `function` is called with `future` and `context` once the future is done,
 * however it ended. If it is done already, the caller calls it at once. Otherwise the thread that
 * ends the future calls it: a worker, or a thread that cancels it. For a task in a process pool it
 * is a background thread of the library; there the callback may start processes and wait for them,
 * and callbacks of other futures may run at the same time.
 *
 * Callbacks are called in the order in which they were added. A callback that is added to a future
 * that is done does not wait for earlier callbacks that are still being called. Waiters may return
 * before the callbacks are called. A shutdown of the executor waits for the callbacks.
 *
 * No lock is held during the call: the callback may use the future as its owner does, and may free
 * it. The callback is shielded from cancellation. It should be short, because the worker waits for
 * it. It must not shut down the executor whose worker or background thread calls it: that stops the
 * program. Does not block except for the callback itself. Python: Future.add_done_callback().
 *
 * Returns:
 *     0        the callback is called once
 *     -ENOMEM  memory ran out; the callback is never called
 */
THRUM_API THRUM_MUST_CHECK int
thrum_future_add_done_callback(thrum_future *future, thrum_done_callback *function, void *context);

/* Gives up the owner's reference; NULL is accepted. The task still runs to its end, and its result
 * is dropped. No other thread may use this reference during the call or after it. Does not block,
 * except for a future in memory of the caller (thrum_submit_into): there it waits until the task
 * has ended and the executor no longer uses that memory. */
THRUM_API void thrum_future_free(thrum_future *future);

/* Makes a future that belongs to no executor, for code that runs tasks in its own way. It is
 * pending until its maker ends it by exactly one call of thrum_future_set_result or
 * thrum_future_set_error:
 *
 *     struct job { thrum_future *future; int n; };
 *
 *     if (thrum_future_set_running(job->future) == 0)         // else it was cancelled: leave it
 *         thrum_future_set_result(job->future, thrum_value(int, job->n * job->n));
 *
 * Ending the future also gives up the maker's reference. The owner, which may be the same code, has
 * the same pointer and gives it to thrum_future_free at any time. Returns NULL if memory ran out.
 * Does not block. Python: Future(). */
THRUM_API thrum_future *thrum_future_new(void);

/* Marks a future of thrum_future_new as running. A future that runs, is done, or belongs to an
 * executor stops the program. Does not block. Python: Future.set_running_or_notify_cancel().
 *
 * Returns:
 *     0           the future runs; a cancel now only asks the maker to stop
 *     -ECANCELED  the future was cancelled; the maker must not end it and must not use it again
 */
THRUM_API THRUM_MUST_CHECK int thrum_future_set_running(thrum_future *future);

/* Ends a future of thrum_future_new, pending or running, with a copy of `size` bytes at `value`,
 * and calls its callbacks. The value may be a text (thrum_text) or owned (thrum_owned), as for
 * thrum_return. The maker must not use the future after the call, whatever it returned. A second
 * end stops the program, as does one for a future of an executor. Does not block. Python:
 * Future.set_result(), InvalidStateError.
 *
 * Returns:
 *     0           the future has the result
 *     -ECANCELED  the future was cancelled before; the value was dropped
 *     -ENOMEM     memory ran out; the future has failed with this code
 */
THRUM_API int thrum_future_set_result(thrum_future *future, const void *value, size_t size);

/* Ends a future of thrum_future_new with an error: a negative errno, and a message for a person. A
 * code that is not negative counts as -EINVAL. Otherwise as thrum_future_set_result. Python:
 * Future.set_exception().
 *
 * Returns:
 *     0           the future has failed with the error
 *     -ECANCELED  the future was cancelled before
 */
THRUM_API int thrum_future_set_error(thrum_future *future, int code, const char *format, ...)
    THRUM_PRINTF(3, 4);

/* True after thrum_future_cancel was called for the future, also while it runs. It is for the maker
 * of a future of thrum_future_new: a cancel does not interrupt the maker. Does not block. */
THRUM_API bool thrum_future_cancel_requested(const thrum_future *future);

/* Futures in the order in which they are done.
 *
 *     thrum_as_completed *done = thrum_as_completed_new(futures, count);
 *     size_t i;
 *     while (thrum_as_completed_next(done, &i, THRUM_FOREVER) == 0)
 *         report(urls[i], futures[i]);
 *     thrum_as_completed_free(done);
 *
 * The cost is linear in the number of futures. Python: concurrent.futures.as_completed(). */
typedef struct thrum_as_completed thrum_as_completed;

/* Begins to watch `count` futures. Do not free them before the thrum_as_completed; the array itself
 * is not kept. A future that is in the array twice is given twice. Returns NULL if memory ran out.
 * Does not block. */
THRUM_API thrum_as_completed *thrum_as_completed_new(thrum_future *const *futures, size_t count);

/* Waits for the next future that is done and sets `*ret_index` to its index in the array. One
 * thread at a time. Blocks.
 *
 * Returns:
 *     0           the future is done; it may have failed
 *     -ENODATA    all futures have been given
 *     -ETIMEDOUT  the deadline passed first
 *     -EAGAIN     the deadline is THRUM_NOW, and none is done
 *     -ECANCELED  the running task was cancelled
 *     -ESRCH      this is a child made by fork, and pools of the parent have all that are left
 */
THRUM_API THRUM_MUST_CHECK int thrum_as_completed_next(thrum_as_completed *done, size_t *ret_index,
                                                       thrum_deadline deadline);

/* Stops watching; NULL is accepted. The futures are not affected. */
THRUM_API void thrum_as_completed_free(thrum_as_completed *done);

THRUM_END

#endif
