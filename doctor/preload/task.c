/* Tasks: contexts that threads run in turns.
 *
 * A task that was submitted to a pool is to the analysis what a thread is: it has its own locks, its submitter is
 * its creator, and the end of a wait for its future is a join. Which worker runs it is chance: two tasks that ran one after
 * the other on one worker may run at the same time in the next run. Two things follow from it. The locks that a fiber
 * holds are its own, while others run on its thread. And a cycle between tasks is feasible though one thread ran
 * them all.
 *
 *     submitted      an origin is noted: who submitted it, in which epoch
 *     task_begin     the thread's context is put aside (the token that is returned); the task has none yet
 *     a hook         the first hook that needs a slot makes it, with a record (thrum__watch_task_adopt)
 *     leave, arrive  around the time in which a fiber is switched out: the thread is in its own context, then again in
 *                    that of the task
 *     task_end       the slot is free, the context put aside is in force again
 *                    Without task_begin: the task will never run
 *     task_awaited   a join, if the task has a record
 *
 * So a task that takes no lock, posts nothing and learns nothing costs no slot and no record, and a million fibers that sleep
 * cost none. What it submits then counts as submitted by its own submitter, which came before. A record
 * to which nothing refers is used again by the next task in the slot.
 *
 * A task that runs in the context that submitted it (on the inline executor, or in place of that context's wait for it) is a
 * part of that context: it runs while that holds its locks. Tasks that were not submitted (a thread's, an item
 * of a chunk) are parts of what runs them, too.
 *
 * Origins are in a table that forgets: an ended task's place may be taken by another. Without an
 * origin a task is a part of its worker. One thread at a time writes an entry: the submitter before it hands the task on, then
 * the thread that runs it. A reader checks the key again after it has read.
 *
 * A token names a slot, a task, or "the thread itself, which has no slot". Fork makes all tokens of the parent invalid, as the
 * region is gone: they have a generation.
 */
#include "task.h"

#include "trace.h"

#include <errno.h>

enum { ORIGINS = 1 << 15, PROBES = 8, TOOK_MOST = 4 };

enum { FREE, SUBMITTED, RUNS, UNRECORDED, ENDED };

struct origin {
    uint64_t task;      /* 0: free */
    uint64_t submitter; /* a context, as key() gives it */
    uint64_t function;
    uint32_t parent, parent_epoch;
    uint32_t state, thread; /* thread: its record, 0 if there is none */
    uint64_t took[TOOK_MOST];
    uint32_t took_epochs[TOOK_MOST];
};

static struct origin origins[ORIGINS];

/* Of tokens; it grows with each fork. */
static uint64_t generation = 1;

enum { GENERATION_SHIFT = 48 };
#define TOKEN_MASK ((UINT64_C(1) << GENERATION_SHIFT) - 1)

enum { TOKEN_TASK = 1, TOKEN_THREAD = 2 }; /* in the lowest bits; else it is a slot */

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static struct origin *bucket(uint64_t task)
{
    return &origins[thrum__watch_hash(task >> 4) % (ORIGINS / PROBES) * PROBES];
}

static struct origin *find(uint64_t task)
{
    struct origin *first = bucket(task);
    for (int i = 0; i < PROBES; i++)
        if (__atomic_load_n(&first[i].task, __ATOMIC_ACQUIRE) == task)
            return &first[i];
    return NULL;
}

/* The entry for a task that is about to be submitted; NULL if all that it may use are in use. */
static struct origin *claim(uint64_t task)
{
    struct origin *first = bucket(task), *found = find(task);
    for (int i = 0; !found && i < PROBES; i++) {
        uint64_t old = __atomic_load_n(&first[i].task, __ATOMIC_RELAXED);
        bool free = !old || __atomic_load_n(&first[i].state, __ATOMIC_ACQUIRE) == ENDED;
        if (free && __atomic_compare_exchange_n(&first[i].task, &old, task, false, __ATOMIC_ACQ_REL,
                                                __ATOMIC_RELAXED))
            found = &first[i];
    }
    return found;
}

/* The context that runs: a task, or a thread by its record. */
static uint64_t key(void)
{
    const struct slot *base = thrum__watch_base;
    if (thrum__watch_task)
        return thrum__watch_task;
    return base ? UINT64_C(1) << 63 | base->thread : 0;
}

/* Who submits: the context itself, or if it has left no trace, who submitted it. */
static void parent_of(uint32_t *ret_thread, uint32_t *ret_epoch)
{
    struct slot *slot = thrum__watch_self;
    if (!slot && !thrum__watch_task)
        slot = thrum__watch_slot();
    if (slot) {
        slot->touched = 1;
        *ret_thread = slot->thread;
        *ret_epoch = slot->epoch++;
        return;
    }
    const struct origin *own = thrum__watch_task ? find(thrum__watch_task) : NULL;
    *ret_thread = own ? own->parent : 0;
    *ret_epoch = own ? own->parent_epoch : 0;
}

void thrum__watch_submitted(const void *task)
{
    uint32_t thread, epoch;
    int error = errno;
    parent_of(&thread, &epoch); /* makes the region */
    struct origin *origin = thrum__watch_region ? claim((uintptr_t)task) : NULL;
    if (origin) {
        origin->submitter = key();
        origin->parent = thread;
        origin->parent_epoch = epoch;
        origin->thread = 0;
        __atomic_store_n(&origin->state, SUBMITTED, __ATOMIC_RELEASE);
        count(&thrum__watch_region->tasks_submitted);
    } else if (thrum__watch_region)
        thrum__watch_drop(DROPPED_THREADS);
    errno = error;
}

static uint64_t token(void)
{
    const struct slot *self = thrum__watch_self;
    uint64_t value = self                ? (uint64_t)(uintptr_t)self
                     : thrum__watch_task ? thrum__watch_task | TOKEN_TASK
                                         : TOKEN_THREAD;
    return value | generation << GENERATION_SHIFT;
}

static void restore(uint64_t value)
{
    uint64_t content = value & TOKEN_MASK;
    struct slot *self = NULL;
    uint64_t task = 0;
    if (value >> GENERATION_SHIFT == generation) {
        if (content & TOKEN_TASK)
            task = content & ~(uint64_t)TOKEN_TASK;
        else if (content != TOKEN_THREAD)
            self = (struct slot *)(uintptr_t)content;
    }
    thrum__watch_task = self ? self->task : task;
    thrum__watch_self = self || task ? self : thrum__watch_base;
}

/* Each task is in the trace of its thread, also one that is a part of another. Places are return addresses, so the
 * function's is one more. */
static void trace_task(enum ring_kind what, const void *task, uint64_t function)
{
    struct slot *base = thrum__watch_base;
    if (base && thrum__traced(base))
        thrum__trace_put(base, what, thrum__trace_object(task),
                         function ? thrum__trace_place(base, function + 1, LOCK_NONE) : 0);
}

uint64_t thrum__watch_task_begin(const void *task, const void *function)
{
    trace_task(RING_TASK, task, (uintptr_t)function);
    struct origin *origin = find((uintptr_t)task);
    if (!origin || origin->state != SUBMITTED)
        return 0;
    if (origin->submitter == key()) {
        origin->state = ENDED;
        count(&thrum__watch_region->tasks_left);
        return 0;
    }
    uint64_t outer = token();
    if (thrum__watch_base)
        thrum__watch_region->threads[thrum__watch_base->thread].flags |= THREAD_RUNS_TASKS;
    count(&thrum__watch_region->tasks_begun);
    origin->function = (uintptr_t)function;
    __atomic_store_n(&origin->state, RUNS, __ATOMIC_RELEASE);
    thrum__watch_self = NULL;
    thrum__watch_task = (uintptr_t)task;
    return outer;
}

/* Its slot lies on the stack of its thread, or on that of a fiber, which is not known. */
static void note_stack(struct slot *slot)
{
    const struct slot *base = thrum__watch_base;
    uint64_t here = thrum__watch_sp();
    bool inside = base && here >= base->stack_low && here < base->stack_high;
    slot->stack_low = inside ? base->stack_low : 0;
    slot->stack_high = inside ? base->stack_high : 0;
}

/* A free slot, with a record. */
static struct slot *admit(const struct origin *origin)
{
    struct slot *slot = thrum__watch_slot_take();
    bool again = slot && slot->thread && slot->task && !slot->touched;
    uint32_t index = !slot ? 0 : again ? slot->thread : thrum__watch_thread_record();
    if (!index) {
        if (slot)
            thrum__watch_slot_free(slot);
        thrum__watch_drop(DROPPED_THREADS);
        return NULL;
    }
    const struct slot *base = thrum__watch_base;
    struct thread_record *record = &thrum__watch_region->threads[index];
    slot->first_epoch = ++slot->epoch;
    slot->thread = index;
    slot->touched = 0;
    slot->task = thrum__watch_task;
    record->slot = (uint32_t)(slot - thrum__watch_region->slots);
    record->start = origin->function;
    record->parent = origin->parent;
    record->parent_epoch = origin->parent_epoch;
    record->flags = THREAD_TASK;
    record->handle = base ? base->thread : 0;
    record->tid = base ? thrum__watch_region->threads[base->thread].tid : 0;
    slot->ring = base ? base->ring : 0; /* a thread has one, whatever it runs */
    slot->ring_bits = base ? base->ring_bits : 0;
    note_stack(slot);
    thrum__watch_slot_tid(slot, record->tid);
    return slot;
}

/* Called at the first hook of a task. It preserves errno, as its callers do not. */
struct slot *thrum__watch_task_adopt(void)
{
    int error = errno;
    struct origin *origin = find(thrum__watch_task);
    struct slot *slot = NULL;
    if (origin && origin->state == RUNS && thrum__watch_region_open()) {
        slot = admit(origin);
        if (!slot)
            origin->state = UNRECORDED;
    }
    thrum__watch_self = slot;
    errno = error;
    return slot;
}

/* Some of the locks that the task took, for a context that held one while it waited for the task. */
static void note_locks(struct origin *origin, const struct slot *slot)
{
    int count = 0;
    for (int i = 0; i < RECENT_ENTRIES && count < TOOK_MOST; i++) {
        const struct recent *recent = &slot->recent[i];
        if (!recent->lock || recent->epoch < slot->first_epoch)
            continue;
        origin->took[count] = recent->lock;
        origin->took_epochs[count++] = recent->epoch;
    }
    for (; count < TOOK_MOST; count++)
        origin->took[count] = 0;
}

/* The end of a task that has not begun, and never will. */
static bool not_run(uint64_t task)
{
    struct origin *origin = find(task);
    if (!origin || origin->state != SUBMITTED)
        return false;
    count(&thrum__watch_region->tasks_left);
    __atomic_store_n(&origin->state, ENDED, __ATOMIC_RELEASE);
    return true;
}

void thrum__watch_task_end(const void *task, int code, uint64_t outer)
{
    struct slot *slot = thrum__watch_self;
    (void)code;
    if (!outer && not_run((uintptr_t)task))
        return;
    trace_task(RING_TASK_END, task, 0);
    if (!outer)
        return;
    int error = errno;
    struct origin *origin = find((uintptr_t)task);
    for (int i = 0; origin && i < TOOK_MOST; i++)
        origin->took[i] = 0;
    if (slot && slot->task == (uintptr_t)task) {
        thrum__watch_note_end(slot);
        if (origin) {
            note_locks(origin, slot);
            origin->thread = slot->touched ? slot->thread : 0;
        }
        thrum__watch_region->threads[slot->thread].flags |= THREAD_HAS_ENDED | THREAD_JOINED;
        thrum__watch_slot_free(slot);
    }
    if (origin)
        __atomic_store_n(&origin->state, ENDED, __ATOMIC_RELEASE);
    if (outer >> GENERATION_SHIFT == generation)
        count(&thrum__watch_region->tasks_ended);
    restore(outer);
    errno = error;
}

/* A wait for the task with a lock held that the task took: had it been later, they would have waited for each
 * other. */
static void await_holding(struct slot *self, const struct origin *origin)
{
    for (uint32_t i = 0; i < self->depth && i < HELD_MOST; i++)
        for (int j = 0; j < TOOK_MOST; j++) {
            const struct held *held = &self->held[i];
            if (held->lock && origin->took[j] == held->lock)
                thrum__watch_finding(self,
                                     &(struct finding_record){.kind = FINDING_WAITS_HOLDING,
                                                              .lock = thrum__watch_held_lock(held),
                                                              .site = held->site,
                                                              .other = origin->thread,
                                                              .other_epoch = origin->took_epochs[j],
                                                              .other_site = held->site,
                                                              .epoch = held->epoch + 1});
        }
}

void thrum__watch_task_awaited(const void *task)
{
    const struct origin *entry = find((uintptr_t)task);
    struct origin origin;
    if (!entry || __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE) != ENDED)
        return;
    origin = *entry;
    if (__atomic_load_n(&entry->task, __ATOMIC_ACQUIRE) != (uintptr_t)task)
        return;
    struct slot *self = origin.thread ? thrum__watch_slot() : thrum__watch_self;
    int error = errno;
    if (self && self->depth)
        await_holding(self, &origin);
    if (self && origin.thread)
        thrum__watch_event(self, EVENT_JOIN, 0, origin.thread);
    errno = error;
}

uint64_t thrum__watch_task_leave(void)
{
    uint64_t left = token();
    trace_task(RING_LEAVE, (const void *)(uintptr_t)thrum__watch_task, 0);
    thrum__watch_self = thrum__watch_base;
    thrum__watch_task = 0;
    return left;
}

void thrum__watch_task_arrive(uint64_t left)
{
    restore(left);
    const struct origin *origin = thrum__watch_task ? find(thrum__watch_task) : NULL;
    if (origin)
        trace_task(RING_TASK, (const void *)(uintptr_t)thrum__watch_task, origin->function);
}

void thrum__watch_task_fork(void)
{
    thrum__watch_task = 0;
    generation++;
}
