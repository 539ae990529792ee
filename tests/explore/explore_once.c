/* Once: one runs it, all see what it wrote, one that fails is followed by another. */
#include "explore.h"
#include <thrum/once.h>

#include <errno.h>

struct lazy {
    thrum_once once;
    int data, runs; /* written by the function, read by all after it */
    int failures;
};

static int make(void *context)
{
    struct lazy *lazy = context;
    EXPLORE_WRITE(lazy->runs, EXPLORE_READ(lazy->runs) + 1);
    if (lazy->runs <= lazy->failures)
        return -EIO;
    EXPLORE_WRITE(lazy->data, 7);
    return 0;
}

static void need(void *argument)
{
    struct lazy *lazy = argument;
    if (thrum_once_run(&lazy->once, make, lazy) == 0)
        EXPLORE_CHECK(EXPLORE_READ(lazy->data) == 7);
    else
        explore_seen("failed");
}

static void peek(void *argument)
{
    struct lazy *lazy = argument;
    if (thrum_once_done(&lazy->once))
        EXPLORE_CHECK(EXPLORE_READ(lazy->data) == 7);
}

EXPLORE(once_two, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct lazy lazy = {.once = THRUM_ONCE_INIT};
    explore_spawn("one", need, &lazy);
    explore_spawn("two", need, &lazy);
    explore_join_all();
    EXPLORE_CHECK(lazy.runs == 1);
}

EXPLORE(once_three, .preemptions = 2, .long_preemptions = 3)
{
    struct lazy lazy = {.once = THRUM_ONCE_INIT};
    explore_spawn("one", need, &lazy);
    explore_spawn("two", need, &lazy);
    explore_spawn("peeker", peek, &lazy);
    explore_join_all();
    EXPLORE_CHECK(lazy.runs == 1);
}

EXPLORE(once_stale, .preemptions = 2, .stale = 1)
{
    struct lazy lazy = {.once = THRUM_ONCE_INIT};
    explore_spawn("one", need, &lazy);
    explore_spawn("peeker", peek, &lazy);
    explore_join_all();
}

EXPLORE(once_fails_first, .preemptions = 3, .sees = "failed")
{
    struct lazy lazy = {.once = THRUM_ONCE_INIT, .failures = 1};
    explore_spawn("one", need, &lazy);
    explore_spawn("two", need, &lazy);
    explore_join_all();
    EXPLORE_CHECK(lazy.runs == 2 && lazy.data == 7);
}
