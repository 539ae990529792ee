/* What is done with a board: see board.h for its states and who may change them. */
#include "process/board.h"
#include "base/futex.h"
#include "base/os_thread.h"
#include "park/shared_park.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ------------------------------------------------------------------------------------ the parent */

bool thrum__board_has_room(thrum__board *board, uint32_t position)
{
    return thrum__load_acquire(&thrum__board_slot(board, position)->state) == THRUM__SLOT_EMPTY;
}

/* Wakes the worker if it sleeps, or is about to. */
static void rouse(thrum__board *board)
{
    if (!thrum__load_relaxed(&board->worker_sleeps))
        return;
    thrum__store_relaxed(&board->worker_sleeps, 0);
    thrum__futex_wake_shared(&board->worker_sleeps, 1);
}

void thrum__board_put(thrum__board *board, uint32_t position)
{
    thrum__store_release(&thrum__board_slot(board, position)->state, THRUM__SLOT_READY);
    thrum__fence_seq_cst(); /* pairs with the one in thrum__board_rest */
    rouse(board);
}

bool thrum__board_take_back(thrum__slot *slot)
{
    uint32_t state = thrum__load_relaxed(&slot->state);
    while ((state & THRUM__SLOT_STATE) == THRUM__SLOT_READY)
        if (thrum__cas_acq_rel(&slot->state, &state, THRUM__SLOT_BACK)) {
            if (state & THRUM__SLOT_DIRECT)
                thrum__futex_wake_shared(&slot->state, INT_MAX);
            return true;
        }
    return false;
}

/* Changes the bit while a task is in the slot. */
static bool change_direct(thrum__slot *slot, uint32_t bit)
{
    uint32_t state = thrum__load_relaxed(&slot->state);
    for (;;) {
        uint32_t plain = state & THRUM__SLOT_STATE;
        if (plain != THRUM__SLOT_READY && plain != THRUM__SLOT_TAKEN)
            return false;
        if (thrum__cas_acq_rel(&slot->state, &state, plain | bit))
            return true;
    }
}

bool thrum__board_set_direct(thrum__slot *slot)
{
    return change_direct(slot, THRUM__SLOT_DIRECT);
}

bool thrum__board_clear_direct(thrum__slot *slot)
{
    if (change_direct(slot, 0))
        return true;
    (void)thrum__load_acquire(&slot->state); /* the outcome is read next */
    return false;
}

int thrum__board_sleep_direct(thrum__slot *slot, const void *future, thrum_time deadline)
{
    uint32_t state;
    int rc = 0;
    while (rc == 0 && (state = thrum__load_acquire(&slot->state)) & THRUM__SLOT_DIRECT)
        rc = thrum__shared_park(&slot->state, state, deadline, true, "future", future);
    return rc;
}

bool thrum__board_is_done(const thrum__slot *slot)
{
    return (thrum__load_acquire(&slot->state) & THRUM__SLOT_STATE) == THRUM__SLOT_DONE;
}

void thrum__board_give_up(thrum__slot *slot)
{
    thrum__store_release(&slot->state, THRUM__SLOT_EMPTY);
}

void thrum__board_send_away(thrum__slot *slot)
{
    thrum__store_release(&slot->state, THRUM__SLOT_EMPTY);
    thrum__futex_wake_shared(&slot->state, INT_MAX);
}

bool thrum__board_is_ready(const thrum__slot *slot)
{
    return (thrum__load_relaxed(&slot->state) & THRUM__SLOT_STATE) == THRUM__SLOT_READY;
}

bool thrum__board_is_taken(const thrum__slot *slot)
{
    return (thrum__load_relaxed(&slot->state) & THRUM__SLOT_STATE) == THRUM__SLOT_TAKEN;
}

void thrum__board_keeper_sleeps(thrum__board *board, bool sleeps)
{
    thrum__store_relaxed(&board->keeper_sleeps, sleeps);
}

void thrum__board_ask(thrum__board *board, thrum__slot *slot)
{
    thrum__store_relaxed(&slot->asked, 1);
    thrum__add_release(&board->control, 1);
    thrum__futex_wake_shared(&board->control, 1);
}

bool thrum__board_hold(thrum__board *board, const thrum__slot *slot)
{
    thrum__store_relaxed(&board->hold, 1);
    thrum__fence_seq_cst(); /* pairs with the one in thrum__board_finish */
    if (thrum__board_is_taken(slot))
        return true;
    thrum__store_relaxed(&board->hold, 0);
    thrum__fence_seq_cst();
    rouse(board);
    return false;
}

void thrum__board_leave(thrum__board *board)
{
    thrum__store_release(&board->leave, 1);
    thrum__fence_seq_cst();
    rouse(board);
}

/* ------------------------------------------------------------------------------------ the worker */

thrum__slot *thrum__board_take(thrum__board *board, uint32_t *position)
{
    while (!thrum__load_relaxed(&board->hold)) {
        thrum__slot *slot = thrum__board_slot(board, *position);
        uint32_t state = thrum__load_acquire(&slot->state);
        if (state == THRUM__SLOT_BACK) {
            ++*position;
            thrum__store_release(&slot->state, THRUM__SLOT_EMPTY);
        } else if ((state & THRUM__SLOT_STATE) != THRUM__SLOT_READY) {
            return NULL;
        } else if (thrum__cas_acq_rel(&slot->state, &state,
                                      THRUM__SLOT_TAKEN | (state & THRUM__SLOT_DIRECT))) {
            ++*position;
            return slot;
        }
    }
    return NULL;
}

/* Once; it need not be that anybody does. */
static void let_others_run(void)
{
#ifndef THRUM_EXPLORE /* there they may at any point */
    thrum__os_thread_yield();
#endif
}

bool thrum__board_finish(thrum__board *board, thrum__slot *slot, bool can_wait)
{
    uint32_t state = thrum__exchange_acq_rel(&slot->state, THRUM__SLOT_DONE);
    thrum__fence_seq_cst(); /* pairs with the keeper's, and with that in thrum__board_hold */
    if (state & THRUM__SLOT_DIRECT) {
        thrum__futex_wake_shared(&slot->state, INT_MAX);
        return false;
    }
    if (!thrum__load_relaxed(&board->keeper_sleeps))
        return false;
    if (can_wait) {
        let_others_run();
        if (thrum__load_relaxed(&slot->state) != THRUM__SLOT_DONE)
            return false; /* collected */
    }
    thrum__store_relaxed(&board->keeper_sleeps, 0);
    return true;
}

bool thrum__board_emptied(thrum__board *board)
{
    thrum__fence_seq_cst(); /* pairs with the keeper's, before it looks for room */
    bool sleeps = thrum__load_relaxed(&board->keeper_sleeps);
    if (sleeps)
        thrum__board_keeper_sleeps(board, false);
    return sleeps;
}

/* Whether there is something in the slot that the worker may deal with. */
static bool has_work(thrum__board *board, uint32_t position)
{
    uint32_t state = thrum__load_relaxed(&thrum__board_slot(board, position)->state);
    bool there = (state & THRUM__SLOT_STATE) == THRUM__SLOT_READY || state == THRUM__SLOT_BACK;
    return there && !thrum__load_relaxed(&board->hold);
}

bool thrum__board_rest(thrum__board *board, uint32_t position)
{
    thrum__store_relaxed(&board->worker_sleeps, 1);
    thrum__fence_seq_cst(); /* pairs with those of the parent, before it looks whether we sleep */
    while (!has_work(board, position) && !thrum__load_relaxed(&board->leave) &&
           thrum__load_relaxed(&board->worker_sleeps))
        thrum__futex_wait_shared(&board->worker_sleeps, 1, THRUM_FOREVER);
    thrum__store_relaxed(&board->worker_sleeps, 0);
    return has_work(board, position) || !thrum__load_acquire(&board->leave);
}

uint32_t thrum__board_listen(thrum__board *board, uint32_t seen)
{
    uint32_t control;
    while ((control = thrum__load_acquire(&board->control)) == seen)
        thrum__futex_wait_shared(&board->control, seen, THRUM_FOREVER);
    return control;
}

/* ------------------------------------------------------------------------------------- the values */

/* Where a large one lies in the board's file: each slot has room for an argument, then for a result. */
static uint64_t place_of(const thrum__shared_pages *pages, const thrum__slot *slot, bool result)
{
    const thrum__board *board = pages->memory;
    uint64_t number = (uint64_t)(slot - board->slots) + 1;
    return (2 * number + result) * THRUM__SLOT_MOST;
}

int thrum__slot_write(const thrum__shared_pages *pages, thrum__slot *slot, bool result,
                      const void *value, size_t size)
{
    if (size > THRUM__SLOT_MOST)
        return -EMSGSIZE;
    slot->size = size;
    if (size > THRUM__SLOT_ROOM)
        return thrum__shared_pages_write(pages, place_of(pages, slot, result), value, size);
    if (size)
        memcpy(slot->room, value, size);
    return 0;
}

void thrum__slot_drop(const thrum__shared_pages *pages, const thrum__slot *slot, bool result,
                      size_t size)
{
    if (size > THRUM__SLOT_ROOM)
        thrum__shared_pages_drop(pages, place_of(pages, slot, result), size);
}

int thrum__slot_read(const thrum__shared_pages *pages, const thrum__slot *slot, bool result,
                     void *ret_value, size_t size)
{
    if (size <= THRUM__SLOT_ROOM) {
        if (size)
            memcpy(ret_value, slot->room, size);
        return 0;
    }
    int rc = thrum__shared_pages_read(pages, place_of(pages, slot, result), ret_value, size);
    thrum__slot_drop(pages, slot, result, size);
    return rc;
}
