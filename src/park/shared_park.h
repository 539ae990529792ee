/* How an OS thread waits for a word that another process writes: see shared_park.c. */
#ifndef THRUM_PARK_SHARED_PARK_H
#define THRUM_PARK_SHARED_PARK_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum/time.h>

/* Sleeps while *word == expected; the word lies in memory that processes share. Returns 0 if it is
 * to be looked at again: after a wake, for another value, or for no reason; -ETIMEDOUT; -ECANCELED,
 * if `cancellable`. For threads only. */
int thrum__shared_park(uint32_t *word, uint32_t expected, thrum_deadline deadline, bool cancellable,
                       const char *kind, const void *object);

#endif
