/* Sections: short stretches of code that no fork interrupts. See section.c.
 *
 * A section encloses a change of an object that takes several steps, in which the object is of no
 * use to anybody else: the queue of waiters under a guard, a cell of a ring that is claimed and not
 * yet filled. It contains no wait, no call of user code and no call that may fork. Sections nest.
 *
 * In the explorer build sections are empty, because its programs do not fork; a client of the
 * explorer uses the functions of section.c directly.
 */
#ifndef THRUM_BASE_SECTION_H
#define THRUM_BASE_SECTION_H

#include "base/atomic.h"
#include "base/memory.h"

#include <stdbool.h>

/* What a thread shows to a fork. */
typedef struct thrum__section_record {
    uint32_t depth; /* how many sections its thread is in; written by that thread */
    uint32_t forks; /* its thread forks, and passes the gate */
    uint32_t used;
    struct thrum__section_record *next; /* in the list of all; fixed */
} __attribute__((aligned(THRUM__CACHE_LINE))) thrum__section_record;

/* The gate: CLOSED while a thread forks; UNFENCED where the kernel has no membarrier. */
enum { THRUM__GATE_CLOSED = 1, THRUM__GATE_UNFENCED = 2 };
extern uint32_t thrum__section_gate;

/* The calling thread's record, made at the first call. */
thrum__section_record *thrum__section_self_make(void);

/* Enters and leaves a section with the record of the calling thread. */
static inline void thrum__section_begin(thrum__section_record *self);
static inline void thrum__section_end(thrum__section_record *self);

/* Waits while the gate is closed, outside the section, and enters it again. */
void thrum__section_wait(thrum__section_record *self);

/* Closes the gate and waits until no other thread is in a section; opens it again. */
void thrum__section_close(thrum__section_record *self);
void thrum__section_open(thrum__section_record *self);

/* Orders a store before a load of the calling thread, as seen by a thread that closes the gate, or
 * calls thrum__section_fence_all. Where the gate is UNFENCED, the caller needs a fence of its own. */
#ifdef THRUM_EXPLORE
#define thrum__section_fence() thrum__fence_seq_cst()
#else
#define thrum__section_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#endif

/* A full fence of the calling thread, and one of each other thread while it runs. */
void thrum__section_fence_all(void);

static inline void thrum__section_begin(thrum__section_record *self)
{
    thrum__store_relaxed(&self->depth, self->depth + 1);
    thrum__section_fence();
    if (__builtin_expect(thrum__load_acquire(&thrum__section_gate) != 0, 0))
        thrum__section_wait(self);
}

static inline void thrum__section_end(thrum__section_record *self)
{
    thrum__store_release(&self->depth, self->depth - 1);
}

/* Enters a section if the gate is open. False if not. */
static inline bool thrum__section_try(thrum__section_record *self)
{
    thrum__store_relaxed(&self->depth, self->depth + 1);
    thrum__section_fence();
    if (__builtin_expect(thrum__load_acquire(&thrum__section_gate) == 0, 1))
        return true;
    thrum__section_end(self);
    return false;
}

#ifdef THRUM_EXPLORE

static inline void *thrum__section_enter(void)
{
    return &thrum__section_gate;
}

static inline void *thrum__section_enter_at_once(void)
{
    return &thrum__section_gate;
}

static inline void thrum__section_leave(void *self)
{
    (void)self;
}

static inline void *thrum__section_self_in(void)
{
    return NULL;
}

#else

extern __thread thrum__section_record *thrum__section_self
    __attribute__((tls_model("initial-exec")));

/* The calling thread is in a section from enter to leave, which gets what enter has returned, never NULL. */
static inline void *thrum__section_enter(void)
{
    thrum__section_record *self = thrum__section_self;
    if (__builtin_expect(!self, 0))
        self = thrum__section_self_make();
    thrum__section_begin(self);
    return self;
}

/* The same without a call, for code that then saves fewer registers. NULL if the thread has no record yet, or the
 * gate is not open: then the caller enters the other way. */
static inline void *thrum__section_enter_at_once(void)
{
    thrum__section_record *self = thrum__section_self;
    return __builtin_expect(self != NULL, 1) && thrum__section_try(self) ? self : NULL;
}

static inline void thrum__section_leave(void *self)
{
    thrum__section_end(self);
}

/* What enter has returned, for a function that is called within the section. */
static inline void *thrum__section_self_in(void)
{
    return thrum__section_self;
}

#endif

#endif
