/* Atomics: the only door to shared memory that more than one thread writes.
 *
 * The memory order stands in each name, so that every use can be searched for and argued about:
 * thrum__load_acquire, thrum__store_release, thrum__cas_acq_rel. The operations are generic over
 * 4- and 8-byte integers and pointers and take plain objects, so that a public struct needs no
 * _Atomic and stays usable from C++.
 *
 *     thrum__load_ORDER(p)                      relaxed, acquire, seq_cst
 *     thrum__store_ORDER(p, v)                  relaxed, release, seq_cst
 *     thrum__exchange_ORDER(p, v)               acquire, release, acq_rel
 *     thrum__add_ORDER(p, v), thrum__sub_...    relaxed, release, acq_rel; give the value before
 *     thrum__and_ORDER(p, v)                    relaxed, release; gives the value before
 *     thrum__cas_ORDER(p, &expected, v)         strong; true if it stored; else expected = found
 *     thrum__cas_weak_ORDER(p, &expected, v)    may fail for no reason; for loops
 *     thrum__fence_seq_cst()
 *
 * A compare-and-swap that fails orders nothing (relaxed), whatever its name says: no code here
 * acts on a failure's value without trying again or reading once more with acquire.
 *
 * In a normal build these are the compiler's builtins and nothing else. In the explorer build
 * (THRUM_EXPLORE) each is a point at which the explorer may let another thread run, and tells it
 * what was ordered: see base/explore.h. Data that an atomic protects may be marked with
 * thrum__plain_read and thrum__plain_write, where the explorer looks for races.
 */
#ifndef THRUM_BASE_ATOMIC_H
#define THRUM_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef THRUM_EXPLORE

#include "base/explore.h"

#define thrum__atomic(access, order, p, operation)                                                 \
    __extension__({                                                                                \
        thrum__explore_before(access, (p), sizeof *(p), __FILE__, __LINE__);                       \
        __typeof__(operation) result_ = (operation);                                               \
        thrum__explore_after(access, order, (p));                                                  \
        result_;                                                                                   \
    })
#define thrum__atomic_store(order, p, v)                                                           \
    __extension__({                                                                                \
        thrum__explore_before(THRUM__EXPLORE_STORE, (p), sizeof *(p), __FILE__, __LINE__);         \
        __atomic_store_n((p), (v), __ATOMIC_SEQ_CST);                                              \
        thrum__explore_after(THRUM__EXPLORE_STORE, order, (p));                                    \
    })
#define thrum__atomic_cas(order, weak, p, expected, v)                                             \
    __extension__({                                                                                \
        thrum__explore_before(THRUM__EXPLORE_CAS, (p), sizeof *(p), __FILE__, __LINE__);           \
        bool stored_ = false;                                                                      \
        if (!(weak) || *(p) != *(expected) || !thrum__explore_weak_failure())                      \
            stored_ = __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST,   \
                                                  __ATOMIC_RELAXED);                               \
        thrum__explore_after(stored_ ? THRUM__EXPLORE_RMW : THRUM__EXPLORE_LOAD,                   \
                             stored_ ? (order) : __ATOMIC_RELAXED, (p));                           \
        stored_;                                                                                   \
    })
#define thrum__atomic_load(order, p)                                                               \
    __extension__({                                                                                \
        thrum__explore_before(THRUM__EXPLORE_LOAD, (p), sizeof *(p), __FILE__, __LINE__);          \
        __auto_type value_ = __atomic_load_n((p), __ATOMIC_SEQ_CST);                               \
        thrum__explore_loaded(order, (p), sizeof *(p), &value_);                                   \
        value_;                                                                                    \
    })
#define thrum__fence_seq_cst() thrum__explore_fence(__FILE__, __LINE__)
#define thrum__plain_read(p)   thrum__explore_plain((p), sizeof *(p), false, __FILE__, __LINE__)
#define thrum__plain_write(p)  thrum__explore_plain((p), sizeof *(p), true, __FILE__, __LINE__)

#else

#define thrum__atomic(access, order, p, operation) (operation)
#define thrum__atomic_load(order, p)               __atomic_load_n((p), (order))
#define thrum__atomic_store(order, p, v)           __atomic_store_n((p), (v), (order))
#define thrum__atomic_cas(order, weak, p, expected, v)                                             \
    __atomic_compare_exchange_n((p), (expected), (v), (weak), (order), __ATOMIC_RELAXED)
#define thrum__fence_seq_cst() thrum__fence()
#define thrum__plain_read(p)   ((void)0)
#define thrum__plain_write(p)  ((void)0)

#endif

#ifndef THRUM_EXPLORE
/* The thread sanitizer knows nothing of fences, and GCC warns of that. None is used here to order
 * data, only a store before a load, where it would have nothing to say. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
static inline void thrum__fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

#define thrum__load_relaxed(p) thrum__atomic_load(__ATOMIC_RELAXED, p)
#define thrum__load_acquire(p) thrum__atomic_load(__ATOMIC_ACQUIRE, p)
#define thrum__load_seq_cst(p) thrum__atomic_load(__ATOMIC_SEQ_CST, p)

#define thrum__store_relaxed(p, v) thrum__atomic_store(__ATOMIC_RELAXED, p, v)
#define thrum__store_release(p, v) thrum__atomic_store(__ATOMIC_RELEASE, p, v)
#define thrum__store_seq_cst(p, v) thrum__atomic_store(__ATOMIC_SEQ_CST, p, v)

#define thrum__atomic_update(builtin, order, p, v)                                                 \
    thrum__atomic(THRUM__EXPLORE_RMW, order, p, builtin((p), (v), (order)))

#define thrum__exchange_acquire(p, v)                                                              \
    thrum__atomic_update(__atomic_exchange_n, __ATOMIC_ACQUIRE, p, v)
#define thrum__exchange_release(p, v)                                                              \
    thrum__atomic_update(__atomic_exchange_n, __ATOMIC_RELEASE, p, v)
#define thrum__exchange_acq_rel(p, v)                                                              \
    thrum__atomic_update(__atomic_exchange_n, __ATOMIC_ACQ_REL, p, v)

#define thrum__add_relaxed(p, v) thrum__atomic_update(__atomic_fetch_add, __ATOMIC_RELAXED, p, v)
#define thrum__add_release(p, v) thrum__atomic_update(__atomic_fetch_add, __ATOMIC_RELEASE, p, v)
#define thrum__add_acq_rel(p, v) thrum__atomic_update(__atomic_fetch_add, __ATOMIC_ACQ_REL, p, v)
#define thrum__sub_relaxed(p, v) thrum__atomic_update(__atomic_fetch_sub, __ATOMIC_RELAXED, p, v)
#define thrum__sub_release(p, v) thrum__atomic_update(__atomic_fetch_sub, __ATOMIC_RELEASE, p, v)
#define thrum__sub_acq_rel(p, v) thrum__atomic_update(__atomic_fetch_sub, __ATOMIC_ACQ_REL, p, v)

#define thrum__and_relaxed(p, v) thrum__atomic_update(__atomic_fetch_and, __ATOMIC_RELAXED, p, v)
#define thrum__and_release(p, v) thrum__atomic_update(__atomic_fetch_and, __ATOMIC_RELEASE, p, v)

#define thrum__cas_relaxed(p, expected, v)                                                         \
    thrum__atomic_cas(__ATOMIC_RELAXED, false, p, expected, v)
#define thrum__cas_acquire(p, expected, v)                                                         \
    thrum__atomic_cas(__ATOMIC_ACQUIRE, false, p, expected, v)
#define thrum__cas_release(p, expected, v)                                                         \
    thrum__atomic_cas(__ATOMIC_RELEASE, false, p, expected, v)
#define thrum__cas_acq_rel(p, expected, v)                                                         \
    thrum__atomic_cas(__ATOMIC_ACQ_REL, false, p, expected, v)
#define thrum__cas_weak_acquire(p, expected, v)                                                    \
    thrum__atomic_cas(__ATOMIC_ACQUIRE, true, p, expected, v)
#define thrum__cas_weak_release(p, expected, v)                                                    \
    thrum__atomic_cas(__ATOMIC_RELEASE, true, p, expected, v)
#define thrum__cas_weak_relaxed(p, expected, v)                                                    \
    thrum__atomic_cas(__ATOMIC_RELAXED, true, p, expected, v)

#endif
