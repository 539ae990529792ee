/* The owner word of a lock: the ident of the context that holds it, 0 while nobody does.
 *
 * The owner writes it: its ident after it acquires, 0 before it releases; a release that hands the
 * lock over writes the ident of the waiter. Anyone may read it, and learns one thing for certain:
 * whether the reader itself is the owner.
 *
 * That holds only if the reader has its ident before it reads the word. Idents are used again: the
 * first call of a thread that thrum did not start makes its context, and may get the ident of an
 * owner that has just released and ended. A word read before would then name the caller, who owns
 * nothing. A word read after cannot: the owner cleared it before it gave its context back, and the
 * caller got the context later, so it sees the 0 or what a later owner wrote.
 *
 * So a comparison is made here and nowhere else, and makes no context: a caller without an ident
 * owns nothing. tools/check_gate.sh finds an owner word that is used in another way.
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

/* Makes the context with that ident the owner; 0: nobody. */
static inline void thrum__owner_set(uint32_t *owner, uint32_t ident)
{
    thrum__store_relaxed(owner, ident);
}

/* The ident of the owner at some moment; for messages, and to find out who is waited for. */
static inline uint32_t thrum__owner_peek(const uint32_t *owner)
{
    return thrum__load_relaxed(owner);
}

/* The same for memory that processes share, where the word names the process, too. `self` gives the
 * word of the calling context by its ident. */
static inline bool thrum__owner_is_self_shared(const uint64_t *owner, uint64_t (*self)(uint32_t))
{
    uint32_t ident = thrum__local_number();
    return ident && thrum__load_relaxed(owner) == self(ident);
}

static inline void thrum__owner_set_shared(uint64_t *owner, uint64_t word)
{
    thrum__store_relaxed(owner, word);
}

#endif
