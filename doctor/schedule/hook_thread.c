/* Threads: creation, join, end, cancellation.
 *
 * The end of a thread is seen by the destructor of a thread-specific value, which sets the value again
 * until the last round, so that the destructors of the program come before it, scheduled. What the C
 * library does after it needs no turn. A join waits in turns for that, and then calls the C library's
 * join, which waits for the rest.
 *
 * The child of a fork has one thread and runs free. Its steps are not part of the schedule.
 */
#include "arena.h"
#include "choices.h"
#include "hooks.h"
#include "race.h"

#include "preload/real.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_key_t key;
static bool key_made;
static __thread int rounds __attribute__((tls_model("initial-exec")));

static void at_end(void *value)
{
    if (value != thrum__turn_self)
        return;
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(key, value) == 0)
        return;
    thrum__turn_end();
}

static void watch_end(struct turn_thread *self)
{
    if (!key_made)
        key_made = pthread_key_create(&key, at_end) == 0;
    if (key_made)
        pthread_setspecific(key, self);
}

static const bool always = true;
const bool *thrum__turn_here = &always;

/* Kernels before 4.14 refuse: then a child waits for ever in the handlers of its fork. */
static void mark_process(void)
{
    bool *here = mmap(NULL, ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (here == MAP_FAILED)
        return;
    if (madvise(here, ARENA_PAGE, MADV_WIPEONFORK) != 0) {
        (void)munmap(here, ARENA_PAGE);
        return;
    }
    *here = true;
    thrum__turn_here = here;
}

void thrum__turn_main(void)
{
    mark_process();
    thrum__turn_begin();
    watch_end(thrum__turn_self);
}

static void *begin(void *argument)
{
    struct turn_thread *self = argument;
    self->handle = pthread_self();
    watch_end(self);
    thrum__turn_start(self);
    return self->run(self->argument);
}

static bool starts_detached(const pthread_attr_t *attributes)
{
    int state = PTHREAD_CREATE_JOINABLE;
    return attributes && pthread_attr_getdetachstate(attributes, &state) == 0 &&
           state == PTHREAD_CREATE_DETACHED;
}

int thrum__turn_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                       void *argument, const void *place)
{
    thrum__turn_point(STEP_CREATE, (const void *)(uintptr_t)run, true, place);
    struct turn_thread *created = thrum__turn_admit();
    if (!created)
        return EAGAIN;
    created->run = run;
    created->argument = argument;
    created->detached = starts_detached(attributes);
    created->shown->start = (uint64_t)(uintptr_t)run;
    thrum__choice_created(created);
    thrum__race_created(created->index);
    int rc = REAL(pthread_create)(thread, attributes, begin, created);
    if (rc != 0) {
        thrum__turn_forget(created);
        return rc;
    }
    thrum__turn_arrived(created);
    thrum__turn_point(STEP_CREATED, (const void *)(uintptr_t)run, true, place);
    return 0;
}

HOOK int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                        void *(*run)(void *), void *restrict argument)
{
    return thrum__turn_on() ? thrum__turn_create(thread, attributes, run, argument, PLACE)
                            : REAL(pthread_create)(thread, attributes, run, argument);
}

int thrum__turn_join(pthread_t thread, void **result, int64_t until, const void *place)
{
    struct turn_thread *other = thrum__turn_find(thread);
    if (!other || other == thrum__turn_self) /* the C library knows what is wrong with it */
        return REAL(pthread_join)(thread, result);
    thrum__turn_point(STEP_JOIN, other, false, place);
    thrum__turn_cancel_point();
    while (!other->ended) {
        if (until != NEVER && until <= thrum__turn_now())
            return until == INT64_MIN ? EBUSY : ETIMEDOUT;
        if (!thrum__turn_block(until))
            return ETIMEDOUT;
        thrum__turn_cancel_point();
    }
    int rc = REAL(pthread_join)(thread, result);
    thrum__race_joined(other->index);
    if (rc == 0)
        thrum__turn_forget(other);
    return rc;
}

HOOK int pthread_join(pthread_t thread, void **result)
{
    return thrum__turn_on() ? thrum__turn_join(thread, result, NEVER, PLACE)
                            : REAL(pthread_join)(thread, result);
}

HOOK int pthread_tryjoin_np(pthread_t thread, void **result)
{
    return thrum__turn_on() ? thrum__turn_join(thread, result, INT64_MIN, PLACE)
                            : REAL(pthread_tryjoin_np)(thread, result);
}

HOOK int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until)
{
    return thrum__turn_on() ? thrum__turn_join(thread, result,
                                               thrum__turn_deadline(CLOCK_REALTIME, until), PLACE)
                            : REAL(pthread_timedjoin_np)(thread, result, until);
}

HOOK int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
                              const struct timespec *until)
{
    return thrum__turn_on()
               ? thrum__turn_join(thread, result, thrum__turn_deadline(clock, until), PLACE)
               : REAL(pthread_clockjoin_np)(thread, result, clock, until);
}

int thrum__turn_detach(pthread_t thread)
{
    struct turn_thread *other = thrum__turn_on() ? thrum__turn_find(thread) : NULL;
    int rc = REAL(pthread_detach)(thread);
    if (rc == 0 && other)
        other->detached = true;
    return rc;
}

HOOK int pthread_detach(pthread_t thread)
{
    return thrum__turn_detach(thread);
}

HOOK int pthread_setname_np(pthread_t thread, const char *name)
{
    struct turn_thread *other = thrum__turn_on() ? thrum__turn_find(thread) : NULL;
    if (other) {
        size_t length = strnlen(name, sizeof other->shown->name - 1);
        memcpy(other->shown->name, name, length);
        other->shown->name[length] = 0;
    }
    return REAL(pthread_setname_np)(thread, name);
}

void thrum__turn_cancel_point(void)
{
    if (thrum__turn_self->cancelled)
        pthread_testcancel();
}

HOOK int pthread_cancel(pthread_t thread)
{
    struct turn_thread *other = thrum__turn_on() ? thrum__turn_find(thread) : NULL;
    if (!other)
        return REAL(pthread_cancel)(thread);
    thrum__turn_point(STEP_SIGNAL, other, true, PLACE);
    int rc = REAL(pthread_cancel)(thread);
    other->cancelled = true;
    thrum__turn_interrupt(other);
    return rc;
}

HOOK int sched_yield(void)
{
    if (!thrum__turn_on())
        return REAL(sched_yield)();
    thrum__turn_behind();
    thrum__turn_point(STEP_YIELD, NULL, false, PLACE);
    return 0;
}

/* Handlers of exit may still meet other threads. */
HOOK void exit(int status)
{
    if (thrum__turn_on())
        thrum__turn_point(STEP_EXIT, NULL, true, PLACE);
    REAL(exit)(status);
    __builtin_unreachable();
}

HOOK pid_t fork(void)
{
    pid_t pid = REAL(fork)();
    if (pid == 0)
        thrum__turn_leave();
    else if (pid > 0 && thrum__turn_on())
        thrum__turn_region->free_children++;
    return pid;
}
