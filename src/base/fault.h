/* Fault injection: make the n-th allocation, thread or process start, wait, mapping or descriptor
 * fail, for tests.
 *
 * A fault site asks thrum__fault(SITE) and behaves as if the machine had failed when it says so.
 * Nothing is armed outside tests, and the question then costs one predictable branch on a path
 * that is slow anyway.
 */
#ifndef THRUM_BASE_FAULT_H
#define THRUM_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum thrum__fault_site {
    THRUM__FAULT_ALLOC,        /* memory is out */
    THRUM__FAULT_THREAD_START, /* the system refuses a thread: EAGAIN */
    THRUM__FAULT_HELPER_START, /* ... one for the library itself */
    THRUM__FAULT_FUTEX_WAIT,   /* a wait ends by a signal: EINTR */
    THRUM__FAULT_FUTEX_ANY,    /* the kernel is too old for a wait on several words: ENOSYS */
    THRUM__FAULT_PAGES,        /* the system refuses address space, or a guard in it */
    THRUM__FAULT_POLLER,       /* the system refuses a poller: EMFILE */
    THRUM__FAULT_POLLER_ARM,   /* ... to watch a descriptor: ENOMEM */
    THRUM__FAULT_WAKE,         /* ... a wake descriptor: EMFILE */
    THRUM__FAULT_SOCKET,       /* ... a socket: EMFILE */
    THRUM__FAULT_ACCEPT,       /* ... one for a connection that has come: EMFILE */
    THRUM__FAULT_CONNECT,      /* a connect that the system gives up: ETIMEDOUT */
    THRUM__FAULT_LIFE,         /* ... to say how another process is: EMFILE */
    THRUM__FAULT_SHARED,       /* ... memory between processes: ENOMEM, EMFILE */
    THRUM__FAULT_SPAWN,        /* ... a process: EAGAIN */
    THRUM__FAULT_PIDFD,        /* ... a descriptor of one: EMFILE */
    THRUM__FAULT_SHARED_PAGES, /* ... memory for several processes: EMFILE */
    THRUM__FAULT_SITES,
};

/* Lets the calls number `first` to `first + count - 1` of `site` by the calling thread fail, counted from 1.
 * Counting begins anew. This is the form for code that runs in the test's own thread: a call of another thread, such as
 * a worker that is just starting, can then take no failure away. A fiber's thread is its worker. */
void thrum__fault_arm(enum thrum__fault_site site, uint32_t first, uint32_t count);

/* The same for the calls of all threads: where the failure is to meet a worker, a thread of the library, or threads that
 * the test starts. Which of them meets it is not determined. */
void thrum__fault_arm_all(enum thrum__fault_site site, uint32_t first, uint32_t count);

/* No call of `site` fails any more. */
void thrum__fault_disarm(enum thrum__fault_site site);

/* How many calls of `site` there were since it was armed, by the threads that it was armed for, failed ones included. */
uint32_t thrum__fault_calls(enum thrum__fault_site site);

/* The question itself, behind the branch. */
bool thrum__fault_slow(enum thrum__fault_site site);

extern bool thrum__fault_armed;

static inline bool thrum__fault(enum thrum__fault_site site)
{
    return __builtin_expect(__atomic_load_n(&thrum__fault_armed, __ATOMIC_ACQUIRE), 0) &&
           thrum__fault_slow(site);
}

#endif
