/* What must happen before what, in every run: by the creation and the end of threads, semaphores,
 * conditions and barriers. */
#ifndef DOCTOR_BEFORE_H
#define DOCTOR_BEFORE_H

#include "recording.h"

struct before;

/* NULL if memory ran out. */
struct before *before_new(const struct recording *recording);
void before_free(struct before *before);

/* True if what the first thread did in that epoch is over before the second begins that epoch. */
bool before_is(struct before *before, uint32_t first, uint32_t first_epoch, uint32_t second,
               uint32_t second_epoch);

#endif
