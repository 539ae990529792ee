/* The futex: sleep while a word has a value, as the kernel offers it.
 *
 * Only park/, and what waits for another process, use it. Deadlines are absolute on the monotonic clock,
 * so that an interrupted wait is repeated without arithmetic.
 *
 * A word is private to the process, or shared: it lies in memory that several processes have mapped,
 * each where it likes, and the kernel goes by the page behind it. A wake reaches only sleepers of its
 * own kind.
 *
 * A sleep on several words ends when any of them is woken (futex_waitv, Linux 5.16). It stays in the
 * queue of each until it runs again, so more wakes than one may end it, and it learns of one only: who
 * sleeps so must be able to find out the rest by looking at the words.
 */
#ifndef THRUM_BASE_FUTEX_H
#define THRUM_BASE_FUTEX_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/time.h>

/* Sleeps while *word == expected, until a wake or the deadline. Returns -ETIMEDOUT, or 0 for a
 * wake, another value, a signal or no reason at all: the caller looks at the word again. */
int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_time deadline);

/* Wakes at most `count` who sleep on `word`. The word may be gone already: then nobody wakes, or
 * someone wakes for no reason. */
void thrum__futex_wake(uint32_t *word, int count);

/* The same for a shared word; the wake gives the number of those that it woke. */
int thrum__futex_wait_shared(uint32_t *word, uint32_t expected, thrum_time deadline);
int thrum__futex_wake_shared(uint32_t *word, int count);

/* One of the words of a sleep. */
typedef struct thrum__futex_place {
    uint32_t *word;
    uint32_t expected;
    bool shared;
} thrum__futex_place;

enum { THRUM__FUTEX_PLACES = 128 };

/* Sleeps while each word has the value that is expected of it, on 1 to THRUM__FUTEX_PLACES of them.
 * Returns the index of one that was woken; -EAGAIN for another value, a signal, a word that is gone or
 * no reason at all; -ETIMEDOUT; -ENOSYS from a kernel that has no such sleep. */
int thrum__futex_wait_any(const thrum__futex_place *places, unsigned count, thrum_time deadline);

/* Sleeps on two words, one of the process's own and one that is shared, until either is woken. Returns as
 * thrum__futex_wait. Where the kernel cannot, it sleeps on the shared one, and looks at the other every
 * 50 ms. */
int thrum__futex_wait_two(uint32_t *own, uint32_t own_expected, uint32_t *shared,
                          uint32_t shared_expected, thrum_time deadline);

#endif
