/* The futex: sleep while a word has a value, as the kernel offers it.
 *
 * Only park/ and waits for other processes use it. Deadlines are absolute on the monotonic clock,
 * so an interrupted wait is repeated without arithmetic.
 *
 * A word is private to the process, or shared: it lies in memory that several processes have
 * mapped, at any address, and the kernel identifies it by the page behind it. A wake reaches only
 * sleepers of its own kind.
 *
 * A sleep on several words ends when one of them is woken (futex_waitv, Linux 5.16). The sleeper
 * stays in the queue of each word until it runs again, so several wakes may end one sleep, and it
 * learns of only one. Such a sleeper must find out the rest by reading the words.
 */
#ifndef THRUM_BASE_FUTEX_H
#define THRUM_BASE_FUTEX_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/time.h>

/* Sleeps while *word == expected, until a wake or the deadline. Returns -ETIMEDOUT, or 0 for a
 * wake, another value, a signal or no reason at all: the caller looks at the word again. */
int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_deadline deadline);

/* Wakes at most `count` sleepers on `word`. The word may be gone: then no thread wakes, or one wakes spuriously. */
void thrum__futex_wake(uint32_t *word, int count);

/* The same for a shared word; the wake gives the number of those that it woke. */
int thrum__futex_wait_shared(uint32_t *word, uint32_t expected, thrum_deadline deadline);
int thrum__futex_wake_shared(uint32_t *word, int count);

/* One of the words of a sleep. */
typedef struct thrum__futex_place {
    uint32_t *word;
    uint32_t expected;
    bool shared;
} thrum__futex_place;

enum { THRUM__FUTEX_PLACES = 128 };

/* Sleeps while each word has the value that is expected of it, on 1 to THRUM__FUTEX_PLACES words.
 * Returns the index of a woken word; -EAGAIN for another value, a signal, a word that is gone or a
 * spurious end; -ETIMEDOUT; -ENOSYS from a kernel without such a sleep. */
int thrum__futex_wait_any(const thrum__futex_place *places, unsigned count,
                          thrum_deadline deadline);

/* Sleeps on two words, one of this process and one shared, until either is woken. Returns as
 * thrum__futex_wait. Where the kernel cannot, it sleeps on the shared word and reads the other
 * every 50 ms. */
int thrum__futex_wait_two(uint32_t *own, uint32_t own_expected, uint32_t *shared,
                          uint32_t shared_expected, thrum_deadline deadline);

#endif
