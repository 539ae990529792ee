/* The C library's own functions, behind those that the preload library replaces. */
#ifndef DOCTOR_PRELOAD_REAL_H
#define DOCTOR_PRELOAD_REAL_H

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The C library exports these as __NAME, too: a call to one is a plain call. */
#define REAL_ALIASES(X)                                                                            \
    X(int, pthread_mutex_init, (pthread_mutex_t *, const pthread_mutexattr_t *))                   \
    X(int, pthread_mutex_destroy, (pthread_mutex_t *))                                             \
    X(int, pthread_mutex_lock, (pthread_mutex_t *))                                                \
    X(int, pthread_mutex_trylock, (pthread_mutex_t *))                                             \
    X(int, pthread_mutex_unlock, (pthread_mutex_t *))                                              \
    X(int, pthread_rwlock_init, (pthread_rwlock_t *, const pthread_rwlockattr_t *))                \
    X(int, pthread_rwlock_destroy, (pthread_rwlock_t *))                                           \
    X(int, pthread_rwlock_rdlock, (pthread_rwlock_t *))                                            \
    X(int, pthread_rwlock_wrlock, (pthread_rwlock_t *))                                            \
    X(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t *))                                         \
    X(int, pthread_rwlock_trywrlock, (pthread_rwlock_t *))                                         \
    X(int, pthread_rwlock_unlock, (pthread_rwlock_t *))                                            \
    X(int, pthread_once, (pthread_once_t *, void (*)(void)))

/* The C library's other functions are found by real.c. */
#define REAL_FUNCTIONS(X)                                                                          \
    X(int, pthread_create, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))       \
    X(int, pthread_join, (pthread_t, void **))                                                     \
    X(int, pthread_tryjoin_np, (pthread_t, void **))                                               \
    X(int, pthread_timedjoin_np, (pthread_t, void **, const struct timespec *))                    \
    X(int, pthread_clockjoin_np, (pthread_t, void **, clockid_t, const struct timespec *))         \
    X(int, pthread_detach, (pthread_t))                                                            \
    X(int, pthread_setname_np, (pthread_t, const char *))                                          \
    X(int, pthread_mutex_timedlock, (pthread_mutex_t *, const struct timespec *))                  \
    X(int, pthread_mutex_clocklock, (pthread_mutex_t *, clockid_t, const struct timespec *))       \
    X(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t *, const struct timespec *))              \
    X(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t *, const struct timespec *))              \
    X(int, pthread_rwlock_clockrdlock, (pthread_rwlock_t *, clockid_t, const struct timespec *))   \
    X(int, pthread_rwlock_clockwrlock, (pthread_rwlock_t *, clockid_t, const struct timespec *))   \
    X(int, pthread_spin_init, (pthread_spinlock_t *, int))                                         \
    X(int, pthread_spin_destroy, (pthread_spinlock_t *))                                           \
    X(int, pthread_spin_lock, (pthread_spinlock_t *))                                              \
    X(int, pthread_spin_trylock, (pthread_spinlock_t *))                                           \
    X(int, pthread_spin_unlock, (pthread_spinlock_t *))                                            \
    X(int, pthread_barrier_init, (pthread_barrier_t *, const pthread_barrierattr_t *, unsigned))   \
    X(int, pthread_barrier_destroy, (pthread_barrier_t *))                                         \
    X(int, pthread_barrier_wait, (pthread_barrier_t *))                                            \
    X(int, pthread_cond_init, (pthread_cond_t *, const pthread_condattr_t *))                      \
    X(int, pthread_cond_destroy, (pthread_cond_t *))                                               \
    X(int, pthread_cond_wait, (pthread_cond_t *, pthread_mutex_t *))                               \
    X(int, pthread_cond_timedwait, (pthread_cond_t *, pthread_mutex_t *, const struct timespec *)) \
    X(int, pthread_cond_clockwait,                                                                 \
      (pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *))                   \
    X(int, pthread_cond_signal, (pthread_cond_t *))                                                \
    X(int, pthread_cond_broadcast, (pthread_cond_t *))                                             \
    X(int, sem_init, (sem_t *, int, unsigned))                                                     \
    X(int, sem_destroy, (sem_t *))                                                                 \
    X(int, sem_wait, (sem_t *))                                                                    \
    X(int, sem_trywait, (sem_t *))                                                                 \
    X(int, sem_timedwait, (sem_t *, const struct timespec *))                                      \
    X(int, sem_clockwait, (sem_t *, clockid_t, const struct timespec *))                           \
    X(int, sem_post, (sem_t *))                                                                    \
    X(size_t, malloc_usable_size, (void *))                                                        \
    X(void *, dlopen, (const char *, int))

/* Those that other libraries replace, too: the next one after this library is found. */
#define REAL_CALLS(X)                                                                              \
    X(ssize_t, read, (int, void *, size_t))                                                        \
    X(ssize_t, write, (int, const void *, size_t))                                                 \
    X(ssize_t, readv, (int, const struct iovec *, int))                                            \
    X(ssize_t, writev, (int, const struct iovec *, int))                                           \
    X(ssize_t, recv, (int, void *, size_t, int))                                                   \
    X(ssize_t, recvfrom, (int, void *, size_t, int, __SOCKADDR_ARG, socklen_t *))                  \
    X(ssize_t, recvmsg, (int, struct msghdr *, int))                                               \
    X(ssize_t, send, (int, const void *, size_t, int))                                             \
    X(ssize_t, sendto, (int, const void *, size_t, int, __CONST_SOCKADDR_ARG, socklen_t))          \
    X(ssize_t, sendmsg, (int, const struct msghdr *, int))                                         \
    X(int, accept, (int, __SOCKADDR_ARG, socklen_t *))                                             \
    X(int, accept4, (int, __SOCKADDR_ARG, socklen_t *, int))                                       \
    X(int, connect, (int, __CONST_SOCKADDR_ARG, socklen_t))                                        \
    X(int, poll, (struct pollfd *, nfds_t, int))                                                   \
    X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))            \
    X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))                          \
    X(int, pselect,                                                                                \
      (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))              \
    X(int, epoll_wait, (int, struct epoll_event *, int, int))                                      \
    X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))                   \
    X(int, nanosleep, (const struct timespec *, struct timespec *))                                \
    X(int, clock_nanosleep, (clockid_t, int, const struct timespec *, struct timespec *))          \
    X(int, usleep, (useconds_t))                                                                   \
    X(unsigned, sleep, (unsigned))                                                                 \
    X(int, fsync, (int))                                                                           \
    X(int, fdatasync, (int))                                                                       \
    X(pid_t, waitpid, (pid_t, int *, int))                                                         \
    X(void, free, (void *))

/* Those that only the library of `thrum explore` replaces. */
#ifdef DOCTOR_SCHEDULE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#define REAL_MORE(X)                                                                               \
    X(int, __libc_start_main,                                                                      \
      (int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),               \
       void (*)(void), void *))                                                                    \
    X(int, pthread_cancel, (pthread_t))                                                            \
    X(int, sched_yield, (void))                                                                    \
    X(int, sched_getaffinity, (pid_t, size_t, cpu_set_t *))                                        \
    X(void, exit, (int))                                                                           \
    X(pid_t, fork, (void))                                                                         \
    X(int, sigaction, (int, const struct sigaction *, struct sigaction *))                         \
    X(int, pthread_sigmask, (int, const sigset_t *, sigset_t *))                                   \
    X(int, pthread_kill, (pthread_t, int))                                                         \
    X(int, setitimer, (__itimer_which_t, const struct itimerval *, struct itimerval *))            \
    X(int, timer_settime, (timer_t, int, const struct itimerspec *, struct itimerspec *))          \
    X(void *, malloc, (size_t))                                                                    \
    X(void *, calloc, (size_t, size_t))                                                            \
    X(void *, realloc, (void *, size_t))                                                           \
    X(long, syscall, (long, ...))                                                                  \
    X(int, clock_gettime, (clockid_t, struct timespec *))                                          \
    X(int, ftrylockfile, (FILE *))                                                                 \
    X(void, funlockfile, (FILE *))                                                                 \
    X(void, flockfile, (FILE *))
#else
#define REAL_MORE(X)
#endif

/* REAL(NAME) is one of the others, ALIAS(NAME) one of the first list. */
#ifdef DOCTOR_STATIC

/* The linker leads these to the C library: wrap.h. */
#define REAL_DECLARE(type, name, arguments) type __real_##name arguments;
#define REAL(name)                          __real_##name
#define ALIAS(name)                         __real_##name
REAL_ALIASES(REAL_DECLARE)
REAL_FUNCTIONS(REAL_DECLARE)
REAL_CALLS(REAL_DECLARE)

static inline void thrum__real_find(void)
{
}

#else

#if defined(__x86_64__)
#define REAL_VERSION "GLIBC_2.2.5"
#else
#define REAL_VERSION "GLIBC_2.17"
#endif

/* These names are there for old programs only, so they are bound by their version. */
#define REAL_DECLARE(type, name, arguments)                                                        \
    type __##name arguments;                                                                       \
    __asm__(".symver __" #name ", __" #name "@" REAL_VERSION);
REAL_ALIASES(REAL_DECLARE)
#define ALIAS(name) __##name

#define REAL_FIELD(type, name, arguments) type(*name) arguments;
struct real {
    REAL_FUNCTIONS(REAL_FIELD)
    REAL_CALLS(REAL_FIELD)
    REAL_MORE(REAL_FIELD)
};

/* Whether blocks are freed by the C library: its malloc_usable_size knows them. */
extern bool thrum__real_allocator;

/* Filled in by thrum__real_find, which is idempotent and may be called at any time. */
extern struct real thrum__real_table;
void thrum__real_find(void);

/* The function, found if it was not yet. */
#define REAL(name)                                                                                 \
    (__builtin_expect(!thrum__real_table.name, 0) ? (thrum__real_find(), thrum__real_table.name)   \
                                                  : thrum__real_table.name)

#endif

#endif
