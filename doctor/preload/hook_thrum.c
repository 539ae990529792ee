/* The probes of libthrum (src/base/probe.h): its locks, semaphores, conditions, barriers, events and queues, between
 * threads and fibers.
 *
 * What these do is what the hooks of pthreads do with theirs. Two differences: the library tells of an acquisition
 * after it, and before it only if it may wait; and a condition gives its lock up before its wait, so that is
 * not in the list of those held meanwhile. A queue is a semaphore that begins at 0 and is no lock.
 *
 * A wait is timed by the library around each sleep. It needs no slot: so a fiber that has none gets none for it.
 */
#include "base/probe.h"
#include "task.h"
#include "trace.h"

#include <errno.h>
#include <string.h>

static const uint8_t kinds[THRUM__PROBE_KINDS] = {
    [THRUM__PROBE_LOCK] = LOCK_THRUM_LOCK,
    [THRUM__PROBE_RWLOCK] = LOCK_THRUM_RWLOCK,
    [THRUM__PROBE_SEMAPHORE] = LOCK_THRUM_SEMAPHORE,
    [THRUM__PROBE_CONDITION] = LOCK_THRUM_CONDITION,
    [THRUM__PROBE_BARRIER] = LOCK_THRUM_BARRIER,
    [THRUM__PROBE_EVENT] = LOCK_THRUM_EVENT,
    [THRUM__PROBE_QUEUE] = LOCK_THRUM_QUEUE,
    [THRUM__PROBE_GROUP] = LOCK_THRUM_GROUP,
};

_Static_assert((int)THRUM__PROBE_READ == MODE_READ && (int)THRUM__PROBE_TRY == MODE_TRY &&
                   (int)THRUM__PROBE_LIMIT == MODE_TIMED &&
                   (int)THRUM__PROBE_AGAIN == MODE_REACQUIRE,
               "modes are passed on");

/* Nothing in the object tells that it was destroyed: destroyed.h. */
static inline void check_destroyed(struct slot *slot, const void *object, enum lock_kind kind,
                                   uint64_t site)
{
    if (unlikely(thrum__watch_maybe_destroyed(object))) {
        int error = errno;
        thrum__watch_use_destroyed(slot, object, kind, site);
        errno = error;
    }
}

/* The record of an object. One that is met for the first time is as its kind is at its beginning. */
static uint32_t record_of(const void *object, enum lock_kind kind, uint64_t value)
{
    uint32_t index = thrum__watch_lock_find(object, kind);
    struct lock_record *lock = &thrum__watch_region->locks[index];
    if (!index || lock->flags & LOCK_VALUED)
        return index;
    if (!lock->site)
        lock->argument = value;
    __atomic_fetch_or(&lock->flags, LOCK_VALUED | (kind == LOCK_THRUM_RWLOCK ? LOCK_RECURSIVE : 0),
                      __ATOMIC_RELAXED);
    return index;
}

static void made(enum thrum__probe_kind kind, const void *object, uint64_t value, const void *place)
{
    int error = errno;
    thrum__watch_lock_init(object, kinds[kind], 0, place, value);
    errno = error;
}

static void gone(enum thrum__probe_kind kind, const void *object, const void *place)
{
    int error = errno;
    thrum__watch_lock_retire(object, kinds[kind], place);
    errno = error;
}

/* The lock that it gave up is not held any more, another is. */
static void condition_holding(struct slot *slot, const void *condition, uint64_t site)
{
    const struct held *top = &slot->held[slot->depth - 1];
    uint32_t other = top->lock ? thrum__watch_held_lock(top) : 0;
    if (other && thrum__watch_region->locks[other].kind != LOCK_THRUM_SEMAPHORE)
        thrum__watch_finding(slot, &(struct finding_record){.kind = FINDING_CONDITION_HOLDING,
                                                            .lock = other,
                                                            .object = thrum__watch_lock_find(
                                                                condition, LOCK_THRUM_CONDITION),
                                                            .site = site,
                                                            .other_site = top->site});
}

/* Readers wait for writers that wait. */
static void note_writer(uint32_t index, unsigned mode)
{
    enum { FLAGS = LOCK_WRITTEN | LOCK_PREFERS_WRITER };
    struct lock_record *lock = &thrum__watch_region->locks[index];
    if (index && !(mode & MODE_READ) && (lock->flags & FLAGS) != FLAGS)
        __atomic_fetch_or(&lock->flags, FLAGS, __ATOMIC_RELAXED);
}

static bool is_held_by_one(enum thrum__probe_kind kind)
{
    return kind == THRUM__PROBE_LOCK || kind == THRUM__PROBE_RWLOCK ||
           kind == THRUM__PROBE_SEMAPHORE;
}

static void wanted(enum thrum__probe_kind kind, const void *object, unsigned mode,
                   const void *place, uint64_t value)
{
    int error = errno;
    uint64_t site = site_make(place, mode);
    struct slot *slot = is_held_by_one(kind) ? thrum__watch_slot() : thrum__watch_self;
    if (slot) {
        slot->wanted = site;
        check_destroyed(slot, object, kinds[kind], site);
        if (is_held_by_one(kind)) {
            uint32_t index = record_of(object, kinds[kind], value);
            if (kind == THRUM__PROBE_RWLOCK)
                note_writer(index, mode);
            (void)thrum__watch_enter(slot, object, kinds[kind], site);
        } else if (kind == THRUM__PROBE_CONDITION && slot->depth)
            condition_holding(slot, object, site);
    }
    errno = error;
}

/* A semaphore; and others for the first time. */
static __attribute__((noinline)) void acquired_slow(struct slot *slot, enum lock_kind kind,
                                                    const void *object, unsigned mode,
                                                    uint64_t site, uint64_t value)
{
    int error = errno;
    uint32_t index = record_of(object, kind, value), node = 0;
    if (kind == LOCK_THRUM_RWLOCK)
        note_writer(index, mode);
    if (!(mode & MODE_TRY))
        node = thrum__watch_enter(slot, object, kind, site);
    if (kind == LOCK_THRUM_SEMAPHORE) {
        thrum__watch_taken(slot, object, kind, site, node);
        thrum__trace_event(slot, RING_TAKE, object);
    } else {
        thrum__watch_push(slot, object, kind, site, node);
        thrum__trace_taken(slot, object, kind, site);
    }
    errno = error;
}

static void acquired(enum thrum__probe_kind kind, const void *object, unsigned mode,
                     const void *place, uint64_t value)
{
    struct slot *slot = thrum__watch_slot();
    if (unlikely(!slot))
        return;
    uint64_t site = site_make(place, mode);
    slot->wanted = 0;
    check_destroyed(slot, object, kinds[kind], site);
    if (unlikely(kind != THRUM__PROBE_LOCK)) {
        acquired_slow(slot, kinds[kind], object, mode, site, value);
        return;
    }
    uint32_t node = 0;
    if (likely(!(mode & MODE_TRY)))
        node = thrum__watch_enter(slot, object, LOCK_THRUM_LOCK, site);
    thrum__watch_push(slot, object, LOCK_THRUM_LOCK, site, node);
    thrum__trace_taken(slot, object, LOCK_THRUM_LOCK, site);
}

static void released(enum thrum__probe_kind kind, const void *object, uint64_t value)
{
    struct slot *slot = thrum__watch_slot();
    if (unlikely(!slot))
        return;
    thrum__trace_event(slot, kind == THRUM__PROBE_SEMAPHORE ? RING_POST : RING_RELEASE, object);
    if (likely(kind != THRUM__PROBE_SEMAPHORE)) {
        thrum__watch_leave(slot, object, kinds[kind]);
        return;
    }
    int error = errno;
    (void)record_of(object, LOCK_THRUM_SEMAPHORE, 0);
    thrum__watch_posted(slot, object, LOCK_THRUM_SEMAPHORE, value);
    errno = error;
}

static void told(enum thrum__probe_kind kind, const void *object, uint64_t count)
{
    int error = errno;
    struct slot *slot = thrum__watch_slot();
    if (slot)
        check_destroyed(slot, object, kinds[kind], site_make(__builtin_return_address(0), 0));
    uint32_t index =
        slot ? record_of(object, kinds[kind], kind == THRUM__PROBE_BARRIER ? count : 0) : 0;
    if (slot)
        thrum__trace_event(slot, kind == THRUM__PROBE_QUEUE ? RING_POST : RING_WAKE, object);
    if (index && kind == THRUM__PROBE_QUEUE)
        thrum__watch_posted(slot, object, LOCK_THRUM_QUEUE, count);
    else if (index)
        thrum__watch_event(slot, kind == THRUM__PROBE_BARRIER ? EVENT_BARRIER : EVENT_SIGNAL, index,
                           0);
    errno = error;
}

static void learned(enum thrum__probe_kind kind, const void *object, uint64_t count)
{
    enum { ITEMS_MOST = 64 };
    int error = errno;
    struct slot *slot = thrum__watch_slot();
    uint32_t index = slot ? record_of(object, kinds[kind], 0) : 0;
    if (index && kind == THRUM__PROBE_QUEUE)
        for (uint64_t i = 0; i < count && i < ITEMS_MOST; i++)
            thrum__watch_event(slot, EVENT_TAKE, index, 0);
    else if (index)
        thrum__watch_event(slot, kind == THRUM__PROBE_GROUP ? EVENT_WOKEN_BY_ALL : EVENT_WOKEN,
                           index, 0);
    errno = error;
}

/* ---------------------------------------------------------------------------------- waits */

static enum lock_kind kind_of_wait(const char *name)
{
    static const struct {
        const char *name;
        enum lock_kind kind;
    } names[] = {
        {"lock", LOCK_THRUM_LOCK},           {"rwlock read", LOCK_THRUM_RWLOCK},
        {"rwlock write", LOCK_THRUM_RWLOCK}, {"semaphore", LOCK_THRUM_SEMAPHORE},
        {"condition", LOCK_THRUM_CONDITION}, {"barrier", LOCK_THRUM_BARRIER},
        {"event", LOCK_THRUM_EVENT},         {"future", LOCK_THRUM_FUTURE},
        {"futures", LOCK_THRUM_FUTURE},      {"sleep", LOCK_THRUM_SLEEP},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].kind;
    return LOCK_THRUM_OTHER;
}

/* Whether a record for the object is of use: it is known by others than its waiters. */
static bool is_object(enum lock_kind kind)
{
    return kind != LOCK_THRUM_FUTURE && kind != LOCK_THRUM_SLEEP && kind != LOCK_THRUM_OTHER;
}

enum { WAIT_SINCE, WAIT_HOLDER, WAIT_KIND, WAIT_EVENTS };

/* A context without a slot writes into the ring of its thread, too. */
static void trace_wait(enum ring_kind what, const void *object, enum lock_kind kind)
{
    struct slot *base = thrum__watch_base;
    const struct slot *slot = thrum__watch_self;
    if (!base || !thrum__traced(base))
        return;
    uint64_t site = slot && slot->wanted ? slot->wanted : site_make(__builtin_return_address(0), 0);
    uint32_t place = what == RING_WAIT ? thrum__trace_place(base, site, kind) : 0;
    thrum__trace_put(base, what, thrum__trace_object(object), place);
}

static void wait_begin(const char *name, const void *object, thrum__probe_wait *wait)
{
    if (!thrum__watch_region) {
        wait->words[WAIT_SINCE] = 0;
        return;
    }
    struct slot *slot = thrum__watch_self;
    enum lock_kind kind = kind_of_wait(name);
    trace_wait(RING_WAIT, object, kind);
    wait->words[WAIT_SINCE] = thrum__watch_now();
    wait->words[WAIT_HOLDER] =
        kind == LOCK_THRUM_LOCK || kind == LOCK_THRUM_RWLOCK ? thrum__watch_holder(object) : 0;
    wait->words[WAIT_KIND] = kind;
    wait->words[WAIT_EVENTS] = __atomic_load_n(&thrum__watch_region->event_count, __ATOMIC_ACQUIRE);
    if (!slot)
        return;
    slot->waits_since = wait->words[WAIT_SINCE];
    slot->waits_kind = kind;
    slot->wait_count++;
    __atomic_store_n(&slot->waits_for, (uint64_t)(uintptr_t)object | 1, __ATOMIC_RELEASE);
}

static void wait_end(const char *name, const void *object, int outcome, thrum__probe_wait *wait)
{
    static struct slot nobody;
    int error = errno;
    struct slot *slot = thrum__watch_self;
    enum lock_kind kind = (enum lock_kind)wait->words[WAIT_KIND];
    (void)name;
    if (!wait->words[WAIT_SINCE] || !thrum__watch_region)
        return;
    trace_wait(RING_WAIT_END, object, kind);
    uint64_t took = thrum__watch_now() - wait->words[WAIT_SINCE];
    uint32_t index = is_object(kind) ? record_of(object, kind, 0) : 0;
    if (slot)
        __atomic_store_n(&slot->waits_for, 0, __ATOMIC_RELEASE);
    thrum__watch_waited(slot ? slot : &nobody, index, kind, slot ? slot->wanted : 0,
                        wait->words[WAIT_HOLDER], took);
    if (slot)
        slot->wanted = 0;
    if (kind == LOCK_THRUM_CONDITION && outcome == 0 && (slot = thrum__watch_slot()) != NULL)
        thrum__watch_event(slot, EVENT_WOKEN, index, wait->words[WAIT_EVENTS]);
    errno = error;
}

/* ---------------------------------------------------------------------------------- the rest */

static void named(const void *object, size_t size, const char *text)
{
    int error = errno;
    if (thrum__watch_slot())
        (void)thrum__watch_named(object, size, text);
    errno = error;
}

/* A name without an address is that of a task. */
static void unread(const char *name, int code)
{
    int error = errno;
    struct slot *slot = thrum__watch_slot();
    if (slot)
        thrum__watch_finding(slot,
                             &(struct finding_record){.kind = FINDING_UNREAD,
                                                      .object = thrum__watch_named(NULL, 0, name),
                                                      .other = (uint32_t)-code});
    errno = error;
}

HOOK const thrum__probes THRUM__PROBES_SYMBOL = {
    .made = made,
    .gone = gone,
    .wanted = wanted,
    .acquired = acquired,
    .released = released,
    .told = told,
    .learned = learned,
    .wait_begin = wait_begin,
    .wait_end = wait_end,
    .submitted = thrum__watch_submitted,
    .task_begin = thrum__watch_task_begin,
    .task_end = thrum__watch_task_end,
    .task_awaited = thrum__watch_task_awaited,
    .unread = unread,
    .leave = thrum__watch_task_leave,
    .arrive = thrum__watch_task_arrive,
    .named = named,
};
