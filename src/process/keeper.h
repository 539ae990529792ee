/* The keeper: the thread that looks after all child processes. See keeper.c. */
#ifndef THRUM_PROCESS_KEEPER_H
#define THRUM_PROCESS_KEEPER_H

#include "process/child.h"

/* One look of the keeper at all that it keeps. */
typedef struct thrum__round {
    bool deaths;     /* some child has ended */
    bool asked;      /* some future in its charge was asked to stop */
    thrum_time next; /* when to look again at the latest; whoever wants it earlier sets it */
} thrum__round;

/* What the keeper looks after. */
typedef struct thrum__kept {
    /* Does what is due. False when there is nothing left to keep: `over` is then called, and may free it. */
    bool (*tend)(struct thrum__kept *kept, thrum__round *round);
    /* Says on its boards that the keeper sleeps, or is awake; gives true if there is something to do. */
    bool (*rest)(struct thrum__kept *kept, bool sleeps);
    void (*over)(struct thrum__kept *kept);
    struct thrum__kept *next;
} thrum__kept;

/* Has `kept` looked after from now on. Returns 0, or a negative errno if there can be no keeper. */
int thrum__keeper_enter(thrum__kept *kept);

/* Has the keeper look at all that it keeps, soon. */
void thrum__keeper_ring(void);

/* The descriptor that wakes it, for children. */
int thrum__keeper_bell(void);

/* Has it look when the child behind `pidfd` ends. Returns 0 or a negative errno. */
int thrum__keeper_watch(int pidfd);

/* Its context, which stands for those that run elsewhere: a future that it is the runner of makes a round
 * with `asked` when it is asked to stop. */
thrum__context *thrum__keeper_context(void);

#endif
