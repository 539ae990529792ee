/* A future: the result that a submitted task will have.
 *
 *     thrum_future *f = thrum_submit(pool, fetch, thrum_value(struct fetch, .url = url));
 *     size_t length;
 *     int rc = thrum_future_result(f, &length, sizeof length, thrum_in(5));
 *     if (rc < 0 && thrum_future_done(f))
 *         fprintf(stderr, "%s\n", thrum_future_error(f)->message);
 *     thrum_future_free(f);
 *
 * States: pending, running, and then finished (with a result or an error) or cancelled. A future
 * is reference counted between its owner and its executor: the owner may free it at any time, and
 * the task goes on. A failure that nobody asked for goes to the failure hook.
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

/* Waits for the task and copies its result of `size` bytes to `ret_result`, which a failure leaves
 * untouched; NULL and 0 only wait and drop the result. Returns 0; the task's error, -ECANCELED if
 * it was cancelled; -EMSGSIZE if the result is not of `size` bytes; before the task is done:
 * -ETIMEDOUT, -EAGAIN if the deadline is THRUM_NOW, -ECANCELED if the running task was cancelled.
 * thrum_future_done tells a late result from a task's own -ETIMEDOUT. Blocks.
 * Python: Future.result(timeout). */
THRUM_API int thrum_future_result(thrum_future *future, void *ret_result, size_t size,
                                  thrum_time deadline);

/* Waits until the task is done, whether it succeeded or not, and leaves its failure unseen.
 * Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW; -ECANCELED if the running task was
 * cancelled. Blocks. */
THRUM_API int thrum_future_wait(thrum_future *future, thrum_time deadline);

/* The error of a task that failed or was cancelled; NULL if it is not done or succeeded. Asking
 * counts as having seen the failure. The pointer is valid as long as the future.
 * Does not block. Python: Future.exception(). */
THRUM_API const thrum_error *thrum_future_error(thrum_future *future);

/* The size of the result in bytes, 0 while there is none. Does not block. */
THRUM_API size_t thrum_future_result_size(thrum_future *future);

/* Cancels the task. Returns 0 if it was pending: it will never run, the future is done and its
 * waiters wake with -ECANCELED. Returns -EINPROGRESS if it runs: it is asked to stop, its waits
 * return -ECANCELED and thrum_cancelled turns true. Returns -EALREADY if it is done (cancelled
 * before included). Does not wait. Python: Future.cancel(), which leaves a running task alone. */
THRUM_API int thrum_future_cancel(thrum_future *future);

/* True once the task is finished or cancelled. Does not block. Python: Future.done(). */
THRUM_API bool thrum_future_done(thrum_future *future);

/* True while the task runs. Does not block. Python: Future.running(). */
THRUM_API bool thrum_future_running(thrum_future *future);

/* True if the task was cancelled before it ran. Does not block. Python: Future.cancelled(). */
THRUM_API bool thrum_future_cancelled(thrum_future *future);

/* Gives up the owner's reference; NULL is accepted. The task still runs, or goes on, and its
 * result is dropped. Must not be called while another thread uses this reference. */
THRUM_API void thrum_future_free(thrum_future *future);

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

/* Begins to watch `count` futures, which must outlive the result; the array itself is not kept. One
 * that stands in it twice is given twice. Returns NULL if memory is out. Does not block. */
THRUM_API thrum_as_completed *thrum_as_completed_new(thrum_future *const *futures, size_t count);

/* Waits for the next one that is done and gives its index in the array. Returns 0; -ENODATA when
 * all have been given; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW and none is done;
 * -ECANCELED if the running task was cancelled. One thread at a time. Blocks. */
THRUM_API int thrum_as_completed_next(thrum_as_completed *done, size_t *ret_index,
                                      thrum_time deadline);

/* Stops watching; NULL is accepted. The futures are left alone. */
THRUM_API void thrum_as_completed_free(thrum_as_completed *done);

THRUM_END

#endif
