/* The C library's own functions, behind those that the preload library replaces. */
#ifndef DOCTOR_PRELOAD_REAL_H
#define DOCTOR_PRELOAD_REAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <time.h>

/* The C library exports these under names of their own, too: a call to one is a plain call. */
int __pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __pthread_mutex_destroy(pthread_mutex_t *mutex);
int __pthread_mutex_lock(pthread_mutex_t *mutex);
int __pthread_mutex_trylock(pthread_mutex_t *mutex);
int __pthread_mutex_unlock(pthread_mutex_t *mutex);
int __pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int __pthread_rwlock_destroy(pthread_rwlock_t *lock);
int __pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);
int __pthread_rwlock_trywrlock(pthread_rwlock_t *lock);
int __pthread_rwlock_unlock(pthread_rwlock_t *lock);
int __pthread_once(pthread_once_t *control, void (*run)(void));
int __pthread_setspecific(pthread_key_t key, const void *value);

/* These names are there for old programs only, so they are bound by their version. */
#if defined(__x86_64__)
#define REAL_VERSION "GLIBC_2.2.5"
#else
#define REAL_VERSION "GLIBC_2.17"
#endif
#define REAL_BIND(name) __asm__(".symver " #name ", " #name "@" REAL_VERSION);
REAL_BIND(__pthread_mutex_init)
REAL_BIND(__pthread_mutex_destroy)
REAL_BIND(__pthread_mutex_lock)
REAL_BIND(__pthread_mutex_trylock)
REAL_BIND(__pthread_mutex_unlock)
REAL_BIND(__pthread_rwlock_init)
REAL_BIND(__pthread_rwlock_destroy)
REAL_BIND(__pthread_rwlock_rdlock)
REAL_BIND(__pthread_rwlock_wrlock)
REAL_BIND(__pthread_rwlock_tryrdlock)
REAL_BIND(__pthread_rwlock_trywrlock)
REAL_BIND(__pthread_rwlock_unlock)
REAL_BIND(__pthread_once)
REAL_BIND(__pthread_setspecific)

/* The others are found in the C library's table of symbols: real.c. */
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
    X(void *, dlopen, (const char *, int))

#define REAL_FIELD(type, name, arguments) type(*name) arguments;
struct real {
    REAL_FUNCTIONS(REAL_FIELD)
};

/* Filled in by real_find, which is idempotent and may be called at any time. */
extern struct real real_table;
void real_find(void);

/* REAL(name)(...): the function, found if it was not yet. */
#define REAL(name)                                                                                 \
    (__builtin_expect(!real_table.name, 0) ? (real_find(), real_table.name) : real_table.name)

#endif
