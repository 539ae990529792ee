/* The owner word of a lock: the ident of the context that owns it, 0 for none.
 *
 * The owner writes it: its ident after it acquires, 0 before it releases. A release that hands the
 * lock over writes the ident of the waiter. Any thread may read it, and learns one thing for
 * certain: whether the reader itself is the owner.
 *
 * That holds only if the reader has its ident before it reads the word. Idents are used again: the
 * first call of a thread that thrum did not start makes its context, and may get the ident of an
 * owner that has just released and ended. A word read before would then name the caller, which owns
 * nothing. A word read after cannot: the owner cleared it before it gave its context back, and the
 * caller got the context later. So the caller sees the 0 or what a later owner wrote.
 *
 * The state word of a lock stands before its owner word, and the two change in one step when a
 * thread acquires or releases the lock. So a held lock has an owner at every moment, a fork
 * included: a child process finds the lost owner by name.
 *
 * So a comparison is made here and nowhere else, and makes no context: a caller without an ident
 * owns nothing. tools/check_gate.sh rejects any other use of an owner word.
 */
#ifndef THRUM_PARK_OWNER_H
#define THRUM_PARK_OWNER_H

#include "base/atomic.h"
#include "base/local.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the calling thread or fiber is the owner. */
static inline bool thrum__owner_is_self(const uint32_t *owner)
{
    uint32_t ident = thrum__local_number();
    return ident && thrum__load_relaxed(owner) == ident;
}

/* Acquires a lock: changes its state from `*expected` to `next`, and its owner from none to
 * `ident`. On failure `*expected` is the state found. An acquire. */
static inline bool thrum__owner_take(uint32_t *state, uint32_t *owner, uint32_t *expected,
                                     uint32_t next, uint32_t ident);

/* Releases it: changes the owner from `ident` to none. A release. */
static inline bool thrum__owner_give(uint32_t *state, uint32_t *owner, uint32_t *expected,
                                     uint32_t next, uint32_t ident);

/* The same in one attempt, for fast paths: acquires a lock whose state has no bit of `busy` by
 * adding `add`; releases a lock whose owner is `ident` and whose state has no bit of `busy` by
 * subtracting `held`. False for anything else. */
static inline bool thrum__owner_take_fast(uint32_t *state, uint32_t *owner, uint32_t busy,
                                          uint32_t add, uint32_t ident);
static inline bool thrum__owner_give_fast(uint32_t *state, uint32_t *owner, uint32_t busy,
                                          uint32_t held, uint32_t ident);

/* Makes the context with that ident the owner; 0: none. For a holder of the lock's guard. */
static inline void thrum__owner_set(uint32_t *owner, uint32_t ident)
{
    thrum__store_relaxed(owner, ident);
}

#ifdef THRUM_EXPLORE

/* Two steps, in the order that keeps the owner of a free lock 0: more interleavings than there are. */

static inline bool thrum__owner_take(uint32_t *state, uint32_t *owner, uint32_t *expected,
                                     uint32_t next, uint32_t ident)
{
    bool taken = thrum__cas_acquire(state, expected, next);
    if (taken)
        thrum__owner_set(owner, ident);
    return taken;
}

static inline bool thrum__owner_give(uint32_t *state, uint32_t *owner, uint32_t *expected,
                                     uint32_t next, uint32_t ident)
{
    thrum__owner_set(owner, 0);
    bool given = thrum__cas_release(state, expected, next);
    if (!given)
        thrum__owner_set(owner, ident);
    return given;
}

static inline bool thrum__owner_take_fast(uint32_t *state, uint32_t *owner, uint32_t busy,
                                          uint32_t add, uint32_t ident)
{
    uint32_t found = thrum__load_relaxed(state);
    return !(found & busy) && thrum__owner_take(state, owner, &found, found + add, ident);
}

static inline bool thrum__owner_give_fast(uint32_t *state, uint32_t *owner, uint32_t busy,
                                          uint32_t held, uint32_t ident)
{
    if (thrum__load_relaxed(owner) != ident)
        return false;
    uint32_t found = thrum__load_relaxed(state);
    return !(found & busy) && thrum__owner_give(state, owner, &found, found - held, ident);
}

#else

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the state is the low half of both");

typedef uint64_t __attribute__((may_alias)) thrum__state_and_owner;

static inline bool thrum__owner_take(uint32_t *state, uint32_t *owner, uint32_t *expected,
                                     uint32_t next, uint32_t ident)
{
    (void)owner;
    uint64_t both = *expected;
    bool taken =
        thrum__cas_acquire((thrum__state_and_owner *)state, &both, (uint64_t)ident << 32 | next);
    *expected = (uint32_t)both;
    return taken;
}

static inline bool thrum__owner_give(uint32_t *state, uint32_t *owner, uint32_t *expected,
                                     uint32_t next, uint32_t ident)
{
    (void)owner;
    uint64_t both = (uint64_t)ident << 32 | *expected;
    bool given = thrum__cas_release((thrum__state_and_owner *)state, &both, (uint64_t)next);
    *expected = (uint32_t)both;
    return given;
}

static inline bool thrum__owner_take_fast(uint32_t *state, uint32_t *owner, uint32_t busy,
                                          uint32_t add, uint32_t ident)
{
    (void)owner;
    uint64_t both = thrum__load_relaxed((thrum__state_and_owner *)state);
    return !((uint32_t)both & busy) && thrum__cas_acquire((thrum__state_and_owner *)state, &both,
                                                          both + ((uint64_t)ident << 32 | add));
}

static inline bool thrum__owner_give_fast(uint32_t *state, uint32_t *owner, uint32_t busy,
                                          uint32_t held, uint32_t ident)
{
    (void)owner;
    uint64_t both = thrum__load_relaxed((thrum__state_and_owner *)state);
    return both >> 32 == ident && !(both & busy) &&
           thrum__cas_release((thrum__state_and_owner *)state, &both,
                              (uint64_t)((uint32_t)both - held));
}

#endif

/* The ident of the owner at some moment; for messages and the search for deadlocks. */
static inline uint32_t thrum__owner_peek(const uint32_t *owner)
{
    return thrum__load_relaxed(owner);
}

/* The same for memory that processes share, where the word names the process, too: `self` without an ident. */
static inline bool thrum__owner_is_self_shared(const uint64_t *owner, uint64_t self)
{
    uint32_t ident = thrum__local_number();
    return ident && thrum__load_relaxed(owner) == (self | ident);
}

static inline void thrum__owner_set_shared(uint64_t *owner, uint64_t word)
{
    thrum__store_relaxed(owner, word);
}

#endif
