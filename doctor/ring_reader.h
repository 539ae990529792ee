/* Reads rings of events while their threads write: doctor/preload/ring.h. */
#ifndef DOCTOR_RING_READER_H
#define DOCTOR_RING_READER_H

#include "recording.h"

/* How far one ring has been read. All zero at the beginning. */
struct ring_cursor {
    uint64_t next; /* the place of the next event */
    uint64_t lost; /* events that were written over before they were read, or never became whole */
};

/* Copies at most `room` events and moves the cursor. `last`: the thread will write no more, so an event that is
 * not whole never will be. Returns how many were copied; 0: there is nothing more now. */
size_t ring_read(const struct recording *recording, uint32_t slot, struct ring_cursor *cursor,
                 struct ring_event *into, size_t room, bool last);

#endif
