/* Waits that name the context that must end them, and the search for deadlocks among them: deadlock.c. */
#ifndef THRUM_PARK_DEADLOCK_H
#define THRUM_PARK_DEADLOCK_H

#include "park/waiter.h"

/* A kind of wait that one context can end: that which holds the lock, runs the task. */
typedef struct thrum__wait_kind {
    const char *name;  /* of the object, for people: "lock" */
    const char *bound; /* what the owner has to do with it: "held by" */
    /* The ident of the context that must act, 0 if any context may. Called while a waiter waits for
     * the object, on any thread; does not block. */
    uint32_t (*owner)(const void *object);
} thrum__wait_kind;

/* As thrum__wait, and a part of the search while it lasts. `place` is where the caller's code
 * waits, or NULL. */
int thrum__wait_owned(thrum__waiter *waiter, thrum_deadline deadline, const thrum__wait_kind *kind,
                      const void *object, const void *place);

/* For a context that sleeps: called at the moment of its first search (first_look.h) and once
 * `look_at` of the context has come, by the thread that runs it. Gives the next such moment. */
thrum_deadline thrum__deadlock_look(thrum__context *context);

/* False if the user has turned the search off. */
bool thrum__deadlock_is_wanted(void);

/* Has reports given to `tell`, on a thread of their own, instead of stderr. `text` is the report in
 * several lines; `summary` fits in a line. */
void thrum__deadlock_tell_to(void (*tell)(const char *text, const char *summary));

/* Prints a report. */
void thrum__deadlock_print(const char *text);

#ifdef THRUM_EXPLORE
/* After how long a wait is looked at; never, unless a client sets this. And what was found. */
extern thrum_time thrum__deadlock_after;
extern uint32_t thrum__deadlock_reports;
#else
#define thrum__deadlock_after INT64_C(100000000) /* nanoseconds */
#endif

#endif
