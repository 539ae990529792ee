/* Task slots: the memory that a worker process shares with its parent process.
 *
 * Each worker has task slots of its own, so a worker that writes wild values harms only its own
 * tasks. The parent trusts nothing in this memory: it keeps its own account of which task is in
 * which slot, reads each number once, and checks it.
 *
 * Slots are used in turn. The parent fills the next slot, the worker takes the next slot, and each
 * keeps a private count of its position. The states of a slot:
 *
 *     state    set by                       means
 *     EMPTY    the parent, after DONE;      the parent may fill it
 *              the worker, after BACK
 *     READY    the parent                   a task is in it
 *     TAKEN    the worker, READY only       the task runs
 *     BACK     the parent, READY only       the parent took the task back; it never runs from this
 *              slot
 *     DONE     the worker                   its outcome is in it
 *
 * A compare-and-swap leaves READY, so exactly one of TAKEN and BACK follows. The worker skips a
 * slot that is BACK when it comes to it, and makes it EMPTY, so the two counts agree. The release
 * to READY pairs with the acquire of TAKEN, and the release to DONE with the acquire that finds
 * DONE.
 *
 * Two sides sleep. The worker sleeps on `worker_sleeps` when its next slot holds no task. The
 * reaper (reaper.c), which waits for outcomes, sleeps on a descriptor; a worker that finds
 * `reaper_sleeps` set writes to it. The sleeper sets its word and then checks the slots; the other
 * side changes a slot and then checks the word. Each puts a sequentially consistent fence between
 * its two steps, so at least one of them sees the other: no task stays in a slot while its worker
 * sleeps, and no outcome while the reaper sleeps.
 *
 *     DIRECT is a bit beside the state. The parent sets it in READY or TAKEN: a thread of the parent sleeps
 *     on the state itself. The exchange to DONE returns it, so the worker wakes that thread and not the
 *     reaper, and the wake is never lost. The thread that set DIRECT collects the outcome.
 *
 * A short task may be done before its submitter sets DIRECT. So a worker that was woken for a task
 * yields the processor once before it wakes the reaper; most outcomes are collected by then.
 * Without the yield a third of such round trips woke the reaper, and a round trip took a third
 * longer. Spinning does not help when both share a processor.
 *
 * A slot that is BACK gives no room until the worker has passed it. So all slots may be used while
 * none holds a task. A worker that has passed a full turn of such slots wakes the reaper as it does
 * for an outcome, because tasks may wait for the room. The reaper checks for them between its word
 * and its sleep, too.
 *
 * A worker that is to be killed because of one task must not have begun the next one. So the parent
 * sets `hold` and then checks whether the task still runs; the worker checks `hold` after it has
 * made a slot DONE and before it takes the next. Fences stand between the steps, so either the
 * parent sees DONE and clears `hold`, or the worker takes nothing more.
 *
 * A request to stop a task is the slot's `asked` and an increment of `control`, on which the
 * worker's control thread sleeps. `leave` tells the worker to exit once it has no task.
 *
 * A value that does not fit into its slot lies in the same file, far behind the slots, at an offset
 * of its own for each slot. It needs no allocation and no mapping: system calls copy it in and out,
 * and the reader gives its memory back.
 */
#ifndef THRUM_PROCESS_TASK_SLOTS_H
#define THRUM_PROCESS_TASK_SLOTS_H

#include "base/atomic.h"
#include "base/memory.h"
#include "base/shared_pages.h"
#include "park/context.h"
#include "process/module.h"
#include "thread/task.h"

enum {
    THRUM__TASK_SLOT_EMPTY,
    THRUM__TASK_SLOT_READY,
    THRUM__TASK_SLOT_TAKEN,
    THRUM__TASK_SLOT_BACK,
    THRUM__TASK_SLOT_DONE,
    THRUM__TASK_SLOT_STATE = 7,
    THRUM__TASK_SLOT_DIRECT = 8,
};

#ifdef THRUM_EXPLORE /* small, as all of it is looked at in each state */
enum { THRUM__TASK_SLOTS = 2, THRUM__TASK_SLOT_ROOM = 16, THRUM__WORKER_DESCRIPTORS = 1 };
#else
enum { THRUM__TASK_SLOTS = 32, THRUM__TASK_SLOT_ROOM = 448, THRUM__WORKER_DESCRIPTORS = 16 };
#endif

typedef struct thrum__task_slot {
    uint32_t state;
    uint32_t asked;  /* to stop */
    uint32_t module; /* of the function */
    int32_t code;    /* 0, or the error of the outcome */
    uint64_t offset; /* of the function */
    uint64_t size;   /* of what is in the room: the argument, then the result or the message */
    thrum_deadline deadline;
    char room[THRUM__TASK_SLOT_ROOM] __attribute__((aligned(16)));
} __attribute__((aligned(THRUM__CACHE_LINE))) thrum__task_slot;

/* What a worker has come to; for messages. */
enum thrum__stage { THRUM__STAGE_STARTING, THRUM__STAGE_SERVING, THRUM__STAGE_LEAVING };

/* What a worker is to be, fixed before it starts. The worker copies it once and checks the copy. */
typedef struct thrum__worker_setup {
    uint32_t magic;
    int32_t parent;
    int32_t reaper_descriptor; /* wakes the reaper */
    uint32_t descriptor_count;
    int32_t descriptors[THRUM__WORKER_DESCRIPTORS]; /* which the worker keeps open */
    uint32_t single; /* the exit status tells whether the task failed */
    uint64_t memory_limit, cpu_limit;
    char name[THRUM__NAME_SIZE];
} thrum__worker_setup;

typedef struct thrum__task_slots {
    thrum__worker_setup setup;

    uint32_t worker_sleeps __attribute__((aligned(THRUM__CACHE_LINE)));
    uint32_t leave;
    uint32_t hold;
    uint32_t control;
    uint32_t reaper_sleeps __attribute__((aligned(THRUM__CACHE_LINE)));
    uint32_t stage;

    thrum__task_slot slot[THRUM__TASK_SLOTS];
    thrum__module modules[THRUM__MODULES];
} thrum__task_slots;

enum { THRUM__TASK_SLOTS_MAGIC = 0x7468720a + 1 };

static inline thrum__task_slot *thrum__task_slots_at(thrum__task_slots *slots, uint32_t position)
{
    return &slots->slot[position % THRUM__TASK_SLOTS];
}

/* The parent's part. `position` is its count of slots filled. */

/* Whether the next slot may be filled. */
bool thrum__task_slots_has_room(thrum__task_slots *slots, uint32_t position);

/* Makes a slot that was filled READY, and wakes the worker if it sleeps. */
void thrum__task_slots_put(thrum__task_slots *slots, uint32_t position);

/* Takes a task back: true if it has not begun, and never will. */
bool thrum__task_slot_take_back(thrum__task_slot *slot);

/* Sets DIRECT on a task that is not done, or takes it off. False if it is done. */
bool thrum__task_slot_set_direct(thrum__task_slot *slot);
bool thrum__task_slot_clear_direct(thrum__task_slot *slot);

/* Sleeps while DIRECT is set, as a wait for `future`. Returns 0, -ETIMEDOUT or -ECANCELED. */
int thrum__task_slot_sleep_direct(thrum__task_slot *slot, const void *future,
                                  thrum_deadline deadline);

/* Whether the slot's outcome is there; after it was read the slot is given up. */
bool thrum__task_slot_is_done(const thrum__task_slot *slot);
void thrum__task_slot_give_up(thrum__task_slot *slot);

/* Wakes the waiters on the slot of a worker that has ended. */
void thrum__task_slot_send_away(thrum__task_slot *slot);

/* Whether the task can be taken back still, as far as one can tell. */
bool thrum__task_slot_is_ready(const thrum__task_slot *slot);

/* Whether the worker has begun the task and not ended it. */
bool thrum__task_slot_is_taken(const thrum__task_slot *slot);

/* Says that the reaper is about to sleep, or is awake. */
void thrum__task_slots_reaper_sleeps(thrum__task_slots *slots, bool sleeps);

/* Asks the task in `slot` to stop. */
void thrum__task_slots_ask(thrum__task_slots *slots, thrum__task_slot *slot);

/* Keeps the worker from beginning another task than that in `slot`. True if that still runs, and
 * then it stays so for good; else the worker goes on as before. */
bool thrum__task_slots_hold(thrum__task_slots *slots, const thrum__task_slot *slot);

/* Asks the worker to leave when there is nothing to do. */
void thrum__task_slots_leave(thrum__task_slots *slots);

/* The worker's part. `position` is its count of slots gone by. */

/* Takes the next task; NULL if there is none now. */
thrum__task_slot *thrum__task_slots_take(thrum__task_slots *slots, uint32_t *position);

/* Publishes the outcome. True if the reaper is to be woken by the descriptor; if that can wait for
 * a moment, it may turn out that it need not. */
bool thrum__task_slots_finish(thrum__task_slots *slots, thrum__task_slot *slot, bool can_wait);

/* The worker has gone by all slots of the task slots, and they were taken back. True if the reaper is to be woken. */
bool thrum__task_slots_emptied(thrum__task_slots *slots);

/* Sleeps until there may be a task at `position`. False if the worker is to leave instead. */
bool thrum__task_slots_rest(thrum__task_slots *slots, uint32_t position);

/* Sleeps until `control` is not `seen` any more, and gives it. */
uint32_t thrum__task_slots_listen(thrum__task_slots *slots, uint32_t seen);

/* Values, for either side. */

/* The bytes of the largest. */
#define THRUM__TASK_SLOT_MOST (UINT64_C(1) << 39)

/* Puts a value into the slot, before its state says so; `result` tells outcomes from arguments.
 * Returns 0 or a negative errno. */
int thrum__task_slot_write(const thrum__shared_pages *pages, thrum__task_slot *slot, bool result,
                           const void *value, size_t size);

/* Gets it: memory of `size` bytes is the caller's. Returns 0 or a negative errno. */
int thrum__task_slot_read(const thrum__shared_pages *pages, const thrum__task_slot *slot,
                          bool result, void *ret_value, size_t size);

/* Drops a value of `size` bytes that will not be read. */
void thrum__task_slot_drop(const thrum__shared_pages *pages, const thrum__task_slot *slot,
                           bool result, size_t size);

#endif
