/* The operations on task slots. task_slots.h lists the states and which process may change them. */
#include "process/task_slots.h"
#include "base/futex.h"
#include "base/os_thread.h"
#include "park/shared_park.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ------------------------------------------------------------------------------------ the parent */

bool thrum__task_slots_has_room(thrum__task_slots *slots, uint32_t position)
{
    return thrum__load_acquire(&thrum__task_slots_at(slots, position)->state) ==
           THRUM__TASK_SLOT_EMPTY;
}

/* Wakes the worker if it sleeps, or is about to. */
static void wake(thrum__task_slots *slots)
{
    if (!thrum__load_relaxed(&slots->worker_sleeps))
        return;
    thrum__store_relaxed(&slots->worker_sleeps, 0);
    thrum__futex_wake_shared(&slots->worker_sleeps, 1);
}

void thrum__task_slots_put(thrum__task_slots *slots, uint32_t position)
{
    thrum__store_release(&thrum__task_slots_at(slots, position)->state, THRUM__TASK_SLOT_READY);
    thrum__fence_seq_cst(); /* pairs with the fence in thrum__task_slots_rest */
    wake(slots);
}

bool thrum__task_slot_take_back(thrum__task_slot *slot)
{
    uint32_t state = thrum__load_relaxed(&slot->state);
    while ((state & THRUM__TASK_SLOT_STATE) == THRUM__TASK_SLOT_READY)
        if (thrum__cas_acq_rel(&slot->state, &state, THRUM__TASK_SLOT_BACK)) {
            if (state & THRUM__TASK_SLOT_DIRECT)
                thrum__futex_wake_shared(&slot->state, INT_MAX);
            return true;
        }
    return false;
}

/* Changes the bit while a task is in the slot. */
static bool change_direct(thrum__task_slot *slot, uint32_t bit)
{
    uint32_t state = thrum__load_relaxed(&slot->state);
    for (;;) {
        uint32_t plain = state & THRUM__TASK_SLOT_STATE;
        if (plain != THRUM__TASK_SLOT_READY && plain != THRUM__TASK_SLOT_TAKEN)
            return false;
        if (thrum__cas_acq_rel(&slot->state, &state, plain | bit))
            return true;
    }
}

bool thrum__task_slot_set_direct(thrum__task_slot *slot)
{
    return change_direct(slot, THRUM__TASK_SLOT_DIRECT);
}

bool thrum__task_slot_clear_direct(thrum__task_slot *slot)
{
    if (change_direct(slot, 0))
        return true;
    (void)thrum__load_acquire(&slot->state); /* the outcome is read next */
    return false;
}

int thrum__task_slot_sleep_direct(thrum__task_slot *slot, const void *future,
                                  thrum_deadline deadline)
{
    uint32_t state;
    int rc = 0;
    while (rc == 0 && (state = thrum__load_acquire(&slot->state)) & THRUM__TASK_SLOT_DIRECT)
        rc = thrum__shared_park(&slot->state, state, deadline, true, "future", future);
    return rc;
}

bool thrum__task_slot_is_done(const thrum__task_slot *slot)
{
    return (thrum__load_acquire(&slot->state) & THRUM__TASK_SLOT_STATE) == THRUM__TASK_SLOT_DONE;
}

void thrum__task_slot_give_up(thrum__task_slot *slot)
{
    thrum__store_release(&slot->state, THRUM__TASK_SLOT_EMPTY);
}

void thrum__task_slot_send_away(thrum__task_slot *slot)
{
    thrum__store_release(&slot->state, THRUM__TASK_SLOT_EMPTY);
    thrum__futex_wake_shared(&slot->state, INT_MAX);
}

bool thrum__task_slot_is_ready(const thrum__task_slot *slot)
{
    return (thrum__load_relaxed(&slot->state) & THRUM__TASK_SLOT_STATE) == THRUM__TASK_SLOT_READY;
}

bool thrum__task_slot_is_taken(const thrum__task_slot *slot)
{
    return (thrum__load_relaxed(&slot->state) & THRUM__TASK_SLOT_STATE) == THRUM__TASK_SLOT_TAKEN;
}

void thrum__task_slots_reaper_sleeps(thrum__task_slots *slots, bool sleeps)
{
    thrum__store_relaxed(&slots->reaper_sleeps, sleeps);
}

void thrum__task_slots_ask(thrum__task_slots *slots, thrum__task_slot *slot)
{
    thrum__store_relaxed(&slot->asked, 1);
    thrum__add_release(&slots->control, 1);
    thrum__futex_wake_shared(&slots->control, 1);
}

bool thrum__task_slots_hold(thrum__task_slots *slots, const thrum__task_slot *slot)
{
    thrum__store_relaxed(&slots->hold, 1);
    thrum__fence_seq_cst(); /* pairs with the fence in thrum__task_slots_finish */
    if (thrum__task_slot_is_taken(slot))
        return true;
    thrum__store_relaxed(&slots->hold, 0);
    thrum__fence_seq_cst();
    wake(slots);
    return false;
}

void thrum__task_slots_leave(thrum__task_slots *slots)
{
    thrum__store_release(&slots->leave, 1);
    thrum__fence_seq_cst();
    wake(slots);
}

/* ------------------------------------------------------------------------------------ the worker */

thrum__task_slot *thrum__task_slots_take(thrum__task_slots *slots, uint32_t *position)
{
    while (!thrum__load_relaxed(&slots->hold)) {
        thrum__task_slot *slot = thrum__task_slots_at(slots, *position);
        uint32_t state = thrum__load_acquire(&slot->state);
        if (state == THRUM__TASK_SLOT_BACK) {
            ++*position;
            thrum__store_release(&slot->state, THRUM__TASK_SLOT_EMPTY);
        } else if ((state & THRUM__TASK_SLOT_STATE) != THRUM__TASK_SLOT_READY) {
            return NULL;
        } else if (thrum__cas_acq_rel(&slot->state, &state,
                                      THRUM__TASK_SLOT_TAKEN | (state & THRUM__TASK_SLOT_DIRECT))) {
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

bool thrum__task_slots_finish(thrum__task_slots *slots, thrum__task_slot *slot, bool can_wait)
{
    uint32_t state = thrum__exchange_acq_rel(&slot->state, THRUM__TASK_SLOT_DONE);
    thrum__fence_seq_cst(); /* pairs with the reaper's, and with that in thrum__task_slots_hold */
    if (state & THRUM__TASK_SLOT_DIRECT) {
        thrum__futex_wake_shared(&slot->state, INT_MAX);
        return false;
    }
    if (!thrum__load_relaxed(&slots->reaper_sleeps))
        return false;
    if (can_wait) {
        let_others_run();
        if (thrum__load_relaxed(&slot->state) != THRUM__TASK_SLOT_DONE)
            return false; /* collected */
    }
    thrum__store_relaxed(&slots->reaper_sleeps, 0);
    return true;
}

bool thrum__task_slots_emptied(thrum__task_slots *slots)
{
    thrum__fence_seq_cst(); /* pairs with the reaper's, before it looks for room */
    bool sleeps = thrum__load_relaxed(&slots->reaper_sleeps);
    if (sleeps)
        thrum__task_slots_reaper_sleeps(slots, false);
    return sleeps;
}

/* Whether there is something in the slot that the worker may deal with. */
static bool has_work(thrum__task_slots *slots, uint32_t position)
{
    uint32_t state = thrum__load_relaxed(&thrum__task_slots_at(slots, position)->state);
    bool there = (state & THRUM__TASK_SLOT_STATE) == THRUM__TASK_SLOT_READY ||
                 state == THRUM__TASK_SLOT_BACK;
    return there && !thrum__load_relaxed(&slots->hold);
}

bool thrum__task_slots_rest(thrum__task_slots *slots, uint32_t position)
{
    thrum__store_relaxed(&slots->worker_sleeps, 1);
    thrum__fence_seq_cst(); /* pairs with those of the parent, before it looks whether we sleep */
    while (!has_work(slots, position) && !thrum__load_relaxed(&slots->leave) &&
           thrum__load_relaxed(&slots->worker_sleeps))
        thrum__futex_wait_shared(&slots->worker_sleeps, 1, THRUM_FOREVER);
    thrum__store_relaxed(&slots->worker_sleeps, 0);
    return has_work(slots, position) || !thrum__load_acquire(&slots->leave);
}

uint32_t thrum__task_slots_listen(thrum__task_slots *slots, uint32_t seen)
{
    uint32_t control;
    while ((control = thrum__load_acquire(&slots->control)) == seen)
        thrum__futex_wait_shared(&slots->control, seen, THRUM_FOREVER);
    return control;
}

/* ------------------------------------------------------------------------------------- the values */

/* Where a large one lies in the slots' file: each slot has room for an argument, then for a result. */
static uint64_t place_of(const thrum__shared_pages *pages, const thrum__task_slot *slot,
                         bool result)
{
    const thrum__task_slots *slots = pages->memory;
    uint64_t number = (uint64_t)(slot - slots->slot) + 1;
    return (2 * number + result) * THRUM__TASK_SLOT_MOST;
}

int thrum__task_slot_write(const thrum__shared_pages *pages, thrum__task_slot *slot, bool result,
                           const void *value, size_t size)
{
    if (size > THRUM__TASK_SLOT_MOST)
        return -EMSGSIZE;
    slot->size = size;
    if (size > THRUM__TASK_SLOT_ROOM)
        return thrum__shared_pages_write(pages, place_of(pages, slot, result), value, size);
    if (size)
        memcpy(slot->room, value, size);
    return 0;
}

void thrum__task_slot_drop(const thrum__shared_pages *pages, const thrum__task_slot *slot,
                           bool result, size_t size)
{
    if (size > THRUM__TASK_SLOT_ROOM)
        thrum__shared_pages_drop(pages, place_of(pages, slot, result), size);
}

int thrum__task_slot_read(const thrum__shared_pages *pages, const thrum__task_slot *slot,
                          bool result, void *ret_value, size_t size)
{
    if (size <= THRUM__TASK_SLOT_ROOM) {
        if (size)
            memcpy(ret_value, slot->room, size);
        return 0;
    }
    int rc = thrum__shared_pages_read(pages, place_of(pages, slot, result), ret_value, size);
    thrum__task_slot_drop(pages, slot, result, size);
    return rc;
}
