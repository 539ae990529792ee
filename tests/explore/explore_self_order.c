/* The explorer explored: races, and what an order lets a load see. */
#include "base/spin.h"
#include "explore.h"

struct counter {
    uint32_t value;
};

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

/* A fence is a step like others: the search goes on behind it. */
static void fence_and_store(void *argument)
{
    thrum__fence_seq_cst();
    thrum__store_relaxed((uint32_t *)argument, 1);
}

EXPLORE(self_fence, .preemptions = EXPLORE_ALL, .sees = "the end")
{
    static uint32_t words[2];
    explore_spawn("a", fence_and_store, &words[0]);
    explore_spawn("b", fence_and_store, &words[1]);
    explore_join_all();
    explore_seen("the end");
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
