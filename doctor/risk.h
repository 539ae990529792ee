/* What may go wrong with locks, from what was recorded of a run. */
#ifndef DOCTOR_RISK_H
#define DOCTOR_RISK_H

#include "recording.h"

enum risk_kind {
    RISK_CYCLE, /* threads may wait for each other in a circle of locks */
    RISK_SELF,
    RISK_ENDS_HOLDING,
    RISK_DESTROYED_HELD,
    RISK_WAITS_HOLDING,
    RISK_HANDLER,
    RISK_CONDITION_HOLDING,
    RISK_LEAKED_THREAD,
    RISK_USED_DESTROYED,
    RISK_UNREAD, /* a task failed, and nobody asked */
    RISK_KINDS,
};

enum risk_verdict {
    RISK_FEASIBLE,
    RISK_TIMED,         /* a time limit ends it */
    RISK_ORDERED,       /* the steps cannot happen at the same time */
    RISK_GUARDED,       /* a lock that all hold keeps them apart */
    RISK_SINGLE_THREAD, /* one thread does it all */
    RISK_UNPROVEN, /* the other thread may have told, under that lock, that it needs it no more */
    RISK_NOTE,     /* no deadlock by itself */
};

/* A thread holds one lock and takes another; the next step's thread holds that. */
struct risk_step {
    uint32_t thread, epoch;
    uint32_t held, wanted; /* locks */
    uint64_t held_site, wanted_site;
    uint32_t stack; /* of the acquisition of `wanted` */
};

static inline bool risk_is_leak(enum risk_kind kind)
{
    return kind == RISK_LEAKED_THREAD || kind == RISK_UNREAD;
}

struct risk {
    enum risk_kind kind;
    enum risk_verdict verdict;
    struct risk_step *steps;
    int count;
    uint32_t object; /* besides: what is waited for */
    uint32_t other;  /* a thread */
    bool suppressed;
};

struct risks {
    struct risk *list;
    int count;
    bool cut; /* there were too many cycles to look at all */
};

/* Returns 0 or -ENOMEM. */
int risks_find(struct recording *recording, struct risks *ret);
void risks_free(struct risks *risks);

#endif
