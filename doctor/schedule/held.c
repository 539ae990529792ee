/* The locks that each thread holds: for reports, and for circles of waits. */
#include "race.h"
#include "turns.h"

#include <string.h>

void thrum__turn_hold(const void *object, const void *place)
{
    thrum__race_acquire(object);
    struct schedule_thread *shown = thrum__turn_self->shown;
    if (shown->held_count < SCHEDULE_HELD)
        shown->held[shown->held_count] = (struct schedule_held){
            .object = (uint64_t)(uintptr_t)object, .place = (uint64_t)(uintptr_t)place};
    shown->held_count += shown->held_count < UINT8_MAX;
}

void thrum__turn_drop(const void *object)
{
    thrum__race_release(object);
    struct schedule_thread *shown = thrum__turn_self->shown;
    uint32_t kept = shown->held_count < SCHEDULE_HELD ? shown->held_count : SCHEDULE_HELD;
    for (uint32_t i = kept; i-- > 0;)
        if (shown->held[i].object == (uint64_t)(uintptr_t)object) {
            memmove(&shown->held[i], &shown->held[i + 1], (kept - i - 1) * sizeof shown->held[0]);
            shown->held_count--;
            return;
        }
}
