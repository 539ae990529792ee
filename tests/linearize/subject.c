/* The objects under test; and queues with the faults that real ones have had, made of a deque, to
 * see that they are found. */
#include "base/atomic.h"
#include "linearize.h"

#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int by_priority(const void *a, const void *b)
{
    return *(const uint8_t *)a % LINEAR_PRIORITIES - *(const uint8_t *)b % LINEAR_PRIORITIES;
}

static void *made(void *object)
{
    if (!object)
        errx(EXIT_FAILURE, "no memory");
    return object;
}

static void *make_queue(const struct linear_model *model)
{
    return made(thrum_queue_new(
        1, &(thrum_queue_options){.max_size = model->bound,
                                  .order = model->order,
                                  .compare =
                                      model->order == THRUM_QUEUE_PRIORITY ? by_priority : NULL}));
}

static void free_queue(void *object)
{
    thrum_queue_free(object);
}

static void call_queue(void *object, struct linear_call *call)
{
    thrum_deadline deadline = call->waits ? thrum_in(30e-6) : THRUM_NOW;
    uint8_t batch[LINEAR_BATCH] = {call->item, (uint8_t)(call->item + LINEAR_SECOND_ITEM)};
    size_t count = 0;
    switch (call->kind) {
    case LINEAR_PUT:
        call->outcome = thrum_queue_put(object, &call->item, deadline);
        count = call->outcome == 0;
        break;
    case LINEAR_PUT_MANY:
        call->outcome = thrum_queue_put_many(object, batch, LINEAR_BATCH, &count, THRUM_NOW);
        break;
    case LINEAR_GET:
        call->outcome = thrum_queue_get(object, call->given, deadline);
        count = call->outcome == 0;
        break;
    case LINEAR_GET_MANY:
        call->outcome = thrum_queue_get_many(object, call->given, LINEAR_BATCH, &count, deadline);
        break;
    case LINEAR_CLOSE:
        thrum_queue_close(object);
        break;
    case LINEAR_CLOSE_NOW:
        call->outcome = (int)thrum_queue_close_now(object);
        break;
    default:
        call->outcome = (int)thrum_queue_size(object);
        break;
    }
    call->count = (unsigned)count;
}

/* A queue that is asked only through a wait for any of two. The other has never anything. */
struct pair {
    thrum_queue *queue, *other;
};

static void *make_pair(const struct linear_model *model)
{
    static struct pair pair;
    pair = (struct pair){make_queue(model), make_queue(model)};
    return &pair;
}

/* The other is unbounded, and so of the make with a lock. */
static void *make_mixed_pair(const struct linear_model *model)
{
    struct linear_model unbounded = {.order = model->order};
    static struct pair pair;
    pair = (struct pair){make_queue(model), make_queue(&unbounded)};
    return &pair;
}

static void free_pair(void *object)
{
    struct pair *pair = object;
    thrum_queue_free(pair->queue);
    thrum_queue_free(pair->other);
}

static void call_pair(void *object, struct linear_call *call)
{
    struct pair *pair = object;
    bool closes = call->kind == LINEAR_CLOSE || call->kind == LINEAR_CLOSE_NOW;
    if (call->kind != LINEAR_GET) {
        if (closes)
            thrum_queue_close(pair->other);
        call_queue(pair->queue, call);
        return;
    }
    thrum_queue *queues[2] = {pair->queue, pair->other};
    size_t index = 0;
    call->outcome = thrum_queue_get_any(queues, 2, &index, call->given,
                                        call->waits ? thrum_in(30e-6) : THRUM_NOW);
    call->count = call->outcome == 0;
}

/* Puts and gets by a select, beside cases that are never ready. */
static void call_select(void *object, struct linear_call *call)
{
    thrum_event never = THRUM_EVENT_INIT;
    thrum_case cases[] = {thrum_case_event(&never), {0}, thrum_case_event(&never)};
    if (call->kind == LINEAR_PUT)
        cases[1] = thrum_case_put(object, &call->item);
    else if (call->kind == LINEAR_GET)
        cases[1] = thrum_case_get(object, call->given);
    if (!cases[1].ops_) {
        call_queue(object, call);
        return;
    }
    int index = thrum_select(cases, 3, call->waits ? thrum_in(30e-6) : THRUM_NOW);
    call->outcome = index < 0 ? index : cases[index].code;
    call->count = call->outcome == 0;
}

/* The deque's items are large, so that a call takes long enough for others to come in between. */
struct bulky {
    uint8_t item;
    uint8_t rest[8191];
};

static void *make_bulky(const struct linear_model *model)
{
    return made(
        thrum_deque_new(sizeof(struct bulky), &(thrum_deque_options){.maxlen = model->bound}));
}

static void free_deque(void *object)
{
    thrum_deque_free(object);
}

static void call_bulky(void *object, struct linear_call *call)
{
    struct bulky add[LINEAR_BATCH], given = {0};
    add[0].item = call->item;
    add[1].item = (uint8_t)(call->item + LINEAR_SECOND_ITEM);
    memset(add[0].rest, call->item, sizeof add[0].rest);
    memset(add[1].rest, call->item, sizeof add[1].rest);
    switch (call->kind) {
    case LINEAR_APPEND:
        call->outcome = thrum_deque_append(object, add);
        break;
    case LINEAR_APPEND_LEFT:
        call->outcome = thrum_deque_append_left(object, add);
        break;
    case LINEAR_EXTEND:
        call->outcome = thrum_deque_extend(object, add, LINEAR_BATCH);
        break;
    case LINEAR_POP:
        call->outcome = thrum_deque_pop(object, &given);
        break;
    case LINEAR_POP_LEFT:
        call->outcome = thrum_deque_pop_left(object, &given);
        break;
    case LINEAR_FIRST:
        call->outcome = thrum_deque_at(object, 0, &given);
        break;
    case LINEAR_ROTATE:
        thrum_deque_rotate(object, call->item);
        break;
    case LINEAR_CLEAR:
        thrum_deque_clear(object);
        break;
    default:
        call->outcome = (int)thrum_deque_size(object);
        break;
    }
    call->given[0] = given.item;
}

static void *make_small(const struct linear_model *model)
{
    return made(thrum_deque_new(1, &(thrum_deque_options){.maxlen = model->bound}));
}

/* Puts right and does all else but get. */
static void call_broken(void *object, struct linear_call *call)
{
    switch (call->kind) {
    case LINEAR_PUT:
        call->outcome = thrum_deque_append(object, &call->item);
        break;
    default:
        call->outcome = (int)thrum_deque_size(object);
        break;
    }
    call->count = call->kind == LINEAR_PUT;
}

static uint32_t gets;

/* Now and then an item comes a second time. */
static void call_duplicating(void *object, struct linear_call *call)
{
    if (call->kind != LINEAR_GET) {
        call_broken(object, call);
        return;
    }
    call->outcome = thrum__add_relaxed(&gets, 1) % 16 == 0
                        ? thrum_deque_at(object, 0, call->given)
                        : thrum_deque_pop_left(object, call->given);
    call->count = call->outcome == 0;
}

/* Now and then the newest comes before the oldest. */
static void call_reordering(void *object, struct linear_call *call)
{
    if (call->kind != LINEAR_GET) {
        call_broken(object, call);
        return;
    }
    call->outcome = thrum__add_relaxed(&gets, 1) % 16 == 0
                        ? thrum_deque_pop(object, call->given)
                        : thrum_deque_pop_left(object, call->given);
    call->count = call->outcome == 0;
}

/* Looks and takes in two steps: another may come between, and a third item is lost. Each thread
 * for itself it is without fault. */
static void call_torn(void *object, struct linear_call *call)
{
    if (call->kind != LINEAR_GET) {
        call_broken(object, call);
        return;
    }
    uint8_t dropped;
    call->outcome = thrum_deque_at(object, 0, call->given);
    sched_yield();
    if (call->outcome == 0)
        (void)!thrum_deque_pop_left(object, &dropped); /* another may have taken the last */
    call->count = call->outcome == 0;
}

#define SELECT .make = make_queue, .call = call_select, .free = free_queue
#define QUEUE  .make = make_queue, .call = call_queue, .free = free_queue
#define PAIR   .make = make_pair, .call = call_pair, .free = free_pair
#define MIXED  .make = make_mixed_pair, .call = call_pair, .free = free_pair
#define DEQUE  .make = make_bulky, .call = call_bulky, .free = free_deque
#define BROKEN .broken = true, .make = make_small, .free = free_deque

const struct linear_subject linear_subjects[] = {
    {"fifo", {.order = THRUM_QUEUE_FIFO}, QUEUE},
    {"fifo_of_1", {.order = THRUM_QUEUE_FIFO, .bound = 1}, QUEUE},
    {"fifo_of_2", {.order = THRUM_QUEUE_FIFO, .bound = 2}, QUEUE},
    {"fifo_of_3", {.order = THRUM_QUEUE_FIFO, .bound = 3}, QUEUE},
    {"lifo", {.order = THRUM_QUEUE_LIFO}, QUEUE},
    {"lifo_of_2", {.order = THRUM_QUEUE_LIFO, .bound = 2}, QUEUE},
    {"priority", {.order = THRUM_QUEUE_PRIORITY}, QUEUE},
    {"priority_of_3", {.order = THRUM_QUEUE_PRIORITY, .bound = 3}, QUEUE},
    {"one_of_two_queues", {.order = THRUM_QUEUE_FIFO, .bound = 2}, PAIR},
    {"one_of_two_makes", {.order = THRUM_QUEUE_FIFO, .bound = 2}, MIXED},
    {"one_of_two_with_a_lock", {.order = THRUM_QUEUE_LIFO, .bound = 2}, PAIR},
    {"select_fifo", {.order = THRUM_QUEUE_FIFO}, SELECT},
    {"select_fifo_of_1", {.order = THRUM_QUEUE_FIFO, .bound = 1}, SELECT},
    {"select_lifo_of_2", {.order = THRUM_QUEUE_LIFO, .bound = 2}, SELECT},
    {"deque", {.deque = true}, DEQUE},
    {"deque_of_3", {.deque = true, .bound = 3}, DEQUE},
    {"a_queue_that_duplicates", {.order = THRUM_QUEUE_FIFO}, BROKEN, .call = call_duplicating},
    {"a_queue_that_reorders", {.order = THRUM_QUEUE_FIFO}, BROKEN, .call = call_reordering},
    {"a_queue_that_is_torn", {.order = THRUM_QUEUE_FIFO}, BROKEN, .call = call_torn},
};
const size_t linear_subject_count = sizeof linear_subjects / sizeof *linear_subjects;
