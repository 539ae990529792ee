/* Deadlocks of a running program: when to look, and what counts as a deadlock. */
#ifndef CLI_DOCTOR_LIVE_H
#define CLI_DOCTOR_LIVE_H

#include "doctor/look.h"
#include "doctor/recording.h"

struct live {
    uint64_t waiting;   /* which threads wait for locks, and for which wait each; 0: none */
    uint64_t all;       /* the same for all kinds of waits, 0 if a thread does not wait */
    int same_all;       /* for how many ticks */
    double next, pause; /* no look before that, if the same threads wait */
    uint64_t deadlock;  /* what the last look proved; 0: nothing */
    bool reported, suspected;
    double blind;                 /* the next look at waits of which the library knows nothing */
    double leak_next, leak_pause; /* of the search for leaked fibers */
    uint64_t leaked;              /* which were found; 0: none */
};

/* Call it repeatedly. Returns true if there is something to report: a deadlock that two looks have
 * proven, or a program that cannot go on. *ret_look has it; free it. */
bool live_look(struct live *live, const struct recording *recording, bool lines,
               struct look *ret_look);

/* Call it repeatedly. Searches now and then for fibers that nothing can wake, for which the process is stopped. Returns true
 * if there are others than the last time. *ret_look has them; free it. */
bool live_leaks(struct live *live, const struct recording *recording, bool lines,
                struct look *ret_look);

/* Ends a process by SIGABRT, without a limit on the size of its core file. */
void live_end_with_core(int pid);

/* Seconds on the monotonic clock. */
double live_now(void);

#endif
