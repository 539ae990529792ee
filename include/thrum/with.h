/* thrum_with: holds a lock for a block.
 *
 *     thrum_with (&lock) {
 *         if (balance < amount)
 *             return false;                   // releases
 *         balance -= amount;
 *     }                                       // releases
 *
 * It takes the address of a lock, a reentrant lock, a semaphore (one permit), or a condition (its
 * lock), or one side of a readers-writer lock: thrum_reading(&rw) or thrum_writing(&rw). It
 * acquires the object, without a limit of time, and releases it on every way out of the block: its
 * end, break, continue, return, goto. `break` and `continue` leave the block, and not a loop around
 * it. Python: with.
 */
#ifndef THRUM_WITH_H
#define THRUM_WITH_H

#include <thrum/condition.h>
#include <thrum/lock.h>
#include <thrum/rlock.h>
#include <thrum/rwlock.h>
#include <thrum/semaphore.h>

/* What a block holds, and how it is given back. Private to thrum_with. */
typedef struct thrum__held {
    void *object;
    void (*release)(void *object);
    int once;
} thrum__held;

static inline void thrum__held_release(thrum__held *held)
{
    held->release(held->object);
}

static inline void thrum__with_release_lock(void *lock)
{
    thrum_lock_release((thrum_lock *)lock);
}

static inline void thrum__with_release_semaphore(void *semaphore)
{
    thrum_semaphore_release((thrum_semaphore *)semaphore, 1);
}

static inline void thrum__with_release_condition(void *condition)
{
    thrum_condition_release((thrum_condition *)condition);
}

static inline void thrum__with_release_rlock(void *object)
{
    thrum_rlock_release((thrum_rlock *)object);
}

static inline void thrum__with_release_reader(void *object)
{
    thrum_rwlock_release_read((thrum_rwlock *)object);
}

static inline void thrum__with_release_writer(void *object)
{
    thrum_rwlock_release_write((thrum_rwlock *)object);
}

static inline thrum__held thrum__with_lock(thrum_lock *lock)
{
    thrum_lock_acquire(lock);
    thrum__held held = {lock, thrum__with_release_lock, 1};
    return held;
}

static inline thrum__held thrum__with_semaphore(thrum_semaphore *semaphore)
{
    thrum_semaphore_acquire(semaphore);
    thrum__held held = {semaphore, thrum__with_release_semaphore, 1};
    return held;
}

static inline thrum__held thrum__with_condition(thrum_condition *condition)
{
    thrum_condition_acquire(condition);
    thrum__held held = {condition, thrum__with_release_condition, 1};
    return held;
}

static inline thrum__held thrum__with_rlock(thrum_rlock *object)
{
    thrum_rlock_acquire(object);
    thrum__held held = {object, thrum__with_release_rlock, 1};
    return held;
}

static inline thrum__held thrum__with_reader(thrum_rwlock_reader *object)
{
    thrum_rwlock_acquire_read((thrum_rwlock *)object);
    thrum__held held = {object, thrum__with_release_reader, 1};
    return held;
}

static inline thrum__held thrum__with_writer(thrum_rwlock_writer *object)
{
    thrum_rwlock_acquire_write((thrum_rwlock *)object);
    thrum__held held = {object, thrum__with_release_writer, 1};
    return held;
}

#ifdef __cplusplus
static inline thrum__held thrum__with(thrum_lock *lock)
{
    return thrum__with_lock(lock);
}
static inline thrum__held thrum__with(thrum_rlock *lock)
{
    return thrum__with_rlock(lock);
}
static inline thrum__held thrum__with(thrum_rwlock_reader *reader)
{
    return thrum__with_reader(reader);
}
static inline thrum__held thrum__with(thrum_rwlock_writer *writer)
{
    return thrum__with_writer(writer);
}
static inline thrum__held thrum__with(thrum_semaphore *semaphore)
{
    return thrum__with_semaphore(semaphore);
}
static inline thrum__held thrum__with(thrum_condition *condition)
{
    return thrum__with_condition(condition);
}
#else
/* clang-format off */
#define thrum__with(object)                                                                        \
    _Generic((object),                                                                             \
        thrum_lock *: thrum__with_lock,                                                            \
        thrum_rlock *: thrum__with_rlock,                                                          \
        thrum_rwlock_reader *: thrum__with_reader,                                                 \
        thrum_rwlock_writer *: thrum__with_writer,                                                 \
        thrum_semaphore *: thrum__with_semaphore,                                                  \
        thrum_condition *: thrum__with_condition)(object)
/* clang-format on */
#endif

#define thrum__join2(a, b) a##b
#define thrum__join(a, b)  thrum__join2(a, b)
#define thrum__with_named(object, name)                                                            \
    for (thrum__held name __attribute__((cleanup(thrum__held_release))) = thrum__with(object);     \
         name.once; name.once = 0)

/* Runs the following statement or block while the caller holds `object`, which is evaluated
 * once. */
#define thrum_with(object) thrum__with_named(object, thrum__join(thrum__held_, __LINE__))

#endif
