/* The explorer explored: what makes two states one, and what must keep them apart. */
#include "base/spin.h"
#include "explore.h"

/* Who came first is forgotten once it makes no difference: 169 states, where the orders of two times
 * twelve updates of one word are 2.7 million. */

static void add_twelve(void *argument)
{
    for (int i = 0; i < 12; i++)
        thrum__add_relaxed((uint32_t *)argument, 1);
}

EXPLORE(self_state_forgets, .preemptions = EXPLORE_ALL, .runs = 2000)
{
    static uint32_t sum;
    explore_spawn("one", add_twelve, &sum);
    explore_spawn("two", add_twelve, &sum);
    explore_join_all();
    EXPLORE_CHECK(sum == 24);
}

/* Two states may hold the same bytes, and one of them a race: whether the flag was released or merely
 * stored shows only in what is ordered. The bystander is there so that there is a choice, at which the
 * search looks back. */

static struct {
    uint32_t flag, read;
    int data;
} told;

static void tell(void *unused)
{
    (void)unused;
    unsigned released = explore_any(2);
    EXPLORE_WRITE(told.data, 1);
    if (released == 0)
        thrum__store_release(&told.flag, 1);
    else
        thrum__store_relaxed(&told.flag, 1);
}

static void hear(void *unused)
{
    (void)unused;
    while (!thrum__load_acquire(&told.flag))
        thrum__pause();
    (void)EXPLORE_READ(told.data);
    thrum__store_relaxed(&told.read, 1);
}

static void stand_by(void *unused)
{
    (void)unused;
    while (!thrum__load_relaxed(&told.read))
        thrum__pause();
}

EXPLORE(self_state_has_order, .fails = "race on variable+")
{
    explore_spawn("teller", tell, NULL);
    explore_spawn("hearer", hear, NULL);
    explore_spawn("bystander", stand_by, NULL);
    explore_join_all();
}

/* The same for what a thread keeps to itself: it has read the word, and nobody sees what. The looker
 * is the first to run, so the states in which it has read 0 are seen before all others. */

static uint32_t word;

static void change(void *argument)
{
    (void)argument;
    thrum__store_relaxed(&word, 1);
    thrum__store_relaxed(&word, 0);
}

static void look(void *argument)
{
    uint32_t seen = thrum__load_relaxed(&word);
    thrum__add_relaxed((uint32_t *)argument, 1);
    EXPLORE_CHECK(seen == 0);
}

EXPLORE(self_state_has_stacks, .preemptions = EXPLORE_ALL, .fails = "check failed: seen == 0")
{
    static uint32_t other;
    explore_spawn("looker", look, &other);
    explore_spawn("changer", change, NULL);
    explore_spawn("counter", add_twelve, &other);
    explore_join_all();
}

/* And for the heap, and variables. */

static void fill(void *argument)
{
    *(int *)argument = (int)explore_any(2);
}

static void differ_by(int *number)
{
    static uint32_t sum;
    explore_join(explore_spawn("filler", fill, number));
    explore_spawn("one", add_twelve, &sum);
    explore_spawn("two", add_twelve, &sum);
    explore_join_all();
    EXPLORE_CHECK(*number == 0);
}

EXPLORE(self_state_has_heap, .fails = "check failed: *number == 0")
{
    int *number = thrum__alloc(sizeof *number);
    differ_by(number);
    thrum__free(number);
}

EXPLORE(self_state_has_variables, .fails = "check failed: *number == 0")
{
    static int number;
    differ_by(&number);
}

/* A state that was reached with no preemption left is tried again when it is reached with one. The looker sees the flag
 * first by the preemption that lets it be raised, then without, as the flag was raised at once. Both have ended then, so
 * nothing tells the two ways apart. Only what comes after needs a preemption of its own. */

static uint32_t flag, raised, sum;

static void look_at_flag(void *unused)
{
    (void)unused;
    thrum__add_relaxed(&sum, 0);
    thrum__store_relaxed(&raised, thrum__load_relaxed(&flag));
}

static void raise_flag(void *unused)
{
    (void)unused;
    thrum__store_relaxed(&flag, 1);
}

static void add_carelessly(void *unused)
{
    (void)unused;
    if (!thrum__load_relaxed(&raised)) {
        thrum__add_relaxed(&sum, 1);
        return;
    }
    uint32_t before = thrum__load_relaxed(&sum);
    thrum__store_relaxed(&sum, before + 1);
}

static void add_once(void *unused)
{
    (void)unused;
    thrum__add_relaxed(&sum, 1);
}

EXPLORE(self_state_with_more_left, .preemptions = 1, .fails = "check failed: sum == 2")
{
    explore_spawn("looker", look_at_flag, NULL);
    explore_spawn("raiser", raise_flag, NULL);
    explore_spawn("careless", add_carelessly, NULL);
    explore_spawn("adder", add_once, NULL);
    explore_join_all();
    EXPLORE_CHECK(sum == 2);
}

/* A loop through states that were there before is no end, but a livelock. */

static void flicker(void *argument)
{
    while (thrum__load_relaxed((uint32_t *)argument) != 2) {
        thrum__store_relaxed((uint32_t *)argument, 1);
        thrum__store_relaxed((uint32_t *)argument, 0);
    }
}

static void watch(void *argument)
{
    while (thrum__load_relaxed((uint32_t *)argument) != 2)
        thrum__pause();
}

EXPLORE(self_state_recurs, .steps = 500, .fails = "a livelock: more than 500 steps")
{
    static uint32_t light;
    explore_spawn("flicker", flicker, &light);
    explore_spawn("watcher", watch, &light);
    explore_join_all();
}
