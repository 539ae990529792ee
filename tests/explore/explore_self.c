/* The explorer explored: tiny programs whose number of interleavings, faults and right behaviour
 * are known. */
#include "base/futex.h"
#include "base/spin.h"
#include "explore.h"

/* k independent steps against m: (k + m)! / (k! m!) interleavings. */

static void step_alone(void *argument)
{
    static uint32_t words[4];
    uint32_t *word = &words[(uintptr_t)argument % 4];
    for (uintptr_t i = 0; i < (uintptr_t)argument / 4; i++)
        thrum__store_relaxed(word, (uint32_t)i);
}

static void *steps(uintptr_t count, uintptr_t word)
{
    return (void *)(count * 4 + word);
}

EXPLORE(self_count_2_2, .preemptions = EXPLORE_ALL, .no_reduction = true, .exactly = 6)
{
    explore_spawn("a", step_alone, steps(2, 0));
    explore_spawn("b", step_alone, steps(2, 1));
    explore_join_all();
}

EXPLORE(self_count_5_4, .preemptions = EXPLORE_ALL, .no_reduction = true, .exactly = 126)
{
    explore_spawn("a", step_alone, steps(5, 0));
    explore_spawn("b", step_alone, steps(4, 1));
    explore_join_all();
}

EXPLORE(self_count_2_2_2, .preemptions = EXPLORE_ALL, .no_reduction = true, .exactly = 90)
{
    explore_spawn("a", step_alone, steps(2, 0));
    explore_spawn("b", step_alone, steps(2, 1));
    explore_spawn("c", step_alone, steps(2, 2));
    explore_join_all();
}

/* Without a preemption: two threads end in 2 orders. With one: each may be cut at 3 places, after
 * which the other runs to its end. */
EXPLORE(self_count_bound_0, .preemptions = EXPLORE_NONE, .no_reduction = true, .exactly = 2)
{
    explore_spawn("a", step_alone, steps(4, 0));
    explore_spawn("b", step_alone, steps(4, 1));
    explore_join_all();
}

EXPLORE(self_count_bound_1, .preemptions = 1, .no_reduction = true, .exactly = 8)
{
    explore_spawn("a", step_alone, steps(4, 0));
    explore_spawn("b", step_alone, steps(4, 1));
    explore_join_all();
}

/* Independent steps are one state in whatever order: a grid, of which each cell is entered once. */
EXPLORE(self_reduction, .preemptions = EXPLORE_ALL)
{
    explore_spawn("a", step_alone, steps(20, 0));
    explore_spawn("b", step_alone, steps(20, 1));
    explore_join_all();
}

/* A counter that is read and written in two steps loses one of them. */

struct counter {
    uint32_t value;
};

static void lose(void *argument)
{
    struct counter *counter = argument;
    uint32_t value = thrum__load_relaxed(&counter->value);
    thrum__store_relaxed(&counter->value, value + 1);
}

EXPLORE(self_lost_update, .fails = "check failed: counter.value == 2")
{
    struct counter counter = {0};
    EXPLORE_NAME(counter);
    explore_spawn("a", lose, &counter);
    explore_spawn("b", lose, &counter);
    explore_join_all();
    EXPLORE_CHECK(counter.value == 2);
}

EXPLORE(self_lost_update_walk, .fails = "check failed: counter.value == 2", .walks = 1000)
{
    struct counter counter = {0};
    explore_spawn("a", lose, &counter);
    explore_spawn("b", lose, &counter);
    explore_join_all();
    EXPLORE_CHECK(counter.value == 2);
}

static void add(void *argument)
{
    struct counter *counter = argument;
    thrum__add_relaxed(&counter->value, 1);
}

EXPLORE(self_atomic_update, .preemptions = EXPLORE_ALL)
{
    struct counter counter = {0};
    explore_spawn("a", add, &counter);
    explore_spawn("b", add, &counter);
    explore_spawn("c", add, &counter);
    explore_join_all();
    EXPLORE_CHECK(counter.value == 3);
}
