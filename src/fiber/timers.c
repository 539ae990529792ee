#include "fiber/timers.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum { ARITY = 4, FIRST_ROOM = 16 };

void thrum__timers_finish(thrum__timers *timers)
{
    thrum__free(timers->entries);
    thrum__free(timers->places);
    thrum__free(timers->owners);
    *timers = (thrum__timers){0};
}

/* Doubles the room. */
static int grow(thrum__timers *timers)
{
    uint32_t room = timers->room ? timers->room * 2 : FIRST_ROOM;
    thrum__timer_entry *entries = thrum__alloc_array(room, sizeof *entries);
    uint32_t *places = thrum__alloc_array(room, sizeof *places);
    void **owners = thrum__alloc_array(room, sizeof *owners);
    if (!entries || !places || !owners) {
        thrum__free(entries);
        thrum__free(places);
        thrum__free(owners);
        return -ENOMEM;
    }
    if (timers->room) {
        memcpy(entries, timers->entries, timers->count * sizeof *entries);
        memcpy(places, timers->places, timers->slots * sizeof *places);
        memcpy(owners, timers->owners, timers->slots * sizeof *owners);
    }
    thrum__free(timers->entries);
    thrum__free(timers->places);
    thrum__free(timers->owners);
    timers->entries = entries;
    timers->places = places;
    timers->owners = owners;
    timers->room = room;
    return 0;
}

int64_t thrum__timers_slot_new(thrum__timers *timers, void *owner)
{
    uint32_t slot;
    if (timers->free_slot) {
        slot = timers->free_slot - 1;
        timers->free_slot = timers->places[slot];
    } else {
        if (timers->slots == timers->room && grow(timers) < 0)
            return -ENOMEM;
        slot = timers->slots++;
    }
    timers->places[slot] = 0;
    timers->owners[slot] = owner;
    return slot;
}

void thrum__timers_slot_free(thrum__timers *timers, uint32_t slot)
{
    timers->owners[slot] = NULL;
    timers->places[slot] = timers->free_slot;
    timers->free_slot = slot + 1;
}

static void set(thrum__timers *timers, uint32_t index, thrum__timer_entry entry)
{
    timers->entries[index] = entry;
    timers->places[entry.slot] = index + 1;
}

static void sift_up(thrum__timers *timers, uint32_t index, thrum__timer_entry entry)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / ARITY;
        if (timers->entries[parent].deadline.ns <= entry.deadline.ns)
            break;
        set(timers, index, timers->entries[parent]);
        index = parent;
    }
    set(timers, index, entry);
}

static void sift_down(thrum__timers *timers, uint32_t index, thrum__timer_entry entry)
{
    for (;;) {
        uint64_t first = (uint64_t)index * ARITY + 1;
        uint64_t end = first + ARITY < timers->count ? first + ARITY : timers->count;
        if (first >= end)
            break;
        uint32_t least = (uint32_t)first;
        for (uint32_t child = least + 1; child < end; child++)
            if (timers->entries[child].deadline.ns < timers->entries[least].deadline.ns)
                least = child;
        if (entry.deadline.ns <= timers->entries[least].deadline.ns)
            break;
        set(timers, index, timers->entries[least]);
        index = least;
    }
    set(timers, index, entry);
}

void thrum__timers_insert(thrum__timers *timers, uint32_t slot, thrum_deadline deadline)
{
    sift_up(timers, timers->count++, (thrum__timer_entry){deadline, slot});
}

void thrum__timers_remove(thrum__timers *timers, uint32_t slot)
{
    if (!timers->places[slot])
        return;
    uint32_t index = timers->places[slot] - 1;
    timers->places[slot] = 0;
    thrum__timer_entry last = timers->entries[--timers->count];
    if (last.slot == slot)
        return;
    if (index > 0 && last.deadline.ns < timers->entries[(index - 1) / ARITY].deadline.ns)
        sift_up(timers, index, last);
    else
        sift_down(timers, index, last);
}

uint32_t thrum__timers_expire(thrum__timers *timers, thrum_time now, void **ret_owners,
                              uint32_t most)
{
    uint32_t taken = 0;
    while (taken < most && timers->count && timers->entries[0].deadline.ns <= now) {
        uint32_t slot = timers->entries[0].slot;
        thrum__timers_remove(timers, slot);
        ret_owners[taken++] = timers->owners[slot];
    }
    return taken;
}
