/* A future: the result that a submitted task will have.
 *
 *     thrum_future *f = thrum_submit(pool, fetch, thrum_value(struct fetch, .url = url));
 *     size_t length;
 *     int rc = thrum_future_result(f, &length, sizeof length, thrum_in(5));
 *     const thrum_error *error = thrum_future_error(f);
 *     if (rc < 0)
 *         fprintf(stderr, "%s\n", error ? error->message : thrum_strerror(rc));
 *     thrum_future_free(f);
 *
 * The task may end between two calls: after a wait that timed out, thrum_future_done may be true and
 * the task may have succeeded. Then there is no error, so ask thrum_future_error once and check it.
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

/* Memory for a future of the caller's own: thrum_submit_into. Fields are private. */
typedef struct thrum_future_memory {
    uint64_t room_[16];
} __attribute__((aligned(64))) thrum_future_memory;

/* Waits for the task and copies its result of `size` bytes to `ret_result`, which a failure leaves
 * untouched; NULL and 0 only wait and drop the result. Returns 0; the task's error, -ECANCELED if
 * it was cancelled; -EMSGSIZE if the result is not of `size` bytes; -ENODATA if it was taken;
 * before the task is done: -ETIMEDOUT, -EAGAIN if the deadline is THRUM_NOW, -ECANCELED if the
 * running task was cancelled. thrum_future_done tells a late result from a task's own -ETIMEDOUT.
 * Blocks. Python: Future.result(timeout). */
THRUM_API int thrum_future_result(thrum_future *future, void *ret_result, size_t size,
                                  thrum_deadline deadline);

/* Waits for the task and copies its result, of at most `capacity` bytes, to `ret_result`.
 * `*needed_size`, if it is not NULL, is set to the size of the result whenever there is one, so
 * that after -EMSGSIZE you know what it needs. Blocks. Returns:
 *
 *  - 0
 *  - -EMSGSIZE: the result is larger than `capacity`; nothing was copied
 *  - -ENODATA: the result was taken
 *  - what thrum_future_result returns for a task that failed or is not done */
THRUM_API int thrum_future_copy(thrum_future *future, void *ret_result, size_t capacity,
                                size_t *needed_size, thrum_deadline deadline);

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
 * NULL and 0. Of several calls at the same time one gets the result. Blocks. Returns:
 *
 *  - 0
 *  - -ENODATA: the result was taken before, by this call or as an owned result (thrum_owned)
 *  - -ENOMEM: memory is out; the result stays
 *  - what thrum_future_result returns for a task that failed or is not done */
THRUM_API int thrum_future_take(thrum_future *future, void **ret_bytes, size_t *ret_size,
                                thrum_deadline deadline);

/* The same for a text, the result of thrum_return(self, thrum_text(...)). Returns as
 * thrum_future_take, or -EMSGSIZE for a result that does not end in a zero byte; it stays then.
 * Blocks. */
THRUM_API int thrum_future_take_text(thrum_future *future, char **ret_text,
                                     thrum_deadline deadline);

/* Waits until the task is done, whether it succeeded or not, and leaves its failure unseen.
 * Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW; -ECANCELED if the running task was
 * cancelled; -ESRCH in a child of fork for a task that a pool of the parent has. Blocks. */
THRUM_API int thrum_future_wait(thrum_future *future, thrum_deadline deadline);

/* The error of a task that failed or was cancelled; NULL if it is not done or succeeded. Asking
 * counts as having seen the failure. The pointer is valid as long as the future.
 * Does not block. Python: Future.exception(). */
THRUM_API const thrum_error *thrum_future_error(thrum_future *future);

/* The size of the result in bytes, also once it was taken; 0 while there is none. Does not block.
 * */
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

/* What thrum_wait waits for. */
typedef enum thrum_wait_condition {
    THRUM_ALL_COMPLETED,   /* until all are done */
    THRUM_FIRST_COMPLETED, /* until one is done */
    THRUM_FIRST_FAILED     /* until one has failed, or all are done; one that was cancelled, or that
                              ended with -ECANCELED, has not failed */
} thrum_wait_condition;

/* Waits until the condition holds for the `count` futures, at once if it does or if there are none.
 * Leaves failures unseen; thrum_future_done tells afterwards which are done. A future may stand in
 * the array twice. Returns 0; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW; -ECANCELED if the
 * running task was cancelled; -ENOMEM; -ESRCH in a child of fork, where nobody will
 * make the condition true. The cost is linear in `count`. Blocks.
 * Python: concurrent.futures.wait(). */
THRUM_API int thrum_wait(thrum_future *const *futures, size_t count, thrum_wait_condition condition,
                         thrum_deadline deadline);

/* Called when a future is done. Returns 0, or a negative errno, which goes to the failure hook; a
 * positive number is a mistake and goes there as -EINVAL. */
typedef int thrum_done_callback(thrum_future *future, void *context);

/* Has `function` called with `future` and `context` once it is done, however it ended: by the
 * thread that ends it (the worker, or one that cancels it), or at once by the caller if it is done.
 * For a task of a process pool a background thread of the library calls it: the callback may start
 * and wait for processes, and callbacks of other futures may run at the same time.
 * Callbacks are called in the order of adding, but one that is added to a future that is done does
 * not wait for earlier ones that are being called just then. Waiters may go on before callbacks
 * have been called; a shutdown of the executor comes after them.
 *
 * No lock is held: the callback may use the future as the owner may, even free it. It is shielded
 * from cancellation. What it waits for, the worker waits for, too, so it should be short. It must
 * not shut down the executor whose worker or background thread calls it: that stops the program.
 * Returns 0; -ENOMEM, and then it is never called. Does not block but for the callback itself.
 * Python: Future.add_done_callback(). */
THRUM_API int thrum_future_add_done_callback(thrum_future *future, thrum_done_callback *function,
                                             void *context);

/* Gives up the owner's reference; NULL is accepted. The task still runs, or goes on, and its
 * result is dropped. Must not be called while another thread uses this reference. Does not block,
 * but for a future in memory of the caller (thrum_submit_into): there it waits until the task has
 * ended and the executor is done with that memory. */
THRUM_API void thrum_future_free(thrum_future *future);

/* A future that no executor carries, for those who write one: pending until its maker ends it by
 * one call of thrum_future_set_result or thrum_future_set_error, which is owed:
 *
 *     struct job { thrum_future *future; int n; };
 *
 *     if (thrum_future_set_running(job->future) == 0)         // else it was cancelled: leave it
 *         thrum_future_set_result(job->future, thrum_value(int, job->n * job->n));
 *
 * The maker does not free it: ending it does that for his part, and the owner, to whom he hands the
 * same pointer, gives it to thrum_future_free at any time, as every other. Maker and owner may be
 * one. Returns NULL if memory is out. Does not block. Python: Future(). */
THRUM_API thrum_future *thrum_future_new(void);

/* Marks a future made by hand as running. Returns 0, and a cancel from now on only asks; or
 * -ECANCELED if it was cancelled, and then the maker is done with it: nothing is owed any more.
 * Stops the program for one that is running or done already, or that an executor carries.
 * Does not block. Python: Future.set_running_or_notify_cancel(). */
THRUM_API int thrum_future_set_running(thrum_future *future);

/* Ends a future made by hand, pending or running, with a copy of `size` bytes at `value`; the
 * callbacks are called. The value may be a text (thrum_text) or owned (thrum_owned), as for
 * thrum_return. Returns 0; -ECANCELED if it was cancelled; -ENOMEM, which it has then failed with.
 * In each case the maker is done with it and must not touch it again: a second end stops the
 * program, as does one for a future that an executor carries. Does not block. Python:
 * Future.set_result(), and InvalidStateError. */
THRUM_API int thrum_future_set_result(thrum_future *future, const void *value, size_t size);

/* The same with a failure: a negative errno (another counts as -EINVAL) and a message for a person.
 * Returns 0 or -ECANCELED. Python: Future.set_exception(). */
THRUM_API int thrum_future_set_error(thrum_future *future, int code, const char *format, ...)
    THRUM_PRINTF(3, 4);

/* True once someone has cancelled the future, or asked it to stop while it ran: for the maker of
 * one made by hand, whom a cancel does not interrupt. Does not block. */
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

/* Begins to watch `count` futures, which must outlive the result; the array itself is not kept. One
 * that stands in it twice is given twice. Returns NULL if memory is out. Does not block. */
THRUM_API thrum_as_completed *thrum_as_completed_new(thrum_future *const *futures, size_t count);

/* Waits for the next one that is done and gives its index in the array. Returns 0; -ENODATA when
 * all have been given; -ETIMEDOUT; -EAGAIN if the deadline is THRUM_NOW and none is done;
 * -ECANCELED if the running task was cancelled; -ESRCH in a child of fork if pools of the parent
 * have all that are left. One thread at a time. Blocks. */
THRUM_API int thrum_as_completed_next(thrum_as_completed *done, size_t *ret_index,
                                      thrum_deadline deadline);

/* Stops watching; NULL is accepted. The futures are left alone. */
THRUM_API void thrum_as_completed_free(thrum_as_completed *done);

THRUM_END

#endif
