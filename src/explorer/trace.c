/* A number that stands for the past, so that a search need not explore one state twice.
 *
 * Two interleavings that differ only in the order of independent steps lead to the same state:
 * what counts is, for every object, the order of the steps on it, writes among each other and
 * reads between writes (a Mazurkiewicz trace). Each thread carries a hash of its causal past; each
 * object the hash of its last write and the sum of those of the reads since. A step hashes the
 * thread's past with the object's, a write with the reads too, and leaves its own hash in both.
 * The sum over the threads then is equal for equal traces, whatever the order of independent
 * steps, and costs a few instructions a step.
 *
 * That sum, with what else decides the future (who runs, who can run), is what a search looks up.
 * A client's program must be deterministic but for the choices that the machine makes for it, and
 * free of races on unmarked data: then equal traces are equal states. Addresses may differ between
 * equal traces, as allocations are no events; they must not decide anything.
 *
 * The hash has 64 bits: two different states among ten million have equal numbers by a chance of
 * about one in a million, and then one of them is not explored.
 *
 * What is an event: each atomic access; futex waits and wakes, as writes to the word; starting a
 * thread, as a write to the list of threads; each fence and sequentially consistent access, as a
 * write to one imagined object; looking at the clock, as a read of it, and a deadline that passes,
 * as a write. Pauses and the outcomes of other choices enter the past of the thread alone.
 *
 * Source: the happens-before graph as the state of a stateless search, from CHESS (Musuvathi and
 * Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", 2007).
 */
#include "explorer/machine.h"
#include "explorer/objects.h"

uint64_t thrum__explore_trace_hash(uint64_t a, uint64_t b)
{
    uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b;
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

static void set_past(thrum__explore_thread *thread, uint64_t past)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    uint64_t number = (uint64_t)(thread - m->thread) + 1;
    m->trace +=
        thrum__explore_trace_hash(number, past) - thrum__explore_trace_hash(number, thread->past);
    thread->past = past;
}

void thrum__explore_trace_mix(thrum__explore_thread *thread, uint64_t what)
{
    set_past(thread, thrum__explore_trace_hash(thread->past, what));
}

void thrum__explore_trace_event(const void *address, bool write)
{
    thrum__explore_thread *self = thrum__explore_self();
    thrum__explore_object *object = thrum__explore_object_at(address);
    uint64_t event = thrum__explore_trace_hash(self->past, object->last_write + write);
    if (write) {
        event = thrum__explore_trace_hash(event, object->reads);
        object->last_write = event;
        object->reads = 0;
    } else {
        object->reads += event | 1;
    }
    set_past(self, event);
}
