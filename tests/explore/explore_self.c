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

/* Plain accesses that nothing orders. */

static void increment_plainly(void *argument)
{
    struct counter *counter = argument;
    EXPLORE_WRITE(counter->value, EXPLORE_READ(counter->value) + 1);
}

EXPLORE(self_race, .preemptions = EXPLORE_NONE, .fails = "race on counter")
{
    struct counter counter = {0};
    EXPLORE_NAME(counter);
    explore_spawn("a", increment_plainly, &counter);
    explore_spawn("b", increment_plainly, &counter);
    explore_join_all();
}

EXPLORE(self_join_orders, .preemptions = EXPLORE_ALL)
{
    struct counter counter = {0};
    explore_join(explore_spawn("a", increment_plainly, &counter));
    explore_join(explore_spawn("b", increment_plainly, &counter));
    increment_plainly(&counter);
    EXPLORE_CHECK(counter.value == 3);
}

/* A message behind a flag: ordered if one side releases and the other acquires. */

struct message {
    uint32_t flag, flag_order;
    int data;
};

static void send(void *argument)
{
    struct message *message = argument;
    EXPLORE_WRITE(message->data, 42);
    if (message->flag_order)
        thrum__store_release(&message->flag, 1);
    else
        thrum__store_relaxed(&message->flag, 1);
}

static void receive(void *argument)
{
    struct message *message = argument;
    if (thrum__load_acquire(&message->flag))
        EXPLORE_CHECK(EXPLORE_READ(message->data) == 42);
}

EXPLORE(self_message, .preemptions = EXPLORE_ALL, .stale = 2)
{
    struct message message = {.flag_order = 1};
    explore_spawn("sender", send, &message);
    explore_spawn("receiver", receive, &message);
    explore_join_all();
}

EXPLORE(self_message_relaxed, .fails = "race on message.data")
{
    struct message message = {.flag_order = 0};
    thrum__explore_name(&message.data, sizeof message.data, "message.data");
    explore_spawn("sender", send, &message);
    explore_spawn("receiver", receive, &message);
    explore_join_all();
}

/* An update carries on what a release before it published; a relaxed store does not. */

static void overwrite(void *argument)
{
    struct message *message = argument;
    if (message->flag_order == 1)
        thrum__add_relaxed(&message->flag, 1);
    else if (thrum__load_relaxed(&message->flag))
        thrum__store_relaxed(&message->flag, 2);
}

static void receive_two(void *argument)
{
    struct message *message = argument;
    if (thrum__load_acquire(&message->flag) == 2)
        EXPLORE_CHECK(EXPLORE_READ(message->data) == 42);
}

EXPLORE(self_release_sequence, .preemptions = EXPLORE_ALL)
{
    struct message message = {.flag_order = 1};
    explore_spawn("sender", send, &message);
    explore_spawn("middle", overwrite, &message);
    explore_spawn("receiver", receive_two, &message);
    explore_join_all();
}

EXPLORE(self_release_sequence_cut, .preemptions = EXPLORE_ALL, .fails = "race on")
{
    struct message message = {.flag_order = 2};
    explore_spawn("sender", send, &message);
    explore_spawn("middle", overwrite, &message);
    explore_spawn("receiver", receive_two, &message);
    explore_join_all();
}

/* Dekker's entry: each raises a flag and looks for the other's. Both may enter, unless the order
 * is sequentially consistent, by the operations or by a fence. */

enum dekker { ACQ_REL, SEQ_CST, FENCED, UPDATE };

struct dekker_state {
    enum dekker how;
    uint32_t flag[2];
    int inside;
};

static bool dekker_enter(struct dekker_state *s, unsigned me)
{
    switch (s->how) {
    case ACQ_REL:
        thrum__store_release(&s->flag[me], 1);
        return !thrum__load_acquire(&s->flag[!me]);
    case SEQ_CST:
        thrum__store_seq_cst(&s->flag[me], 1);
        return !thrum__load_seq_cst(&s->flag[!me]);
    case FENCED:
        thrum__store_relaxed(&s->flag[me], 1);
        thrum__fence_seq_cst();
        return !thrum__load_relaxed(&s->flag[!me]);
    default:
        thrum__exchange_acq_rel(&s->flag[me], 1);
        return !thrum__load_acquire(&s->flag[!me]);
    }
}

static void dekker_zero(void *argument)
{
    struct dekker_state *s = argument;
    if (dekker_enter(s, 0))
        EXPLORE_WRITE(s->inside, 1);
}

static void dekker_one(void *argument)
{
    struct dekker_state *s = argument;
    if (dekker_enter(s, 1))
        EXPLORE_WRITE(s->inside, 2);
}

static void dekker(enum dekker how)
{
    struct dekker_state s = {.how = how};
    EXPLORE_NAME(s);
    explore_spawn("zero", dekker_zero, &s);
    explore_spawn("one", dekker_one, &s);
    explore_join_all();
}

EXPLORE(self_dekker, .preemptions = EXPLORE_ALL, .stale = 2)
{
    dekker(SEQ_CST);
}

EXPLORE(self_dekker_fenced, .preemptions = EXPLORE_ALL, .stale = 2)
{
    dekker(FENCED);
}

EXPLORE(self_dekker_weak, .stale = 1, .fails = "race on s+")
{
    dekker(ACQ_REL);
}

EXPLORE(self_dekker_update, .stale = 1, .fails = "race on s+")
{
    dekker(UPDATE);
}

/* Without stale loads the interleavings alone do not show it. */
EXPLORE(self_dekker_unseen, .preemptions = EXPLORE_ALL)
{
    dekker(ACQ_REL);
}

/* A load never goes back: coherence. */

static void read_twice(void *argument)
{
    struct counter *counter = argument;
    uint32_t first = thrum__load_relaxed(&counter->value);
    uint32_t second = thrum__load_relaxed(&counter->value);
    EXPLORE_CHECK(second >= first);
    if (first == 1 && second == 1 && counter->value == 2)
        explore_seen("an old value twice");
}

static void write_twice(void *argument)
{
    struct counter *counter = argument;
    thrum__store_relaxed(&counter->value, 1);
    thrum__store_relaxed(&counter->value, 2);
}

EXPLORE(self_coherence, .preemptions = EXPLORE_ALL, .stale = 2, .sees = "an old value twice")
{
    struct counter counter = {0};
    explore_spawn("writer", write_twice, &counter);
    explore_spawn("reader", read_twice, &counter);
    explore_spawn("reader", read_twice, &counter);
    explore_join_all();
}

/* Peterson's mutual exclusion. */

struct peterson {
    uint32_t wants[2], turn;
    int data;
};

static void peterson_run(struct peterson *p, unsigned me)
{
    thrum__store_seq_cst(&p->wants[me], 1);
    thrum__store_seq_cst(&p->turn, !me);
    while (thrum__load_seq_cst(&p->wants[!me]) && thrum__load_seq_cst(&p->turn) == !me)
        thrum__pause();
    EXPLORE_WRITE(p->data, EXPLORE_READ(p->data) + 1);
    thrum__store_release(&p->wants[me], 0);
}

static void peterson_zero(void *argument)
{
    peterson_run(argument, 0);
}

static void peterson_one(void *argument)
{
    peterson_run(argument, 1);
}

EXPLORE(self_peterson, .preemptions = EXPLORE_ALL, .stale = 1)
{
    struct peterson p = {0};
    explore_spawn("zero", peterson_zero, &p);
    explore_spawn("one", peterson_one, &p);
    explore_join_all();
    EXPLORE_CHECK(p.data == 2);
}

/* Sleeping: one who looks, and then sleeps without looking again, misses the wake. */

struct sleeper {
    uint32_t ready, word;
};

static void sleep_carelessly(void *argument)
{
    struct sleeper *s = argument;
    if (!thrum__load_acquire(&s->ready))
        thrum__futex_wait(&s->word, 0, THRUM_FOREVER);
}

static void sleep_carefully(void *argument)
{
    struct sleeper *s = argument;
    while (!thrum__load_acquire(&s->ready))
        thrum__futex_wait(&s->ready, 0, THRUM_FOREVER);
}

static void sleep_once(void *argument)
{
    struct sleeper *s = argument;
    if (!thrum__load_acquire(&s->ready))
        thrum__futex_wait(&s->ready, 0, THRUM_FOREVER);
    EXPLORE_CHECK(thrum__load_acquire(&s->ready));
}

static void wake(void *argument)
{
    struct sleeper *s = argument;
    thrum__store_release(&s->ready, 1);
    thrum__futex_wake(&s->word, 1);
    thrum__futex_wake(&s->ready, 1);
}

static void sleeper(void (*how)(void *))
{
    struct sleeper s = {0};
    EXPLORE_NAME(s);
    explore_spawn("sleeper", how, &s);
    explore_spawn("waker", wake, &s);
    explore_join_all();
}

EXPLORE(self_sleep, .preemptions = EXPLORE_ALL, .spurious = 2)
{
    sleeper(sleep_carefully);
}

EXPLORE(self_lost_wake, .fails = "a deadlock or a lost wake-up")
{
    sleeper(sleep_carelessly);
}

EXPLORE(self_spurious, .spurious = 1, .fails = "check failed: thrum__load_acquire")
{
    sleeper(sleep_once);
}

EXPLORE(self_not_spurious, .preemptions = EXPLORE_ALL)
{
    sleeper(sleep_once);
}

/* Deadlines. */

static void sleep_until_one(void *argument)
{
    struct sleeper *s = argument;
    thrum_time deadline = thrum_now() + 1000;
    int rc = 0;
    while (!thrum__load_acquire(&s->ready) && rc == 0)
        rc = thrum__futex_wait(&s->ready, 0, deadline);
    if (rc)
        EXPLORE_CHECK(thrum_now() >= deadline);
    if (rc && thrum__load_acquire(&s->ready))
        explore_seen("late");
}

EXPLORE(self_deadline, .preemptions = EXPLORE_ALL, .timeouts = 1, .sees = "late")
{
    sleeper(sleep_until_one);
}

EXPLORE(self_deadline_rescue, .rescue = true)
{
    struct sleeper s = {0};
    explore_spawn("sleeper", sleep_until_one, &s);
    explore_join_all();
    EXPLORE_CHECK(explore_timeouts() == 1);
}

EXPLORE(self_deadline_needed, .timeouts = 1, .fails = "sleeps, with a deadline, on s")
{
    struct sleeper s = {0};
    EXPLORE_NAME(s);
    explore_spawn("sleeper", sleep_until_one, &s);
    explore_join_all();
}

/* Spin locks, by pause: two in the wrong order, and one that is right. */

static void spin_acquire(uint32_t *word)
{
    while (thrum__exchange_acquire(word, 1))
        thrum__pause();
}

static void spin_release(uint32_t *word)
{
    thrum__store_release(word, 0);
}

struct two_locks {
    uint32_t a, b;
    int data;
};

static void take_ab(void *argument)
{
    struct two_locks *locks = argument;
    spin_acquire(&locks->a);
    spin_acquire(&locks->b);
    EXPLORE_WRITE(locks->data, locks->data + 1);
    spin_release(&locks->b);
    spin_release(&locks->a);
}

static void take_ba(void *argument)
{
    struct two_locks *locks = argument;
    spin_acquire(&locks->b);
    spin_acquire(&locks->a);
    EXPLORE_WRITE(locks->data, locks->data + 1);
    spin_release(&locks->a);
    spin_release(&locks->b);
}

EXPLORE(self_deadlock, .fails = "spins in vain")
{
    struct two_locks locks = {0};
    explore_spawn("ab", take_ab, &locks);
    explore_spawn("ba", take_ba, &locks);
    explore_join_all();
}

EXPLORE(self_spin_lock, .preemptions = EXPLORE_ALL)
{
    struct two_locks locks = {0};
    explore_spawn("one", take_ab, &locks);
    explore_spawn("two", take_ab, &locks);
    explore_spawn("three", take_ab, &locks);
    explore_join_all();
    EXPLORE_CHECK(locks.data == 3);
}

/* A mutex of the futex alone: 0 free, 1 held, 2 held and waited for. */

struct mutex {
    uint32_t word;
    int data;
};

static void mutex_run(void *argument)
{
    struct mutex *mutex = argument;
    uint32_t seen = 0;
    if (!thrum__cas_acquire(&mutex->word, &seen, 1))
        while (thrum__exchange_acquire(&mutex->word, 2))
            thrum__futex_wait(&mutex->word, 2, THRUM_FOREVER);
    EXPLORE_WRITE(mutex->data, EXPLORE_READ(mutex->data) + 1);
    if (thrum__exchange_release(&mutex->word, 0) == 2)
        thrum__futex_wake(&mutex->word, 1);
}

EXPLORE(self_mutex, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct mutex mutex = {0};
    explore_spawn("one", mutex_run, &mutex);
    explore_spawn("two", mutex_run, &mutex);
    explore_spawn("three", mutex_run, &mutex);
    explore_join_all();
    EXPLORE_CHECK(mutex.data == 3);
}

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

/* Weak compare-and-swaps fail for no reason. */

static void add_weakly(void *argument)
{
    struct counter *counter = argument;
    uint32_t value = thrum__load_relaxed(&counter->value);
    if (!thrum__cas_weak_relaxed(&counter->value, &value, value + 1))
        explore_seen("failed");
}

EXPLORE(self_weak, .weak = 1, .sees = "failed")
{
    struct counter counter = {0};
    add_weakly(&counter);
    EXPLORE_CHECK(counter.value < 2);
}

/* A loop that nobody ends. */
EXPLORE(self_livelock, .steps = 100, .fails = "a livelock: more than 100 steps")
{
    struct counter counter = {0};
    while (!thrum__load_relaxed(&counter.value))
        ;
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

/* A fence is a step, also where no load is stale: the run goes on after it. */

static uint32_t past_fence;

static void pass_fence(void *argument)
{
    (void)argument;
    thrum__fence_seq_cst();
    if (thrum__add_relaxed(&past_fence, 1) == 1)
        explore_seen("both");
}

EXPLORE(self_fence_is_a_step, .preemptions = EXPLORE_ALL, .sees = "both")
{
    explore_spawn("one", pass_fence, NULL);
    explore_spawn("two", pass_fence, NULL);
    explore_join_all();
}
