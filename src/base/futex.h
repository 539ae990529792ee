/* The futex: sleep while a word has a value, as the kernel offers it.
 *
 * Only park/ uses it. All words are private to the process. Deadlines are absolute on the
 * monotonic clock (FUTEX_WAIT_BITSET), so that an interrupted wait is repeated without arithmetic.
 */
#ifndef THRUM_BASE_FUTEX_H
#define THRUM_BASE_FUTEX_H

#include <stdint.h>
#include <thrum/time.h>

/* Sleeps while *word == expected, until a wake or the deadline. Returns -ETIMEDOUT, or 0 for a
 * wake, another value, a signal or no reason at all: the caller looks at the word again. */
int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_time deadline);

/* Wakes at most `count` who sleep on `word`. The word may be gone already: then nobody wakes, or
 * someone wakes for no reason. */
void thrum__futex_wake(uint32_t *word, int count);

#endif
