/* The end of a bounded queue without a lock: the close, join, and who may free it when. */
#include "bounded.h"

#include <errno.h>

/* ------------------------------------------------------------------------------- the close */

static void get_until_closed(void *argument)
{
    int item;
    while ((item = get(queue, THRUM_FOREVER)) > 0)
        got[(intptr_t)argument]++;
    EXPLORE_CHECK(item == -EPIPE);
}

static void put_if_open(void *argument)
{
    rc[(intptr_t)argument] = put(queue, 1, THRUM_FOREVER);
    EXPLORE_CHECK(rc[(intptr_t)argument] == 0 || rc[(intptr_t)argument] == -EPIPE);
}

/* What was put before the close is drained, by one who may be asleep. */
EXPLORE(bounded_close_against_put, .preemptions = 2, .long_preemptions = 3, .stale = 1)
{
    new_queue(2);
    explore_spawn("putter", put_if_open, (void *)0);
    explore_spawn("getter", get_until_closed, (void *)0);
    thrum_queue_close(queue);
    free_queue();
    EXPLORE_CHECK(got[0] == (rc[0] == 0));
}

/* The immediate close is one moment: whom it refuses a put finds no item either, */
static void put_and_look(void *argument)
{
    (void)argument;
    if (put(queue, 2, THRUM_NOW) == -EPIPE)
        EXPLORE_CHECK(get(queue, THRUM_NOW) == -EPIPE);
}

EXPLORE(bounded_close_now_moment, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    put_one((void *)1);
    explore_spawn("putter", put_and_look, NULL);
    size_t dropped = thrum_queue_close_now(queue);
    EXPLORE_CHECK(dropped == 1 || dropped == 2);
    free_queue();
}

/* and who finds it empty finds it closed. */
static void look(void *argument)
{
    (void)argument;
    got[0] = get(queue, THRUM_NOW);
    EXPLORE_CHECK(got[0] == 1 || got[0] == -EPIPE);
}

EXPLORE(bounded_close_now_empty, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    put_one((void *)1);
    explore_spawn("getter", look, NULL);
    size_t dropped = thrum_queue_close_now(queue);
    free_queue();
    EXPLORE_CHECK((got[0] == 1) + dropped == 1);
}

/* Nobody who moves an end at the moment of the close undoes it. */
EXPLORE(bounded_close_now_put, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    explore_spawn("putter", put_if_open, (void *)0);
    explore_spawn("putter", put_if_open, (void *)1);
    size_t dropped = thrum_queue_close_now(queue);
    free_queue();
    EXPLORE_CHECK(dropped == (size_t)(rc[0] == 0) + (size_t)(rc[1] == 0));
}

/* --------------------------------------------------------------------------- join and free */

static void get_and_do(void *argument)
{
    get_one(argument);
    EXPLORE_WRITE(got[2], 1);
    thrum_queue_task_done(queue);
}

/* One who joins and then frees is behind the last touch of the one who did the work. */
EXPLORE(bounded_join, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    new_queue(1);
    explore_spawn("worker", get_and_do, (void *)0);
    put_one((void *)1);
    EXPLORE_CHECK(thrum_queue_join(queue, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(got[2]) == 1);
    thrum_queue_free(queue);
    explore_join_all();
}

/* Whoever has the last item may free the queue, though its putter is still on its way out. */
EXPLORE(bounded_free_by_getter, .preemptions = 2, .long_preemptions = 3, .stale = 1)
{
    new_queue(1);
    explore_spawn("putter", put_one, (void *)1);
    get_one((void *)0);
    thrum_queue_free(queue);
    explore_join_all();
}

/* Of two that put for one sleeper, one may find it awake already. */
EXPLORE(bounded_free_by_getter_of_two, .preemptions = 2)
{
    new_queue(2);
    explore_spawn("putter", put_one, (void *)1);
    explore_spawn("putter", put_one, (void *)2);
    get_one((void *)0);
    get_one((void *)1);
    thrum_queue_free(queue);
    explore_join_all();
}

/* Whoever knows by a put that a get has made room may free it likewise. */
EXPLORE(bounded_free_by_putter, .preemptions = 2)
{
    new_queue(1);
    put_one((void *)1);
    explore_spawn("getter", get_one, (void *)0);
    put_one((void *)2);
    thrum_queue_free(queue);
    explore_join_all();
}

/* A batch that was held up, too. */
EXPLORE(bounded_free_by_batch, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(2);
    explore_spawn("putter", put_pair, (void *)1);
    int values[2];
    for (size_t have = 0, count; have < 2; have += count)
        EXPLORE_CHECK(thrum_queue_get_many(queue, values, 2, &count, THRUM_FOREVER) == 0);
    thrum_queue_free(queue);
    explore_join_all();
}

/* One that has dropped an item knows, too, that its putter is done. */
EXPLORE(bounded_free_by_closer, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(1);
    explore_spawn("putter", put_if_open, (void *)0);
    if (thrum_queue_close_now(queue) == 0)
        explore_join_all();
    thrum_queue_free(queue);
    explore_join_all();
    EXPLORE_CHECK(rc[0] == 0 || rc[0] == -EPIPE);
}
