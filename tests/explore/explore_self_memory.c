/* The explorer explored: memory that ends, too early or never. */
#include "base/spin.h"
#include "explore.h"

struct sleeper {
    uint32_t ready, word;
};

/* Lifetimes. */

static void touch(void *argument)
{
    struct sleeper *s = argument;
    thrum__store_release(&s->ready, 1);
    thrum__store_relaxed(&s->word, 1);
}

static void free_when_ready(void *argument)
{
    struct sleeper *s = argument;
    while (!thrum__load_acquire(&s->ready))
        thrum__pause();
    thrum__free(s);
}

EXPLORE(self_free_too_early, .preemptions = EXPLORE_NONE, .fails = "heap+")
{
    struct sleeper *s = thrum__alloc(sizeof *s);
    explore_spawn("toucher", touch, s);
    explore_spawn("freer", free_when_ready, s);
    explore_join_all();
}

EXPLORE(self_use_after_free, .fails = "atomic access of dead memory, heap+")
{
    struct sleeper *s = thrum__alloc(sizeof *s);
    thrum__free(s);
    touch(s);
}

EXPLORE(self_leak, .fails = "memory leaks: 1 blocks")
{
    thrum__free(thrum__alloc(10));
    EXPLORE_CHECK(thrum__alloc(20));
}

EXPLORE(self_no_memory, .no_memory = 1, .sees = "no memory")
{
    void *memory = thrum__alloc(10);
    if (!memory)
        explore_seen("no memory");
    thrum__free(memory);
}

/* The last of two frees: the count must acquire what the other did. */

struct counted {
    uint32_t references;
    uint32_t order;
    int data;
};

static void drop(void *argument)
{
    struct counted *counted = argument;
    (void)EXPLORE_READ(counted->data);
    uint32_t before = counted->order ? thrum__sub_acq_rel(&counted->references, 1)
                                     : thrum__sub_release(&counted->references, 1);
    if (before == 1)
        thrum__free(counted);
}

static void drop_twice(uint32_t order)
{
    struct counted *counted = thrum__alloc(sizeof *counted);
    counted->references = 2;
    counted->order = order;
    explore_spawn("one", drop, counted);
    explore_spawn("two", drop, counted);
    explore_join_all();
}

EXPLORE(self_count_acquires, .preemptions = EXPLORE_ALL)
{
    drop_twice(1);
}

EXPLORE(self_count_releases, .fails = "race on heap+")
{
    drop_twice(0);
}
