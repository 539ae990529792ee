/* How a thread sleeps without the GIL, and how another thread wakes it.
 *
 * A thread that hands something over and then waits for the answer needs a switch of threads each way. The kernel's
 * switch costs 2 microseconds on one processor and 7 to 13 between two, more than all else that the objects do. With a
 * GIL it is often paid twice: the woken thread finds the GIL taken by its waker, and sleeps again until the waker
 * releases it. Two rules avoid both:
 *
 *     1. A thread spins for a short time before it parks in its semaphore. A waker of a thread that spins writes one
 *        word and makes no system call. Between its looks at the word a spinning thread yields the processor: if the
 *        waker shares it, the waker runs at once, and the yield is the switch.
 *     2. A woken thread does not ask for the GIL while its waker has it. Each sleep counts `releases` after it has
 *        released the GIL, and the waker notes the count. When the count has changed, some thread has gone to sleep,
 *        most often the waker, and the GIL can be had. The woken thread waits for that, a few microseconds at most.
 *
 * Both waits are bounded: a program that switches rarely spends some microseconds more for each wait. Spins that were in
 * vain lower the credit of their thread. A thread without credit spins only in each sixteenth sleep. A yield may give
 * the processor to another program for milliseconds; a thread to which that happened has no credit left. So a busy
 * machine sees parked threads, as without this file. At most eight threads of a process spin at a time.
 *
 * The state of a sleeper:
 *
 *     AWAKE -> PARKED    by its thread, without the GIL, before it waits for the semaphore
 *     AWAKE -> WOKEN     by a waker, with the GIL: the thread spins, or has not slept yet
 *     PARKED -> WOKEN    by a waker, with the GIL; it then posts the semaphore
 *     any -> AWAKE       by its thread, with the GIL, before it sleeps
 *
 * The changes to PARKED and to WOKEN compete by exchanges. That to WOKEN releases, and a look that finds WOKEN acquires:
 * so the thread sees the `releases` that its waker noted.
 *
 * A thread may end its sleep by itself, through a signal or its deadline, and be woken after that. Such a post stays in
 * the semaphore and ends a later sleep of the same sleeper early.
 *
 * Signals: one that arrives before the wait for the semaphore does not interrupt it. So the thread that runs Python's
 * handlers first parks for 10 ms at most, and then reports EINTR as after a signal.
 *
 * fork: the number of threads that spin is that of the parent process, and the child process sets it to zero. A thread
 * that forks runs Python code, so it does not spin.
 *
 * Rejected: to post a thread only when its waker releases the GIL. Python has no hook for that. A waker that goes on to
 * read a file would leave the other asleep while the GIL is free. Rejected: to post one of several woken threads at a
 * time, since one alone can have the GIL. It measured the same. Rejected: to hand a lock or the item of a queue to the
 * waiter. It cannot use it before its waker releases the GIL, and a thread that could use it at once would have to wait.
 */
#include "sleep.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum { AWAKE, PARKED, WOKEN };

enum {
    SPIN_NS = 15000,
    RELEASE_NS = 5000,       /* for the release of the GIL */
    LOOKS = 16,              /* at a word between two yields */
    MOST_CREDIT = 8,         /* spins in vain until a thread gives up */
    SPIN_EVERY = 16,         /* sleeps of a thread without credit */
    MOST_SPINNERS = 8,       /* threads */
    FIRST_PARK_NS = 10000000 /* of the thread that runs handlers */
};

static _Atomic unsigned releases;
static _Atomic int spinners;
static unsigned long handling_thread; /* changed with the GIL, when no other thread runs */
static _Thread_local int credit = MOST_CREDIT / 2;
static _Thread_local unsigned sleeps_without_credit;

void ext_sleepers_begin(unsigned long thread)
{
    handling_thread = thread;
    atomic_store(&spinners, 0);
}

/* The doctor knows this number, and that the semaphore follows the mark and two addresses: doctor/python.c. */
#define MARK UINT64_C(0x7065656c73797074)

void ext_sleeper_init(ext_sleeper *self, PyObject *object)
{
    self->mark = MARK;
    self->object = object;
    if (PyObject_TypeCheck(object, ext.lock) || PyObject_TypeCheck(object, ext.rlock))
        self->owner = &((ext_lock *)object)->owner;
    sem_init(&self->semaphore, 0, 0);
}

void ext_sleeper_finish(ext_sleeper *self)
{
    sem_destroy(&self->semaphore);
}

void ext_sleeper_wake(ext_sleeper *self)
{
    self->releases = atomic_load_explicit(&releases, memory_order_relaxed);
    if (atomic_exchange_explicit(&self->state, WOKEN, memory_order_acq_rel) == PARKED)
        sem_post(&self->semaphore);
}

/* ---- Spinning; without the GIL ---- */

static void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool is_woken(ext_sleeper *self)
{
    return atomic_load_explicit(&self->state, memory_order_acquire) == WOKEN;
}

/* Without a GIL there is nothing to wait for. */
static bool is_released(ext_sleeper *self)
{
#ifdef Py_GIL_DISABLED
    (void)self;
    return true;
#endif
    return atomic_load_explicit(&releases, memory_order_relaxed) != self->releases;
}

/* Looks for a condition until a moment. */
static bool look(bool (*condition)(ext_sleeper *), ext_sleeper *self, ext_deadline until)
{
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (condition(self))
                return true;
            pause_processor();
        }
        sched_yield();
    } while (ext_now() < until);
    return condition(self);
}

/* Whether the calling thread should spin now. */
static bool has_credit(void)
{
    return credit > 0 || ++sleeps_without_credit % SPIN_EVERY == 0;
}

/* True if it was woken. */
static bool spin(ext_sleeper *self)
{
    bool woken = false;
    if (atomic_fetch_add_explicit(&spinners, 1, memory_order_relaxed) < MOST_SPINNERS) {
        ext_deadline begin = ext_now();
        woken = look(is_woken, self, begin + SPIN_NS);
        if (ext_now() - begin > 4 * SPIN_NS)
            credit = 0;
        else if (woken)
            credit += credit < MOST_CREDIT;
        else
            credit -= credit > 0;
    }
    atomic_fetch_sub_explicit(&spinners, 1, memory_order_relaxed);
    return woken;
}

/* ---- Sleeping ---- */

/* 0, or an errno. */
static int park_until(ext_sleeper *self, ext_deadline deadline)
{
    int rc;
    if (deadline == EXT_FOREVER) {
        rc = sem_wait(&self->semaphore);
    } else {
        struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
        rc = sem_clockwait(&self->semaphore, CLOCK_MONOTONIC, &until);
    }
    return rc == 0 ? 0 : errno;
}

static int park(ext_sleeper *self, ext_deadline deadline, bool first)
{
    int awake = AWAKE;
    if (!atomic_compare_exchange_strong_explicit(&self->state, &awake, PARKED, memory_order_acq_rel,
                                                 memory_order_acquire))
        return 0;
    if (!first || PyThread_get_thread_ident() != handling_thread)
        return park_until(self, deadline);
    ext_deadline early = ext_now() + FIRST_PARK_NS;
    int error = park_until(self, early < deadline ? early : deadline);
    return error == ETIMEDOUT && early < deadline ? EINTR : error;
}

int ext_sleeper_sleep(ext_sleeper *self, ext_deadline deadline, bool first)
{
    int error = 0;
    atomic_store_explicit(&self->state, AWAKE, memory_order_relaxed);
    PyThreadState *thread = PyEval_SaveThread();
    atomic_fetch_add_explicit(&releases, 1, memory_order_relaxed);
    if (!first || !has_credit() || !spin(self))
        error = park(self, deadline, first);
    if (is_woken(self))
        look(is_released, self, ext_now() + RELEASE_NS);
    PyEval_RestoreThread(thread);
    return error;
}
