/* Fork-join: parts of one computation that run at the same time.
 *
 *     struct sum { const double *values; size_t count; double total; };
 *
 *     static int sum(void *arg)
 *     {
 *         struct sum *s = (struct sum *)arg;
 *         size_t half = s->count / 2;
 *         if (s->count < 1000) {
 *             for (size_t i = 0; i < s->count; i++)
 *                 s->total += s->values[i];
 *             return 0;
 *         }
 *         struct sum left = {s->values, half, 0}, right = {s->values + half, s->count - half, 0};
 *         int rc = thrum_both(pool, sum, &left, sum, &right);
 *         s->total = left.total + right.total;
 *         return rc;
 *     }
 *
 * A part is a small function, `int fn(void *arg)`, and not a task. It has no object, its argument
 * is not copied, and it has ended when the call that started it returns. So a part may use
 * variables of the caller, and a fork costs a few nanoseconds. A part returns 0, or a negative
 * errno to fail.
 *
 * The caller runs the first part itself. A worker of the executor that has nothing to do runs
 * another part at the same time; if there is none, the caller runs all of them. On the inline
 * executor and on a process pool the caller runs all parts, one after another. The caller may be a
 * task of the executor or of another one, a fiber, or any thread.
 *
 * A part may wait. It may wait for another part if the same call, or a call around it, has started
 * that part. A waiting part does not delay the other parts: another worker runs them, even if the
 * system refuses more threads.
 *
 * A part that runs on another worker belongs to the task that forked. thrum_cancelled(NULL) is true
 * there if that task was cancelled, and the task's deadline ends the part's waits. After a cancel a
 * wait of the part ends, at the latest when the caller comes to its join. A shield of the caller
 * covers the part. Values of thrum_local are those of the worker.
 *
 * The executor must not be shut down during the call, unless the caller is a task of it. In a child
 * made by fork, a part that another worker had begun is lost: the call fails with -ESRCH.
 *
 * Python has nothing like this. Ideas: Cilk; Rust's rayon; oneTBB.
 */
#ifndef THRUM_PARALLEL_H
#define THRUM_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/executor.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* A part of a computation. */
typedef int thrum_part_fn(void *arg);

/* Runs `function_a` with `arg_a` and `function_b` with `arg_b`, at the same time if a worker of
 * `executor` has nothing else to do. The caller runs `function_a`. If that fails and no worker has
 * begun `function_b`, it is not run. Blocks until both have ended, without a deadline, even if the
 * running task is cancelled. Allocates memory only at the first call in the process.
 *
 * Returns:
 *     0        both succeeded
 *     the error of `function_a`, or of `function_b` if `function_a` succeeded
 *     -EAGAIN  the system refuses the executor's first thread, or the thread that fork-join needs
 *              once in a process; no part has run
 *     -ENOMEM  there is no memory for that thread; no part has run
 *     -ESRCH   this is a child made by fork, and a thread of the parent had begun `function_b`
 */
THRUM_API THRUM_MUST_CHECK int thrum_both(thrum_executor *executor, thrum_part_fn *function_a,
                                          void *arg_a, thrum_part_fn *function_b, void *arg_b);

/* Does the work for the indices from `first` up to, but without, `end`. */
typedef int thrum_range_fn(void *arg, size_t first, size_t end);

/* Calls `function` for parts of the range from `first` up to, but without, `end`, so that each
 * index is in exactly one part. The size of the parts is found by measuring: about two microseconds
 * of work each. A range that takes less than a few microseconds stays in the caller. An empty range
 * calls nothing. After a part has failed, parts that have not begun are left out. Blocks until all
 * parts have ended, without a deadline.
 *
 * Returns:
 *     0        all parts succeeded
 *     the error of the failed part with the lowest indices
 *     -EAGAIN, -ENOMEM, -ESRCH
 *              as thrum_both
 */
THRUM_API THRUM_MUST_CHECK int thrum_for(thrum_executor *executor, size_t first, size_t end,
                                         thrum_range_fn *function, void *arg);

/* How a range is reduced to one value. */
typedef struct thrum_reduction {
    size_t size; /* bytes of a total */
    /* Adds the items with the indices from `first` up to, but without, `end` to `*total`. */
    int (*fold)(void *arg, size_t first, size_t end, void *total);
    /* Adds `*other`, which stands for the items that follow those of `*total`, to `*total`. */
    void (*combine)(void *arg, void *total, const void *other);
} thrum_reduction;

/* Reduces a range to one value. `*total` holds the neutral element (0 for a sum), and on success
 * the result; on failure it is unchanged. Each part of the range folds into a total of its own,
 * which begins as the neutral element. Totals are combined in the order of the indices, so
 * `combine` must be associative but need not be commutative. Sums of floating-point numbers depend
 * on where the range is cut. Parts are chosen, and failures handled, as by thrum_for. Blocks,
 * without a deadline.
 *
 * Returns what thrum_for returns. */
THRUM_API THRUM_MUST_CHECK int thrum_reduce(thrum_executor *executor, size_t first, size_t end,
                                            const thrum_reduction *reduction, void *arg,
                                            void *total);

/* A part that was started in a scope. In the caller's memory, until the scope has ended. Fields are
 * private. */
typedef struct thrum_part {
    struct thrum_part *older_, *newer_;
    thrum_part_fn *function_;
    void *arg_;
    struct thrum_part *previous_;
    void *scope_, *context_, *runner_;
    thrum_deadline ends_at_;
    uint64_t ticket_;
    uint32_t shields_, place_, state_, thief_;
    int code_;
} thrum_part;

/* Any number of parts that end together. In the caller's memory. Fields are private. */
typedef struct thrum_scope {
    thrum_executor *executor_;
    thrum_part *last_;
    void *forks_;
    uint64_t room_[48];
} thrum_scope;

/* Begins a scope.
 *
 *     struct walk children[MOST];
 *     thrum_part parts[MOST];
 *     thrum_scope scope;
 *     int rc = thrum_scope_begin(&scope, pool);
 *     for (int i = 0; rc == 0 && i < count; i++)
 *         thrum_scope_start(&scope, &parts[i], walk, &children[i]);
 *     ...                                          // the caller's own share
 *     if (rc == 0)
 *         rc = thrum_scope_end(&scope);
 *
 * Scopes and calls of thrum_both nest. The context that began a scope ends it, before those around
 * it. Does not block.
 *
 * Returns:
 *     0        the scope has begun
 *     -EAGAIN, -ENOMEM
 *              as thrum_both; there is no scope to end
 */
THRUM_API THRUM_MUST_CHECK int thrum_scope_begin(thrum_scope *scope, thrum_executor *executor);

/* Starts `function` with `arg` as a part of the scope. `part` and `*arg` must stay until the scope
 * has ended. A worker with nothing to do runs it soon; otherwise the end of the scope does. Does
 * not block. Ending or starting out of order stops the program. */
THRUM_API void thrum_scope_start(thrum_scope *scope, thrum_part *part, thrum_part_fn *function,
                                 void *arg);

/* Runs the parts that no worker has begun, newest first, and waits for the others. After a part has
 * failed, those that have not begun are left out. Blocks, without a deadline.
 *
 * Returns:
 *     0       all parts succeeded
 *     the error of the failed part that was started first
 *     -ESRCH  as thrum_both
 */
THRUM_API THRUM_MUST_CHECK int thrum_scope_end(thrum_scope *scope);

/* Sorts `count` elements of `size` bytes at `base`. `compare` returns a negative number, 0 or a
 * positive number if the first element comes before, with or after the second. Several threads call
 * it at the same time. Equal elements keep their order. Needs as much memory again as the elements
 * have. Blocks, without a deadline. Python: list.sort().
 *
 * Returns:
 *     0        the elements are sorted
 *     -ENOMEM  memory ran out; the elements are as they were
 *     -EAGAIN, -ESRCH
 *              as thrum_both; after -EAGAIN the elements are in some order, after -ESRCH they are
 *              undefined
 */
THRUM_API THRUM_MUST_CHECK int thrum_sort(thrum_executor *executor, void *base, size_t count,
                                          size_t size,
                                          int (*compare)(const void *a, const void *b, void *arg),
                                          void *arg);

/* ----------------------------------------------------------------------------- thrum_both, inline */

/* What a thread or fiber has forked on one executor and not joined. Private, as all that follows. */
typedef struct thrum__fork_list {
    const void *hook;
    thrum_executor *executor;
    const uint32_t *enough; /* 0: a worker may want a part */
    thrum_part *newest;
} thrum__fork_list;

/* The beginning of what stands for a thread or fiber. */
typedef struct thrum__running {
    thrum__fork_list *forks;
    void *scope;
} thrum__running;

/* thrum_both where the caller has no list for the executor, or not the innermost. */
__attribute__((visibility("default"))) int
thrum__fork_outermost(thrum_executor *executor, thrum_part_fn *function_a, void *arg_a,
                      thrum_part_fn *function_b, void *arg_b);

/* Offers the oldest part. */
__attribute__((visibility("default"))) void thrum__fork_offer(thrum__fork_list *forks);

/* Ends a fork whose first half has given `code`, if thrum__fork_pop has failed. */
__attribute__((visibility("default"))) int thrum__fork_join(thrum__fork_list *forks,
                                                            thrum_part *part, int code);

/* A static function may not be called in thrum_both, which is not static. */
#define THRUM__ALWAYS_INLINE extern __inline__ __attribute__((__gnu_inline__, __always_inline__))

THRUM__ALWAYS_INLINE void thrum__fork_push(thrum__fork_list *forks, thrum_part *part,
                                           thrum_part_fn *function, void *arg, void *scope)
{
    part->function_ = function;
    part->arg_ = arg;
    part->scope_ = scope;
    part->place_ = 0;
    part->older_ = forks->newest;
    forks->newest->newer_ = part;
    forks->newest = part;
}

THRUM__ALWAYS_INLINE bool thrum__fork_pop(thrum__fork_list *forks, const thrum_part *part)
{
    if (__builtin_expect(part->place_ != 0, 0))
        return false;
    forks->newest = part->older_;
    return true;
}

THRUM__ALWAYS_INLINE bool thrum__fork_wanted(const thrum__fork_list *forks)
{
    return __builtin_expect(!__atomic_load_n(forks->enough, __ATOMIC_RELAXED), 0);
}

/* Only where the running thread's variable can be read by one instruction, which no compiler keeps
 * across a call: a fiber may go on in another thread. Tools that watch memory see the function. */
#if defined __x86_64__ && defined __LP64__ && defined __ELF__ && defined __OPTIMIZE__ &&           \
    !defined THRUM__BOTH_OUT_OF_LINE && !defined THRUM_EXPLORE && !defined __SANITIZE_THREAD__
#define THRUM__BOTH_INLINE
#endif
#if defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef THRUM__BOTH_INLINE
#endif
#endif

#ifdef THRUM__BOTH_INLINE
extern __inline__ __attribute__((__gnu_inline__)) int
thrum_both(thrum_executor *executor, thrum_part_fn *function_a, void *arg_a,
           thrum_part_fn *function_b, void *arg_b)
{
    thrum__running *running;
    __asm__ __volatile__("mov{q thrum__local_slot@gottpoff(%%rip), %0|"
                         " %0, QWORD PTR thrum__local_slot@gottpoff[rip]}\n\t"
                         "mov{q %%fs:(%0), %0| %0, QWORD PTR fs:[%0]}"
                         : "=r"(running)
                         :
                         : "memory");
    thrum__fork_list *forks = __builtin_expect(running != NULL, 1) ? running->forks : NULL;
    if (__builtin_expect(!forks || forks->executor != executor, 0))
        return thrum__fork_outermost(executor, function_a, arg_a, function_b, arg_b);
    thrum_part part;
    thrum__fork_push(forks, &part, function_b, arg_b, running->scope);
    if (thrum__fork_wanted(forks))
        thrum__fork_offer(forks);
    int code = function_a(arg_a);
    if (__builtin_expect(!thrum__fork_pop(forks, &part), 0))
        return thrum__fork_join(forks, &part, code);
    if (thrum__fork_wanted(forks))
        thrum__fork_offer(forks);
    return code ? code : function_b(arg_b);
}
#endif

THRUM_END

#endif
