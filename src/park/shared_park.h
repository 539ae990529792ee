/* How an OS thread waits for a word that another process writes: see shared_park.c. */
#ifndef THRUM_PARK_SHARED_PARK_H
#define THRUM_PARK_SHARED_PARK_H

#include "park/park.h"

/* Around a wait of the calling OS thread, from before thrum__wait_begin to after thrum__wait: the wait
 * also ends, as if notified, when `bit` is not set in `word`, which lies in shared memory. */
void thrum__shared_park_begin(thrum__context *self, uint32_t *word, uint32_t bit);
void thrum__shared_park_end(thrum__context *self);

#endif
