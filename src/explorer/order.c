/* What happened before what, and what a load may see.
 *
 * The explorer runs one step at a time, in one order. What the program may rely on is less than
 * that order: only what its acquires, releases and fences say. This file keeps both apart.
 *
 * Vector clocks. Each thread has a clock that says how many steps of each other thread happened
 * before its next one. A store with release writes the thread's clock into the value (what it
 * `published`); a load with acquire that sees the value joins it into its own clock. A relaxed
 * store publishes only what the last fence saw, and so ends a release sequence; an update
 * (exchange, add, compare-and-swap) passes on what the value before it had published. A relaxed
 * load keeps what it saw for the thread's next fence. Starting and joining a thread order; a futex
 * does not. race.c compares these clocks to find plain accesses that nothing orders, so
 * that an order too weak in a primitive shows as a race on what the primitive protects.
 *
 * Old values. With a budget for stale loads, each word keeps its last few values, and a load may
 * choose one that is not the newest, unless the program has forbidden it: the load's thread must
 * know of no later value, be it that the later store happened before the load, or that a read of
 * a later value did. Sequentially consistent operations forbid more. Fences are numbered in the
 * order in which they run, and fence n knows of all that happened before fences 1 to n; a thread
 * that has n in its clock (its own fence, or one that happened before) sees at least what fence n
 * knew. A sequentially consistent store is seen by every such load after it, and by every load that
 * comes after a later fence. So the two threads of Dekker's algorithm, each storing its flag and
 * then reading the other's, may both read the old value if anything but sequentially consistent
 * operations or a fence stands there, as they may on real processors.
 *
 * Which behaviours of C11 are left out: a store always follows those to the same word that ran
 * before it; updates, a failed compare-and-swap included, see the newest value; no load sees a
 * store that comes later; of the values of one word only the last few are kept. What is explored
 * is allowed by C11 as repaired in C++20; not all that is allowed is explored. A sequentially
 * consistent update weakened to acq_rel makes a difference here only where a load of another word
 * follows it. With a budget of 0 every load sees the newest value.
 *
 * Words whose memory was written past the gate (initialised by assignment) begin anew: all is
 * forgotten and the present value is seen by everyone.
 *
 * Sources: FastTrack (Flanagan and Freund, 2009); relacy (Vyukov) and loom (Lerche), which also
 * let loads choose; "Repairing sequential consistency in C/C++11" (Lahav et al., 2017).
 */
#include "explorer/objects.h"

#include <stdlib.h>
#include <string.h>

enum { FENCES = 512 }; /* later ones count as the last of these, which only forbids more */

/* What fences 1 to n knew. */
static thrum__explore_clock *knew; /* made before the first run: see memory.c */

void thrum__explore_order_reset(void)
{
    if (!knew)
        knew = calloc(FENCES, sizeof *knew);
    if (!knew)
        abort();
    thrum__explore_objects_reset();
}

void thrum__explore_clock_join(thrum__explore_clock *clock, const thrum__explore_clock *other)
{
    for (unsigned i = 0; i < THRUM__EXPLORE_CLOCK; i++)
        if (clock->at[i] < other->at[i])
            clock->at[i] = other->at[i];
}

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

/* The object, with the value that its memory now has as its newest. */
static thrum__explore_object *object_with(const void *address, uint32_t size, uint64_t value)
{
    thrum__explore_object *object = thrum__explore_object_at(address);
    if (object->count && object->size == size &&
        thrum__explore_object_value(object, 0)->value == value)
        return object;
    object->size = size;
    object->count = 1;
    object->newest = 0;
    thrum__explore_value *first = &object->value[0];
    memset(first, 0, sizeof *first);
    first->value = value;
    first->initial = true;
    return object;
}

/* Whether a load that knows `known` must not see anything older than `value`. */
static bool hides_older(const thrum__explore_value *value, const thrum__explore_clock *known,
                        bool seq_cst)
{
    if (value->initial || value->epoch <= known->at[value->writer])
        return true;
    if (value->seq_cst && (seq_cst || known->at[THRUM__EXPLORE_FENCES] > value->fences))
        return true;
    for (unsigned i = 0; i < THRUM__EXPLORE_THREADS; i++)
        if (value->seen[i] && value->seen[i] <= known->at[i])
            return true;
    return false;
}

/* How many values, from the newest on, the running thread may see. */
static unsigned visible(thrum__explore_object *object, bool seq_cst)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_clock known = thrum__explore_self()->clock;
    uint32_t fence = seq_cst ? m->fences : known.at[THRUM__EXPLORE_FENCES];
    if (fence)
        thrum__explore_clock_join(&known, &knew[fence < FENCES ? fence : FENCES - 1]);
    unsigned count = 1;
    while (count < object->count &&
           !hides_older(thrum__explore_object_value(object, count - 1), &known, seq_cst))
        count++;
    return count;
}

static void see(thrum__explore_thread *self, thrum__explore_value *value, int order)
{
    unsigned me = thrum__explore_machine_->current;
    if (!value->seen[me])
        value->seen[me] = self->clock.at[me];
    thrum__explore_clock_join(acquires(order) ? &self->clock : &self->loaded, &value->published);
}

void thrum__explore_order_load(const void *address, uint32_t size, int order, uint64_t *value,
                               bool may_be_stale)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_object *object = object_with(address, size, *value);
    object->touched[m->current] = ++self->clock.at[m->current];
    unsigned age = 0;
    if (may_be_stale && m->left.stale > 0 && object->count > 1) {
        unsigned count = visible(object, order == __ATOMIC_SEQ_CST);
        if (count > 1)
            age = thrum__explore_choose(THRUM__EXPLORE_CHOOSE_STALE, count);
        m->left.stale -= age != 0;
        self->restless |= age != 0;
    }
    thrum__explore_value *seen = thrum__explore_object_value(object, age);
    see(self, seen, order);
    *value = seen->value;
}

void thrum__explore_order_store(const void *address, uint32_t size, int order, bool update,
                                uint64_t value)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_object *object = object_with(address, size, m->access.before);
    thrum__explore_value *last = thrum__explore_object_value(object, 0);
    object->touched[m->current] = ++self->clock.at[m->current];
    if (update)
        see(self, last, order);
    thrum__explore_clock published = releases(order) ? self->clock : self->fenced;
    if (update)
        thrum__explore_clock_join(&published, &last->published);
    if (m->remembers) {
        object->newest = (object->newest + 1) % THRUM__EXPLORE_HISTORY;
        if (object->count < THRUM__EXPLORE_HISTORY)
            object->count++;
        last = thrum__explore_object_value(object, 0);
    }
    last->value = value;
    last->writer = (uint8_t)m->current;
    last->initial = false;
    last->seq_cst = order == __ATOMIC_SEQ_CST;
    last->epoch = self->clock.at[m->current];
    last->fences = m->fences;
    last->published = published;
    memset(last->seen, 0, sizeof last->seen);
}

void thrum__explore_order_unrecorded(const void *address)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (m && m->running)
        thrum__explore_object_at(address)->count = 0;
}

void thrum__explore_handover(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    if (!m || !m->running)
        return;
    thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_trace_event(&m->handed, true); /* another order of handovers is another past */
    thrum__explore_clock_join(&self->clock, &m->handed);
    m->handed = self->clock;
    self->clock.at[m->current]++;
}

void thrum__explore_order_fence(void)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    thrum__explore_thread *self = thrum__explore_self();
    self->clock.at[m->current]++;
    thrum__explore_clock_join(&self->clock, &self->loaded);
    uint32_t number = ++m->fences;
    self->clock.at[THRUM__EXPLORE_FENCES] = number;
    self->fenced = self->clock;
    uint32_t slot = number < FENCES ? number : FENCES - 1;
    thrum__explore_clock before = knew[slot == number ? slot - 1 : slot];
    if (number == 1)
        memset(&before, 0, sizeof before);
    knew[slot] = self->clock;
    thrum__explore_clock_join(&knew[slot], &before);
}
