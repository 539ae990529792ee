/* What the gate tells the explorer, and asks it, in the explorer build (THRUM_EXPLORE).
 *
 * The explorer runs a small client program over and over, each time with another interleaving of
 * its threads. Its threads are coroutines on one OS thread, so that a run is deterministic; every
 * function below is called by the running thread, and may hand control to another before it
 * returns. Nothing above src/base/ includes this file: it sees atomic.h, futex.h, clock.h and the
 * rest, whose operations lead here in the explorer build.
 *
 * The tests' side of it (spawn, check, the search itself) is in src/search/.
 */
#ifndef THRUM_BASE_EXPLORE_H
#define THRUM_BASE_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THRUM__EXPLORE_THREADS = 11 }; /* in one run at most, the first thread included */

enum thrum__explore_access {
    THRUM__EXPLORE_LOAD,
    THRUM__EXPLORE_STORE,
    THRUM__EXPLORE_RMW,
    THRUM__EXPLORE_CAS, /* before: not known yet whether it will store; after: LOAD or RMW */
};

/* Just before an atomic access to `size` bytes at `address`: another thread may run first. */
void thrum__explore_before(enum thrum__explore_access access, const void *address, size_t size,
                           const char *file, int line);

/* Just after it, with the __ATOMIC_ order that the source names: what it makes visible. */
void thrum__explore_after(enum thrum__explore_access access, int order, const void *address);

/* The same for a load, which may be given an older value than it has found. */
void thrum__explore_loaded(int order, const void *address, size_t size, void *value);

/* Whether the weak compare-and-swap at hand shall fail for no reason. */
bool thrum__explore_weak_failure(void);

/* A sequentially consistent fence. */
void thrum__explore_fence(const char *file, int line);

/* A plain access to shared data: a race with another thread's unordered access is an error. */
void thrum__explore_plain(const void *address, size_t size, bool write, const char *file, int line);

/* The futex: as thrum__futex_wait and thrum__futex_wake. A wait may end for no reason, a timed one
 * may time out, where the client's budget allows it. */
enum { THRUM__EXPLORE_WORDS = 4 }; /* on which one may sleep at once */
int thrum__explore_futex_wait(uint32_t *word, uint32_t expected, int64_t deadline);
int thrum__explore_futex_wait_any(uint32_t *const *words, const uint32_t *expected, unsigned count,
                                  int64_t deadline);
int thrum__explore_futex_wake(uint32_t *word, int count);

/* One turn of a spin loop: the thread does not run again before another has done something. */
void thrum__explore_pause(void);

/* Virtual time in nanoseconds; it moves only when a timed wait ends by its deadline. */
int64_t thrum__explore_now(void);

/* The running thread's one slot of thread-local memory; what to call with its value, if it has
 * one, when the thread ends, or NULL. */
void **thrum__explore_local(void);
uint32_t *thrum__explore_local_number(void);
void thrum__explore_local_end(void (*at_exit)(void *value));

/* Threads. start gives 0 and a handle, or -EAGAIN where the client's budget has a failure. */
int thrum__explore_thread_start(uintptr_t *ret_thread, void *(*run)(void *), void *argument);
void thrum__explore_thread_join(uintptr_t thread);

/* The number of the running thread, 0 for the first one. */
int32_t thrum__explore_thread_number(void);

/* Whether the allocation at hand shall fail. */
bool thrum__explore_allocation_failure(void);

/* Zeroed memory of the run; NULL while none is on. Immortal memory is no leak. */
void *thrum__explore_allocate(size_t size, size_t alignment, bool immortal);

/* Gives it back; false if it is not of the run. */
bool thrum__explore_release(void *address);

/* The memory at `address` ceases to be what it was (freed, or its stack frame left): an atomic or
 * marked access to it from now on is an error, until it is allocated or thrum__explore_live. */
void thrum__explore_dead(void *address, size_t size);
void thrum__explore_live(void *address, size_t size);

/* Until it is turned off again, the running thread is not preempted and its accesses are not
 * recorded: bookkeeping that no property depends on. Calls nest. */
void thrum__explore_quiet(bool on);

/* What the running thread did is ordered before all that follows a later handover by another, as if
 * both had held one lock: for a lock inside of quiet stretches, where nothing is recorded. */
void thrum__explore_handover(void);

/* A panic ends the run as failed, or as passed where the client expects it. Does not return. */
void thrum__explore_panic(const char *message) __attribute__((noreturn));

#endif
