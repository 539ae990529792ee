/* What a queue and a deque do when nobody else is there: the specification in a few lines, with
 * nothing in common with how they are made.
 *
 * A call that was told to wait and came back with -ETIMEDOUT saw the object empty (or full) and
 * open once, before it slept, and did nothing: it happened then. So it is as -EAGAIN here.
 */
#include "linearize.h"

#include <errno.h>
#include <string.h>

static uint8_t take(struct linear_state *state, size_t at)
{
    uint8_t item = state->items[at];
    state->count--;
    memmove(state->items + at, state->items + at + 1, state->count - at);
    state->items[state->count] = 0;
    return item;
}

static void add(struct linear_state *state, size_t at, uint8_t item)
{
    memmove(state->items + at + 1, state->items + at, state->count - at);
    state->items[at] = item;
    state->count++;
}

/* Where the item is whose turn it is. */
static size_t next(const struct linear_model *model, const struct linear_state *state)
{
    if (model->order == THRUM_QUEUE_LIFO)
        return state->count - 1u;
    size_t best = 0;
    if (model->order == THRUM_QUEUE_PRIORITY)
        for (size_t i = 1; i < state->count; i++)
            if (state->items[i] % LINEAR_PRIORITIES < state->items[best] % LINEAR_PRIORITIES)
                best = i;
    return best;
}

/* Whether the call did nothing because the object was not ready. */
static bool gave_up(const struct linear_call *call)
{
    return call->outcome == -EAGAIN || (call->waits && call->outcome == -ETIMEDOUT);
}

static bool put(const struct linear_model *model, struct linear_state *state,
                const struct linear_call *call, unsigned items)
{
    if (state->closed)
        return call->outcome == -EPIPE && call->count == 0;
    unsigned added = 0;
    for (; added < items && !(model->bound && state->count == model->bound); added++)
        add(state, state->count, (uint8_t)(call->item + added * LINEAR_SECOND_ITEM));
    return call->count == added && (added == items ? call->outcome == 0 : gave_up(call));
}

static bool get(const struct linear_model *model, struct linear_state *state,
                const struct linear_call *call, unsigned most)
{
    if (state->count == 0)
        return call->count == 0 && (state->closed ? call->outcome == -EPIPE : gave_up(call));
    unsigned taken = 0;
    for (; taken < most && state->count > 0; taken++)
        if (taken >= call->count || take(state, next(model, state)) != call->given[taken])
            return false;
    return call->count == taken && call->outcome == 0;
}

static bool clear(struct linear_state *state)
{
    memset(state->items, 0, sizeof state->items);
    state->count = 0;
    return true;
}

static bool append(const struct linear_model *model, struct linear_state *state,
                   const struct linear_call *call, unsigned items)
{
    for (unsigned i = 0; i < items; i++) {
        if (model->bound && state->count == model->bound)
            take(state, 0);
        add(state, state->count, (uint8_t)(call->item + i * LINEAR_SECOND_ITEM));
    }
    return call->outcome == 0;
}

static bool append_left(const struct linear_model *model, struct linear_state *state,
                        const struct linear_call *call)
{
    if (model->bound && state->count == model->bound)
        take(state, state->count - 1u);
    add(state, 0, call->item);
    return call->outcome == 0;
}

/* A call that gives the item at one end. */
static bool look(struct linear_state *state, const struct linear_call *call, bool left, bool stays)
{
    if (state->count == 0)
        return call->outcome == -EAGAIN;
    size_t at = left ? 0 : state->count - 1u;
    uint8_t item = stays ? state->items[at] : take(state, at);
    return call->outcome == 0 && call->given[0] == item;
}

static bool rotate(struct linear_state *state, unsigned steps)
{
    for (; state->count > 0 && steps > 0; steps--)
        add(state, 0, take(state, state->count - 1u));
    return true;
}

bool linear_step(const struct linear_model *model, struct linear_state *state,
                 const struct linear_call *call)
{
    switch (call->kind) {
    case LINEAR_PUT:
        return put(model, state, call, 1);
    case LINEAR_PUT_MANY:
        return put(model, state, call, LINEAR_BATCH);
    case LINEAR_GET:
        return get(model, state, call, 1);
    case LINEAR_GET_MANY:
        return get(model, state, call, LINEAR_BATCH);
    case LINEAR_CLOSE:
        state->closed = true;
        return true;
    case LINEAR_CLOSE_NOW:
        state->closed = true;
        return call->outcome == state->count && clear(state);
    case LINEAR_APPEND:
        return append(model, state, call, 1);
    case LINEAR_EXTEND:
        return append(model, state, call, LINEAR_BATCH);
    case LINEAR_APPEND_LEFT:
        return append_left(model, state, call);
    case LINEAR_POP:
        return look(state, call, false, false);
    case LINEAR_POP_LEFT:
        return look(state, call, true, false);
    case LINEAR_FIRST:
        return look(state, call, true, true);
    case LINEAR_ROTATE:
        return rotate(state, call->item);
    case LINEAR_CLEAR:
        return clear(state);
    case LINEAR_SIZE:
        return call->outcome == state->count;
    case LINEAR_KINDS:
        break;
    }
    return false;
}
