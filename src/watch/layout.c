/* park/layout.h says what it is for. It stands here because it names what several layers have. It
 * has no code, and costs nothing.
 */
#include "park/layout.h"

#include "base/process.h"
#include "fiber/scheduler.h"
#include "future/future_cache.h"
#include "thread/thread.h"
#include <thrum/export.h>
#include <thrum/rwlock.h>

#include <stddef.h>

#define IN_CONTEXT(field) offsetof(thrum__context, field)
#define IN_UCONTEXT(number)                                                                        \
    offsetof(thrum__fiber, coroutine.registers.context.uc_mcontext.gregs[number])

/* Slots follow the list of readings and have the lock in the same place, so both are one array. */
_Static_assert(offsetof(thrum__context_rest, of_thread) ==
                       offsetof(thrum__context_rest, reading) +
                           THRUM__READINGS * sizeof(thrum__reading) &&
                   sizeof(thrum__read_slot) == sizeof(thrum__reading) &&
                   offsetof(thrum__read_slot, lock) == offsetof(thrum__reading, lock),
               "slots are read as readings");

THRUM_API const thrum__layout thrum__doctor_layout = {
    .version = THRUM__LAYOUT_VERSION,
    .look_at = IN_CONTEXT(look_at),
    .size = sizeof(thrum__layout),
    .chunks = &thrum__context_chunks,
    .used = &thrum__context_used,
    .generation = &thrum__process_generation,
    .chunk = THRUM__CONTEXT_CHUNK,
    .context_size = sizeof(thrum__context),
    .claim = IN_CONTEXT(claim),
    .fiber = IN_CONTEXT(fiber),
    .process = IN_CONTEXT(process),
    .scope = IN_CONTEXT(scope),
    .native_id = IN_CONTEXT(native_id),
    .wait_kind = IN_CONTEXT(wait_kind),
    .wait_object = IN_CONTEXT(wait_object),
    .rest = IN_CONTEXT(rest),
    .thread = IN_CONTEXT(thread),
    .name = IN_CONTEXT(name),
    .name_size = THRUM__NAME_SIZE,
    .claim_states = THRUM__CLAIM_STATES,
    .claim_waiting = THRUM__CLAIM_WAITING,
    .claim_shielded = THRUM__CLAIM_SHIELDED,
    .scope_outer = offsetof(thrum__scope, outer),
    .scope_task = offsetof(thrum__scope, task),
    .reading = offsetof(thrum__context_rest, reading),
    .reading_size = sizeof(thrum__reading),
    .reading_count = THRUM__READINGS + THRUM__SLOTS,
    .thread_finished = offsetof(struct thrum__thread, finished),
    .lock_owner = offsetof(thrum_lock, owner_),
    .rwlock_owner = offsetof(thrum_rwlock, owner_),
    .fiber_size = sizeof(thrum__fiber),
    .fiber_worker = offsetof(thrum__fiber, worker),
    .fiber_task = offsetof(thrum__fiber, task),
    .fiber_ticket = offsetof(thrum__fiber, ticket),
    .worker_running = offsetof(thrum__fiber_worker, running),
    .worker_native_id = offsetof(thrum__fiber_worker, native_id),
    .rest_size = sizeof(thrum__context_rest),
    .fiber_bottom = offsetof(thrum__fiber, stack.bottom),
    .worker_ring = offsetof(thrum__fiber_worker, ring),
    .worker_ring_size = sizeof(thrum__run_ring),
    .futures = &thrum__future_slabs_layout,
#if defined(THRUM__SWITCH_X86_64) || defined(THRUM__SWITCH_AARCH64)
    .fiber_place = offsetof(thrum__fiber, coroutine.registers.place),
    .fiber_stack = offsetof(thrum__fiber, coroutine.registers.stack),
    .fiber_frame = offsetof(thrum__fiber, coroutine.registers.frame),
    .fiber_base = offsetof(thrum__fiber, coroutine.registers.base),
#elif defined(__x86_64__)
    .fiber_place = IN_UCONTEXT(REG_RIP),
    .fiber_stack = IN_UCONTEXT(REG_RSP),
    .fiber_frame = IN_UCONTEXT(REG_RBP),
    .fiber_base = IN_UCONTEXT(REG_RBX),
#endif
};
