/* The deque: each item is taken once, and a maxlen holds at every moment. */
#include "explore.h"
#include <thrum/deque.h>

#include <errno.h>

static thrum_deque *deque;
static int got[2];

static void new_deque(size_t maxlen)
{
    deque = thrum_deque_new(sizeof(int), &(thrum_deque_options){.maxlen = maxlen});
    EXPLORE_CHECK(deque);
    thrum__explore_name(deque, 16, "deque.lock");
}

static void free_deque(void)
{
    explore_join_all();
    thrum_deque_free(deque);
}

static void append(void *item)
{
    int value = (int)(intptr_t)item;
    EXPLORE_CHECK(thrum_deque_append(deque, &value) == 0);
}

static void append_left(void *item)
{
    int value = (int)(intptr_t)item;
    EXPLORE_CHECK(thrum_deque_append_left(deque, &value) == 0);
}

static void pop(void *which)
{
    int rc = thrum_deque_pop(deque, &got[(intptr_t)which]);
    EXPLORE_CHECK(rc == 0 || rc == -EAGAIN);
}

static void pop_left(void *which)
{
    int rc = thrum_deque_pop_left(deque, &got[(intptr_t)which]);
    EXPLORE_CHECK(rc == 0 || rc == -EAGAIN);
}

EXPLORE(deque_both_ends, .preemptions = 2, .long_preemptions = 3, .sees = "one each")
{
    new_deque(0);
    append((void *)4);
    explore_spawn("left", pop_left, (void *)0);
    explore_spawn("right", pop, (void *)1);
    explore_spawn("append", append_left, (void *)2);
    explore_join_all();
    int rest = 0, item;
    while (thrum_deque_pop(deque, &item) == 0)
        rest += item;
    EXPLORE_CHECK(got[0] + got[1] + rest == 6);
    if (got[0] == 2 && got[1] == 4)
        explore_seen("one each");
    free_deque();
}

static void look(void *argument)
{
    (void)argument;
    EXPLORE_CHECK(thrum_deque_size(deque) == 2);
    thrum_deque_rotate(deque, 1);
}

EXPLORE(deque_maxlen, .preemptions = 2, .long_preemptions = 3, .sees = "both new")
{
    new_deque(2);
    append((void *)1);
    append((void *)1);
    explore_spawn("append", append, (void *)4);
    explore_spawn("append", append_left, (void *)8);
    explore_spawn("look", look, NULL);
    explore_join_all();
    int left = 0, right = 0;
    EXPLORE_CHECK(thrum_deque_pop_left(deque, &left) == 0 && thrum_deque_pop(deque, &right) == 0);
    EXPLORE_CHECK(thrum_deque_size(deque) == 0);
    if (left + right == 12)
        explore_seen("both new");
    free_deque();
}

EXPLORE(deque_no_memory, .no_memory = 1, .sees = "no snapshot")
{
    void *items = NULL;
    size_t count = 0;
    deque = thrum_deque_new(sizeof(int), NULL);
    if (deque) {
        append((void *)1);
        if (thrum_deque_snapshot(deque, &items, &count) < 0)
            explore_seen("no snapshot");
        else
            EXPLORE_CHECK(count == 1 && *(int *)items == 1);
        thrum_deque_snapshot_free(items);
    }
    thrum_deque_free(deque);
}

/* A full ring turns round and round in its place, to either side. */
EXPLORE(deque_rotates_full, .preemptions = EXPLORE_NONE)
{
    enum { FULL = 8 }; /* so many have room at first */
    new_deque(FULL);
    for (intptr_t i = 0; i < FULL; i++)
        append((void *)i);
    for (int turn = 1; turn <= 2 * FULL; turn++) {
        int last = -1;
        thrum_deque_rotate(deque, -1);
        EXPLORE_CHECK(thrum_deque_pop(deque, &last) == 0 && last == (turn - 1) % FULL);
        append((void *)(intptr_t)last);
    }
    for (int turn = 1; turn <= 2 * FULL; turn++) {
        int first = -1;
        thrum_deque_rotate(deque, 1);
        EXPLORE_CHECK(thrum_deque_pop_left(deque, &first) == 0);
        EXPLORE_CHECK(first == FULL - 1 - (turn - 1) % FULL);
        append_left((void *)(intptr_t)first);
    }
    free_deque();
}
