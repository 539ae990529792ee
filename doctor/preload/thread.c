/* Threads: a slot and a record for each, from its creation to its end.
 *
 * The creator takes both and the new thread starts in `begin`. A thread that was made otherwise, as
 * the first one, gets its own at its first hook. The end is seen by the destructor of a
 * thread-specific value: it sets the value again until the last round, so that it comes after the
 * destructors of the program. Locks that are taken later still are not recorded.
 *
 * The slot outlives the thread until it is joined, as the join asks which locks the thread took. A
 * detached thread's slot is free at its end. Two flags decide which side frees it: the
 * side that sets the second of "ended" and "detached" does.
 *
 * In the child of a fork only the calling thread exists. Its held locks are copied to a new region,
 * which is made at the next hook; most children never come so far, but execute another program.
 */
#include "base/probe.h"
#include "hooks.h"
#include "real.h"
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACE __builtin_return_address(0)

extern void *__libc_stack_end;
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *library);

__thread struct slot *thrum__watch_self __attribute__((tls_model("initial-exec")));
__thread struct slot *thrum__watch_base __attribute__((tls_model("initial-exec")));
__thread uint64_t thrum__watch_task __attribute__((tls_model("initial-exec")));

/* Set once the thread is to have no slot any more. */
static __thread bool ended __attribute__((tls_model("initial-exec")));
static __thread int rounds __attribute__((tls_model("initial-exec")));

static pthread_key_t key;
static bool key_made;

/* What a child of fork keeps of its thread. */
static struct held kept[HELD_MOST];
static uint32_t kept_depth;

static struct thread_record *record_of(const struct slot *slot)
{
    return &thrum__watch_region->threads[slot->thread];
}

struct slot *thrum__watch_slot_take(void)
{
    struct region *region = thrum__watch_region;
    for (uint32_t i = 0; i < REGION_SLOTS; i++) {
        struct slot *slot = &region->slots[i];
        uint32_t used = 0, count = __atomic_load_n(&region->slot_count, __ATOMIC_RELAXED);
        if (__atomic_load_n(&slot->used, __ATOMIC_RELAXED) ||
            !__atomic_compare_exchange_n(&slot->used, &used, 1, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED))
            continue;
        while (count <= i && !__atomic_compare_exchange_n(&region->slot_count, &count, i + 1, false,
                                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            ;
        slot->depth = slot->busy = slot->bumps = 0;
        slot->waits_for = 0;
        thrum__trace_attach(slot);
        return slot;
    }
    return NULL;
}

void thrum__watch_slot_free(struct slot *slot)
{
    thrum__watch_slot_tid(slot, 0);
    __atomic_store_n(&slot->used, 0, __ATOMIC_RELEASE);
}

uint32_t thrum__watch_thread_record(void)
{
    struct region *region = thrum__watch_region;
    uint32_t index = __atomic_load_n(&region->thread_count, __ATOMIC_RELAXED);
    if (index < REGION_THREADS)
        index = __atomic_fetch_add(&region->thread_count, 1, __ATOMIC_RELAXED);
    if (index < REGION_THREADS)
        return index;
    __atomic_store_n(&region->thread_count, REGION_THREADS, __ATOMIC_RELAXED);
    return 0;
}

/* A slot and a record for a new thread; NULL if there is no room. What the slot has of another thread, or of
 * a task, is of an earlier epoch. */
static struct slot *admit(struct slot *parent)
{
    struct region *region = thrum__watch_region;
    struct slot *slot = thrum__watch_slot_take();
    uint32_t index = slot ? thrum__watch_thread_record() : 0;
    if (!index) {
        if (slot)
            thrum__watch_slot_free(slot);
        thrum__watch_drop(DROPPED_THREADS);
        return NULL;
    }
    slot->first_epoch = ++slot->epoch;
    slot->thread = index;
    slot->touched = 1;
    slot->task = 0;
    struct thread_record *record = record_of(slot);
    record->slot = (uint32_t)(slot - region->slots);
    if (parent) {
        record->parent = parent->thread;
        record->parent_epoch = parent->epoch++;
    }
    return slot;
}

static void read_name(struct slot *slot)
{
    char name[16] = {0};
    if (syscall(SYS_prctl, 16 /* PR_GET_NAME */, name, 0, 0, 0) == 0)
        memcpy(record_of(slot)->name, name, sizeof name);
}

/* The kernel keeps this much free below the first stack. A thread's control block lies at the upper
 * end of its stack, with less than MARGIN above it. */
enum { FIRST_STACK = 8 << 20, MARGIN = 64 << 10 };

/* The slot becomes that of this thread, whose stack has that size; 0: not known. */
static void settle(struct slot *slot, uint64_t size)
{
    struct thread_record *record = record_of(slot);
    uint64_t here = thrum__watch_sp(), block = (uint64_t)(uintptr_t)__builtin_thread_pointer();
    record->tid = (uint32_t)syscall(SYS_gettid);
    record->handle = (uint64_t)pthread_self();
    if (record->tid == thrum__watch_region->pid) {
        record->flags |= THREAD_MAIN;
        slot->stack_high = (uint64_t)(uintptr_t)__libc_stack_end + 16;
        slot->stack_low = here - FIRST_STACK;
    } else {
        slot->stack_high = block;
        slot->stack_low = size > 2 * MARGIN ? block - size + MARGIN : here;
    }
    if (here >= slot->stack_high || here < slot->stack_low)
        slot->stack_low = slot->stack_high = 0;
    read_name(slot);
    thrum__watch_slot_tid(slot, record->tid);
    thrum__watch_self = thrum__watch_base = slot;
    thrum__trace_thread(slot, RING_BEGIN, slot->thread);
    if (key_made)
        pthread_setspecific(key, slot);
}

struct slot *thrum__watch_adopt(void)
{
    int error = errno;
    struct slot *slot = NULL;
    if (thrum__watch_task)
        return thrum__watch_task_adopt();
    if (!ended && thrum__watch_region_open() && (slot = admit(NULL)) != NULL) {
        settle(slot, 0);
        for (uint32_t i = 0; i < kept_depth; i++) {
            slot->held[i] = kept[i];
            slot->held[i].node = 0;
        }
        slot->depth = kept_depth;
        kept_depth = 0;
    }
    errno = error;
    return slot;
}

void thrum__watch_note_end(struct slot *slot)
{
    struct thread_record *record = record_of(slot);
    for (uint32_t i = 0; i < slot->depth && i < HELD_MOST; i++) {
        const struct held *held = &slot->held[i];
        uint32_t lock = held->lock ? thrum__watch_held_lock(held) : 0;
        uint8_t kind = thrum__watch_region->locks[lock].kind;
        if (lock && kind != LOCK_SEMAPHORE && kind != LOCK_THRUM_SEMAPHORE)
            thrum__watch_finding(slot, &(struct finding_record){.kind = FINDING_ENDS_HOLDING,
                                                                .lock = lock,
                                                                .site = held->site});
    }
    record->last_epoch = slot->epoch;
}

static void at_end(void *value)
{
    struct slot *slot = value;
    if (slot != thrum__watch_self)
        return;
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(key, slot) == 0)
        return;
    struct thread_record *record = record_of(slot);
    thrum__watch_note_end(slot);
    read_name(slot);
    thrum__trace_thread(slot, RING_END, slot->thread);
    ended = true;
    thrum__watch_self = thrum__watch_base = NULL;
    if (__atomic_fetch_or(&record->flags, THREAD_HAS_ENDED, __ATOMIC_ACQ_REL) & THREAD_DETACHED)
        thrum__watch_slot_free(slot);
    else
        thrum__watch_slot_tid(slot, 0);
}

static void *begin(void *argument)
{
    struct slot *slot = argument;
    void *(*run)(void *) = slot->start;
    settle(slot, slot->stack_low);
    return run(slot->argument);
}

static uint64_t stack_size(const pthread_attr_t *attributes)
{
    size_t size = 0;
    return attributes && pthread_attr_getstacksize(attributes, &size) == 0 ? size : 1 << 20;
}

static bool starts_detached(const pthread_attr_t *attributes)
{
    int state = PTHREAD_CREATE_JOINABLE;
    return attributes && pthread_attr_getdetachstate(attributes, &state) == 0 &&
           state == PTHREAD_CREATE_DETACHED;
}

int thrum__watch_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                        void *argument, const void *place)
{
    struct slot *self = thrum__watch_slot(), *slot = self ? admit(self) : NULL;
    if (!slot)
        return REAL(pthread_create)(thread, attributes, run, argument);
    struct thread_record *record = record_of(slot);
    slot->start = run;
    slot->argument = argument;
    slot->stack_low = stack_size(attributes);
    record->start = (uint64_t)(uintptr_t)run;
    record->site = site_make(place, 0);
    record->flags = starts_detached(attributes) ? THREAD_DETACHED : 0;
    thrum__trace_thread(self, RING_CREATE, slot->thread);
    int rc = REAL(pthread_create)(thread, attributes, begin, slot);
    if (rc != 0) {
        record->flags = THREAD_HAS_ENDED | THREAD_JOINED;
        thrum__watch_slot_free(slot);
    } else /* the thread writes it, too, but may not have come so far when it is joined */
        __atomic_store_n(&record->handle, (uint64_t)*thread, __ATOMIC_RELEASE);
    return rc;
}

HOOK int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                        void *(*run)(void *), void *restrict argument)
{
    return thrum__watch_create(thread, attributes, run, argument, PLACE);
}

/* The slot of a thread that can be joined; NULL if it is not known. */
static struct slot *slot_of(pthread_t thread)
{
    struct region *region = thrum__watch_region;
    uint32_t end = region ? __atomic_load_n(&region->slot_count, __ATOMIC_ACQUIRE) : 0;
    for (uint32_t i = 0; i < end && i < REGION_SLOTS; i++) {
        struct slot *slot = &region->slots[i];
        if (__atomic_load_n(&slot->used, __ATOMIC_ACQUIRE) &&
            record_of(slot)->handle == (uint64_t)thread &&
            !(__atomic_load_n(&record_of(slot)->flags, __ATOMIC_ACQUIRE) &
              (THREAD_DETACHED | THREAD_JOINED)))
            return slot;
    }
    return NULL;
}

/* A join with locks held, of a thread that took one of them: had it been later, they would wait for
 * each other. */
static void join_holding(struct slot *self, const struct slot *other, const void *place)
{
    for (uint32_t i = 0; i < self->depth && i < HELD_MOST; i++) {
        const struct held *held = &self->held[i];
        const struct recent *recent = thrum__watch_recent(other, held->lock);
        if (held->lock && recent->lock == held->lock && recent->epoch >= other->first_epoch)
            thrum__watch_finding(self,
                                 &(struct finding_record){.kind = FINDING_WAITS_HOLDING,
                                                          .lock = thrum__watch_held_lock(held),
                                                          .site = site_make(place, 0),
                                                          .other = other->thread,
                                                          .other_epoch = recent->epoch,
                                                          .other_site = held->site,
                                                          .epoch = held->epoch + 1});
    }
}

static void joined(struct slot *self, struct slot *other, const void *place)
{
    int error = errno;
    struct thread_record *record = record_of(other);
    uint32_t index = other->thread;
    if (self && self->depth)
        join_holding(self, other, place);
    if (__atomic_fetch_or(&record->flags, THREAD_JOINED, __ATOMIC_ACQ_REL) & THREAD_HAS_ENDED)
        thrum__watch_slot_free(other);
    if (self)
        thrum__watch_event(self, EVENT_JOIN, 0, index);
    errno = error;
}

#define JOIN(call, limited)                                                                        \
    struct slot *self = thrum__watch_slot();                                                       \
    struct slot *other = self ? slot_of(thread) : NULL;                                            \
    struct watched_wait wait;                                                                      \
    const void *object = NULL;                                                                     \
    if (other) {                                                                                   \
        object = (const void *)(uintptr_t)other->thread;                                           \
        thrum__watch_wait_begin(self, object, LOCK_THREAD, site_make(place, limited), 0, &wait);   \
    }                                                                                              \
    int rc = call;                                                                                 \
    if (other)                                                                                     \
        thrum__watch_wait_end(self, object, LOCK_THREAD, site_make(place, limited), &wait);        \
    if (rc == 0 && other)                                                                          \
        joined(self, other, place);                                                                \
    return rc;

int thrum__watch_join(pthread_t thread, void **result,
                      const void *place){JOIN(REAL(pthread_join)(thread, result), 0)}

HOOK int pthread_join(pthread_t thread, void **result)
{
    return thrum__watch_join(thread, result, PLACE);
}

HOOK int pthread_tryjoin_np(pthread_t thread, void **result)
{
    const void *place = PLACE;
    JOIN(REAL(pthread_tryjoin_np)(thread, result), MODE_TRY)
}

HOOK int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until)
{
    const void *place = PLACE;
    JOIN(REAL(pthread_timedjoin_np)(thread, result, until), MODE_TIMED)
}

HOOK int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
                              const struct timespec *until)
{
    const void *place = PLACE;
    JOIN(REAL(pthread_clockjoin_np)(thread, result, clock, until), MODE_TIMED)
}

int thrum__watch_detach(pthread_t thread)
{
    struct slot *other = thrum__watch_slot() ? slot_of(thread) : NULL;
    int rc = REAL(pthread_detach)(thread);
    if (rc == 0 && other &&
        __atomic_fetch_or(&record_of(other)->flags, THREAD_DETACHED, __ATOMIC_ACQ_REL) &
            THREAD_HAS_ENDED)
        thrum__watch_slot_free(other);
    return rc;
}

HOOK int pthread_detach(pthread_t thread)
{
    return thrum__watch_detach(thread);
}

/* The kernel's name is read when the thread ends; here for those that do not end before the program. */
HOOK int pthread_setname_np(pthread_t thread, const char *name)
{
    int rc = REAL(pthread_setname_np)(thread, name);
    struct slot *self = thrum__watch_self;
    struct slot *other = rc != 0 || !self                        ? NULL
                         : pthread_equal(thread, pthread_self()) ? self
                                                                 : slot_of(thread);
    if (other)
        memcpy(record_of(other)->name, name,
               strlen(name) + 1); /* it has at most 16 bytes: rc is 0 */
    return rc;
}

static void in_child(void)
{
    struct slot *slot = thrum__watch_self;
    kept_depth = slot ? slot->depth : 0;
    if (slot)
        memcpy(kept, slot->held, kept_depth * sizeof *kept);
    thrum__watch_self = thrum__watch_base = NULL;
    thrum__watch_task_fork();
    thrum__watch_region_leave();
}

#ifdef DOCTOR_STATIC
/* So that the linker takes the table out of the archive; libthrum's own reference is weak. */
__attribute__((used)) static const void *const probes = &THRUM__PROBES_SYMBOL;
#endif

__attribute__((constructor)) static void load(void)
{
    thrum__real_find();
    if (!thrum__watch_wanted())
        return;
    key_made = pthread_key_create(&key, at_end) == 0;
    __register_atfork(NULL, NULL, in_child, NULL);
    (void)thrum__watch_slot();
}

__attribute__((destructor)) static void unload(void)
{
    if (!thrum__watch_region)
        return;
    thrum__watch_segments();
    __atomic_store_n(&thrum__watch_region->complete, 1, __ATOMIC_RELEASE);
}
