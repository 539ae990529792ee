/* Where libthrum's records lie in a process: a copy of its layout, and the table of contexts. */
#ifndef DOCTOR_THRUM_LAYOUT_H
#define DOCTOR_THRUM_LAYOUT_H

#include "process.h"

enum { CONTEXT_SIZE_MOST = 1024, FIBER_SIZE_MOST = 4096, NAME_MOST = 64 };

/* As src/park/layout.h has it. */
struct layout {
    uint32_t version, size;
    uint64_t chunks, used, generation;
    uint32_t chunk, context_size;
    uint32_t claim, fiber, process, scope, native_id, wait_kind, wait_object, rest, thread, name;
    uint32_t name_size;
    uint32_t claim_states, claim_waiting, claim_shielded;
    uint32_t scope_outer, scope_task;
    uint32_t reading, reading_size, reading_count;
    uint32_t thread_finished;
    uint32_t lock_owner, rwlock_owner;
    uint32_t fiber_size, fiber_worker, fiber_task, fiber_ticket;
    uint32_t worker_running, worker_native_id;
    uint32_t fiber_place, fiber_stack, fiber_frame, fiber_base;
    uint32_t look_at;
    uint32_t rest_size;
    uint32_t fiber_bottom;
    uint32_t worker_ring, worker_ring_size;
    uint64_t futures;
};

/* A context, copied. */
struct context {
    uint8_t bytes[CONTEXT_SIZE_MOST];
    uint64_t address;
    uint32_t ident;
};

/* The library in a process. */
struct thrum {
    struct process *process;
    struct layout at;
    uint64_t chunks;
    uint32_t used, generation;
    int *thread_of; /* by ident: an index, or -1 */
    int fibers;
};

/* Reads the layout of a process and where its table is. False: there is none that we know. `thrum->process` is set. */
bool thrum_open(struct thrum *thrum);

/* False if it is not in use. The address is set in any case, 0 if there is no memory for it. */
bool thrum_read_context(const struct thrum *thrum, uint32_t ident, struct context *ret);

static inline uint64_t word_of(const struct context *context, uint32_t offset)
{
    uint64_t value = 0;
    memcpy(&value, context->bytes + offset, sizeof value);
    return value;
}

static inline uint32_t half_of(const struct context *context, uint32_t offset)
{
    uint32_t value = 0;
    memcpy(&value, context->bytes + offset, sizeof value);
    return value;
}

/* True if the claim word says that its context waits. */
static inline bool thrum_is_waiting(const struct layout *at, uint64_t claim)
{
    uint64_t state = claim % at->claim_states;
    return state == at->claim_waiting || state == at->claim_shielded;
}

#endif
