/* Turns: one thread of the program runs at a time, and which one is a choice.
 *
 * Each thread of the program has a record. At a hooked call the thread writes into it what it is about
 * to do (its kind, the object, the place in the program), and asks for a turn: a thread is chosen among
 * those that could go on, and only that one runs, up to its next hooked call. All others sleep on the
 * futex word `go` of their record. So the records and everything else in this file are touched only by
 * the thread that has the turn, and need no lock. The exception is a new thread before its first turn:
 * it touches its own record alone, and the creator waits until it has done so.
 *
 * A hook never lets the C library wait. It tries (pthread_mutex_trylock); if the try fails, the thread
 * is BLOCKED at the object, and becomes READY, to try again, when a hook of another thread has released
 * that object. Conditions, barriers and once have no try: the hooks keep their waiters themselves.
 *
 *   READY     a candidate
 *   BLOCKED   at `object`; a candidate once it is woken, or when its deadline passes
 *   SLEEPS    in sleep; the earliest of the sleepers is a candidate at any time, as a sleep orders
 *             nothing
 *   IO        in a call for input or output that would wait; a candidate when the system says so
 *   GONE      it has ended
 *
 * Time is virtual. A step takes a microsecond. If there is no candidate, time jumps to the first
 * deadline. A deadline may also pass early, if the plan says so. If threads wait for something outside
 * of the program, time follows the real clock for as long as the plan's patience lasts.
 *
 * If no thread can go on, the run has failed: a deadlock, or a lost wake-up. If a thread computes
 * for long without a call, it is stopped by a timer of processor time where it is, and others run: such
 * a place cannot be repeated exactly, so it is counted as uncontrolled. If it computes for longer than
 * the plan allows, the run ends: perhaps the thread waits for a plain variable that no other thread
 * will change. The limit is in the processor time of that thread, so a busy machine does not change it.
 *
 * Which thread is chosen is decided in choices.c.
 */
#include "turns.h"

#include "arena.h"
#include "choices.h"
#include "hooks.h"
#include "kernel.h"
#include "memory.h"
#include "race.h"
#include "stuck.h"

#include "preload/real.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEP_NS = 1000, OUTSIDE_FIRST_NS = 50000, OUTSIDE_MOST_NS = 5000000 };

__thread struct turn_thread *thrum__turn_self __attribute__((tls_model("initial-exec")));
struct schedule_region *thrum__turn_region;

static struct turn_thread threads[SCHEDULE_THREADS];
static uint32_t thread_count;
static struct turn_thread *current;
static bool picks; /* the thread with the turn passes it on */
static uint64_t next_behind, next_queued;
static int64_t now_ns;

void thrum__turn_futex_wait(uint32_t *word, uint32_t expected)
{
    thrum__kernel(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, expected, 0, 0);
}

void thrum__turn_futex_wake(uint32_t *word)
{
    thrum__kernel(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0);
}

static int64_t real_now(clockid_t clock)
{
    struct timespec time;
    REAL(clock_gettime)(clock, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t thrum__turn_now(void)
{
    return now_ns;
}

bool thrum__turn_has(void)
{
    return thrum__turn_on() && !__atomic_load_n(&picks, __ATOMIC_RELAXED) &&
           __atomic_load_n(&current, __ATOMIC_RELAXED) == thrum__turn_self;
}

/* What the command is to see of the threads when the run has failed. */
static void show_all(void)
{
    for (uint32_t i = 0; i < thread_count; i++) {
        struct turn_thread *thread = &threads[i];
        thread->shown->kind = thread->act.kind;
        thread->shown->object = thread->act.object;
        thread->shown->place = thread->act.place;
        thread->shown->tid = thread->tid;
    }
}

/* Lets the command look at the process, if the plan says so; it ends the process then. */
static void stop_for_look(void)
{
    if (!thrum__turn_region->plan.look)
        return;
    __atomic_store_n(&thrum__turn_region->looking, 1, __ATOMIC_RELEASE);
    for (;;)
        thrum__kernel(SYS_ppoll, 0, 0, 0, 0, 0);
}

void thrum__turn_fail(enum schedule_verdict verdict, const void *object, const void *place,
                      const char *message)
{
    struct schedule_region *region = thrum__turn_region;
    if (region->verdict == VERDICT_RUNNING) {
        region->verdict = verdict;
        region->object = (uint64_t)(uintptr_t)object;
        region->place = (uint64_t)(uintptr_t)place;
        size_t length = strlen(message);
        length = length < sizeof region->message ? length : sizeof region->message - 1;
        memcpy(region->message, message, length);
        show_all();
    }
    thrum__memory_leave();
    stop_for_look();
    for (;;)
        thrum__kernel(SYS_exit_group, 70, 0, 0, 0, 0);
}

/* ---- candidates ---- */

static struct turn_thread *earliest(enum schedule_state state, bool limited)
{
    struct turn_thread *first = NULL;
    for (uint32_t i = 0; i < thread_count; i++) {
        struct turn_thread *thread = &threads[i];
        if (thread->shown->state == state && (!limited || thread->act.deadline != NEVER) &&
            (!first || thread->act.deadline < first->act.deadline))
            first = thread;
    }
    return first;
}

static void try_again(struct turn_thread *thread)
{
    thread->shown->state = THREAD_READY;
    thread->woken = true;
}

static bool can_do(struct turn_thread *thread)
{
    if (__atomic_load_n(&thread->deferred, __ATOMIC_RELAXED))
        thrum__turn_interrupt(thread); /* for the handler */
    if (thread->shown->state == THREAD_IO && thread->act.ready(thread->act.ready_argument))
        try_again(thread);
    return thread->shown->state == THREAD_READY;
}

/* True for a wait whose deadline has passed. */
static bool is_late(const struct turn_thread *thread)
{
    return (thread->shown->state == THREAD_BLOCKED || thread->shown->state == THREAD_IO) &&
           thread->act.deadline <= now_ns;
}

static uint32_t add_early(struct turn_thread **list, uint32_t count)
{
    struct turn_thread *sleeper = earliest(THREAD_SLEEPS, true);
    struct turn_thread *waiter =
        thrum__turn_region->plan.early ? earliest(THREAD_BLOCKED, true) : NULL;
    if (sleeper)
        list[count++] = sleeper;
    if (waiter && !is_late(waiter))
        list[count++] = waiter;
    return count;
}

static uint32_t candidates(struct turn_thread **list)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < thread_count; i++)
        if (can_do(&threads[i]) || is_late(&threads[i]))
            list[count++] = &threads[i];
    return add_early(list, count);
}

bool thrum__turn_anyone(void)
{
    for (uint32_t i = 0; i < thread_count; i++) {
        uint8_t state = threads[i].shown->state;
        bool waits = state == THREAD_BLOCKED || state == THREAD_IO;
        if (&threads[i] != thrum__turn_self && state != THREAD_GONE && state != THREAD_FREE &&
            (!waits || threads[i].act.deadline != NEVER ||
             (state == THREAD_IO && thrum__stuck_source(&threads[i]) != SOURCE_INSIDE)))
            return true;
    }
    return false;
}

static uint32_t live_count(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < thread_count; i++)
        count += threads[i].shown->state != THREAD_GONE && threads[i].shown->state != THREAD_FREE;
    return count;
}

struct turn_thread *thrum__turn_awaits(uint64_t signals)
{
    for (uint32_t i = 0; i < thread_count; i++)
        if (threads[i].shown->state == THREAD_IO && threads[i].act.awaited & signals)
            return &threads[i];
    return NULL;
}

/* Sends the signal of the plan, once: true if a thread can go on by it. */
static bool signal_comes(struct turn_thread **list, uint32_t *ret_count)
{
    static bool sent;
    if (!thrum__turn_region->plan.signal || sent || !thrum__stuck_outside(threads, thread_count))
        return false;
    sent = true;
    thrum__signal_send((int)thrum__turn_region->plan.signal);
    *ret_count = candidates(list);
    return *ret_count > 0;
}

static struct turn_thread *first_deadline(void)
{
    struct turn_thread *a = earliest(THREAD_BLOCKED, true), *b = earliest(THREAD_IO, true);
    return !a || (b && b->act.deadline < a->act.deadline) ? b : a;
}

/* Waits in real time for input from outside. Returns true if a thread can go on. */
static bool wait_outside(const struct turn_thread *limited)
{
    int64_t begun = real_now(CLOCK_MONOTONIC), virtual = now_ns, pause = OUTSIDE_FIRST_NS;
    int64_t most = (int64_t)thrum__turn_region->plan.patience_ns;
    if (limited && limited->act.deadline - now_ns < most)
        most = limited->act.deadline - now_ns;
    for (;;) {
        int64_t passed = real_now(CLOCK_MONOTONIC) - begun;
        if (passed > 0)
            now_ns = virtual + passed;
        for (uint32_t i = 0; i < thread_count; i++)
            if (can_do(&threads[i]))
                return true;
        if (passed >= most)
            return false;
        struct timespec rest = {0, pause};
        REAL(clock_nanosleep)(CLOCK_MONOTONIC, 0, &rest, NULL);
        pause = pause * 2 < OUTSIDE_MOST_NS ? pause * 2 : OUTSIDE_MOST_NS;
    }
}

/* ---- steps ---- */

static void note_step(struct turn_thread *thread, bool could_stay)
{
    struct schedule_region *region = thrum__turn_region;
    struct schedule_step *step = &region->ring[region->steps % SCHEDULE_STEPS];
    bool switched = thread != current;
    *step = (struct schedule_step){
        .object = thread->act.object,
        .place = thread->act.place,
        .choice = region->choices,
        .thread = (uint8_t)thread->index,
        .kind = thread->act.kind,
        .flags = (uint8_t)(thread->flags | (switched ? STEP_SWITCH : 0) |
                           (switched && could_stay ? STEP_PREEMPTS : 0)),
    };
    thread->flags = 0;
    thread->own_steps++;
    if (thread->act.kind != STEP_SPIN)
        thread->ticks = 0;
    now_ns += STEP_NS;
    region->steps++;
    region->idle_steps += thread->act.kind == STEP_YIELD || thread->act.kind == STEP_SLEEP;
    thrum__choice_taken(threads, thread_count, thread);
    if (region->steps >= region->plan.step_limit)
        thrum__turn_fail(VERDICT_LIMIT, NULL, NULL, "the limit of steps was reached");
}

static void time_passes(struct turn_thread *thread)
{
    if (now_ns < thread->act.deadline)
        now_ns = thread->act.deadline;
    thread->woken = false;
    if (thread->shown->state != THREAD_SLEEPS)
        thread->flags |= STEP_TIMED_OUT;
    thread->shown->state = THREAD_READY;
}

static struct turn_thread *pick_one(void)
{
    struct turn_thread *list[SCHEDULE_THREADS + 2];
    bool could_stay = current->shown->state == THREAD_READY && current->behind == 0;
    uint32_t count = candidates(list);
    if (count == 0) {
        struct turn_thread *limited = first_deadline();
        if (thrum__stuck_moves(threads, thread_count) && wait_outside(limited))
            count = candidates(list);
        else if (limited)
            list[count++] = limited;
        else if (live_count() == 0)
            return NULL;
        else if (!signal_comes(list, &count)) {
            thrum__stuck(threads, thread_count);
            count = candidates(list);
        }
    }
    struct turn_thread *next = thrum__choice_thread(list, count, current);
    if (next->shown->state != THREAD_READY)
        time_passes(next);
    next->behind = 0;
    note_step(next, could_stay);
    return next;
}

/* The thread whose turn it is next; NULL if all have ended. */
static struct turn_thread *pick(void)
{
    picks = true;
    struct turn_thread *next = pick_one();
    picks = false;
    return next;
}

static void give(struct turn_thread *next)
{
    current = next;
    thrum__turn_region->current = next->index;
    __atomic_store_n(&next->go, 1, __ATOMIC_RELEASE);
    thrum__turn_futex_wake(&next->go);
}

static void wait_turn(struct turn_thread *self)
{
    while (!__atomic_load_n(&self->go, __ATOMIC_ACQUIRE))
        thrum__turn_futex_wait(&self->go, 0);
    self->go = 0;
}

static void pass_on(struct turn_thread *self)
{
    int error = errno;
    struct turn_thread *next = pick();
    if (next != self) {
        give(next);
        wait_turn(self);
    }
    errno = error;
}

void thrum__turn_point(enum schedule_kind kind, const void *object, bool writes, const void *place)
{
    struct turn_thread *self = thrum__turn_self;
    self->act.kind = (uint8_t)kind;
    self->act.object = (uint64_t)(uintptr_t)object;
    self->act.place = (uint64_t)(uintptr_t)place;
    self->act.writes = writes;
    self->act.deadline = NEVER;
    if (thrum__turn_region->plan.strategy == STRATEGY_POS)
        self->priority = thrum__turn_random();
    pass_on(self);
    if (thrum__arena_is_freed(self->act.object))
        thrum__turn_fail(VERDICT_MISUSE, object, place, "it is used after its memory was freed");
    thrum__signal_deliver();
}

static struct schedule_step *own_step(void)
{
    return &thrum__turn_region->ring[(thrum__turn_region->steps - 1) % SCHEDULE_STEPS];
}

static bool wait_as(enum schedule_state state, int64_t deadline)
{
    struct turn_thread *self = thrum__turn_self;
    own_step()->flags |= STEP_BLOCKS;
    self->act.deadline = deadline;
    self->queued = ++next_queued;
    self->shown->state = (uint8_t)state;
    pass_on(self);
    self->act.deadline = NEVER;
    bool woken = self->woken;
    thrum__signal_deliver();
    return woken;
}

bool thrum__turn_block(int64_t deadline)
{
    return wait_as(THREAD_BLOCKED, deadline);
}

bool thrum__turn_io(bool (*ready)(void *), enum turn_source (*source)(void *, bool certain),
                    void *argument, int64_t deadline)
{
    thrum__turn_self->act.source = source;
    thrum__turn_self->act.ready = ready;
    thrum__turn_self->act.ready_argument = argument;
    return wait_as(THREAD_IO, deadline);
}

void thrum__turn_sleep(int64_t deadline, const void *place)
{
    struct turn_thread *self = thrum__turn_self;
    self->act.kind = STEP_SLEEP;
    self->act.object = 0;
    self->act.place = (uint64_t)(uintptr_t)place;
    self->act.deadline = deadline;
    self->shown->state = THREAD_SLEEPS;
    self->behind = ++next_behind;
    pass_on(self);
    self->act.deadline = NEVER;
    thrum__signal_deliver();
}

static bool waits_at(const struct turn_thread *thread, const void *object)
{
    return thread->shown->state == THREAD_BLOCKED &&
           thread->act.object == (uint64_t)(uintptr_t)object;
}

void thrum__turn_wake(const void *object)
{
    for (uint32_t i = 0; i < thread_count; i++)
        if (waits_at(&threads[i], object))
            try_again(&threads[i]);
}

/* The waiter that came after `rank` others. */
static struct turn_thread *waiter_at(const void *object, uint32_t rank)
{
    struct turn_thread *found;
    uint64_t after = 0;
    do {
        found = NULL;
        for (uint32_t i = 0; i < thread_count; i++)
            if (waits_at(&threads[i], object) && threads[i].queued > after &&
                (!found || threads[i].queued < found->queued))
                found = &threads[i];
        after = found ? found->queued : after;
    } while (found && rank-- > 0);
    return found;
}

static uint32_t waiters_at(const void *object)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < thread_count; i++)
        count += waits_at(&threads[i], object);
    return count;
}

int thrum__turn_wake_some(const void *object, int most)
{
    int woken = 0;
    while (woken < most) {
        uint32_t count = waiters_at(object);
        struct turn_thread *thread = count ? waiter_at(object, thrum__turn_choose(count)) : NULL;
        if (!thread)
            break;
        try_again(thread);
        woken++;
    }
    if (woken == 0 && most > 0)
        own_step()->flags |= STEP_IN_VAIN;
    return woken;
}

void thrum__turn_interrupt(struct turn_thread *thread)
{
    uint8_t state = thread->shown->state;
    if (state != THREAD_BLOCKED && state != THREAD_SLEEPS && state != THREAD_IO)
        return;
    try_again(thread);
}

void thrum__turn_behind(void)
{
    thrum__turn_self->behind = ++next_behind;
}

/* ---- threads ---- */

struct turn_thread *thrum__turn_admit(void)
{
    uint32_t index = thread_count;
    if (index < SCHEDULE_THREADS)
        thrum__turn_region->thread_count = ++thread_count;
    else /* a record of a thread that nobody can ask for any more */
        for (index = 0; index < SCHEDULE_THREADS; index++)
            if (threads[index].ended && threads[index].detached)
                break;
    if (index == SCHEDULE_THREADS)
        return NULL;
    struct turn_thread *thread = &threads[index];
    struct schedule_thread *shown = &thrum__turn_region->threads[index];
    *thread = (struct turn_thread){.shown = shown, .index = index, .act.deadline = NEVER};
    *shown = (struct schedule_thread){.state = THREAD_FREE, .record = (uint64_t)(uintptr_t)thread};
    /* Above all that a change of priority gives. */
    thread->priority = thrum__turn_random() | 1ull << 63;
    return thread;
}

void thrum__turn_forget(struct turn_thread *thread)
{
    thread->handle = 0;
    thread->detached = true;
    if (thread->shown->state == THREAD_FREE) { /* it was never started */
        thread->shown->state = THREAD_GONE;
        thread->ended = true;
    }
}

void thrum__turn_start(struct turn_thread *thread)
{
    thread->tid = (uint32_t)thrum__kernel(SYS_gettid, 0, 0, 0, 0, 0);
    thread->act.kind = STEP_BEGIN;
    thread->shown->state = THREAD_READY;
    thrum__turn_self = thread;
    thrum__memory_join();
    __atomic_store_n(&thread->arrived, 1, __ATOMIC_RELEASE);
    thrum__turn_futex_wake(&thread->arrived);
    wait_turn(thread);
    thrum__signal_deliver();
}

void thrum__turn_arrived(struct turn_thread *thread)
{
    while (!__atomic_load_n(&thread->arrived, __ATOMIC_ACQUIRE))
        thrum__turn_futex_wait(&thread->arrived, 0);
    thrum__memory_threads(live_count());
}

struct turn_thread *thrum__turn_find(pthread_t handle)
{
    for (uint32_t i = 0; i < thread_count; i++)
        if (threads[i].handle == handle && !threads[i].detached)
            return &threads[i];
    return NULL;
}

void thrum__turn_end(void)
{
    struct turn_thread *self = thrum__turn_self;
    thrum__turn_point(STEP_END, NULL, true, NULL);
    self->ended = true;
    self->shown->state = THREAD_GONE;
    thrum__turn_wake(self);
    thrum__memory_part();
    thrum__memory_threads(live_count());
    struct turn_thread *next = pick();
    thrum__turn_self = NULL;
    if (next)
        give(next);
}

void thrum__turn_begin(void)
{
    now_ns = TURN_FIRST_NS;
    thrum__choice_begin();
    struct turn_thread *first = thrum__turn_admit();
    first->tid = (uint32_t)thrum__kernel(SYS_gettid, 0, 0, 0, 0, 0);
    first->handle = pthread_self();
    first->act.kind = STEP_BEGIN;
    first->shown->state = THREAD_READY;
    memcpy(first->shown->name, "main", 5);
    current = first;
    thrum__turn_self = first;
    note_step(first, false);
    thrum__memory_begin();
}

void thrum__turn_leave(void)
{
    thrum__memory_leave();
    thrum__turn_self = NULL;
    thread_count = 0;
}

/* ---- a thread that computes without a call ---- */

uint32_t thrum__turn_running(void)
{
    return current ? current->tid : 0;
}

void thrum__turn_stopped(const void *place)
{
    thrum__turn_region->uncontrolled++;
    thrum__turn_behind();
    thrum__turn_point(STEP_SPIN, NULL, false, place);
}
