/* The board: the memory that a worker process and its parent have in common.
 *
 * Each worker has a board of its own, so one that runs wild can harm nobody but its own tasks. The parent
 * believes nothing that stands on it: it keeps its own account of which task is in which slot, reads
 * each number once, and bounds it.
 *
 * Slots are used in turn: the parent fills the next one, and the worker takes the next one, each by a
 * count of its own that nobody else reads. A slot goes through
 *
 *     state    set by                       means
 *     EMPTY    the parent, after DONE;      the parent may fill it
 *              the worker, after BACK
 *     READY    the parent                   a task is in it
 *     TAKEN    the worker, READY only       it runs
 *     BACK     the parent, READY only       it was taken back: it never ran, and never will from here
 *     DONE     the worker                   its outcome is in it
 *
 * READY is left by a compare-and-swap, so exactly one of TAKEN and BACK comes. The worker skips a slot
 * that is BACK when its turn comes, and makes it EMPTY, so that the two counts stay together. What is
 * written to a slot before READY is read after TAKEN, and what is written before DONE is read by who
 * finds DONE: each of the two is a release, and its reader an acquire.
 *
 * Two may sleep. The worker, when its next slot has nothing for it, on `worker_sleeps`; and the keeper
 * (keeper.c), who waits for the ends of tasks, on a descriptor that a worker writes to if it finds
 * `keeper_sleeps`. In both cases the sleeper sets its word, then looks once more; and the other changes
 * the slot, then looks at the word. Between the two steps of either stands a sequentially consistent
 * fence, so at least one of them sees the other: no task is left on a board whose worker sleeps, and
 * no outcome while the keeper does.
 *
 *     DIRECT is a bit beside the state, set by the parent in READY or TAKEN: a thread of the parent
 *     sleeps on the state itself, so whoever makes it DONE wakes that and spares the keeper the bell.
 *     Both are one exchange, so the wake cannot be lost. Who set it collects the outcome.
 *
 * Who submits a task and waits for it may not have come to set DIRECT when a short task is done already. Then the
 * worker, before it rings, gives the processor away once: mostly the outcome is collected after that, and
 * nobody need wake the keeper for it. Measured: with nothing but the bell a third of such round trips rang it,
 * and a round trip took a third longer. To spin instead is no help where the two share a processor.
 *
 * A slot that was taken back is no room until the worker has come by. So a board can be full of nothing, and when
 * its worker has gone by all that, it tells the keeper, as it does of an outcome: there may be tasks that wait for
 * the room. The keeper looks for them, too, between its word and its sleep.
 *
 * A worker whose task is to be ended by force must not have begun the next one when the signal comes. So
 * the parent sets `hold` and then looks whether the task still runs; the worker looks at `hold` after it
 * has made a slot DONE and before it takes the next. Again fences stand between, so either the parent sees
 * DONE and gives `hold` up, or the worker takes nothing more.
 *
 * A request to stop a task is the slot's `asked` and one more in `control`, where the worker's control
 * thread sleeps. `leave` asks the worker to end when it has nothing to do any more.
 *
 * A value that does not fit into the slot's room lies in the same file far behind the board, at a place of
 * its own for each slot, where it needs no allocation and no mapping: it is copied in and out by the
 * system, and its memory given back by the one who has read it.
 */
#ifndef THRUM_PROCESS_BOARD_H
#define THRUM_PROCESS_BOARD_H

#include "base/atomic.h"
#include "base/memory.h"
#include "base/shared_pages.h"
#include "park/context.h"
#include "process/module.h"
#include "thread/task.h"

enum {
    THRUM__SLOT_EMPTY,
    THRUM__SLOT_READY,
    THRUM__SLOT_TAKEN,
    THRUM__SLOT_BACK,
    THRUM__SLOT_DONE,
    THRUM__SLOT_STATE = 7,
    THRUM__SLOT_DIRECT = 8,
};

#ifdef THRUM_EXPLORE /* small, as all of it is looked at in each state */
enum { THRUM__BOARD_SLOTS = 2, THRUM__SLOT_ROOM = 16, THRUM__BOARD_DESCRIPTORS = 1 };
#else
enum { THRUM__BOARD_SLOTS = 32, THRUM__SLOT_ROOM = 448, THRUM__BOARD_DESCRIPTORS = 16 };
#endif

typedef struct thrum__slot {
    uint32_t state;
    uint32_t asked;  /* to stop */
    uint32_t module; /* of the function */
    int32_t code;    /* 0, or the error of the outcome */
    uint64_t offset; /* of the function */
    uint64_t size;   /* of what is in the room: the argument, then the result or the message */
    thrum_time deadline;
    char room[THRUM__SLOT_ROOM] __attribute__((aligned(16)));
} __attribute__((aligned(THRUM__CACHE_LINE))) thrum__slot;

/* What a worker has come to; for messages. */
enum thrum__stage { THRUM__STAGE_STARTING, THRUM__STAGE_SERVING, THRUM__STAGE_LEAVING };

typedef struct thrum__board {
    /* Fixed before the worker starts. */
    uint32_t magic;
    int32_t parent;
    int32_t bell; /* the descriptor that wakes the keeper */
    uint32_t descriptor_count;
    int32_t descriptors[THRUM__BOARD_DESCRIPTORS]; /* which the worker keeps open */
    uint32_t single; /* the exit status tells whether the task failed */
    uint64_t memory_limit, cpu_limit;
    char name[THRUM__NAME_SIZE];

    uint32_t worker_sleeps __attribute__((aligned(THRUM__CACHE_LINE)));
    uint32_t leave;
    uint32_t hold;
    uint32_t control;
    uint32_t keeper_sleeps __attribute__((aligned(THRUM__CACHE_LINE)));
    uint32_t stage;

    thrum__slot slots[THRUM__BOARD_SLOTS];
    thrum__module modules[THRUM__MODULES];
} thrum__board;

enum { THRUM__BOARD_MAGIC = 0x7468720a + 1 };

static inline thrum__slot *thrum__board_slot(thrum__board *board, uint32_t position)
{
    return &board->slots[position % THRUM__BOARD_SLOTS];
}

/* The parent's part. `position` is its count of slots filled. */

/* Whether the next slot may be filled. */
bool thrum__board_has_room(thrum__board *board, uint32_t position);

/* Makes a slot that was filled READY, and wakes the worker if it sleeps. */
void thrum__board_put(thrum__board *board, uint32_t position);

/* Takes a task back: true if it has not begun, and never will. */
bool thrum__board_take_back(thrum__slot *slot);

/* Sets DIRECT on a task that is not done, or takes it off. False if it is done. */
bool thrum__board_set_direct(thrum__slot *slot);
bool thrum__board_clear_direct(thrum__slot *slot);

/* Sleeps while DIRECT is set, as a wait for `future`. Returns 0, -ETIMEDOUT or -ECANCELED. */
int thrum__board_sleep_direct(thrum__slot *slot, const void *future, thrum_time deadline);

/* Whether the slot's outcome is there; after it was read the slot is given up. */
bool thrum__board_is_done(const thrum__slot *slot);
void thrum__board_give_up(thrum__slot *slot);

/* Wakes who sleeps on the slot of a worker that is over. */
void thrum__board_send_away(thrum__slot *slot);

/* Whether the task can be taken back still, as far as one can tell. */
bool thrum__board_is_ready(const thrum__slot *slot);

/* Whether the worker has begun the task and not ended it. */
bool thrum__board_is_taken(const thrum__slot *slot);

/* Says that the keeper is about to sleep, or is awake. */
void thrum__board_keeper_sleeps(thrum__board *board, bool sleeps);

/* Asks the task in `slot` to stop. */
void thrum__board_ask(thrum__board *board, thrum__slot *slot);

/* Keeps the worker from beginning another task than that in `slot`. True if that still runs, and then it
 * stays so for good; else the worker goes on as before. */
bool thrum__board_hold(thrum__board *board, const thrum__slot *slot);

/* Asks the worker to leave when there is nothing to do. */
void thrum__board_leave(thrum__board *board);

/* The worker's part. `position` is its count of slots gone by. */

/* Takes the next task; NULL if there is none now. */
thrum__slot *thrum__board_take(thrum__board *board, uint32_t *position);

/* Publishes the outcome. True if the keeper is to be woken by the bell; if that can wait for a moment, it may turn
 * out that it need not. */
bool thrum__board_finish(thrum__board *board, thrum__slot *slot, bool can_wait);

/* The worker has gone by all slots of the board, and they were taken back. True if the keeper is to be woken. */
bool thrum__board_emptied(thrum__board *board);

/* Sleeps until there may be a task at `position`. False if the worker is to leave instead. */
bool thrum__board_rest(thrum__board *board, uint32_t position);

/* Sleeps until `control` is not `seen` any more, and gives it. */
uint32_t thrum__board_listen(thrum__board *board, uint32_t seen);

/* Values, for either side. */

/* The bytes of the largest. */
#define THRUM__SLOT_MOST (UINT64_C(1) << 39)

/* Puts a value into the slot, before its state says so; `result` tells outcomes from arguments. Returns 0
 * or a negative errno. */
int thrum__slot_write(const thrum__shared_pages *pages, thrum__slot *slot, bool result,
                      const void *value, size_t size);

/* Gets it: memory of `size` bytes is the caller's. Returns 0 or a negative errno. */
int thrum__slot_read(const thrum__shared_pages *pages, const thrum__slot *slot, bool result,
                     void *ret_value, size_t size);

/* Forgets a value of `size` bytes that nobody will read. */
void thrum__slot_drop(const thrum__shared_pages *pages, const thrum__slot *slot, bool result,
                      size_t size);

#endif
