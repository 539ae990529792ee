/* For static programs: the linker leads calls of these functions to __wrap_NAME, which is here, and
 * those of __real_NAME to the C library (--wrap=NAME for each; meson.build makes the list of these options
 * from this file). It comes before all other headers (-include). */
#ifndef DOCTOR_PRELOAD_WRAP_H
#define DOCTOR_PRELOAD_WRAP_H

#define pthread_create             __wrap_pthread_create
#define pthread_join               __wrap_pthread_join
#define pthread_tryjoin_np         __wrap_pthread_tryjoin_np
#define pthread_timedjoin_np       __wrap_pthread_timedjoin_np
#define pthread_clockjoin_np       __wrap_pthread_clockjoin_np
#define pthread_detach             __wrap_pthread_detach
#define pthread_mutex_init         __wrap_pthread_mutex_init
#define pthread_mutex_destroy      __wrap_pthread_mutex_destroy
#define pthread_mutex_lock         __wrap_pthread_mutex_lock
#define pthread_mutex_trylock      __wrap_pthread_mutex_trylock
#define pthread_mutex_timedlock    __wrap_pthread_mutex_timedlock
#define pthread_mutex_clocklock    __wrap_pthread_mutex_clocklock
#define pthread_mutex_unlock       __wrap_pthread_mutex_unlock
#define pthread_spin_init          __wrap_pthread_spin_init
#define pthread_spin_destroy       __wrap_pthread_spin_destroy
#define pthread_spin_lock          __wrap_pthread_spin_lock
#define pthread_spin_trylock       __wrap_pthread_spin_trylock
#define pthread_spin_unlock        __wrap_pthread_spin_unlock
#define pthread_once               __wrap_pthread_once
#define pthread_rwlock_init        __wrap_pthread_rwlock_init
#define pthread_rwlock_destroy     __wrap_pthread_rwlock_destroy
#define pthread_rwlock_rdlock      __wrap_pthread_rwlock_rdlock
#define pthread_rwlock_wrlock      __wrap_pthread_rwlock_wrlock
#define pthread_rwlock_tryrdlock   __wrap_pthread_rwlock_tryrdlock
#define pthread_rwlock_trywrlock   __wrap_pthread_rwlock_trywrlock
#define pthread_rwlock_timedrdlock __wrap_pthread_rwlock_timedrdlock
#define pthread_rwlock_timedwrlock __wrap_pthread_rwlock_timedwrlock
#define pthread_rwlock_clockrdlock __wrap_pthread_rwlock_clockrdlock
#define pthread_rwlock_clockwrlock __wrap_pthread_rwlock_clockwrlock
#define pthread_rwlock_unlock      __wrap_pthread_rwlock_unlock
#define pthread_cond_init          __wrap_pthread_cond_init
#define pthread_cond_destroy       __wrap_pthread_cond_destroy
#define pthread_cond_wait          __wrap_pthread_cond_wait
#define pthread_cond_timedwait     __wrap_pthread_cond_timedwait
#define pthread_cond_clockwait     __wrap_pthread_cond_clockwait
#define pthread_cond_signal        __wrap_pthread_cond_signal
#define pthread_cond_broadcast     __wrap_pthread_cond_broadcast
#define sem_init                   __wrap_sem_init
#define sem_destroy                __wrap_sem_destroy
#define sem_wait                   __wrap_sem_wait
#define sem_trywait                __wrap_sem_trywait
#define sem_timedwait              __wrap_sem_timedwait
#define sem_clockwait              __wrap_sem_clockwait
#define sem_post                   __wrap_sem_post
#define pthread_barrier_init       __wrap_pthread_barrier_init
#define pthread_barrier_destroy    __wrap_pthread_barrier_destroy
#define pthread_barrier_wait       __wrap_pthread_barrier_wait
#define mtx_init                   __wrap_mtx_init
#define mtx_destroy                __wrap_mtx_destroy
#define mtx_lock                   __wrap_mtx_lock
#define mtx_trylock                __wrap_mtx_trylock
#define mtx_timedlock              __wrap_mtx_timedlock
#define mtx_unlock                 __wrap_mtx_unlock
#define cnd_init                   __wrap_cnd_init
#define cnd_destroy                __wrap_cnd_destroy
#define cnd_wait                   __wrap_cnd_wait
#define cnd_timedwait              __wrap_cnd_timedwait
#define cnd_signal                 __wrap_cnd_signal
#define cnd_broadcast              __wrap_cnd_broadcast
#define thrd_create                __wrap_thrd_create
#define thrd_join                  __wrap_thrd_join
#define thrd_detach                __wrap_thrd_detach
#define call_once                  __wrap_call_once

#endif
