/* Tests as a program outside of this project writes them: with thrum/explore.h, over libthrum-explore.
 *
 * Each "good_" test passes. Each "bad_" test has the defect that its name says, and `fails` says how the explorer
 * tells it. With -DBROKEN there is one test more, which fails.
 */
#include <errno.h>
#include <thrum.h>
#include <thrum/explore.h>

enum { RELAXED = __ATOMIC_RELAXED, ACQUIRE = __ATOMIC_ACQUIRE, RELEASE = __ATOMIC_RELEASE };

static thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT;
static int data, ready, turns, seen[2];

static void two(void (*first)(void *), void (*second)(void *))
{
    thrum_explore_spawn("first", first, NULL);
    thrum_explore_spawn("second", second, NULL);
    thrum_explore_join_all();
}

/* ---- plain variables ---- */

static void add_with_lock(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&a);
    thrum_explore_write(data, thrum_explore_read(data) + 1);
    thrum_lock_release(&a);
}

static void add_without(void *unused)
{
    (void)unused;
    thrum_explore_write(data, thrum_explore_read(data) + 1);
}

THRUM_EXPLORE_TEST(good_lock_orders, .preemptions = THRUM_EXPLORE_ALL)
{
    two(add_with_lock, add_with_lock);
    thrum_explore_check(data == 2);
}

THRUM_EXPLORE_TEST(bad_one_without_lock, .fails = "race on data")
{
    thrum_explore_name(data);
    two(add_with_lock, add_without);
}

static void withdraw(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&a);
    bool enough = thrum_explore_read(data) >= 80;
    thrum_lock_release(&a);
    if (!enough)
        return;
    thrum_lock_acquire(&a);
    thrum_explore_write(data, thrum_explore_read(data) - 80);
    thrum_lock_release(&a);
}

THRUM_EXPLORE_TEST(bad_check_then_act, .fails = "check failed: data >= 0, in T0 (main) at ")
{
    data = 100;
    two(withdraw, withdraw);
    thrum_explore_check(data >= 0);
}

/* ---- atomics ---- */

static void publish(void *unused)
{
    (void)unused;
    thrum_explore_write(data, 7);
    thrum_explore_store(&ready, 1, RELEASE);
}

static void publish_relaxed(void *unused)
{
    (void)unused;
    thrum_explore_write(data, 7);
    thrum_explore_store(&ready, 1, RELAXED);
}

static void take(void *unused)
{
    (void)unused;
    while (!thrum_explore_load(&ready, ACQUIRE))
        thrum_explore_pause();
    thrum_explore_check(thrum_explore_read(data) == 7);
}

THRUM_EXPLORE_TEST(good_publication)
{
    two(publish, take);
}

THRUM_EXPLORE_TEST(bad_publication_relaxed, .fails = "race on ")
{
    two(publish_relaxed, take);
}

static void count_turns(void *unused)
{
    int before = 0;
    (void)unused;
    thrum_explore_add(&turns, 1, RELAXED);
    while (!thrum_explore_compare_exchange(&turns, &before, before + 10, __ATOMIC_ACQ_REL))
        ;
    thrum_explore_exchange(&ready, 1, RELAXED);
}

THRUM_EXPLORE_TEST(good_updates_are_not_lost)
{
    two(count_turns, count_turns);
    thrum_explore_check(turns == 22 && ready == 1);
}

static void load_and_store(void *unused)
{
    (void)unused;
    thrum_explore_store(&turns, thrum_explore_load(&turns, RELAXED) + 1, RELAXED);
}

THRUM_EXPLORE_TEST(bad_load_and_store, .fails = "check failed: turns == 2")
{
    two(load_and_store, load_and_store);
    thrum_explore_check(turns == 2);
}

/* Each of two threads stores to its own word and looks at the other's: without a fence, both may see nothing. */
static int flags[2];

static void flag(int self, bool fence)
{
    thrum_explore_store(&flags[self], 1, RELAXED);
    if (fence)
        thrum_explore_fence();
    seen[self] = thrum_explore_load(&flags[!self], RELAXED);
}

static void flag_one(void *fence)
{
    flag(0, fence);
}

static void flag_two(void *fence)
{
    flag(1, fence);
}

static void flag_both(void *fence)
{
    thrum_explore_spawn("one", flag_one, fence);
    thrum_explore_spawn("two", flag_two, fence);
    thrum_explore_join_all();
    thrum_explore_check(seen[0] || seen[1]);
}

THRUM_EXPLORE_TEST(good_fence, .stale = 2)
{
    flag_both(&data);
}

THRUM_EXPLORE_TEST(bad_no_fence, .stale = 2, .fails = "check failed: seen[0] || seen[1]")
{
    flag_both(NULL);
}

/* ---- waits ---- */

static void take_a_b(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&a);
    thrum_lock_acquire(&b);
    thrum_lock_release(&b);
    thrum_lock_release(&a);
}

static void take_b_a(void *unused)
{
    (void)unused;
    thrum_lock_acquire(&b);
    thrum_lock_acquire(&a);
    thrum_lock_release(&a);
    thrum_lock_release(&b);
}

THRUM_EXPLORE_TEST(good_one_order)
{
    two(take_a_b, take_a_b);
}

THRUM_EXPLORE_TEST(bad_two_orders, .fails = "nobody can go on")
{
    two(take_a_b, take_b_a);
}

static void wait_for_ever(void *unused)
{
    (void)unused;
    while (!thrum_explore_load(&ready, ACQUIRE))
        thrum_explore_pause();
}

THRUM_EXPLORE_TEST(bad_spin_in_vain, .fails = "spins in vain")
{
    two(wait_for_ever, wait_for_ever);
}

static int put_one(thrum_task *self)
{
    return thrum_queue_put(thrum_arg(self, thrum_queue *), &(int){5}, THRUM_FOREVER);
}

THRUM_EXPLORE_TEST(good_queue_between_threads_of_thrum)
{
    thrum_queue *queue = thrum_queue_new(sizeof(int), NULL);
    thrum_thread *thread = thrum_thread_start(put_one, thrum_value(thrum_queue *, queue));
    int item = 0;
    thrum_explore_check(thrum_queue_get(queue, &item, THRUM_FOREVER) == 0 && item == 5);
    thrum_explore_check(thrum_thread_join(thread, THRUM_FOREVER) == 0);
    thrum_thread_free(thread);
    thrum_queue_free(queue);
}

THRUM_EXPLORE_TEST(good_deadline_may_pass, .timeouts = 1, .sees = "late")
{
    thrum_explore_spawn("adds", add_with_lock, NULL);
    int rc = thrum_lock_acquire_until(&a, thrum_in(1));
    if (rc == 0)
        thrum_lock_release(&a);
    else
        thrum_explore_seen("late");
    thrum_explore_check(rc == 0 || (rc == -ETIMEDOUT && thrum_explore_timeouts() == 1));
    thrum_explore_join_all();
}

/* ---- memory, choices ---- */

THRUM_EXPLORE_TEST(bad_memory_is_left, .fails = "memory leaks")
{
    thrum_explore_check(thrum_explore_alloc(16) != NULL);
}

static void write_later(void *number)
{
    thrum_explore_write(*(int *)number, 1);
}

THRUM_EXPLORE_TEST(bad_freed_in_use, .fails = "dead memory")
{
    int *number = thrum_explore_alloc(sizeof *number);
    thrum_explore_spawn("late", write_later, number);
    thrum_explore_free(number);
    thrum_explore_join_all();
}

THRUM_EXPLORE_TEST(good_memory_may_run_out, .no_memory = 1, .sees = "no memory")
{
    void *memory = thrum_explore_alloc(16);
    if (!memory)
        thrum_explore_seen("no memory");
    thrum_explore_free(memory);
}

THRUM_EXPLORE_TEST(good_each_choice_is_tried, .sees = "3 and 4", .exactly = 20)
{
    unsigned one = thrum_explore_any(4), other = thrum_explore_any(5);
    thrum_explore_check(one < 4 && other < 5);
    if (one == 3 && other == 4)
        thrum_explore_seen("3 and 4");
}

#ifdef BROKEN
THRUM_EXPLORE_TEST(broken)
{
    thrum_explore_name(data);
    two(add_without, add_without);
}
#endif

int main(int argc, char **argv)
{
    thrum_explore_main(argc, argv);
}
