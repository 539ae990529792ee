/* Whether a descriptor can only be made ready by this program itself. */
#ifndef DOCTOR_SCHEDULE_INSIDE_H
#define DOCTOR_SCHEDULE_INSIDE_H

#include "turns.h"

/* Notes what the program has inherited: call it once, before `main`. */
void thrum__inside_begin(void);

/* The program has sent a message that may have had descriptors. */
void thrum__inside_sent(void);

/* What may make the descriptor ready. `certain` also looks at what other processes hold, which takes milliseconds. */
enum turn_source thrum__inside_file(int file, bool certain);

#endif
