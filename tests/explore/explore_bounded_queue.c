/* The bounded queue without a lock: what only its make can get wrong. What it has in common with the
 * others is explored by the bounded_ clients of explore_queue.c and explore_queue_any.c; its end is
 * in explore_bounded_end.c. */
#include "base/spin.h"
#include "bounded.h"
#include "park/park.h"
#include "park/scope.h"

#include <errno.h>

static thrum_queue *other;

/* ---------------------------------------------------------------------------- the ring goes round */

static void put_four(void *argument)
{
    (void)argument;
    for (int i = 1; i <= 4; i++)
        EXPLORE_CHECK(put(queue, i, THRUM_FOREVER) == 0);
}

static void get_four(void *argument)
{
    (void)argument;
    for (int i = 1; i <= 4; i++) {
        EXPLORE_CHECK(thrum_queue_size(queue) <= 3);
        EXPLORE_CHECK(get(queue, THRUM_FOREVER) == i);
    }
}

EXPLORE(bounded_laps_of_1, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(1);
    explore_spawn("putter", put_four, NULL);
    explore_spawn("getter", get_four, NULL);
    free_queue();
}

EXPLORE(bounded_laps_of_2, .preemptions = 1, .long_preemptions = 2, .stale = 1)
{
    new_queue(2);
    explore_spawn("putter", put_four, NULL);
    explore_spawn("getter", get_four, NULL);
    free_queue();
}

EXPLORE(bounded_laps_of_3, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(3);
    explore_spawn("putter", put_four, NULL);
    explore_spawn("getter", get_four, NULL);
    free_queue();
}

/* Loads that lag behind and wake-ups for no reason, where both sides sleep. */
static void put_two(void *argument)
{
    (void)argument;
    put_one((void *)1);
    put_one((void *)2);
}

static void get_two(void *argument)
{
    (void)argument;
    for (int i = 1; i <= 2; i++)
        EXPLORE_CHECK(get(queue, THRUM_FOREVER) == i);
}

EXPLORE(bounded_stale, .preemptions = EXPLORE_NONE, .long_preemptions = 2, .stale = 1,
        .spurious = 1)
{
    new_queue(1);
    explore_spawn("putter", put_two, NULL);
    explore_spawn("getter", get_two, NULL);
    free_queue();
}

EXPLORE(bounded_weak, .preemptions = 2, .weak = 2)
{
    new_queue(1);
    explore_spawn("putter", put_one, (void *)1);
    explore_spawn("getter", get_one, (void *)0);
    free_queue();
    EXPLORE_CHECK(got[0] == 1);
}

/* ----------------------------------------------------------------------------- empty and full */

/* What one has put is there for the only getter, whoever is slow before it. */
static void put_and_get(void *argument)
{
    (void)argument;
    put_one((void *)2);
    EXPLORE_CHECK(get(queue, THRUM_NOW) > 0);
}

EXPLORE(bounded_slow_putter, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    explore_spawn("slow", put_one, (void *)1);
    explore_spawn("both", put_and_get, NULL);
    free_queue();
}

static void put_and_get_many(void *argument)
{
    int values[2];
    size_t count = 0;
    (void)argument;
    put_one((void *)2);
    EXPLORE_CHECK(thrum_queue_get_many(queue, values, 2, &count, THRUM_NOW) == 0);
    EXPLORE_CHECK(count == 1 || values[0] + values[1] == 3);
}

EXPLORE(bounded_slow_putter_of_many, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    explore_spawn("slow", put_one, (void *)1);
    explore_spawn("both", put_and_get_many, NULL);
    free_queue();
}

/* The room that one has made is there for the only putter. */
static void get_and_put(void *argument)
{
    (void)argument;
    EXPLORE_CHECK(get(queue, THRUM_NOW) > 0);
    EXPLORE_CHECK(put(queue, 3, THRUM_NOW) == 0);
}

EXPLORE(bounded_slow_getter, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    put_two(NULL);
    explore_spawn("slow", get_one, (void *)0);
    explore_spawn("both", get_and_put, NULL);
    free_queue();
}

/* Each puts into one queue and looks into the other: not both can find nothing. */
static void put_here_get_there(void *argument)
{
    bool first = argument == NULL;
    EXPLORE_CHECK(put(first ? queue : other, 1, THRUM_NOW) == 0);
    rc[!first] = get(first ? other : queue, THRUM_NOW);
}

EXPLORE(bounded_two_empty, .preemptions = 2, .stale = 2)
{
    new_queue(1);
    other = bounded(1, "other.lock");
    explore_spawn("one", put_here_get_there, NULL);
    explore_spawn("two", put_here_get_there, &other);
    free_queue();
    thrum_queue_free(other);
    EXPLORE_CHECK(rc[0] == 1 || rc[1] == 1);
}

static void get_here_put_there(void *argument)
{
    bool first = argument == NULL;
    EXPLORE_CHECK(get(first ? queue : other, THRUM_NOW) == 1);
    rc[!first] = put(first ? other : queue, 2, THRUM_NOW);
}

EXPLORE(bounded_two_full, .preemptions = 2, .stale = 2)
{
    new_queue(1);
    other = bounded(1, "other.lock");
    put_one((void *)1);
    EXPLORE_CHECK(put(other, 1, THRUM_NOW) == 0);
    explore_spawn("one", get_here_put_there, NULL);
    explore_spawn("two", get_here_put_there, &other);
    free_queue();
    thrum_queue_free(other);
    EXPLORE_CHECK(rc[0] == 0 || rc[1] == 0);
}

/* The same by batches. */
static void put_here_get_many_there(void *argument)
{
    bool first = argument == NULL;
    size_t count = 0;
    int value;
    EXPLORE_CHECK(put(first ? queue : other, 1, THRUM_NOW) == 0);
    rc[!first] = thrum_queue_get_many(first ? other : queue, &value, 1, &count, THRUM_NOW);
}

EXPLORE(bounded_two_empty_of_many, .preemptions = 2, .stale = 2)
{
    new_queue(1);
    other = bounded(1, "other.lock");
    explore_spawn("one", put_here_get_many_there, NULL);
    explore_spawn("two", put_here_get_many_there, &other);
    free_queue();
    thrum_queue_free(other);
    EXPLORE_CHECK(rc[0] == 0 || rc[1] == 0);
}

/* A size is that of a moment. */
EXPLORE(bounded_size, .preemptions = 1, .long_preemptions = 2, .stale = 1)
{
    new_queue(1);
    explore_spawn("putter", put_one, (void *)1);
    explore_spawn("getter", get_one, (void *)0);
    EXPLORE_CHECK(thrum_queue_size(queue) <= 1);
    free_queue();
}

EXPLORE(bounded_size_of_full, .preemptions = 1, .long_preemptions = 2, .stale = 1)
{
    new_queue(1);
    explore_spawn("putter", put_two, NULL);
    explore_spawn("getter", get_one, (void *)0);
    EXPLORE_CHECK(thrum_queue_size(queue) <= 1);
    free_queue();
}

/* ----------------------------------------------------------------------------------- batches */

/* A batch that comes back with one item was there before the second; then there is room for a third. */
static void put_now_twice(void *argument)
{
    (void)argument;
    rc[0] = put(queue, 2, THRUM_NOW);
    rc[1] = put(queue, 3, THRUM_NOW);
}

EXPLORE(bounded_get_many_moment, .preemptions = 2, .long_preemptions = 3, .stale = 1)
{
    new_queue(2);
    put_one((void *)1);
    explore_spawn("putter", put_now_twice, NULL);
    int values[2];
    size_t count = 0;
    EXPLORE_CHECK(thrum_queue_get_many(queue, values, 2, &count, THRUM_NOW) == 0);
    free_queue();
    EXPLORE_CHECK(rc[0] == 0 && values[0] == 1);
    EXPLORE_CHECK(count == 2 || rc[1] == 0);
}

/* One that had room for one item put it before the first was taken; then a second get finds it. */
static void get_now_twice(void *argument)
{
    (void)argument;
    rc[0] = get(queue, THRUM_NOW);
    rc[1] = get(queue, THRUM_NOW);
}

EXPLORE(bounded_put_many_moment, .preemptions = 2, .long_preemptions = 3, .stale = 1)
{
    new_queue(2);
    put_one((void *)1);
    explore_spawn("getter", get_now_twice, NULL);
    size_t added = 0;
    int batch = thrum_queue_put_many(queue, (int[]){2, 3}, 2, &added, THRUM_NOW);
    EXPLORE_CHECK(batch == (added == 2 ? 0 : -EAGAIN));
    free_queue();
    EXPLORE_CHECK(rc[0] == 1 && added > 0);
    EXPLORE_CHECK(added == 2 || rc[1] == 2);
}

/* What did not go in at once is not added later. */
static void look_and_get(void *argument)
{
    (void)argument;
    rc[0] = (int)thrum_queue_size(queue);
    rc[1] = get(queue, THRUM_NOW);
}

/* The ring has four cells for three items, so that no position needs a division: the fourth is never used. */
EXPLORE(bounded_put_many_full, .preemptions = EXPLORE_NONE)
{
    size_t added = 9;
    new_queue(3);
    EXPLORE_CHECK(thrum_queue_put_many(queue, (int[]){1, 2, 3, 4}, 4, &added, THRUM_NOW) ==
                  -EAGAIN);
    EXPLORE_CHECK(added == 3 && thrum_queue_size(queue) == 3);
    free_queue();
}

EXPLORE(bounded_put_many_at_once, .preemptions = 2, .long_preemptions = 3)
{
    new_queue(2);
    put_one((void *)1);
    explore_spawn("getter", look_and_get, NULL);
    size_t added = 0;
    int put = thrum_queue_put_many(queue, (int[]){2, 3}, 2, &added, THRUM_NOW);
    EXPLORE_CHECK(put == (added == 2 ? 0 : -EAGAIN));
    free_queue();
    EXPLORE_CHECK(rc[1] == 1 && added > 0);
    EXPLORE_CHECK(rc[0] == 1 || added == 1);
}

/* Two batches, against one who gets them singly and in pairs. */
static void get_pairs(void *argument)
{
    int sum = 0, values[2];
    (void)argument;
    for (size_t have = 0, count; have < 4; have += count) {
        EXPLORE_CHECK(thrum_queue_get_many(queue, values, 2, &count, THRUM_FOREVER) == 0);
        sum += count == 2 ? values[0] + values[1] : values[0];
    }
    EXPLORE_CHECK(sum == 1 + 2 + 5 + 6);
}

EXPLORE(bounded_batches, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(2);
    explore_spawn("putter", put_pair, (void *)1);
    explore_spawn("putter", put_pair, (void *)5);
    explore_spawn("getter", get_pairs, NULL);
    free_queue();
}

/* A batch wakes as many as it serves. */
EXPLORE(bounded_batch_for_two, .preemptions = 1, .long_preemptions = 2)
{
    new_queue(2);
    explore_spawn("getter", get_one, (void *)0);
    explore_spawn("getter", get_one, (void *)1);
    explore_spawn("putter", put_pair, (void *)1);
    free_queue();
    EXPLORE_CHECK(got[0] + got[1] == 3);
}

/* ------------------------------------------------------------------------- sleepers, and others */

static void get_until(void *argument)
{
    int item = get(queue, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(item > 0 || (item == -ETIMEDOUT && explore_timeouts()));
    got[(intptr_t)argument] = item > 0;
}

EXPLORE(bounded_get_until, .preemptions = 2, .timeouts = 1, .long_preemptions = 3)
{
    new_queue(1);
    explore_spawn("getter", get_until, (void *)0);
    explore_spawn("putter", put_one, (void *)1);
    explore_join_all();
    EXPLORE_CHECK(thrum_queue_size(queue) + (size_t)got[0] == 1);
    free_queue();
}

EXPLORE(bounded_get_until_other, .preemptions = EXPLORE_NONE, .timeouts = 1, .long_preemptions = 2)
{
    new_queue(2);
    explore_spawn("timed", get_until, (void *)1);
    explore_spawn("getter", get_one, (void *)0);
    explore_spawn("putter", put_two, NULL);
    free_queue();
}

static void put_until(void *argument)
{
    int result = put(queue, 1, thrum_at(thrum_now() + 1000));
    EXPLORE_CHECK(result == 0 || (result == -ETIMEDOUT && explore_timeouts()));
    got[(intptr_t)argument] = result == 0;
}

EXPLORE(bounded_put_until_other, .preemptions = 1, .timeouts = 1, .long_preemptions = 2)
{
    new_queue(1);
    put_one((void *)1);
    explore_spawn("timed", put_until, (void *)2);
    explore_spawn("putter", put_one, (void *)1);
    get_one((void *)0);
    get_one((void *)1);
    free_queue();
}

/* One that is cancelled as it is woken leaves nobody else asleep. */
static thrum__context *fickle;
static uint32_t ready;

static void get_cancellable(void *argument)
{
    (void)argument;
    fickle = thrum__self();
    thrum__store_release(&ready, 1);
    got[0] = get(queue, THRUM_FOREVER);
    EXPLORE_CHECK(got[0] > 0 || got[0] == -ECANCELED);
    if (got[0] < 0)
        explore_seen("cancelled");
}

static void cancel_it(void *argument)
{
    (void)argument;
    while (!thrum__load_acquire(&ready))
        thrum__pause();
    thrum__cancel(fickle);
}

EXPLORE(bounded_cancel, .preemptions = 1, .long_preemptions = 2, .sees = "cancelled")
{
    new_queue(2);
    explore_spawn("fickle", get_cancellable, NULL);
    explore_spawn("getter", get_one, (void *)1);
    explore_spawn("canceller", cancel_it, NULL);
    put_two(NULL);
    free_queue();
}

EXPLORE(bounded_no_memory, .no_memory = 1, .sees = "no memory")
{
    queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = 2});
    if (!queue)
        explore_seen("no memory");
    thrum_queue_free(queue);
}
