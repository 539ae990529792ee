/* thrum_with: holds a lock for a block.
 *
 *     thrum_with (&lock) {
 *         if (balance < amount)
 *             return false;                   // releases
 *         balance -= amount;
 *     }                                       // releases
 *
 *     thrum_with_until (&lock, thrum_in(0.5)) {
 *         balance += amount;
 *     } else {                                // the lock was not acquired
 *         return thrum_cancelled(self) ? -ECANCELED : -ETIMEDOUT;
 *     }
 *
 * Both take the address of a lock, a reentrant lock, a semaphore (one permit), or a condition (its
 * lock), or one side of a readers-writer lock: thrum_reading(&rw) or thrum_writing(&rw). The object
 * is released on every way out of the block: its end, break, continue, return, goto. `break` and
 * `continue` leave the block, and not a loop around it. A function whose blocks all return needs no
 * return after them.
 *
 * thrum_with acquires the object without a limit of time. A cancellation does not interrupt it.
 *
 * thrum_with_until acquires it before the deadline. If it cannot, the `else` branch, which is
 * optional, runs in place of the block. This happens if the deadline passes (with THRUM_NOW at
 * once), if the running task is cancelled (see thrum_cancelled), or if the caller already holds the
 * lock. Python: with.
 */
#ifndef THRUM_WITH_H
#define THRUM_WITH_H

#include <thrum/condition.h>
#include <thrum/lock.h>
#include <thrum/rlock.h>
#include <thrum/rwlock.h>
#include <thrum/semaphore.h>

/* What a block holds, and how it is given back; `object` is NULL if it was not acquired. Private to
 * thrum_with. */
typedef struct thrum__held {
    void *object;
    void (*release)(void *object);
} thrum__held;

static inline void thrum__held_release(thrum__held *held)
{
    held->release(held->object);
}

static inline void thrum__held_end(thrum__held *held)
{
    if (held->object)
        held->release(held->object);
}

/* For each kind: how it is released, and how it is acquired, for thrum_with and
 * thrum_with_until. */
#define thrum__with_kind(kind, type, object_type, acquire, acquire_until, give_back)               \
    static inline void thrum__with_release_##kind(void *object)                                    \
    {                                                                                              \
        give_back;                                                                                 \
    }                                                                                              \
    static inline thrum__held thrum__with_##kind(type *object)                                     \
    {                                                                                              \
        acquire((object_type *)object);                                                            \
        thrum__held held = {object, thrum__with_release_##kind};                                   \
        return held;                                                                               \
    }                                                                                              \
    static inline thrum__held thrum__with_until_##kind(type *object, thrum_deadline deadline)      \
    {                                                                                              \
        thrum__held held = {object, thrum__with_release_##kind};                                   \
        if (acquire_until((object_type *)object, deadline) != 0)                                   \
            held.object = (void *)0;                                                               \
        return held;                                                                               \
    }                                                                                              \
    thrum__with_overload(kind, type)

/* C++ chooses the kind by overloads, C by _Generic. */
#ifdef __cplusplus
#define thrum__with_overload(kind, type)                                                           \
    static inline thrum__held thrum__with(type *object)                                            \
    {                                                                                              \
        return thrum__with_##kind(object);                                                         \
    }                                                                                              \
    static inline thrum__held thrum__with_until(type *object, thrum_deadline deadline)             \
    {                                                                                              \
        return thrum__with_until_##kind(object, deadline);                                         \
    }
#else
#define thrum__with_overload(kind, type)
#endif

thrum__with_kind(lock, thrum_lock, thrum_lock, thrum_lock_acquire, thrum_lock_acquire_until,
                 thrum_lock_release((thrum_lock *)object))
    thrum__with_kind(rlock, thrum_rlock, thrum_rlock, thrum_rlock_acquire,
                     thrum_rlock_acquire_until, thrum_rlock_release((thrum_rlock *)object))
        thrum__with_kind(reader, thrum_rwlock_reader, thrum_rwlock, thrum_rwlock_acquire_read,
                         thrum_rwlock_acquire_read_until,
                         thrum_rwlock_release_read((thrum_rwlock *)object))
            thrum__with_kind(writer, thrum_rwlock_writer, thrum_rwlock, thrum_rwlock_acquire_write,
                             thrum_rwlock_acquire_write_until,
                             thrum_rwlock_release_write((thrum_rwlock *)object))
                thrum__with_kind(semaphore, thrum_semaphore, thrum_semaphore,
                                 thrum_semaphore_acquire, thrum_semaphore_acquire_until,
                                 thrum_semaphore_release((thrum_semaphore *)object, 1))
                    thrum__with_kind(condition, thrum_condition, thrum_condition,
                                     thrum_condition_acquire, thrum_condition_acquire_until,
                                     thrum_condition_release((thrum_condition *)object))

#ifndef __cplusplus
/* clang-format off */
#define thrum__with_choose(prefix, object)                                                         \
    _Generic((object),                                                                             \
        thrum_lock *: prefix##lock,                                                                \
        thrum_rlock *: prefix##rlock,                                                              \
        thrum_rwlock_reader *: prefix##reader,                                                     \
        thrum_rwlock_writer *: prefix##writer,                                                     \
        thrum_semaphore *: prefix##semaphore,                                                      \
        thrum_condition *: prefix##condition)
/* clang-format on */
#define thrum__with(object) thrum__with_choose(thrum__with_, object)(object)
#define thrum__with_until(object, deadline)                                                        \
    thrum__with_choose(thrum__with_until_, object)(object, deadline)
#endif

#define thrum__join2(a, b) a##b
#define thrum__join(a, b)  thrum__join2(a, b)

/* The block is the body of a loop that runs once. The loop has no condition before the block,
 * because a compiler would take that for a way around it, and warn of a missing return. So it is
 * left behind the block, by a `break` in the step. GCC takes that for the enclosing loop, Clang for
 * this one, and the enclosing loop ends as well: `switch` enters it behind its condition, which is
 * false.
 *
 * GCC without optimization merges the ways out of a scope with a cleanup, and then warns of a
 * missing return all the same. There -Wreturn-type is off from the first block to the end of the
 * file. */
#ifdef __clang__
#define thrum__with_quiet                                                                          \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wgcc-compat\"")
#define thrum__with_loud _Pragma("clang diagnostic pop")
#else
#define thrum__with_quiet
#define thrum__with_loud
#endif
#if defined(__clang__) || defined(__OPTIMIZE__)
#define thrum__with_merged
#else
#define thrum__with_merged _Pragma("GCC diagnostic ignored \"-Wreturn-type\"")
#endif
#define thrum__with_once(held, name, end)                                                          \
    thrum__with_quiet switch (0) while (0) default                                                 \
        : for (thrum__held name __attribute__((unused, cleanup(end))) = held;;                     \
               __extension__({ thrum__with_merged break; })) thrum__with_loud

#define thrum__with_named(thing, name)                                                             \
    thrum__with_once(thrum__with(thing), name, thrum__held_release)
#define thrum__with_until_named(thing, deadline, name)                                             \
    thrum__with_once(thrum__with_until(thing, deadline), name, thrum__held_end) if (name.object)

/* Runs the following statement or block while the caller holds `object`, which is evaluated
 * once. */
#define thrum_with(object) thrum__with_named(object, thrum__join(thrum__held_, __LINE__))

/* The same if `object` can be acquired before the deadline; else runs what follows `else`, if
 * anything. Both are evaluated once. */
#define thrum_with_until(object, deadline)                                                         \
    thrum__with_until_named(object, deadline, thrum__join(thrum__held_, __LINE__))

#endif
