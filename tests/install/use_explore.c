/* A user's test, built against an installed copy alone: with thrum::explore, or by pkg-config thrum-explore. */
#include <thrum.h>
#include <thrum/explore.h>

static thrum_lock lock;
static int value;

static void add(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&lock);
    thrum_explore_write(value, thrum_explore_read(value) + 1);
    thrum_lock_release(&lock);
}

THRUM_EXPLORE_TEST(both_add, .preemptions = 1)
{
    thrum_explore_spawn("one", add, NULL);
    thrum_explore_spawn("two", add, NULL);
    thrum_explore_join_all();
    thrum_explore_check(value == 2);
}

int main(int argc, char **argv)
{
    thrum_explore_main(argc, argv);
}
