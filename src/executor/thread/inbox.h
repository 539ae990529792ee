/* Inboxes of a pool: where tasks are left without the pool's lock. */
#ifndef THRUM_EXECUTOR_THREAD_INBOX_H
#define THRUM_EXECUTOR_THREAD_INBOX_H

#include "executor/core/pool.h"

/* On a line of its own: submitters write it, the others only when they run dry. */
typedef struct thrum__inbox {
    uint32_t word; /* see inbox.c */
    uint32_t count;
    thrum__pending list;
    uint64_t put; /* ever; read by anyone */
} __attribute__((aligned(THRUM__CACHE_LINE))) thrum__inbox;

enum thrum__inbox_outcome {
    THRUM__INBOX_CLOSED, /* the future was not taken */
    THRUM__INBOX_TAKEN,
    THRUM__INBOX_CALLS, /* it was, and the caller is to see to it that somebody comes */
};

/* Makes an empty inbox, closed. */
void thrum__inbox_init(thrum__inbox *inbox);

void thrum__inbox_open(thrum__inbox *inbox);
void thrum__inbox_close(thrum__inbox *inbox);

/* Leaves a future. */
enum thrum__inbox_outcome thrum__inbox_put(thrum__inbox *inbox, thrum_future *future);

/* The same for a worker that leaves a task of its own in its own inbox. Each way is for other inboxes. */
enum thrum__inbox_outcome thrum__inbox_put_own(thrum__inbox *inbox, thrum_future *future);

/* Leaves a chain of `count` futures at once, linked by `next` up to `last`. */
enum thrum__inbox_outcome thrum__inbox_put_chain(thrum__inbox *inbox, thrum_future *first,
                                                 thrum_future *last, uint32_t count);

/* Whether it has something, at some moment. */
bool thrum__inbox_is_filled(const thrum__inbox *inbox);

/* The guard of the inbox, for what its worker protects by it; gives the word, and gets it back. */
uint32_t thrum__inbox_guard(thrum__inbox *inbox);
void thrum__inbox_unguard(thrum__inbox *inbox, uint32_t word);

/* Takes the oldest out, or gives NULL. Under the guard; `*word` changes with it. */
thrum_future *thrum__inbox_take_guarded(thrum__inbox *inbox, uint32_t *word);

/* Takes `future` out of a worker's own inbox if it is the newest there, or the oldest. */
bool thrum__inbox_take_own(thrum__inbox *inbox, thrum_future *future);

/* Takes the oldest out of a worker's own inbox; NULL if it is empty. */
thrum_future *thrum__inbox_take_oldest(thrum__inbox *inbox);

/* Appends all that is in the inbox to `list`; gives how many that were. */
size_t thrum__inbox_empty(thrum__inbox *inbox, thrum__pending *list);

/* The same where nobody else has the inbox, in whatever state its guard may be. */
size_t thrum__inbox_empty_alone(thrum__inbox *inbox, thrum__pending *list);

/* If the inbox is empty, has the next submitter of a task told to call a worker,
 * and gives true. */
bool thrum__inbox_call_next(thrum__inbox *inbox);

/* How many there are. */
size_t thrum__inbox_count(thrum__inbox *inbox);

#endif
