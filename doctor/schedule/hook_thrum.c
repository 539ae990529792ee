/* The probes of libthrum (src/base/probe.h), as scheduling points.
 *
 * A free lock of thrum is acquired by one instruction, without a call that could be replaced. Without probes no other
 * thread could run between two such locks, so a deadlock of them was never found; and no access to memory was ordered
 * by them, so an instrumented program on thrum had false races. The probes tell of both.
 *
 * A wait itself is a futex of the library, which hook_io.c controls. So nothing blocks here: a probe is a point at which
 * another thread may go on, and an edge of the order of memory.
 *
 * Fibers of one thread share its clock: what one does comes before what the next one does, even if nothing else orders
 * them. A race between them is not seen, and none is false.
 */
#include "base/probe.h"
#include "hooks.h"
#include "race.h"

#include <errno.h>

_Static_assert((int)THRUM__PROBE_KINDS == (int)STEP_THRUM_KINDS,
               "each kind of object has its steps");

static void point(enum schedule_thrum_action action, enum thrum__probe_kind kind,
                  const void *object, const void *place)
{
    int error = errno;
    thrum__turn_point((enum schedule_kind)(STEP_THRUM + STEP_THRUM_KINDS * action + kind), object,
                      true, place);
    errno = error;
}

static bool is_lock(enum thrum__probe_kind kind)
{
    return kind == THRUM__PROBE_LOCK || kind == THRUM__PROBE_RWLOCK;
}

static void made(enum thrum__probe_kind kind, const void *object, uint64_t value, const void *place)
{
    (void)kind, (void)object, (void)value, (void)place;
}

static void gone(enum thrum__probe_kind kind, const void *object, const void *place)
{
    (void)kind, (void)object, (void)place;
}

static void wanted(enum thrum__probe_kind kind, const void *object, unsigned mode,
                   const void *place, uint64_t value)
{
    (void)value;
    if (thrum__turn_on() && !(mode & THRUM__PROBE_AGAIN)) /* the wait for the condition told */
        point(THRUM_WANTS, kind, object, place);
}

static void acquired(enum thrum__probe_kind kind, const void *object, unsigned mode,
                     const void *place, uint64_t value)
{
    (void)mode, (void)value;
    if (!thrum__turn_on())
        return;
    if (is_lock(kind))
        thrum__turn_hold(object, place);
    else
        thrum__race_acquire(object);
    point(THRUM_ACQUIRED, kind, object, place);
}

static void released(enum thrum__probe_kind kind, const void *object, uint64_t value)
{
    (void)value;
    if (!thrum__turn_on())
        return;
    point(THRUM_RELEASES, kind, object, __builtin_return_address(0));
    if (is_lock(kind))
        thrum__turn_drop(object);
    else
        thrum__race_release(object);
}

static void told(enum thrum__probe_kind kind, const void *object, uint64_t count)
{
    (void)count;
    if (!thrum__turn_on())
        return;
    point(THRUM_TELLS, kind, object, __builtin_return_address(0));
    thrum__race_release(object);
}

static void learned(enum thrum__probe_kind kind, const void *object, uint64_t count)
{
    (void)kind, (void)count;
    if (thrum__turn_on())
        thrum__race_acquire(object);
}

static void wait_begin(const char *name, const void *object, thrum__probe_wait *wait)
{
    (void)name, (void)object, (void)wait;
}

static void wait_end(const char *name, const void *object, int outcome, thrum__probe_wait *wait)
{
    (void)name, (void)outcome, (void)wait;
    if (thrum__turn_on())
        thrum__race_acquire(object);
}

static void submitted(const void *task)
{
    if (thrum__turn_on())
        thrum__race_release(task);
}

static uint64_t task_begin(const void *task, const void *function)
{
    (void)function;
    if (thrum__turn_on())
        thrum__race_acquire(task);
    return 0;
}

static void task_end(const void *task, int code, uint64_t outer)
{
    (void)code, (void)outer;
    if (thrum__turn_on())
        thrum__race_release(task);
}

static void task_awaited(const void *task)
{
    if (thrum__turn_on())
        thrum__race_acquire(task);
}

static void unread(const char *name, int code)
{
    (void)name, (void)code;
}

static uint64_t leave(void)
{
    return 0;
}

static void arrive(uint64_t left)
{
    (void)left;
}

static void named(const void *object, size_t size, const char *text)
{
    (void)object, (void)size, (void)text;
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
    .submitted = submitted,
    .task_begin = task_begin,
    .task_end = task_end,
    .task_awaited = task_awaited,
    .unread = unread,
    .leave = leave,
    .arrive = arrive,
    .named = named,
};
