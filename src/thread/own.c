/* Threads of the library's own that end.
 *
 * A worker of a pool leaves on its own: the pool shrinks, or is shut down. After its last touch of
 * the pool it still runs code: destructors of thrum_local values, then those of the C library's
 * thread-specific data, in which other libraries give back what they keep for a thread. A shutdown
 * that returned before that would let the program unload such a library, or end, while the
 * destructor still runs. So a shutdown joins the thread.
 *
 * Nobody knows which worker leaves last, and a pool must not keep a handle for each that has left.
 * So they join one another. An object has one word, `departed`: the thread that departed last and
 * is not joined yet.
 *
 *     depart     exchanges the word: enters the caller, and takes the thread that departed before
 *     end        joins that thread, after the caller's last touch of the object
 *     await      the owner joins what is in the word, once all have departed
 *     abandon    moves the last thread of an object without such an owner to a word for the
 *                whole program, before the end of the program can miss it. The caller joins the
 *                thread that was there; the end of the program joins the last one.
 *
 * So a join of a thread has waited for all that departed from the object before it. A thread waits
 * only for threads that departed before it did, so they cannot wait for one another. A join is
 * short: a thread that has departed only has its destructors to run. At most one stack of an ended
 * thread remains for each object.
 *
 * A destructor may itself shut the pool down. Its thread has departed, and those that departed
 * later wait for it. So a thread that runs destructors joins nothing (`thrum__local_ends`).
 *
 * The exchange is an acquire and a release, so whichever thread takes a handle sees its contents.
 * The owner reads the word after the event that tells it that all have departed.
 *
 * The wait is shielded, as a worker may have been cancelled.
 *
 * Fork: the child of a task that forks has none of the threads. Its own thread does not depart. A
 * handle of the parent's is freed there without a join (thread.c).
 *
 * Rejected: a counter that detached threads decrease last, because destructors run after the last
 * code of the library; a destructor of thread-specific data that does it, because the order of
 * destructors is unspecified; a list of handles for the owner, because it grows while a pool
 * shrinks and grows.
 *
 * Tests: tests/unit/executor/test_pool_life.c.
 */
#include "thread/own.h"
#include "base/local.h"
#include "thread/thread.h"

int thrum__thread_start_own(const char *name, thrum_task_fn *function, const void *arg, size_t size)
{
    thrum_thread *thread = thrum_thread_start_with(
        &(thrum_thread_options){.name = name, .daemon = true}, function, arg, size);
    const thrum_error *error = thrum_thread_error(thread);
    int code = error ? error->code : 0;
    if (code < 0)
        thrum_thread_free(thread);
    else
        thrum__store_relaxed(&thread->state_->own, 1);
    return code;
}

thrum_thread *thrum__thread_depart(thrum_thread **departed)
{
    return thrum__exchange_acq_rel(departed, thrum__self()->thread->owner);
}

void thrum__thread_await(thrum_thread *thread)
{
    if (!thread || thrum__local_ends())
        return;
    thrum_shield_begin();
    (void)!thrum_thread_join(thread, THRUM_FOREVER); /* what failed is reported elsewhere */
    thrum_shield_end();
}

void thrum__thread_reap(thrum_thread *thread)
{
    thrum__thread_await(thread);
    thrum_thread_free(thread);
}

thrum_thread *thrum__thread_abandon(thrum_thread *thread)
{
#ifndef THRUM_EXPLORE
    static thrum_thread *abandoned;
    return thrum__exchange_acq_rel(&abandoned, thread);
#else
    thrum_thread_free(thread); /* nothing is explored after the end of the program */
    return NULL;
#endif
}

void thrum__thread_end(thrum_thread *previous)
{
    thrum__thread_reap(previous);
    thrum__local_end();
}
