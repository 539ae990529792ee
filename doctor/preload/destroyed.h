/* Uses of objects that were destroyed.
 *
 * That the record of an object is dead does not prove it: a program may have made its memory a new object by an initializer,
 * which calls nothing; a variable on the stack is made so each time. So there must be a sign in the object itself, which
 * any initialization overwrites:
 *
 *     mutex                        the C library leaves a kind that does not exist, and refuses the call (hook_mutex.c)
 *     condition                    the C library sets a bit in the word that counts waiters
 *     rwlock, semaphore, barrier   the C library leaves them as they are, so they go on working. The hook of the
 *                                  destruction writes a mark into bytes that glibc does not use; it changes nothing for the
 *                                  program. The hooks of sem_init and pthread_barrier_init remove it, as glibc does not
 *                                  write these bytes; pthread_rwlock_init and all initializers do.
 *     objects of thrum             all-zero memory is a valid object, and there is no room for a mark. The record alone
 *                                  counts, unless the memory was freed in between; so it is shown with --strict only.
 *
 * An object that processes share gets no mark: another process may initialize it again, and is not watched.
 */
#ifndef DOCTOR_PRELOAD_DESTROYED_H
#define DOCTOR_PRELOAD_DESTROYED_H

#include "watch.h"

#include <pthread.h>
#include <semaphore.h>

enum { DESTROYED_MARK = 0x6d7272, CONDITION_DESTROYED = 4 };

/* The last of the eight words of a semaphore and of a barrier; glibc uses four and five. */
enum { LAST_WORD = 7, SEMAPHORE_SHARED = 2, BARRIER_SHARED = 3 };
_Static_assert(sizeof(sem_t) == 32 && sizeof(pthread_barrier_t) == 32, "the last word is free");

static inline bool destroyed_rwlock(const pthread_rwlock_t *lock)
{
    return unlikely(lock->__data.__pad2 == DESTROYED_MARK);
}

/* Of a semaphore or a barrier. */
static inline bool destroyed_words(const void *object)
{
    return unlikely(((const uint32_t *)object)[LAST_WORD] == DESTROYED_MARK);
}

static inline bool destroyed_condition(const pthread_cond_t *condition)
{
    return unlikely(__atomic_load_n(&condition->__data.__wrefs, __ATOMIC_RELAXED) &
                    CONDITION_DESTROYED);
}

static inline void destroyed_mark_rwlock(pthread_rwlock_t *lock)
{
    if (thrum__watch_region && !lock->__data.__shared)
        lock->__data.__pad2 = DESTROYED_MARK;
}

/* `shared`: the word of the object that says whether processes share it. */
static inline void destroyed_mark_words(void *object, unsigned shared)
{
    uint32_t *words = object;
    if (thrum__watch_region && !words[shared])
        words[LAST_WORD] = DESTROYED_MARK;
}

static inline void destroyed_unmark_words(void *object)
{
    ((uint32_t *)object)[LAST_WORD] = 0;
}

#endif
