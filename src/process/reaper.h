/* The reaper: the thread that looks after all child processes. See reaper.c. */
#ifndef THRUM_PROCESS_REAPER_H
#define THRUM_PROCESS_REAPER_H

#include "process/child.h"

/* One pass of the reaper over all its clients. */
typedef struct thrum__reaper_round {
    bool deaths;         /* some child has ended */
    bool asked;          /* some future whose runner is the reaper was asked to stop */
    thrum_deadline next; /* the latest moment of the next round; a client may set an earlier one */
} thrum__reaper_round;

/* An owner of child processes. The reaper's thread calls its functions. */
typedef struct thrum__reaper_client {
    /* Does what is due. False ends the client: the reaper calls `gone`, which may free it. */
    bool (*work)(struct thrum__reaper_client *client, thrum__reaper_round *round);
    /* Writes to its task slots whether the reaper sleeps. Returns true if there is something to do. */
    bool (*sleeps)(struct thrum__reaper_client *client, bool sleeps);
    void (*gone)(struct thrum__reaper_client *client);
    struct thrum__reaper_client *next;
} thrum__reaper_client;

/* Adds `client`. Returns 0; -EPERM in a program with set-user-ID or the like, which starts no
 * workers (docs/security.md); or another negative errno if the reaper cannot start. */
int thrum__reaper_enter(thrum__reaper_client *client);

/* The sentence that goes with -EPERM. */
extern const char thrum__reaper_refusal[];

/* Makes the reaper start a round soon. */
void thrum__reaper_wake(void);

/* The eventfd that wakes it, for children. */
int thrum__reaper_descriptor(void);

/* Makes the reaper start a round when the child behind `pidfd` ends. Returns 0 or a negative errno. */
int thrum__reaper_watch(int pidfd);

/* Its base scope: the runner of tasks that run in children. A request to stop such a future starts
 * a round with `asked`. */
thrum__scope *thrum__reaper_scope(void);

#endif
