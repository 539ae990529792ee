/* What the hooks of POSIX threads and of C11 share. */
#ifndef DOCTOR_SCHEDULE_HOOKS_H
#define DOCTOR_SCHEDULE_HOOKS_H

#include "turns.h"

#include <signal.h>

int thrum__turn_mutex_lock(pthread_mutex_t *mutex, enum schedule_kind kind, int64_t until,
                           const void *place);
int thrum__turn_mutex_trylock(pthread_mutex_t *mutex, const void *place);
int thrum__turn_mutex_unlock(pthread_mutex_t *mutex, const void *place);
int thrum__turn_mutex_release(pthread_mutex_t *mutex); /* without a turn of its own */

int thrum__turn_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until,
                          const void *place);
void thrum__turn_cond_wake(pthread_cond_t *condition, bool all, const void *place);
void thrum__turn_once(pthread_once_t *control, void (*run)(void), const void *place);

int thrum__turn_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                       void *argument, const void *place);
int thrum__turn_join(pthread_t thread, void **result, int64_t until, const void *place);
int thrum__turn_detach(pthread_t thread);

/* The run begins: the calling thread is the first. */
void thrum__turn_main(void);

/* Handles a signal that the program can no longer have. */
void thrum__signal_take(int number, void (*handler)(int, siginfo_t *, void *), int flags);

/* Calls the handler that the program wants for it. False if it has none. */
bool thrum__signal_pass(int number, siginfo_t *info, void *context);

/* Calls the handlers of the signals that came while the calling thread had no turn. */
void thrum__signal_deliver(void);

/* True if the program handles any signal that is not the library's own. */
bool thrum__signal_handled(void);

/* True if the program may yet get a signal that it has asked for by a timer. */
bool thrum__signal_timer(void);

/* Sends a signal to the program, or to its thread that waits for it. */
void thrum__signal_send(int number);

/* If another thread has cancelled this one, ends it. */
void thrum__turn_cancel_point(void);

#endif
