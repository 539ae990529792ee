/* The task slots between a worker process and its parent, with threads as both sides: no task and no outcome is
 * left while somebody sleeps, what is taken back does not run, a worker that is held begins nothing. */
#include "explore.h"
#include "process/task_slots.h"
#include <thrum/event.h>

enum { TASKS = 2 };

struct pair {
    thrum__task_slots slots;
    thrum_event wakeup;
    int argument[TASKS], result[TASKS]; /* written by one side, read by the other */
    bool back[TASKS];
    bool can_wait; /* the worker, before it wakes the reaper */
};

static struct pair *make_pair(void)
{
    struct pair *pair = thrum__alloc_line(sizeof *pair);
    thrum__explore_name(&pair->slots.worker_sleeps, 4, "worker_sleeps");
    thrum__explore_name(&pair->slots.reaper_sleeps, 4, "reaper_sleeps");
    thrum__explore_name(&pair->slots.hold, 4, "hold");
    thrum__explore_name(&pair->slots.slot[0].state, 4, "slot 0");
    thrum__explore_name(&pair->slots.slot[1].state, 4, "slot 1");
    return pair;
}

static void work(void *argument)
{
    struct pair *pair = argument;
    uint32_t position = 0;
    for (;;) {
        uint32_t before = position;
        thrum__task_slot *slot = thrum__task_slots_take(&pair->slots, &position);
        if (position - before == THRUM__TASK_SLOTS && thrum__task_slots_emptied(&pair->slots))
            thrum_event_set(&pair->wakeup);
        if (slot) {
            size_t i = (size_t)(slot - pair->slots.slot);
            EXPLORE_WRITE(pair->result[i], EXPLORE_READ(pair->argument[i]) + 1);
            if (thrum__task_slots_finish(&pair->slots, slot, pair->can_wait))
                thrum_event_set(&pair->wakeup);
        } else if (!thrum__task_slots_rest(&pair->slots, position)) {
            return;
        }
    }
}

static void put(struct pair *pair, uint32_t i)
{
    EXPLORE_CHECK(thrum__task_slots_has_room(&pair->slots, i));
    EXPLORE_WRITE(pair->argument[i], (int)i);
    thrum__task_slots_put(&pair->slots, i);
}

/* Sleeps as the reaper does, until the outcome of slot `i` is there, and takes it. */
static void collect(struct pair *pair, uint32_t i)
{
    thrum__task_slot *slot = &pair->slots.slot[i];
    while (!thrum__task_slot_is_done(slot)) {
        thrum_event_clear(&pair->wakeup);
        thrum__task_slots_reaper_sleeps(&pair->slots, true);
        thrum__fence_seq_cst();
        if (!thrum__task_slot_is_done(slot))
            EXPLORE_CHECK(thrum_event_wait(&pair->wakeup, THRUM_FOREVER) == 0);
        thrum__task_slots_reaper_sleeps(&pair->slots, false);
    }
    EXPLORE_CHECK(EXPLORE_READ(pair->result[i]) == (int)i + 1);
    thrum__task_slot_give_up(slot);
}

static void end(struct pair *pair)
{
    thrum__task_slots_leave(&pair->slots);
    explore_join_all();
    thrum__free(pair);
}

EXPLORE(slots_tasks, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    struct pair *pair = make_pair();
    explore_spawn("worker", work, pair);
    for (uint32_t i = 0; i < TASKS; i++)
        put(pair, i);
    for (uint32_t i = 0; i < TASKS; i++)
        collect(pair, i);
    end(pair);
}

EXPLORE(slots_task_stale, .preemptions = 2, .stale = 2)
{
    struct pair *pair = make_pair();
    explore_spawn("worker", work, pair);
    put(pair, 0);
    collect(pair, 0);
    end(pair);
}

EXPLORE(slots_take_back, .preemptions = 3, .sees = "taken back")
{
    struct pair *pair = make_pair();
    explore_spawn("worker", work, pair);
    put(pair, 0);
    bool back = thrum__task_slot_take_back(&pair->slots.slot[0]);
    put(pair, 1); /* comes to it in either case */
    collect(pair, 1);
    if (back)
        explore_seen("taken back");
    else
        collect(pair, 0);
    EXPLORE_CHECK(back == (pair->result[0] == 0));
    end(pair);
}

/* The reaper waits for room in a task slot that is full of what it took back. */
EXPLORE(slots_emptied, .preemptions = 3, .stale = 1, .sees = "full")
{
    struct pair *pair = make_pair();
    for (uint32_t i = 0; i < TASKS; i++) {
        put(pair, i);
        EXPLORE_CHECK(thrum__task_slot_take_back(&pair->slots.slot[i]));
    }
    explore_spawn("worker", work, pair);
    while (!thrum__task_slots_has_room(&pair->slots, TASKS)) {
        thrum_event_clear(&pair->wakeup);
        thrum__task_slots_reaper_sleeps(&pair->slots, true);
        thrum__fence_seq_cst();
        if (!thrum__task_slots_has_room(&pair->slots, TASKS)) {
            explore_seen("full");
            EXPLORE_CHECK(thrum_event_wait(&pair->wakeup, THRUM_FOREVER) == 0);
        }
        thrum__task_slots_reaper_sleeps(&pair->slots, false);
    }
    end(pair);
}

EXPLORE(slots_hold, .preemptions = 2, .long_preemptions = 3, .stale = 1, .sees = "held")
{
    struct pair *pair = make_pair();
    explore_spawn("worker", work, pair);
    for (uint32_t i = 0; i < TASKS; i++)
        put(pair, i);
    bool held = thrum__task_slots_hold(&pair->slots, &pair->slots.slot[0]);
    collect(pair, 0);
    if (held) {
        explore_seen("held");
        EXPLORE_CHECK(thrum__task_slot_take_back(&pair->slots.slot[1]));
    } else {
        collect(pair, 1);
    }
    end(pair);
}

/* A thread that waits for slot 0 itself. */
static void wait_direct(struct pair *pair)
{
    thrum__task_slot *slot = &pair->slots.slot[0];
    if (thrum__task_slot_set_direct(slot)) {
        EXPLORE_CHECK(thrum__task_slot_sleep_direct(slot, slot, THRUM_FOREVER) == 0);
        explore_seen("direct");
    }
}

EXPLORE(slots_direct, .preemptions = 3, .spurious = 1, .sees = "direct")
{
    struct pair *pair = make_pair();
    explore_spawn("worker", work, pair);
    put(pair, 0);
    wait_direct(pair);
    EXPLORE_CHECK(!thrum__task_slot_clear_direct(&pair->slots.slot[0]));
    EXPLORE_CHECK(EXPLORE_READ(pair->result[0]) == 1);
    thrum__task_slot_give_up(&pair->slots.slot[0]);
    end(pair);
}

/* The reaper sleeps, and is told so as long as nobody rings. */
EXPLORE(slots_direct_or_wake, .preemptions = 3, .sees = "not woken")
{
    struct pair *pair = make_pair();
    pair->can_wait = true;
    thrum__task_slots_reaper_sleeps(&pair->slots, true);
    explore_spawn("worker", work, pair);
    put(pair, 0);
    thrum__task_slot *slot = &pair->slots.slot[0];
    bool direct = thrum__task_slot_set_direct(slot);
    if (direct)
        (void)thrum__task_slot_sleep_direct(slot, slot, THRUM_FOREVER);
    EXPLORE_CHECK(!thrum__task_slot_clear_direct(slot));
    thrum__task_slot_give_up(slot);
    thrum__task_slots_leave(&pair->slots);
    explore_join_all();
    bool sleeps = thrum__load_relaxed(&pair->slots.reaper_sleeps);
    if (sleeps && !direct)
        explore_seen("not woken");
    EXPLORE_CHECK(thrum_event_is_set(&pair->wakeup) == !sleeps);
    thrum__free(pair);
}

EXPLORE(slots_wake_can_wait, .preemptions = 2)
{
    struct pair *pair = make_pair();
    pair->can_wait = true;
    explore_spawn("worker", work, pair);
    for (uint32_t i = 0; i < TASKS; i++)
        put(pair, i);
    for (uint32_t i = 0; i < TASKS; i++)
        collect(pair, i);
    end(pair);
}

static void take_first_back(void *argument)
{
    struct pair *pair = argument;
    pair->back[0] = thrum__task_slot_take_back(&pair->slots.slot[0]);
}

EXPLORE(slots_direct_taken_back, .preemptions = 2, .sees = "direct")
{
    struct pair *pair = make_pair();
    explore_spawn("worker", work, pair);
    put(pair, 0);
    unsigned other = explore_spawn("reaper", take_first_back, pair);
    wait_direct(pair);
    explore_join(other);
    EXPLORE_CHECK(pair->back[0] || thrum__task_slot_is_done(&pair->slots.slot[0]));
    end(pair);
}
