/* Recording: threads that make calls on one object at the same time, and note when.
 *
 * The clock is a counter that each call and each return increments. An increment is a release and
 * an acquire, so what is noted before a call came before it, and what is noted after a return after
 * it, on every machine.
 *
 * The threads stay for many histories. For each the recorder chooses all calls, makes the object,
 * and counts the round up. All that wait for it, the recorder among them, gather, make their calls,
 * and count themselves as finished. They gather by spinning, so that they begin as nearly at once
 * as the machine can do it, and give the processor away after a while, as there may be fewer
 * processors than threads. Some give it away between calls, too.
 */
#include "base/atomic.h"
#include "base/spin.h"
#include "linearize.h"

#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE = 500 }; /* turns of a spin before the processor is given away */

struct recorder {
    const struct linear_subject *subject;
    void *object;
    struct linear_history history;
    uint32_t clock, round, gathered, finished;
    unsigned threads;
    bool ended; /* read after the round */
};

struct place {
    struct recorder *recorder;
    unsigned thread;
};

uint32_t linear_random(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) * below >> 31);
}

static void gather(struct recorder *recorder)
{
    thrum__add_acq_rel(&recorder->gathered, 1);
    for (unsigned turn = 1; thrum__load_acquire(&recorder->gathered) < recorder->threads; turn++)
        if (turn % PATIENCE)
            thrum__pause();
        else
            sched_yield();
}

static void make_calls(struct recorder *recorder, unsigned thread)
{
    gather(recorder);
    for (size_t i = 0; i < recorder->history.count; i++) {
        struct linear_call *call = &recorder->history.calls[i];
        if (call->thread != thread)
            continue;
        if (call->late)
            sched_yield();
        call->called = thrum__add_acq_rel(&recorder->clock, 1);
        recorder->subject->call(recorder->object, call);
        call->returned = thrum__add_acq_rel(&recorder->clock, 1);
    }
}

static int take_part(thrum_task *self)
{
    struct place place = thrum_arg(self, struct place);
    struct recorder *recorder = place.recorder;
    for (uint32_t round = 1;; round++) {
        while (thrum__load_acquire(&recorder->round) != round)
            sched_yield();
        if (recorder->ended)
            return 0;
        make_calls(recorder, place.thread);
        thrum__add_release(&recorder->finished, 1);
    }
}

/* What is called, weighed by how often it stands here. */
static enum linear_kind choose_kind(const struct linear_subject *subject, uint64_t *seed)
{
    static const enum linear_kind queue[] = {
        LINEAR_PUT, LINEAR_PUT, LINEAR_PUT, LINEAR_PUT,      LINEAR_PUT,      LINEAR_PUT_MANY,
        LINEAR_GET, LINEAR_GET, LINEAR_GET, LINEAR_GET,      LINEAR_GET,      LINEAR_GET_MANY,
        LINEAR_PUT, LINEAR_GET, LINEAR_PUT, LINEAR_PUT_MANY, LINEAR_GET_MANY, LINEAR_SIZE};
    static const enum linear_kind deque[] = {
        LINEAR_APPEND,   LINEAR_APPEND, LINEAR_APPEND_LEFT, LINEAR_APPEND_LEFT,
        LINEAR_EXTEND,   LINEAR_POP,    LINEAR_POP,         LINEAR_POP_LEFT,
        LINEAR_POP_LEFT, LINEAR_FIRST,  LINEAR_ROTATE,      LINEAR_SIZE};
    if (subject->broken)
        return linear_random(seed, 2) ? LINEAR_PUT : LINEAR_GET;
    if (subject->model.deque)
        return linear_random(seed, 40) == 0
                   ? LINEAR_CLEAR
                   : deque[linear_random(seed, sizeof deque / sizeof *deque)];
    if (linear_random(seed, 40) == 0)
        return linear_random(seed, 2) ? LINEAR_CLOSE : LINEAR_CLOSE_NOW;
    return queue[linear_random(seed, sizeof queue / sizeof *queue)];
}

static void choose_calls(struct recorder *recorder, unsigned threads, uint64_t *seed)
{
    struct linear_history *history = &recorder->history;
    history->count = 0;
    for (unsigned thread = 0; thread < threads; thread++) {
        uint32_t calls = 4 + linear_random(seed, LINEAR_EACH - 3);
        for (uint32_t i = 0; i < calls; i++) {
            struct linear_call *call = &history->calls[history->count];
            *call = (struct linear_call){.thread = thread, .item = (uint8_t)history->count};
            call->kind = choose_kind(recorder->subject, seed);
            if (call->kind == LINEAR_ROTATE)
                call->item = (uint8_t)(1 + linear_random(seed, 2));
            call->waits = call->kind <= LINEAR_GET_MANY && call->kind != LINEAR_PUT_MANY &&
                          linear_random(seed, 4) == 0;
            call->late = linear_random(seed, 4) == 0;
            history->count++;
        }
    }
}

static bool overlaps(const struct linear_history *history)
{
    for (size_t i = 0; i < history->count; i++)
        if (history->calls[i].returned != history->calls[i].called + 1)
            return true;
    return false;
}

static void record_one(struct recorder *recorder, unsigned threads, uint64_t *seed,
                       struct linear_tally *tally)
{
    const struct linear_subject *subject = recorder->subject;
    choose_calls(recorder, threads, seed);
    recorder->object = subject->make(&subject->model);
    recorder->clock = 0;
    recorder->finished = 0;
    recorder->gathered = 0;
    thrum__add_release(&recorder->round, 1);
    make_calls(recorder, 0);
    while (thrum__load_acquire(&recorder->finished) != threads - 1)
        sched_yield();
    subject->free(recorder->object);
    tally->histories++;
    tally->overlapping += overlaps(&recorder->history);
    if (!linear_check(&subject->model, &recorder->history)) {
        tally->rejected++;
        tally->example = recorder->history;
    }
}

void linear_record(const struct linear_subject *subject, unsigned threads, uint64_t histories,
                   uint64_t *seed, struct linear_tally *tally)
{
    static struct recorder recorder;
    recorder = (struct recorder){.subject = subject, .threads = threads};
    thrum_thread *others[LINEAR_THREADS];
    for (unsigned i = 1; i < threads; i++) {
        others[i] = thrum_thread_start(take_part, thrum_value(struct place, &recorder, i));
        if (!others[i])
            errx(EXIT_FAILURE, "no thread");
    }
    for (uint64_t i = 0; i < histories; i++)
        record_one(&recorder, threads, seed, tally);
    recorder.ended = true;
    thrum__add_release(&recorder.round, 1);
    for (unsigned i = 1; i < threads; i++) {
        if (thrum_thread_join(others[i], THRUM_FOREVER) != 0)
            errx(EXIT_FAILURE, "a thread failed");
        thrum_thread_free(others[i]);
    }
}

void linear_print(const struct linear_history *history)
{
    static const char *const names[LINEAR_KINDS] = {
        "put", "get",      "put_many", "get_many", "close",  "close_now", "append", "append_left",
        "pop", "pop_left", "extend",   "first",    "rotate", "clear",     "size"};
    for (size_t i = 0; i < history->count; i++) {
        const struct linear_call *call = &history->calls[i];
        printf("#   thread %u  %3u to %3u  %s%s %u -> %d", call->thread, call->called,
               call->returned, names[call->kind], call->waits ? " (waits)" : "", call->item,
               call->outcome);
        for (unsigned j = 0; j < LINEAR_BATCH; j++)
            printf(", %u", call->given[j]);
        printf(" (%u)\n", call->count);
    }
}
