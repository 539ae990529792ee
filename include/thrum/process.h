/* Processes: a task function in a process of its own.
 *
 *     thrum_process *parser = thrum_process_start(parse, thrum_value(struct document, .id = 7));
 *     struct outline outline;
 *     int rc = thrum_process_result(parser, &outline, sizeof outline, thrum_in(5));
 *     if (rc == THRUM_FAILED)
 *         fprintf(stderr, "%s\n", thrum_process_error(parser)->message);    // or how it died
 *     thrum_process_free(parser);
 *     // prints document 7 has no heading
 *
 * A process is used as a thread is: join, result, copy, take, cancel and error have the same names
 * and mean the same. Argument and result are copies of bytes of any size; nothing else is shared.
 * The process is the program, executed once more; the library takes it over before main. See
 * <thrum/process_pool.h> for what follows from that. A value with a destructor cannot leave its
 * process: a task with such an argument fails with -EINVAL.
 *
 * Python: multiprocessing.Process.
 */
#ifndef THRUM_PROCESS_H
#define THRUM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/task.h>
#include <thrum/time.h>

THRUM_BEGIN

typedef struct thrum_process thrum_process;

/* How a process is started. */
typedef enum thrum_start_method {
    /* The program is executed anew. Safe at any time. Python: spawn. */
    THRUM_START_EXEC,
    /* The process is forked. It has a copy of all memory at the moment when it starts; in a pool
     * that is later than the pool. Dangerous in a program with threads: a lock that another
     * thread held at that moment, in the program or in a library, is never released in the child.
     * Handlers of atexit do not run in it. Python: fork. */
    THRUM_START_FORK,
} thrum_start_method;

/* Process options. Zero selects the default. All is copied. */
typedef struct thrum_process_options {
    const char *name; /* in ps, too; "Process-N" by default */
    bool daemon;      /* the end of the program does not wait for it; it is killed then */
    thrum_start_method start;
    uint64_t memory_limit;  /* bytes of address space (RLIMIT_AS) */
    uint64_t cpu_limit;     /* seconds of processor time; then SIGXCPU ends it (RLIMIT_CPU) */
    const int *descriptors; /* that it keeps open, under the same numbers; at most 16 */
    size_t descriptor_count;
    THRUM__OPTIONS(thrum_process_options)
} thrum_process_options;

/* Starts a process that runs `function` with a copy of the `size` bytes at `arg`. The caller owns
 * the handle and gives it to thrum_process_free. Never NULL: a process that could not be started
 * has failed. The code of its error is then
 *
 *  - -EPERM: the program has set-user-ID, set-group-ID or file capabilities
 *  - -EAGAIN, -ENOMEM, -EMFILE: the system refuses a process, memory or descriptors
 *  - -EBADF: a descriptor of the options is not open
 *  - -ENOENT: the function is in no module
 *  - -EINVAL: the argument has a destructor
 *
 * The program does not end before the process has ended. Blocks while the system starts the
 * process, without a deadline. Python: Process.start(). */
THRUM_API thrum_process *thrum_process_start(thrum_task_fn *function, const void *arg, size_t size);

/* The same with options, which may be NULL. */
THRUM_API thrum_process *thrum_process_start_with(const thrum_process_options *options,
                                                  thrum_task_fn *function, const void *arg,
                                                  size_t size);

/* Waits until the process has ended. Any number of threads may join a process, any number of times.
 * Blocks. Python: Process.join(timeout).
 *
 * Returns:
 *     0             its task has succeeded
 *     THRUM_FAILED  its task has failed or was cancelled, or the process could not be started, or
 *                   it ended before its task had (the code of the error is then -ECHILD): see
 *                   thrum_process_error
 *     -ETIMEDOUT    the deadline passed first
 *     -EAGAIN       the deadline is THRUM_NOW, and the process has not ended
 *     -ECANCELED    the running task, which waits, was cancelled
 *     -ESRCH        this is a child made by fork, and the process is the parent's
 */
THRUM_API THRUM_MUST_CHECK int thrum_process_join(thrum_process *process, thrum_deadline deadline);

/* Joins, and copies the result of `size` bytes to `ret_result`. Blocks.
 *
 * Returns what thrum_process_join returns, or:
 *     -EMSGSIZE  the result is not of `size` bytes
 *     -ENODATA   the result was taken before
 */
THRUM_API THRUM_MUST_CHECK int thrum_process_result(thrum_process *process, void *ret_result,
                                                    size_t size, thrum_deadline deadline);

/* Joins, and copies the result, of at most `capacity` bytes, to `ret_result`. If there is a result,
 * `*needed_size`, unless it is NULL, is set to its size, also with -EMSGSIZE. Blocks.
 *
 * Returns what thrum_process_join returns, or:
 *     -EMSGSIZE  the result is larger than `capacity`
 *     -ENODATA   the result was taken before
 */
THRUM_API THRUM_MUST_CHECK int thrum_process_copy(thrum_process *process, void *ret_result,
                                                  size_t capacity, size_t *needed_size,
                                                  thrum_deadline deadline);

/* Joins, and takes the result, whatever its size: the caller owns the bytes and gives them to free.
 * Blocks.
 *
 * Returns what thrum_process_join returns, or:
 *     -ENODATA  the result was taken before
 *     -ENOMEM   memory ran out; the result stays in the handle
 */
THRUM_API THRUM_MUST_CHECK int thrum_process_take(thrum_process *process, void **ret_bytes,
                                                  size_t *ret_size, thrum_deadline deadline);

/* The same for a text. Blocks.
 *
 * Returns what thrum_process_take returns, or -EMSGSIZE: the result does not end in a zero byte. */
THRUM_API THRUM_MUST_CHECK int thrum_process_take_text(thrum_process *process, char **ret_text,
                                                       thrum_deadline deadline);

/* The size of the result in bytes, also after it was taken; 0 without a result. Does not block. */
THRUM_API size_t thrum_process_result_size(thrum_process *process);

/* The error of a process whose task has failed, or that could not be started, or that died; NULL if
 * it has succeeded or has not ended. After a call that returned THRUM_FAILED it is never NULL. The
 * failure counts as observed. Valid as long as the handle. Does not block. */
THRUM_API const thrum_error *thrum_process_error(thrum_process *process);

/* Sets `*ret_code` to the exit status of a process that has ended: 0, or 1 if its task has failed;
 * or what it gave to exit; or minus the number of the signal that killed it. Does not block.
 * Python: Process.exitcode.
 *
 * Returns:
 *     0         the status is known
 *     -EAGAIN   the process has not ended
 *     -ENODATA  it was never started, or other code of the program reaped it
 */
THRUM_API THRUM_MUST_CHECK int thrum_process_exit_code(thrum_process *process, int *ret_code);

/* The system's number of the process, 0 if it was never started. Does not block. Python:
 * Process.pid. */
THRUM_API int32_t thrum_process_pid(const thrum_process *process);

/* The name of the process. Valid as long as the handle. */
THRUM_API const char *thrum_process_name(const thrum_process *process);

/* True until it has ended. Does not block. Python: Process.is_alive(). */
THRUM_API bool thrum_process_is_alive(thrum_process *process);

/* Asks the process's task to stop: its waits return -ECANCELED, and thrum_cancelled is true. Does
 * not wait for it.
 *
 * Returns:
 *     0          the task was asked
 *     -EALREADY  the process has ended
 */
THRUM_API int thrum_process_cancel(thrum_process *process);

/* Sends SIGTERM. Does not wait for the end. Python: Process.terminate().
 *
 * Returns:
 *     0          the signal was sent
 *     -EALREADY  the process has ended
 */
THRUM_API int thrum_process_terminate(thrum_process *process);

/* Sends SIGKILL, which ends the process even if it is stopped. Does not wait for the end. Python:
 * Process.kill().
 *
 * Returns:
 *     0          the signal was sent
 *     -EALREADY  the process has ended
 */
THRUM_API int thrum_process_kill(thrum_process *process);

/* Gives up the handle; NULL is accepted. The process goes on. The failure hook gets a failure that
 * is unobserved. */
THRUM_API void thrum_process_free(thrum_process *process);

THRUM_END

#endif
