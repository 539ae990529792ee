/* The board between a worker process and its parent, with threads as both sides: no task and no outcome is
 * left while somebody sleeps, what is taken back does not run, a worker that is held begins nothing. */
#include "explore.h"
#include "process/board.h"
#include <thrum/event.h>

enum { TASKS = 2 };

struct desk {
    thrum__board board;
    thrum_event bell;
    int argument[TASKS], result[TASKS]; /* written by one side, read by the other */
    bool back[TASKS];
    bool can_wait; /* the worker, before it rings */
};

static struct desk *make_desk(void)
{
    struct desk *desk = thrum__alloc_line(sizeof *desk);
    thrum__explore_name(&desk->board.worker_sleeps, 4, "worker_sleeps");
    thrum__explore_name(&desk->board.keeper_sleeps, 4, "keeper_sleeps");
    thrum__explore_name(&desk->board.hold, 4, "hold");
    thrum__explore_name(&desk->board.slots[0].state, 4, "slot 0");
    thrum__explore_name(&desk->board.slots[1].state, 4, "slot 1");
    return desk;
}

static void work(void *argument)
{
    struct desk *desk = argument;
    uint32_t position = 0;
    for (;;) {
        uint32_t before = position;
        thrum__slot *slot = thrum__board_take(&desk->board, &position);
        if (position - before == THRUM__BOARD_SLOTS && thrum__board_emptied(&desk->board))
            thrum_event_set(&desk->bell);
        if (slot) {
            size_t i = (size_t)(slot - desk->board.slots);
            EXPLORE_WRITE(desk->result[i], EXPLORE_READ(desk->argument[i]) + 1);
            if (thrum__board_finish(&desk->board, slot, desk->can_wait))
                thrum_event_set(&desk->bell);
        } else if (!thrum__board_rest(&desk->board, position)) {
            return;
        }
    }
}

static void put(struct desk *desk, uint32_t i)
{
    EXPLORE_CHECK(thrum__board_has_room(&desk->board, i));
    EXPLORE_WRITE(desk->argument[i], (int)i);
    thrum__board_put(&desk->board, i);
}

/* Sleeps as the keeper does, until the outcome of slot `i` is there, and takes it. */
static void collect(struct desk *desk, uint32_t i)
{
    thrum__slot *slot = &desk->board.slots[i];
    while (!thrum__board_is_done(slot)) {
        thrum_event_clear(&desk->bell);
        thrum__board_keeper_sleeps(&desk->board, true);
        thrum__fence_seq_cst();
        if (!thrum__board_is_done(slot))
            thrum_event_wait(&desk->bell, THRUM_FOREVER);
        thrum__board_keeper_sleeps(&desk->board, false);
    }
    EXPLORE_CHECK(EXPLORE_READ(desk->result[i]) == (int)i + 1);
    thrum__board_give_up(slot);
}

static void end(struct desk *desk)
{
    thrum__board_leave(&desk->board);
    explore_join_all();
    thrum__free(desk);
}

EXPLORE(board_tasks, .preemptions = 2, .long_preemptions = 3, .spurious = 1)
{
    struct desk *desk = make_desk();
    explore_spawn("worker", work, desk);
    for (uint32_t i = 0; i < TASKS; i++)
        put(desk, i);
    for (uint32_t i = 0; i < TASKS; i++)
        collect(desk, i);
    end(desk);
}

EXPLORE(board_task_stale, .preemptions = 2, .stale = 2)
{
    struct desk *desk = make_desk();
    explore_spawn("worker", work, desk);
    put(desk, 0);
    collect(desk, 0);
    end(desk);
}

EXPLORE(board_take_back, .preemptions = 3, .sees = "taken back")
{
    struct desk *desk = make_desk();
    explore_spawn("worker", work, desk);
    put(desk, 0);
    bool back = thrum__board_take_back(&desk->board.slots[0]);
    put(desk, 1); /* comes to it in either case */
    collect(desk, 1);
    if (back)
        explore_seen("taken back");
    else
        collect(desk, 0);
    EXPLORE_CHECK(back == (desk->result[0] == 0));
    end(desk);
}

/* The keeper waits for room on a board that is full of what it took back. */
EXPLORE(board_emptied, .preemptions = 3, .stale = 1, .sees = "full")
{
    struct desk *desk = make_desk();
    for (uint32_t i = 0; i < TASKS; i++) {
        put(desk, i);
        EXPLORE_CHECK(thrum__board_take_back(&desk->board.slots[i]));
    }
    explore_spawn("worker", work, desk);
    while (!thrum__board_has_room(&desk->board, TASKS)) {
        thrum_event_clear(&desk->bell);
        thrum__board_keeper_sleeps(&desk->board, true);
        thrum__fence_seq_cst();
        if (!thrum__board_has_room(&desk->board, TASKS)) {
            explore_seen("full");
            thrum_event_wait(&desk->bell, THRUM_FOREVER);
        }
        thrum__board_keeper_sleeps(&desk->board, false);
    }
    end(desk);
}

EXPLORE(board_hold, .preemptions = 3, .stale = 1, .sees = "held")
{
    struct desk *desk = make_desk();
    explore_spawn("worker", work, desk);
    for (uint32_t i = 0; i < TASKS; i++)
        put(desk, i);
    bool held = thrum__board_hold(&desk->board, &desk->board.slots[0]);
    collect(desk, 0);
    if (held) {
        explore_seen("held");
        EXPLORE_CHECK(thrum__board_take_back(&desk->board.slots[1]));
    } else {
        collect(desk, 1);
    }
    end(desk);
}

/* A thread that waits for slot 0 itself. */
static void wait_direct(struct desk *desk)
{
    thrum__slot *slot = &desk->board.slots[0];
    if (thrum__board_set_direct(slot)) {
        EXPLORE_CHECK(thrum__board_sleep_direct(slot, slot, THRUM_FOREVER) == 0);
        explore_seen("direct");
    }
}

EXPLORE(board_direct, .preemptions = 3, .spurious = 1, .sees = "direct")
{
    struct desk *desk = make_desk();
    explore_spawn("worker", work, desk);
    put(desk, 0);
    wait_direct(desk);
    EXPLORE_CHECK(!thrum__board_clear_direct(&desk->board.slots[0]));
    EXPLORE_CHECK(EXPLORE_READ(desk->result[0]) == 1);
    thrum__board_give_up(&desk->board.slots[0]);
    end(desk);
}

/* The keeper sleeps, and is told so as long as nobody rings. */
EXPLORE(board_direct_or_bell, .preemptions = 3, .sees = "no bell")
{
    struct desk *desk = make_desk();
    desk->can_wait = true;
    thrum__board_keeper_sleeps(&desk->board, true);
    explore_spawn("worker", work, desk);
    put(desk, 0);
    thrum__slot *slot = &desk->board.slots[0];
    bool direct = thrum__board_set_direct(slot);
    if (direct)
        (void)thrum__board_sleep_direct(slot, slot, THRUM_FOREVER);
    EXPLORE_CHECK(!thrum__board_clear_direct(slot));
    thrum__board_give_up(slot);
    thrum__board_leave(&desk->board);
    explore_join_all();
    bool sleeps = thrum__load_relaxed(&desk->board.keeper_sleeps);
    if (sleeps && !direct)
        explore_seen("no bell");
    EXPLORE_CHECK(thrum_event_is_set(&desk->bell) == !sleeps);
    thrum__free(desk);
}

EXPLORE(board_bell_can_wait, .preemptions = 2)
{
    struct desk *desk = make_desk();
    desk->can_wait = true;
    explore_spawn("worker", work, desk);
    for (uint32_t i = 0; i < TASKS; i++)
        put(desk, i);
    for (uint32_t i = 0; i < TASKS; i++)
        collect(desk, i);
    end(desk);
}

static void take_first_back(void *argument)
{
    struct desk *desk = argument;
    desk->back[0] = thrum__board_take_back(&desk->board.slots[0]);
}

EXPLORE(board_direct_taken_back, .preemptions = 2, .sees = "direct")
{
    struct desk *desk = make_desk();
    explore_spawn("worker", work, desk);
    put(desk, 0);
    unsigned other = explore_spawn("keeper", take_first_back, desk);
    wait_direct(desk);
    explore_join(other);
    EXPLORE_CHECK(desk->back[0] || thrum__board_is_done(&desk->board.slots[0]));
    end(desk);
}
