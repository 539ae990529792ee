/* The search for an order in which the calls of a history can have happened.
 *
 * All calls and returns stand in one list in the order of their times. A call that stands before
 * the first return may have been the first to happen. The search tries one such call on the state:
 * if it can have had its results, the call and its return are lifted out of the list and the search
 * goes on from its head; if not, the next call is tried. Coming to a return means that the call
 * that belongs to it should have happened by now and could not: the last one that was lifted is put
 * back and what stands after it is tried. An empty list is an order; no one left to put back means
 * that there is none. (Wing and Gong.)
 *
 * The same set of calls in another order often leads to the same state, and from there on to the
 * same failures. So each pair of a set that happened and a state that it led to is kept, and not
 * entered a second time. (Lowe.)
 *
 * The set is a word of bits, one for each call. The pairs are in a table by open addressing; the
 * number of the check stands in each, so that none has to be emptied.
 *
 * Sources: Wing and Gong, Testing and verifying concurrent objects (1993); Lowe, Testing for
 * linearizability (2017).
 */
#include "linearize.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 1 << 16 };

struct place {
    uint32_t check; /* whose; 0 for none */
    uint32_t happened;
    struct linear_state state;
};

static struct place places[PLACES];
static uint32_t check_number, places_used;

/* Keeps the pair; false if it was there. */
static bool remember(uint32_t happened, const struct linear_state *state)
{
    uint64_t hash = happened * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < state->count; i++)
        hash = (hash ^ state->items[i]) * UINT64_C(0x100000001b3);
    size_t at = (size_t)((hash ^ hash >> 32 ^ state->closed) % PLACES);
    for (; places[at].check == check_number; at = (at + 1) % PLACES)
        if (places[at].happened == happened && memcmp(&places[at].state, state, sizeof *state) == 0)
            return false;
    if (++places_used == PLACES)
        errx(EXIT_FAILURE, "a history with more than %d states", PLACES);
    places[at].check = check_number;
    places[at].happened = happened;
    places[at].state = *state;
    return true;
}

/* A call or a return in the list. */
struct event {
    struct event *next, *prev;
    struct event *other; /* a call's return; NULL in a return */
    uint32_t time;
    size_t call;
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return (x->time > y->time) - (x->time < y->time);
}

/* Lays the list out; events[0] is its head, and the end is NULL. */
static void lay_out(const struct linear_history *history, struct event *events)
{
    size_t count = 2 * history->count;
    struct event *returns[LINEAR_CALLS] = {0};
    for (size_t i = 0; i < history->count; i++) {
        events[1 + 2 * i] = (struct event){.time = history->calls[i].called, .call = i};
        events[2 + 2 * i] = (struct event){.time = history->calls[i].returned, .call = i};
    }
    qsort(events + 1, count, sizeof *events, by_time);
    events[0] = (struct event){.next = count ? &events[1] : NULL};
    for (size_t i = count; i > 0; i--) {
        struct event *event = &events[i];
        event->prev = event - 1;
        event->next = i < count ? event + 1 : NULL;
        event->other = returns[event->call];
        returns[event->call] = event;
    }
}

static void lift(struct event *event)
{
    event->prev->next = event->next;
    if (event->next)
        event->next->prev = event->prev;
}

static void put_back(struct event *event)
{
    event->prev->next = event;
    if (event->next)
        event->next->prev = event;
}

bool linear_check(const struct linear_model *model, const struct linear_history *history)
{
    struct event events[1 + 2 * LINEAR_CALLS];
    struct step {
        struct event *event;
        struct linear_state before;
    } steps[LINEAR_CALLS];
    size_t depth = 0;
    struct linear_state state = {0};
    uint32_t happened = 0;
    check_number++;
    places_used = 0;
    lay_out(history, events);
    struct event *event = events[0].next;
    while (events[0].next) {
        if (event->other) {
            struct linear_state after = state;
            uint32_t bit = UINT32_C(1) << event->call;
            if (linear_step(model, &after, &history->calls[event->call]) &&
                remember(happened | bit, &after)) {
                steps[depth++] = (struct step){event, state};
                state = after;
                happened |= bit;
                lift(event);
                lift(event->other);
                event = events[0].next;
            } else {
                event = event->next;
            }
        } else {
            if (depth == 0)
                return false;
            struct step *last = &steps[--depth];
            state = last->before;
            happened &= ~(UINT32_C(1) << last->event->call);
            put_back(last->event->other);
            put_back(last->event);
            event = last->event->next;
        }
    }
    return true;
}

/* Tries each call that none must come before, after those that have happened. */
static bool try_all(const struct linear_model *model, const struct linear_history *history,
                    uint32_t happened, const struct linear_state *state)
{
    bool all = true;
    uint32_t first_return = UINT32_MAX;
    for (size_t i = 0; i < history->count; i++)
        if (!(happened >> i & 1)) {
            all = false;
            if (history->calls[i].returned < first_return)
                first_return = history->calls[i].returned;
        }
    for (size_t i = 0; i < history->count && !all; i++) {
        const struct linear_call *call = &history->calls[i];
        struct linear_state after = *state;
        if (!(happened >> i & 1) && call->called < first_return &&
            linear_step(model, &after, call) &&
            try_all(model, history, happened | UINT32_C(1) << i, &after))
            return true;
    }
    return all;
}

bool linear_check_slowly(const struct linear_model *model, const struct linear_history *history)
{
    struct linear_state state = {0};
    return try_all(model, history, 0, &state);
}
