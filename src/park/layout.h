/* Where things lie, for a reader outside of the process: `thrum doctor`.
 *
 * It finds `thrum__doctor_layout` by its name in the library's symbols, reads it, and follows the
 * context table with it. It has a declaration of its own of this struct (doctor/thrum_objects.c),
 * so a field is never moved or given another meaning: new ones are added at the end, and `size`
 * grows. If that is not enough, `version` changes, and a doctor that does not know it leaves
 * thrum's objects alone.
 */
#ifndef THRUM_PARK_LAYOUT_H
#define THRUM_PARK_LAYOUT_H

#include "park/context.h"

enum { THRUM__LAYOUT_VERSION = 1, THRUM__CONTEXT_CHUNK = 64 };

typedef struct thrum__layout {
    uint32_t version, size;

    /* Addresses of: a pointer to the pointers to chunks of contexts; a pointer to the number of
     * idents given out; the generation of the process. */
    thrum__context *const *const *chunks;
    const uint32_t *const *used;
    const uint32_t *generation;

    uint32_t chunk; /* contexts in each */
    uint32_t context_size;

    /* Offsets in a context. */
    uint32_t claim, fiber, process, scope, native_id, wait_kind, wait_object, rest, thread, name;
    uint32_t name_size;

    /* The lower part of a claim, and its values while it waits. */
    uint32_t claim_states, claim_waiting, claim_shielded;

    uint32_t scope_outer, scope_task; /* in a scope */
    uint32_t reading, reading_size,
        reading_count;        /* in `rest`: pointers to rwlocks that it reads */
    uint32_t thread_finished; /* the event in a thread that a join waits for */
    uint32_t lock_owner, rwlock_owner;

    /* Offsets in a fiber and in its worker. */
    uint32_t fiber_size, fiber_worker, fiber_task, fiber_ticket;
    uint32_t worker_running, worker_native_id;
    /* In a fiber: the registers of a fiber that is switched out; all 0 if they are not known. */
    uint32_t fiber_place, fiber_stack, fiber_frame, fiber_base;

    /* In a context: not 0 while its wait has no limit, though the kernel or the worker may wake it
     * to look for a deadlock (deadlock.h). */
    uint32_t look_at;

    /* For a search for memory that leads to a fiber: the size of `rest`; in a fiber, the bottom of its stack; in a
     * worker, the ring of tasks, whose slots keep tasks that were taken; the memory of futures. */
    uint32_t rest_size;
    uint32_t fiber_bottom;
    uint32_t worker_ring, worker_ring_size;
    const struct thrum__future_slabs *futures;
} thrum__layout;

extern const thrum__layout thrum__doctor_layout;

/* The table of context.c. */
extern thrum__context *const *const thrum__context_chunks;
extern const uint32_t *const thrum__context_used;

#endif
