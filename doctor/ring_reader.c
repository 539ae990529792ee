#include "ring_reader.h"

static const struct ring *ring_of(const struct recording *recording, uint32_t slot)
{
    const uint8_t *rings = (const uint8_t *)(recording->region + 1);
    return (const struct ring *)(rings + slot * ring_size(recording->ring_bits));
}

/* Drops what was written over while it was copied. Returns how many of the `count` copies are left, which
 * begin at `*ret_first`. */
static size_t still_there(const struct recording *recording, const struct ring *ring,
                          struct ring_cursor *cursor, size_t count, size_t *ret_first)
{
    uint64_t room = UINT64_C(1) << recording->ring_bits;
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED), gone = 0;
    if (head > room && head - room > cursor->next)
        gone = head - room - cursor->next;
    if (gone > count)
        gone = count;
    cursor->lost += gone;
    cursor->next += gone;
    *ret_first = (size_t)gone;
    return count - (size_t)gone;
}

/* Moves whole events to the front. Stops in front of an event that may become whole, or skips it. */
static size_t keep_whole(const struct recording *recording, struct ring_cursor *cursor,
                         struct ring_event *events, size_t first, size_t count, bool skip)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++, cursor->next++) {
        struct ring_event event = events[first + i];
        if (ring_whole(&event, (cursor->next >> recording->ring_bits) + 1)) {
            events[kept++] = event;
            continue;
        }
        if (!skip)
            break;
        cursor->lost++;
    }
    return kept;
}

size_t ring_read(const struct recording *recording, uint32_t slot, struct ring_cursor *cursor,
                 struct ring_event *into, size_t room, bool last)
{
    if (!recording->ring_bits || slot >= REGION_SLOTS || room == 0)
        return 0;
    const struct ring *ring = ring_of(recording, slot);
    uint64_t whole = UINT64_C(1) << recording->ring_bits;
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    size_t kept = 0;
    while (kept == 0 && cursor->next < head) {
        if (head - cursor->next > whole) {
            cursor->lost += head - whole - cursor->next;
            cursor->next = head - whole;
        }
        size_t count = head - cursor->next < room ? (size_t)(head - cursor->next) : room;
        for (size_t i = 0; i < count; i++) {
            const struct ring_event *event = &ring->events[(cursor->next + i) & (whole - 1)];
            into[i].when = __atomic_load_n(&event->when, __ATOMIC_ACQUIRE);
            into[i].what = __atomic_load_n(&event->what, __ATOMIC_ACQUIRE);
        }
        size_t first = 0;
        uint64_t begun = cursor->next;
        count = still_there(recording, ring, cursor, count, &first);
        bool skip = last || head - cursor->next > whole / 2;
        kept = keep_whole(recording, cursor, into, first, count, skip);
        if (cursor->next == begun) /* in front of an event that is being written */
            break;
    }
    return kept;
}
