/* What the hooks of POSIX threads and of C11 share. */
#ifndef DOCTOR_PRELOAD_HOOKS_H
#define DOCTOR_PRELOAD_HOOKS_H

#include <pthread.h>

enum condition_call { CONDITION_WAIT, CONDITION_TIMED, CONDITION_CLOCK };

int thrum__watch_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                        void *argument, const void *place);
int thrum__watch_join(pthread_t thread, void **result, const void *place);
int thrum__watch_detach(pthread_t thread);
int thrum__watch_mutex_lock(pthread_mutex_t *mutex, const void *place);
int thrum__watch_mutex_trylock(pthread_mutex_t *mutex, const void *place);
int thrum__watch_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                 const struct timespec *until, const void *place);
int thrum__watch_mutex_unlock(pthread_mutex_t *mutex);
int thrum__watch_once(pthread_once_t *control, void (*run)(void), const void *place);
int thrum__watch_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until, enum condition_call call,
                           const void *place);
int thrum__watch_cond_wake(pthread_cond_t *condition, int all, const void *place);

#endif
