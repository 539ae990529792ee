/* A number that stands for the present state, so that a search need not go on from one state twice.
 *
 * What can still happen in a run depends on the present alone: on the program's memory, on where
 * each thread stands (its stack, registers included, as all but the asking thread have been
 * switched out, and that one stands at the point before its step), on who sleeps where, on the
 * clock and the budgets, and on what is ordered before what. How the run came there does not
 * matter, and it is forgotten here: two threads that have each taken a lock and given it back leave
 * one state, in whatever order they did it. So the states of a program that does something twice
 * are about twice those of one that does it once, where its interleavings (trace.c) are the square.
 *
 * Memory. The variables that were ever written, the heap as far as it was given out, and the living
 * part of each stack, hashed as they are. Bytes that nobody will read again make states differ
 * that are the same, which costs time and hides nothing; for that reason the explorer's build sets
 * automatic variables to zero, what its own calls leave below a stack is wiped away, and so is what
 * lies there when a thread goes on. Addresses are a part of the state: heap blocks lie in the order
 * in which they were taken.
 *
 * Order. Vector clocks count steps, which never come back. What they decide in the future is which
 * accesses of the past are ordered before a thread's next step, or will be once it acquires what
 * some word has published. So each access that a race or the end of an object could still be found
 * with counts with the set of clocks that have it: a thread's own, those that its next fence would
 * take or give, each word's, that of the hand-over. An access that all threads have in their
 * clocks can be in no race any more, and drops out.
 *
 * Left out: what stands in no relation to the future, as names, places for reports, and the number
 * of steps. A run that goes round for ever comes to a state again; the search then follows it, see
 * src/search/search_dfs.c. With a budget for stale loads the old values of words and who has
 * seen them would be a part of the state as well; there the trace serves instead.
 *
 * Two different states have equal numbers by a chance of about one in a million among ten million.
 *
 * Sources: explicit-state model checking (Holzmann's SPIN; hash compaction by Wolper and Leroy,
 * 1993); the folded product as a mixing step is wyhash's.
 */
#include "explorer/machine.h"
#include "explorer/objects.h"
#include "explorer/race.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- bytes */

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t thrum__explore_bytes_hash(uint64_t seed, const void *bytes, size_t size)
{
    static const uint64_t key[4] = {UINT64_C(0x8bb84b93962eacc9), UINT64_C(0x4b33a62ed433d4a3),
                                    UINT64_C(0x2d358dccaa6c78a5), UINT64_C(0xa0761d6478bd642f)};
    uint64_t lane[2] = {seed ^ key[0], seed ^ key[1]}, word[4];
    const char *at = bytes;
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(word, at, sizeof word);
        lane[0] = fold(word[0] ^ key[2], word[1] ^ lane[0]);
        lane[1] = fold(word[2] ^ key[3], word[3] ^ lane[1]);
    }
    memset(word, 0, sizeof word);
    memcpy(word, at, size);
    lane[0] = fold(word[0] ^ key[2], word[1] ^ lane[0]);
    lane[1] = fold(word[2] ^ key[3], word[3] ^ lane[1]);
    return thrum__explore_trace_hash(lane[0], lane[1] ^ size);
}

__attribute__((noinline)) void thrum__explore_wipe(void)
{
    char below[THRUM__EXPLORE_WIPED];
    memset(below, 0, sizeof below);
    __asm__ volatile("" : : "r"(below) : "memory");
}

/* ----------------------------------------------------------------------------------- threads */

/* How many sleep on the same word and came before. */
static uint64_t place_in_queue(const thrum__explore_thread *thread, unsigned index)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    uint64_t before = 0;
    for (unsigned i = 0; i < m->threads; i++)
        for (unsigned k = 0; k < m->thread[i].words; k++)
            before += m->thread[i].word[k] == thread->word[index] &&
                      !(m->thread[i].woken >> k & 1) && m->thread[i].ticket < thread->ticket;
    return before;
}

/* The words that it sleeps on, or has not gone on from yet. */
static uint64_t sleep_number(const thrum__explore_thread *thread)
{
    uint64_t number = thread->woken;
    for (unsigned i = 0; i < thread->words; i++) {
        number = thrum__explore_trace_hash(number, (uint64_t)(uintptr_t)thread->word[i]);
        number = thrum__explore_trace_hash(number, place_in_queue(thread, i));
    }
    return number;
}

static uint64_t thread_number(unsigned number, const thrum__explore_thread *thread)
{
    uint64_t local_end = 0;
    memcpy(&local_end, &thread->local_end, sizeof thread->local_end);
    uint64_t part[] = {
        number,
        thread->state,
        thrum__explore_is_restless(thread),
        (uint64_t)thread->wait_result,
        (uint64_t)(uintptr_t)thread->local,
        thread->local_number,
        local_end,
        (uint64_t)(uintptr_t)thread->argument,
        sleep_number(thread),
        0,
    };
    if (thread->state == THRUM__EXPLORE_DONE)
        return thrum__explore_bytes_hash(0, part, 2 * sizeof part[0]);
    if (thread->state == THRUM__EXPLORE_SLEEPING) {
        part[9] = (uint64_t)thread->deadline;
    } else if (thread->state == THRUM__EXPLORE_JOINING) {
        part[9] = thread->joins;
    }
    size_t size;
    const char *stack = thrum__explore_memory_stack(number, &size), *top = stack + size;
    const char *pointer = thrum__switch_stack(&thread->stack);
    if (pointer < stack || pointer > top) /* on a fiber's stack, which is on the heap, or unknown */
        pointer = top - THRUM__EXPLORE_FRESH;
    uint64_t number_of = thrum__explore_bytes_hash(0, part, sizeof part);
    number_of = thrum__explore_bytes_hash(number_of, &thread->stack, sizeof thread->stack);
    return thrum__explore_bytes_hash(number_of, pointer, (size_t)(top - pointer));
}

static uint64_t threads_number(void)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    uint64_t sum = thrum__explore_bytes_hash((uint64_t)m->now, &m->left, sizeof m->left);
    for (unsigned i = 0; i < m->threads; i++)
        sum = thrum__explore_trace_hash(sum, thread_number(i, &m->thread[i]));
    return thrum__explore_trace_hash(sum, m->timeouts);
}

/* ------------------------------------------------------------------------------------- order */

enum { CLOCKS = 3 * THRUM__EXPLORE_THREADS + 1 + THRUM__EXPLORE_OBJECTS };

/* The clocks that may yet come to bear on a thread. */
struct clocks {
    unsigned count;
    const thrum__explore_clock *clock[CLOCKS];
    uint64_t name[CLOCKS];
};

static void add_clock(struct clocks *clocks, const thrum__explore_clock *clock, uint64_t name)
{
    clocks->clock[clocks->count] = clock;
    clocks->name[clocks->count++] = thrum__explore_trace_hash(name, 7);
}

static bool is_empty(const thrum__explore_clock *clock)
{
    for (unsigned i = 0; i < THRUM__EXPLORE_THREADS; i++)
        if (clock->at[i])
            return false;
    return true;
}

static void list_clocks(struct clocks *clocks)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    clocks->count = 0;
    for (unsigned i = 0; i < m->threads; i++)
        add_clock(clocks, &m->thread[i].clock, 4 * i);
    for (unsigned i = 0; i < m->threads; i++) {
        if (m->thread[i].state == THRUM__EXPLORE_DONE)
            continue;
        if (!is_empty(&m->thread[i].loaded))
            add_clock(clocks, &m->thread[i].loaded, 4 * i + 1);
        if (!is_empty(&m->thread[i].fenced))
            add_clock(clocks, &m->thread[i].fenced, 4 * i + 2);
    }
    if (!is_empty(&m->handed))
        add_clock(clocks, &m->handed, 3);
    const thrum__explore_object *object;
    for (unsigned i = 0; (object = thrum__explore_object_number(i)); i++)
        if (object->count && !is_empty(&object->value[object->newest].published))
            add_clock(clocks, &object->value[object->newest].published,
                      (uint64_t)(uintptr_t)object->address);
}

/* An access by `thread` as its clock stood at `epoch`: which clocks have it. 0 if all threads do. */
static uint64_t access_number(const struct clocks *clocks, unsigned thread, uint32_t epoch)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    uint64_t sum = 0;
    unsigned have = 0;
    for (unsigned i = 0; i < m->threads; i++) {
        bool has = i == thread || clocks->clock[i]->at[thread] >= epoch;
        have += has;
        sum += has ? clocks->name[i] : 0;
    }
    if (have == m->threads)
        return 0;
    for (unsigned i = m->threads; i < clocks->count; i++)
        sum += clocks->clock[i]->at[thread] >= epoch ? clocks->name[i] : 0;
    return sum | 1;
}

static struct order {
    struct clocks clocks;
    uint64_t sum;
} * order; /* made before the first run: see memory.c */

static void add_access(uintptr_t key, unsigned kind, unsigned thread, uint32_t epoch)
{
    uint64_t number = epoch ? access_number(&order->clocks, thread, epoch) : 0;
    if (number)
        order->sum += thrum__explore_trace_hash(
            thrum__explore_trace_hash(key, kind * THRUM__EXPLORE_THREADS + thread), number);
}

static uint64_t order_number(void)
{
    list_clocks(&order->clocks);
    order->sum = 0;
    thrum__explore_race_each(add_access);
    const thrum__explore_object *object;
    for (unsigned i = 0; (object = thrum__explore_object_number(i)); i++) {
        if (object->count) /* not what its memory has, if that was written past the gate */
            order->sum += thrum__explore_trace_hash((uintptr_t)object->address,
                                                    object->value[object->newest].value);
        for (unsigned t = 0; t < thrum__explore_machine_->threads; t++)
            add_access((uintptr_t)object->address, 2, t, object->touched[t]);
    }
    return order->sum;
}

void thrum__explore_snapshot_reset(void)
{
    if (!order)
        order = malloc(sizeof *order);
    if (!order)
        abort();
}

uint64_t thrum__explore_snapshot(void)
{
    return thrum__explore_trace_hash(
        thrum__explore_trace_hash(thrum__explore_memory_number(), threads_number()),
        order_number());
}
