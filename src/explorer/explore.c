/* The explorer's side of the gate: what each operation of base/ becomes.
 *
 * An atomic access has three parts: the point before it, where another thread may run; the
 * operation itself, done by the processor, since there is only one OS thread; and its meaning:
 * which values a load may see, what was ordered (order.c), how the past grew (trace.c). This file
 * connects them. It also implements the futex and the clock.
 *
 * The futex wakes the sleepers on a word in the order of their coming, orders nothing, and accepts
 * words that are gone. A sleeper on several words stays in the queue of each until it runs again;
 * wakes of the other words are lost on it meanwhile, as in the kernel. Outside a run, while the
 * program starts and ends, there is one thread and every operation is the real one.
 */
#include "explorer/machine.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static uint64_t value_at(const void *address, uint32_t size)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (size == sizeof wide) {
        memcpy(&wide, address, sizeof wide);
        return wide;
    }
    memcpy(&narrow, address, size < sizeof narrow ? size : sizeof narrow);
    return narrow;
}

/* ------------------------------------------------------------------------------------ atomics */

static const char *verb_of(enum thrum__explore_access access, int order)
{
    static const char *const verbs[][6] = {
        {"load relaxed", "", "load acquire", "", "", "load seq_cst"},
        {"store relaxed", "", "", "store release", "", "store seq_cst"},
        {"update relaxed", "", "update acquire", "update release", "update acq_rel",
         "update seq_cst"},
    };
    return verbs[access][order];
}

static void do_before(enum thrum__explore_access access, const void *address, size_t size,
                      const char *file, int line)
{
    (void)access;
    if (!thrum__explore_active())
        return;
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_point(file, line);
    thrum__explore_memory_check(address, size, "atomic access");
    m->access.address = address;
    m->access.size = (uint32_t)size;
    m->access.before = value_at(address, (uint32_t)size);
}

void thrum__explore_before(enum thrum__explore_access access, const void *address, size_t size,
                           const char *file, int line)
{
    do_before(access, address, size, file, line);
    thrum__explore_wipe();
}

static void do_after(enum thrum__explore_access access, int order, const void *address)
{
    if (!thrum__explore_active()) {
        if (access != THRUM__EXPLORE_LOAD)
            thrum__explore_order_unrecorded(address);
        return;
    }
    thrum__explore_machine *m = thrum__explore_machine_;
    uint64_t before = m->access.before;
    uint64_t after = value_at(address, m->access.size);
    bool write = access != THRUM__EXPLORE_LOAD;
    thrum__explore_trace_event(address, write);
    if (m->remembers && order == __ATOMIC_SEQ_CST)
        thrum__explore_trace_event(&m->fences, true);
    if (write) {
        thrum__explore_order_store(address, m->access.size, order, access == THRUM__EXPLORE_RMW,
                                   after);
        m->writes += before != after;
        thrum__explore_self()->writes += before != after;
        thrum__explore_tell(verb_of(access, order), address, before, after, true);
    } else { /* a compare-and-swap that failed */
        thrum__explore_order_load(address, m->access.size, order, &after, false);
        thrum__explore_trace_mix(thrum__explore_self(), 5);
        thrum__explore_tell("failed compare-and-swap", address, before, after, true);
    }
}

void thrum__explore_after(enum thrum__explore_access access, int order, const void *address)
{
    do_after(access, order, address);
    thrum__explore_wipe();
}

static void do_loaded(int order, const void *address, size_t size, void *value)
{
    if (!thrum__explore_active())
        return;
    thrum__explore_machine *m = thrum__explore_machine_;
    uint64_t newest = value_at(value, (uint32_t)size), seen = newest;
    thrum__explore_trace_event(address, false);
    if (m->remembers && order == __ATOMIC_SEQ_CST)
        thrum__explore_trace_event(&m->fences, true);
    thrum__explore_order_load(address, (uint32_t)size, order, &seen, true);
    if (seen != newest) {
        uint32_t narrow = (uint32_t)seen;
        if (size == sizeof seen)
            memcpy(value, &seen, sizeof seen);
        else
            memcpy(value, &narrow, size);
    }
    thrum__explore_tell(verb_of(THRUM__EXPLORE_LOAD, order), address, newest, seen, true);
}

void thrum__explore_loaded(int order, const void *address, size_t size, void *value)
{
    do_loaded(order, address, size, value);
    thrum__explore_wipe();
}

bool thrum__explore_weak_failure(void)
{
    if (!thrum__explore_active() || thrum__explore_machine_->left.weak <= 0)
        return false;
    bool fails = thrum__explore_choose(THRUM__EXPLORE_CHOOSE_WEAK, 2) != 0;
    thrum__explore_machine_->left.weak -= fails;
    thrum__explore_self()->restless |= fails;
    return fails;
}

static void do_fence(const char *file, int line)
{
    if (!thrum__explore_active())
        return;
    thrum__explore_point(file, line);
    /* Where loads see the newest it orders nothing; but it is a step, and the past must differ. */
    if (thrum__explore_machine_->remembers)
        thrum__explore_trace_event(&thrum__explore_machine_->fences, true);
    else
        thrum__explore_trace_mix(thrum__explore_self(), 6);
    thrum__explore_order_fence();
    thrum__explore_tell("fence seq_cst", NULL, 0, 0, false);
}

void thrum__explore_fence(const char *file, int line)
{
    do_fence(file, line);
    thrum__explore_wipe();
}

static void do_quiet(bool on)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (m && m->running)
        thrum__explore_self()->quiet += on ? 1 : -1u;
}

void thrum__explore_quiet(bool on)
{
    do_quiet(on);
    thrum__explore_wipe();
}

/* -------------------------------------------------------------------------- futex and the clock */

static int do_futex_wait_any(uint32_t *const *words, const uint32_t *expected, unsigned count,
                             int64_t deadline)
{
    if (!thrum__explore_active())
        thrum__explore_fail("a quiet stretch, or one outside of a run, would sleep");
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    if (count > THRUM__EXPLORE_WORDS)
        thrum__explore_fail("a sleep on more than %d words", THRUM__EXPLORE_WORDS);
    thrum__explore_point(self->file, self->line);
    for (unsigned i = 0; i < count; i++) {
        thrum__explore_memory_check(words[i], sizeof *words[i], "futex wait");
        thrum__explore_trace_event(words[i], true);
        thrum__explore_tell(*words[i] == expected[i] ? "sleeps on" : "does not sleep on", words[i],
                            *words[i], expected[i], true);
        if (*words[i] != expected[i])
            return -EAGAIN;
        self->word[i] = words[i];
    }
    if (deadline <= m->now)
        return -ETIMEDOUT;
    self->words = count;
    self->woken = 0;
    self->deadline = deadline;
    self->ticket = m->tickets++;
    self->wait_result = 0;
    thrum__explore_block(THRUM__EXPLORE_SLEEPING);
    unsigned woken = self->woken;
    self->words = self->woken = 0;
    if (!woken)
        return self->wait_result ? self->wait_result : -EAGAIN;
    return 31 - __builtin_clz(woken);
}

int thrum__explore_futex_wait_any(uint32_t *const *words, const uint32_t *expected, unsigned count,
                                  int64_t deadline)
{
    int rc = do_futex_wait_any(words, expected, count, deadline);
    thrum__explore_wipe();
    return rc;
}

int thrum__explore_futex_wait(uint32_t *word, uint32_t expected, int64_t deadline)
{
    int rc = thrum__explore_futex_wait_any(&word, &expected, 1, deadline);
    return rc == -ETIMEDOUT ? rc : 0;
}

/* The thread that has slept on the word longest without a wake from it, and the index of the word among its words. */
static thrum__explore_thread *first_sleeper(const uint32_t *word, unsigned *ret_index)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *first = NULL;
    for (unsigned i = 0; i < m->threads; i++) {
        thrum__explore_thread *thread = &m->thread[i];
        for (unsigned k = 0; k < thread->words; k++) {
            if (thread->word[k] != word || thread->woken >> k & 1 ||
                (first && thread->ticket >= first->ticket))
                continue;
            first = thread;
            *ret_index = k;
        }
    }
    return first;
}

static int do_futex_wake(uint32_t *word, int count)
{
    if (!thrum__explore_active())
        return 0;
    thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_point(self->file, self->line);
    thrum__explore_trace_event(word, true);
    thrum__explore_thread *sleeper;
    uint64_t woken = 0;
    unsigned index;
    while (woken < (uint64_t)count && (sleeper = first_sleeper(word, &index))) {
        woken++;
        sleeper->woken |= 1u << index;
        sleeper->state = THRUM__EXPLORE_READY;
        thrum__explore_trace_mix(sleeper, self->past);
    }
    thrum__explore_tell("wakes sleepers of", word, 0, woken, true);
    return (int)woken;
}

int thrum__explore_futex_wake(uint32_t *word, int count)
{
    int woken = do_futex_wake(word, count);
    thrum__explore_wipe();
    return woken;
}

int64_t thrum__explore_now(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m)
        return 1;
    if (!thrum__explore_active())
        return m->now;
    thrum__explore_trace_event(&m->now, false);
    if (m->left.ticks > 0 && thrum__explore_choose(THRUM__EXPLORE_CHOOSE_TICK, 2)) {
        m->left.ticks--;
        thrum__explore_self()->restless = true;
        m->now += m->left.tick;
        thrum__explore_trace_event(&m->now, true);
        thrum__explore_tell("time passes", NULL, 0, 0, false);
    }
    return m->now;
}

int thrum__explore_timeouts(void)
{
    return (int)thrum__explore_machine_->timeouts;
}

/* --------------------------------------------------------------------------------- the rest */

static void *outside; /* the thread-local slot while no run is on */
static uint32_t outside_number;

void **thrum__explore_local(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    return m && m->running ? &thrum__explore_self()->local : &outside;
}

uint32_t *thrum__explore_local_number(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    return m && m->running ? &thrum__explore_self()->local_number : &outside_number;
}

void thrum__explore_local_end(void (*at_exit)(void *value))
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (m && m->running)
        thrum__explore_self()->local_end = at_exit;
}

int32_t thrum__explore_thread_number(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    return m && m->running ? (int32_t)m->current : 0;
}

bool thrum__explore_allocation_failure(void)
{
    if (!thrum__explore_active() || thrum__explore_machine_->left.refused_memory <= 0)
        return false;
    bool fails = thrum__explore_choose(THRUM__EXPLORE_CHOOSE_MEMORY, 2) != 0;
    thrum__explore_machine_->left.refused_memory -= fails;
    return fails;
}

void thrum__explore_tell(const char *verb, const void *address, uint64_t before, uint64_t after,
                         bool valued)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    if (!m->driver->step)
        return;
    const thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_step step = {
        .thread = m->current,
        .verb = verb,
        .file = self->file,
        .line = self->line,
        .address = address,
        .before = before,
        .after = after,
        .valued = valued,
    };
    m->driver->step(m->driver->context, &step);
}
