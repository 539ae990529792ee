/* Values of one's own: each thread finds what it has set itself, though all draw the index at once. */
#include "explore.h"
#include <thrum/local.h>

static thrum_local local, other;
static int destroyed;

static void set_and_get(void *value)
{
    EXPLORE_CHECK(thrum_local_get(&local) == NULL);
    EXPLORE_CHECK(thrum_local_set(&local, value) == 0);
    EXPLORE_CHECK(thrum_local_get(&local) == value);
}

static void set_both(void *value)
{
    set_and_get(value);
    EXPLORE_CHECK(thrum_local_set(&other, &local) == 0);
    EXPLORE_CHECK(thrum_local_get(&local) == value);
}

EXPLORE(local_two, .preemptions = EXPLORE_ALL)
{
    int values[2];
    explore_spawn("one", set_and_get, &values[0]);
    explore_spawn("two", set_and_get, &values[1]);
    explore_join_all();
}

EXPLORE(local_two_of_two, .preemptions = 3, .long_preemptions = EXPLORE_ALL)
{
    int values[2];
    explore_spawn("one", set_both, &values[0]);
    explore_spawn("two", set_both, &values[1]);
    explore_join_all();
    EXPLORE_CHECK(local.index_ != other.index_);
}

static void destroy(void *value)
{
    EXPLORE_CHECK(value == &destroyed);
    thrum__add_relaxed((uint32_t *)&destroyed, 1);
}

static void set_with_destructor(void *argument)
{
    thrum_local *with = argument;
    EXPLORE_CHECK(thrum_local_set(with, &destroyed) == 0);
}

/* The register knows the destructor as soon as an index is drawn. */
EXPLORE(local_destructor, .preemptions = EXPLORE_ALL)
{
    static thrum_local with = THRUM_LOCAL_INIT(destroy);
    explore_spawn("one", set_with_destructor, &with);
    explore_spawn("two", set_with_destructor, &with);
    explore_join_all();
    EXPLORE_CHECK(destroyed == 2);
}

static void set_without_memory(void *value)
{
    if (thrum_local_set(&local, value) == 0)
        return;
    explore_seen("no memory");
    EXPLORE_CHECK(thrum_local_get(&local) == NULL);
}

EXPLORE(local_no_memory, .no_memory = 1, .sees = "no memory")
{
    static int value;
    explore_spawn("setter", set_without_memory, &value);
    explore_join_all();
}

/* The array of values starts with 8 places. */
static void set_many(void *argument)
{
    enum { MANY = 20 };
    static thrum_local many[MANY];
    (void)argument;
    for (int i = 0; i < MANY; i++)
        EXPLORE_CHECK(thrum_local_set(&many[i], &many[i]) == 0);
    for (int i = 0; i < MANY; i++)
        EXPLORE_CHECK(thrum_local_get(&many[i]) == &many[i]);
}

EXPLORE(local_many, .preemptions = EXPLORE_NONE)
{
    explore_spawn("setter", set_many, NULL);
    explore_join_all();
}
