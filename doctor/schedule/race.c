/* Plain accesses to memory: points of the schedule, and checked for races.
 *
 * A program that is compiled with -fsanitize=thread calls functions of the compiler's runtime before
 * each access. If it is linked with this library instead of that runtime, these are they. Outside of
 * `thrum explore` they do nothing but the atomic operations.
 *
 * Before an access the thread asks for a turn, as at any other call, so other threads may come
 * between any two accesses. In two of three schedules only accesses to words that threads share without a lock
 * (sharing.c) do: most accesses are to other words, and a switch there changes nothing. All are checked. Accesses to the thread's own stack get no turn; a variable there that
 * another thread uses gets turns in that thread.
 *
 * Races by vector clocks (Flanagan and Freund, "FastTrack", 2009). Each thread has a clock of what it
 * knows of each thread; each object of synchronisation has one, too, which a release adds to and an
 * acquire takes from. A cell is kept for each eight bytes in use, with the last write and the last
 * read of some threads. An access races with one of another thread that overlaps it, of which one is a
 * write and one is not atomic, and that its clock does not know of. Because one thread runs at a time,
 * nothing here needs a lock.
 *
 * Atomics by their orders, as C11 has them. A store that releases leaves the clock of its thread in the object; any other
 * store leaves that of the thread's last fence that releases, or nothing: a thread that reads this value knows nothing of
 * those before. An update adds to what is there, so a release sequence goes on. A load that acquires takes the clock; any
 * other keeps it for a fence that acquires. Fences alone order nothing. So the order of accesses is that of weak
 * memory, but the values are not: a load finds the latest value.
 *
 * Tables are of fixed size and are filled by hashing; an entry that finds no place takes that of another.
 * So a race may be missed, but none is made up. Two readers of a rwlock are ordered by it, which may
 * also hide a race. Memory that is freed and allocated again is forgotten at the allocation only if
 * the allocator takes a lock that is hooked, or else by the order of the threads that use it.
 */
#include "race.h"

#include "sharing.h"

#include <string.h>

enum {
    OBJECTS = 1 << 10,
    CELLS = 1 << 15,
    PROBES = 16,
    READERS = 3,
    CALLS_MOST = 256,
    FRAMES_KEPT = 8,
    HELD_KEPT = 3,
    SKIPPED_MOST = 200,
};

struct clock {
    uint32_t of[SCHEDULE_THREADS];
};

struct object_clock {
    uint64_t object;
    struct clock clock;
};

struct access {
    uint64_t place, before;
    uint32_t epoch, step;
    uint8_t thread, mask, size, atomic;
    uint8_t frame_count, offset, held_count;
    uint64_t frames[FRAMES_KEPT];
    struct schedule_held held[HELD_KEPT];
};

struct cell {
    uint64_t granule; /* the address / 8; 0 for none */
    struct access write, reads[READERS];
};

/* The functions that a thread is in, by the places that they return to. */
struct calls {
    uint64_t places[CALLS_MOST];
    uint32_t depth;
    uint32_t skipped; /* accesses that were no points */
    uintptr_t stack_low, stack_high;
};

bool thrum__race_instrumented;

static struct clock clocks[SCHEDULE_THREADS];
static struct clock fenced[SCHEDULE_THREADS]; /* at the last fence that releases */
static struct clock
    loaded[SCHEDULE_THREADS]; /* by loads that do not acquire: for a fence that does */
static struct object_clock objects[OBJECTS];
static struct cell cells[CELLS];
static struct calls calls[SCHEDULE_THREADS];

static uint32_t hash(uint64_t value)
{
    return (uint32_t)(value * 0x9e3779b97f4a7c15 >> 40);
}

static struct clock *own_clock(void)
{
    struct clock *clock = &clocks[thrum__turn_self->index];
    if (clock->of[thrum__turn_self->index] == 0)
        clock->of[thrum__turn_self->index] = 1;
    return clock;
}

static void add(struct clock *into, const struct clock *from)
{
    for (uint32_t i = 0; i < thrum__turn_region->thread_count; i++)
        if (into->of[i] < from->of[i])
            into->of[i] = from->of[i];
}

static struct object_clock *object_clock(const void *object)
{
    uint64_t address = (uint64_t)(uintptr_t)object;
    uint32_t at = hash(address);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct object_clock *entry = &objects[(at + i) % OBJECTS];
        if (entry->object == address)
            return entry;
        if (entry->object == 0) {
            entry->object = address;
            return entry;
        }
    }
    /* No place: it shares that of another object. The order that this adds can only hide a race. */
    return &objects[at % OBJECTS];
}

void thrum__race_release(const void *object)
{
    if (!thrum__turn_region->plan.races)
        return;
    struct clock *own = own_clock();
    add(&object_clock(object)->clock, own);
    own->of[thrum__turn_self->index]++;
}

void thrum__race_acquire(const void *object)
{
    if (thrum__turn_region->plan.races)
        add(own_clock(), &object_clock(object)->clock);
}

void thrum__race_created(uint32_t thread)
{
    static const struct clock none;
    struct clock *own = own_clock();
    uint32_t before = clocks[thread].of[thread];
    fenced[thread] = loaded[thread] = none;
    clocks[thread] = *own;
    clocks[thread].of[thread] = before + 1; /* the record may have served another thread before */
    calls[thread].depth = calls[thread].skipped = 0;
    calls[thread].stack_high = 0;
    own->of[thrum__turn_self->index]++;
}

void thrum__race_joined(uint32_t thread)
{
    add(own_clock(), &clocks[thread]);
}

/* ---- cells ---- */

static struct cell *cell_of(uint64_t granule)
{
    uint32_t at = hash(granule);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct cell *cell = &cells[(at + i) % CELLS];
        if (cell->granule == granule)
            return cell;
        if (cell->granule == 0) {
            cell->granule = granule;
            return cell;
        }
    }
    struct cell *cell = &cells[at % CELLS];
    memset(cell, 0, sizeof *cell);
    cell->granule = granule;
    return cell;
}

static bool races(const struct access *old, const struct access *new)
{
    return old->epoch && old->thread != new->thread && (old->mask & new->mask) &&
           !(old->atomic && new->atomic) && old->epoch > clocks[new->thread].of[old->thread];
}

static void show(struct schedule_access *shown, const struct access *access, uint64_t granule,
                 bool write)
{
    *shown = (struct schedule_access){.address = granule * 8 + access->offset,
                                      .place = access->place,
                                      .before = access->before,
                                      .size = access->size,
                                      .step = access->step,
                                      .thread = access->thread,
                                      .write = write,
                                      .atomic = access->atomic,
                                      .held_count = access->held_count,
                                      .frame_count = access->frame_count};
    memcpy(shown->held, access->held, access->held_count * sizeof access->held[0]);
    memcpy(shown->frames, access->frames, access->frame_count * sizeof access->frames[0]);
}

static void fail(uint64_t granule, const struct access *old, bool old_write,
                 const struct access *new, bool write)
{
    struct schedule_region *region = thrum__turn_region;
    show(&region->race[0], old, granule, old_write);
    show(&region->race[1], new, granule, write);
    region->race[0].after = new->before;
    thrum__turn_fail(VERDICT_RACE, (const void *)(uintptr_t)(granule * 8 + new->offset),
                     (const void *)(uintptr_t) new->place, "two accesses that nothing orders");
}

static void check(struct cell *cell, const struct access *new, bool write)
{
    if (races(&cell->write, new))
        fail(cell->granule, &cell->write, true, new, write);
    for (int i = 0; write && i < READERS; i++)
        if (races(&cell->reads[i], new))
            fail(cell->granule, &cell->reads[i], false, new, write);
}

static struct access *place_for(struct cell *cell, const struct access *new, bool write)
{
    if (write)
        return &cell->write;
    for (int i = 0; i < READERS; i++)
        if (!cell->reads[i].epoch || cell->reads[i].thread == new->thread)
            return &cell->reads[i];
    return &cell->reads[thrum__turn_region->steps % READERS];
}

static uint64_t value_at(const void *address, uint32_t size)
{
    uint64_t value = 0;
    memcpy(&value, address, size < 8 ? size : 8);
    return value;
}

static void note(const void *address, uint32_t size, bool write, bool atomic, const void *place)
{
    const struct calls *stack = &calls[thrum__turn_self->index];
    struct access access = {.place = (uint64_t)(uintptr_t)place,
                            .before = value_at(address, size),
                            .epoch = own_clock()->of[thrum__turn_self->index],
                            .step = thrum__turn_region->steps,
                            .thread = (uint8_t)thrum__turn_self->index,
                            .size = (uint8_t)(size < 255 ? size : 255),
                            .atomic = atomic};
    uint32_t depth = stack->depth < CALLS_MOST ? stack->depth : CALLS_MOST;
    while (access.frame_count < FRAMES_KEPT && access.frame_count < depth) {
        access.frames[access.frame_count] = stack->places[depth - 1 - access.frame_count];
        access.frame_count++;
    }
    const struct schedule_thread *shown = thrum__turn_self->shown;
    access.held_count = shown->held_count < HELD_KEPT ? shown->held_count : HELD_KEPT;
    memcpy(access.held, shown->held, access.held_count * sizeof access.held[0]);
    for (uint64_t at = (uint64_t)(uintptr_t)address, end = at + size; at < end;) {
        uint32_t offset = at % 8, part = 8 - offset < end - at ? 8 - offset : (uint32_t)(end - at);
        struct cell *cell = cell_of(at / 8);
        access.offset = (uint8_t)offset;
        access.mask = (uint8_t)(((1u << part) - 1) << offset);
        check(cell, &access, write);
        *place_for(cell, &access, write) = access;
        at += part;
    }
}

static bool on_own_stack(const void *address)
{
    struct calls *own = &calls[thrum__turn_self->index];
    if (!own->stack_high) {
        pthread_attr_t attributes;
        void *low;
        size_t size;
        own->stack_high = 1;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
                own->stack_low = (uintptr_t)low;
                own->stack_high = (uintptr_t)low + size;
            }
            pthread_attr_destroy(&attributes);
        }
    }
    return (uintptr_t)address >= own->stack_low && (uintptr_t)address < own->stack_high;
}

/* True if the access is a point: each one, or those to words that threads share. Of the others now and then one is, as
 * a loop may wait for that word. */
static bool is_point(const void *address, bool write)
{
    const struct schedule_plan *plan = &thrum__turn_region->plan;
    uint32_t *skipped = &calls[thrum__turn_self->index].skipped;
    bool shared = (plan->memory == MEMORY_SHARED || plan->learn) &&
                  thrum__sharing_note((uint64_t)(uintptr_t)address, write);
    return shared || plan->memory != MEMORY_SHARED || ++*skipped % SKIPPED_MOST == 0;
}

static void at_access(const void *address, uint32_t size, bool write, const void *place)
{
    if (!thrum__turn_on() || size == 0)
        return;
    if (!on_own_stack(address) && is_point(address, write))
        thrum__turn_point(write ? STEP_WRITE : STEP_READ, address, write, place);
    if (thrum__turn_region->plan.races)
        note(address, size, write, false, place);
}

/* ---- what the compiler calls ---- */

#define EXPORT(type, name, arguments)                                                              \
    type name arguments;                                                                           \
    HOOK type name arguments

EXPORT(void, __tsan_init, (void))
{
    thrum__race_instrumented = true;
}

EXPORT(void, __tsan_func_entry, (const void *place))
{
    if (thrum__turn_on()) {
        struct calls *own = &calls[thrum__turn_self->index];
        if (own->depth < CALLS_MOST)
            own->places[own->depth] = (uint64_t)(uintptr_t)place;
        own->depth++;
    }
}

EXPORT(void, __tsan_func_exit, (const void *unused))
{
    (void)unused;
    if (thrum__turn_on() && calls[thrum__turn_self->index].depth > 0)
        calls[thrum__turn_self->index].depth--;
}

#define ACCESS(bytes)                                                                              \
    EXPORT(void, __tsan_read##bytes, (const void *address))                                        \
    {                                                                                              \
        at_access(address, bytes, false, PLACE);                                                   \
    }                                                                                              \
    EXPORT(void, __tsan_write##bytes, (const void *address))                                       \
    {                                                                                              \
        at_access(address, bytes, true, PLACE);                                                    \
    }                                                                                              \
    EXPORT(void, __tsan_unaligned_read##bytes, (const void *address))                              \
    {                                                                                              \
        at_access(address, bytes, false, PLACE);                                                   \
    }                                                                                              \
    EXPORT(void, __tsan_unaligned_write##bytes, (const void *address))                             \
    {                                                                                              \
        at_access(address, bytes, true, PLACE);                                                    \
    }                                                                                              \
    EXPORT(void, __tsan_read_write##bytes, (const void *address))                                  \
    {                                                                                              \
        at_access(address, bytes, false, PLACE);                                                   \
        at_access(address, bytes, true, PLACE);                                                    \
    }                                                                                              \
    EXPORT(void, __tsan_volatile_read##bytes, (const void *address))                               \
    {                                                                                              \
        at_access(address, bytes, false, PLACE);                                                   \
    }                                                                                              \
    EXPORT(void, __tsan_volatile_write##bytes, (const void *address))                              \
    {                                                                                              \
        at_access(address, bytes, true, PLACE);                                                    \
    }

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

EXPORT(void, __tsan_read_range, (const void *address, unsigned long size))
{
    at_access(address, (uint32_t)size, false, PLACE);
}

EXPORT(void, __tsan_write_range, (const void *address, unsigned long size))
{
    at_access(address, (uint32_t)size, true, PLACE);
}

EXPORT(void, __tsan_vptr_read, (const void *address))
{
    at_access(address, sizeof(void *), false, PLACE);
}

/* A constructor writes the same value again; only a change is a write. */
EXPORT(void, __tsan_vptr_update, (void **address, const void *value))
{
    at_access(address, sizeof(void *), *address != value, PLACE);
}

/* ---- atomics ---- */

static bool acquires(int order)
{
    return order == __ATOMIC_CONSUME || order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void before_atomic(const volatile void *address, uint32_t size, bool write,
                          const void *place)
{
    const void *plain = (const void *)(uintptr_t)address;
    if (!thrum__turn_on())
        return;
    if (is_point(plain, write))
        thrum__turn_point(STEP_ATOMIC, plain, write, place);
    if (thrum__turn_region->plan.races)
        note(plain, size, write, true, place);
}

/* What the value that the thread has read knows. */
static void after_read(const volatile void *address, int order)
{
    const struct clock *known = &object_clock((const void *)(uintptr_t)address)->clock;
    add(acquires(order) ? own_clock() : &loaded[thrum__turn_self->index], known);
}

/* What the value that the thread leaves there knows. An object that shares its clock with others keeps what it has. */
static void after_write(const volatile void *address, int order, bool updates)
{
    uint32_t self = thrum__turn_self->index;
    struct object_clock *entry = object_clock((const void *)(uintptr_t)address);
    struct clock *own = own_clock();
    if (!updates && entry->object == (uint64_t)(uintptr_t)address)
        memset(&entry->clock, 0, sizeof entry->clock);
    add(&entry->clock, releases(order) ? own : &fenced[self]);
    if (releases(order))
        own->of[self]++;
}

static void after_atomic(const volatile void *address, int order, bool read, bool write)
{
    if (!thrum__turn_on() || !thrum__turn_region->plan.races)
        return;
    if (read)
        after_read(address, order);
    if (write)
        after_write(address, order, read);
}

/* A load in a loop waits for another thread: it goes behind, once nothing changes. So does an update that changes nothing, as
 * a test-and-set of a lock that is held. */
static void after_load(const volatile void *address, uint64_t value)
{
    struct turn_thread *self = thrum__turn_self;
    if (!self)
        return;
    uint64_t seen = (uint64_t)(uintptr_t)address ^ value * 0x9e3779b97f4a7c15;
    if (self->last_load == seen)
        thrum__turn_behind();
    self->last_load = seen;
}

#define UPDATE(bits, name, builtin)                                                                \
    EXPORT(uint##bits##_t, __tsan_atomic##bits##_##name,                                           \
           (volatile uint##bits##_t * address, uint##bits##_t value, int order))                   \
    {                                                                                              \
        before_atomic(address, bits / 8, true, PLACE);                                             \
        uint##bits##_t old = builtin(address, value, __ATOMIC_SEQ_CST);                            \
        after_atomic(address, order, true, true);                                                  \
        if (__atomic_load_n(address, __ATOMIC_RELAXED) == old)                                     \
            after_load(address, old);                                                              \
        return old;                                                                                \
    }

#define ATOMIC(bits)                                                                               \
    EXPORT(uint##bits##_t, __tsan_atomic##bits##_load,                                             \
           (const volatile uint##bits##_t *address, int order))                                    \
    {                                                                                              \
        before_atomic(address, bits / 8, false, PLACE);                                            \
        uint##bits##_t value = __atomic_load_n(address, __ATOMIC_SEQ_CST);                         \
        after_atomic(address, order, true, false);                                                 \
        after_load(address, value);                                                                \
        return value;                                                                              \
    }                                                                                              \
    EXPORT(void, __tsan_atomic##bits##_store,                                                      \
           (volatile uint##bits##_t * address, uint##bits##_t value, int order))                   \
    {                                                                                              \
        before_atomic(address, bits / 8, true, PLACE);                                             \
        after_atomic(address, order, false, true);                                                 \
        __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                        \
    }                                                                                              \
    UPDATE(bits, exchange, __atomic_exchange_n)                                                    \
    UPDATE(bits, fetch_add, __atomic_fetch_add)                                                    \
    UPDATE(bits, fetch_sub, __atomic_fetch_sub)                                                    \
    UPDATE(bits, fetch_and, __atomic_fetch_and)                                                    \
    UPDATE(bits, fetch_or, __atomic_fetch_or)                                                      \
    UPDATE(bits, fetch_xor, __atomic_fetch_xor)                                                    \
    UPDATE(bits, fetch_nand, __atomic_fetch_nand)                                                  \
    static int exchange##bits(volatile uint##bits##_t *address, uint##bits##_t *expected,          \
                              uint##bits##_t value, int order, int failure, const void *place)     \
    {                                                                                              \
        before_atomic(address, bits / 8, true, place);                                             \
        int done = __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST,  \
                                               __ATOMIC_SEQ_CST);                                  \
        after_atomic(address, done ? order : failure, true, done);                                 \
        if (!done)                                                                                 \
            after_load(address, *expected);                                                        \
        return done;                                                                               \
    }                                                                                              \
    EXPORT(int, __tsan_atomic##bits##_compare_exchange_strong,                                     \
           (volatile uint##bits##_t * address, uint##bits##_t * expected, uint##bits##_t value,    \
            int order, int failure))                                                               \
    {                                                                                              \
        return exchange##bits(address, expected, value, order, failure, PLACE);                    \
    }                                                                                              \
    EXPORT(int, __tsan_atomic##bits##_compare_exchange_weak,                                       \
           (volatile uint##bits##_t * address, uint##bits##_t * expected, uint##bits##_t value,    \
            int order, int failure))                                                               \
    {                                                                                              \
        return exchange##bits(address, expected, value, order, failure, PLACE);                    \
    }                                                                                              \
    EXPORT(uint##bits##_t, __tsan_atomic##bits##_compare_exchange_val,                             \
           (volatile uint##bits##_t * address, uint##bits##_t expected, uint##bits##_t value,      \
            int order, int failure))                                                               \
    {                                                                                              \
        exchange##bits(address, &expected, value, order, failure, PLACE);                          \
        return expected;                                                                           \
    }

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

EXPORT(void, __tsan_atomic_thread_fence, (int order))
{
    static const char fence;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!thrum__turn_on())
        return;
    thrum__turn_point(STEP_ATOMIC, &fence, true, PLACE);
    if (!thrum__turn_region->plan.races)
        return;
    struct clock *own = own_clock();
    uint32_t self = thrum__turn_self->index;
    if (acquires(order))
        add(own, &loaded[self]);
    if (releases(order)) {
        fenced[self] = *own;
        own->of[self]++;
    }
}

EXPORT(void, __tsan_atomic_signal_fence, (int order))
{
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
