/* The checker's own test: histories written by hand, of which one knows; and random ones, of which
 * trying all orders knows. */
#include "linearize.h"

#include <errno.h>

/* Calls by their times. Each thread is another, as only the times count. */
#define PUT(from, to, value)                                                                       \
    {                                                                                              \
        .kind = LINEAR_PUT, .item = (value), .count = 1, .called = (from), .returned = (to)        \
    }
#define GET(from, to, value)                                                                       \
    {                                                                                              \
        .kind = LINEAR_GET, .given = {value}, .count = 1, .called = (from), .returned = (to)       \
    }
#define NOTHING(from, to)                                                                          \
    {                                                                                              \
        .kind = LINEAR_GET, .outcome = -EAGAIN, .called = (from), .returned = (to)                 \
    }
#define END(from, to)                                                                              \
    {                                                                                              \
        .kind = LINEAR_GET, .outcome = -EPIPE, .called = (from), .returned = (to)                  \
    }
#define CLOSE(from, to)                                                                            \
    {                                                                                              \
        .kind = LINEAR_CLOSE, .called = (from), .returned = (to)                                   \
    }
#define SIZE(from, to, size)                                                                       \
    {                                                                                              \
        .kind = LINEAR_SIZE, .outcome = (size), .called = (from), .returned = (to)                 \
    }

static const struct written {
    const char *what;
    struct linear_model model;
    bool right;
    struct linear_history history;
} written[] = {
    {"nothing", {0}, true, {0, {PUT(0, 1, 0)}}},
    {"one after another", {0}, true, {4, {PUT(0, 1, 1), PUT(2, 3, 2), GET(4, 5, 1), GET(6, 7, 2)}}},
    {"out of order", {0}, false, {4, {PUT(0, 1, 1), PUT(2, 3, 2), GET(4, 5, 2), GET(6, 7, 1)}}},
    {"puts at once", {0}, true, {4, {PUT(0, 2, 1), PUT(1, 3, 2), GET(4, 5, 2), GET(6, 7, 1)}}},
    {"gets at once", {0}, true, {4, {PUT(0, 1, 1), PUT(2, 3, 2), GET(4, 6, 2), GET(5, 7, 1)}}},
    {"twice", {0}, false, {3, {PUT(0, 1, 1), GET(2, 4, 1), GET(3, 5, 1)}}},
    {"from nowhere", {0}, false, {2, {PUT(0, 1, 1), GET(2, 3, 2)}}},
    {"before it was put", {0}, false, {2, {GET(0, 1, 1), PUT(2, 3, 1)}}},
    {"while it is put", {0}, true, {2, {GET(0, 2, 1), PUT(1, 3, 1)}}},
    {"empty beside an item", {0}, false, {2, {PUT(0, 1, 1), NOTHING(2, 3)}}},
    {"empty while it is put", {0}, true, {2, {PUT(0, 3, 1), NOTHING(1, 2)}}},
    {"empty between two",
     {0},
     true,
     {4, {PUT(0, 1, 1), GET(2, 5, 1), NOTHING(3, 4), PUT(6, 7, 2)}}},
    {"seen, and then not", {0}, false, {3, {PUT(0, 5, 1), SIZE(1, 2, 1), NOTHING(3, 4)}}},
    {"not seen, and then", {0}, true, {3, {PUT(0, 5, 1), NOTHING(1, 2), SIZE(3, 4, 1)}}},
    {"closed before it is empty", {0}, false, {3, {PUT(0, 1, 1), CLOSE(2, 3), END(4, 5)}}},
    {"closed and empty", {0}, true, {4, {PUT(0, 1, 1), CLOSE(2, 5), GET(3, 4, 1), END(6, 7)}}},
    {"the newest first",
     {.order = THRUM_QUEUE_LIFO},
     true,
     {4, {PUT(0, 1, 1), PUT(2, 3, 2), GET(4, 5, 2), GET(6, 7, 1)}}},
    {"the oldest first, of a stack",
     {.order = THRUM_QUEUE_LIFO},
     false,
     {4, {PUT(0, 1, 1), PUT(2, 3, 2), GET(4, 5, 1), GET(6, 7, 2)}}},
    {"by priority",
     {.order = THRUM_QUEUE_PRIORITY},
     true,
     {4, {PUT(0, 1, 5), PUT(2, 3, 3), GET(4, 5, 3), GET(6, 7, 5)}}},
    {"against priority",
     {.order = THRUM_QUEUE_PRIORITY},
     false,
     {4, {PUT(0, 1, 5), PUT(2, 3, 3), GET(4, 5, 5), GET(6, 7, 3)}}},
    {"equals in order",
     {.order = THRUM_QUEUE_PRIORITY},
     true,
     {4, {PUT(0, 1, 6), PUT(2, 3, 3), GET(4, 5, 6), GET(6, 7, 3)}}},
    {"equals out of order",
     {.order = THRUM_QUEUE_PRIORITY},
     false,
     {4, {PUT(0, 1, 6), PUT(2, 3, 3), GET(4, 5, 3), GET(6, 7, 6)}}},
    {"more than the bound", {.bound = 1}, false, {2, {PUT(0, 1, 1), PUT(2, 3, 2)}}},
    {"more than the maxlen",
     {.deque = true, .bound = 1},
     true,
     {3,
      {{.kind = LINEAR_APPEND, .item = 1, .called = 0, .returned = 1},
       {.kind = LINEAR_APPEND, .item = 2, .called = 2, .returned = 3},
       {.kind = LINEAR_POP_LEFT, .given = {2}, .called = 4, .returned = 5}}}},
    {"dropped at the wrong end",
     {.deque = true, .bound = 1},
     false,
     {3,
      {{.kind = LINEAR_APPEND, .item = 1, .called = 0, .returned = 1},
       {.kind = LINEAR_APPEND, .item = 2, .called = 2, .returned = 3},
       {.kind = LINEAR_POP_LEFT, .given = {1}, .called = 4, .returned = 5}}}},
};

const char *linear_test_written(void)
{
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        if (linear_check(&written[i].model, &written[i].history) != written[i].right ||
            linear_check_slowly(&written[i].model, &written[i].history) != written[i].right)
            return written[i].what;
    return NULL;
}

/* Puts and gets of few items at random times, some of which can have been. */
static void invent(struct linear_history *history, uint64_t *seed)
{
    uint32_t busy[3] = {0}; /* until when each thread is */
    *history = (struct linear_history){.count = 2 + linear_random(seed, 6)};
    uint8_t puts = 0;
    for (size_t i = 0; i < history->count; i++) {
        struct linear_call *call = &history->calls[i];
        call->thread = linear_random(seed, 3);
        uint32_t from = busy[call->thread] + linear_random(seed, 4);
        uint32_t to = busy[call->thread] = from + linear_random(seed, 6);
        call->called = from * 64 + 2 * (uint32_t)i; /* no two times are the same */
        call->returned = to * 64 + 2 * (uint32_t)i + 1;
        if (linear_random(seed, 2)) {
            call->kind = LINEAR_PUT;
            call->item = ++puts;
            call->count = 1;
        } else {
            call->kind = LINEAR_GET;
            call->count = linear_random(seed, 4) > 0;
            call->outcome = call->count ? 0 : -EAGAIN;
            if (call->count)
                call->given[0] = (uint8_t)(1 + linear_random(seed, 3));
        }
    }
}

const char *linear_test_random(uint64_t *seed, uint64_t histories)
{
    uint64_t right = 0;
    for (uint64_t i = 0; i < histories; i++) {
        struct linear_model model = {.order = (thrum_queue_order)linear_random(seed, 3),
                                     .bound = (uint8_t)(linear_random(seed, 2) * 3)};
        struct linear_history history;
        invent(&history, seed);
        bool answer = linear_check(&model, &history);
        right += answer;
        if (answer != linear_check_slowly(&model, &history)) {
            linear_print(&history);
            return "the search and the trying of all orders differ";
        }
    }
    return right < histories / 50 || right > histories - histories / 50
               ? "nearly all random histories are of one kind"
               : NULL;
}
