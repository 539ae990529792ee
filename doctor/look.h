/* One look at a process: its threads, what they wait for, and what follows. */
#ifndef DOCTOR_LOOK_H
#define DOCTOR_LOOK_H

#include "process.h"
#include "wait.h"

enum verdict {
    VERDICT_NONE,      /* nothing is wrong, as far as can be seen */
    VERDICT_SUSPECTED, /* no thread can be woken any more, it seems */
    VERDICT_DEADLOCK,  /* proven */
};

/* A deadlock: threads[i] waits for what threads[i + 1] holds, the last for what the first holds; or
 * one thread that waits for what nobody can release any more. */
struct deadlock {
    int *threads; /* indices */
    int count;
    bool abandoned; /* the owner is gone */
};

struct look_options {
    double
        interval; /* seconds over which nothing may move before anything is suspected; 0: do not ask */
    bool leaks; /* stop all threads for a moment, and search for fibers that nothing can wake */
    bool stop;  /* stop running threads for a moment, by ptrace, to see their stacks */
    bool lines; /* find source files and lines */
};

struct look {
    struct process process;
    enum verdict verdict;
    struct deadlock *deadlocks;
    int deadlock_count;
    int timed_circles; /* circles of waits that a time limit will end */
    char reason[512];  /* of the verdict, in a sentence */
    char unseen[512];  /* what could not be seen, or empty */
    int leaked;      /* fibers that are likely leaked; -1: that was not asked, or cannot be told */
    char leaks[256]; /* why it cannot be told, or empty */
    double seconds;  /* that it took, without the interval */
};

/* Looks at a live process. Returns 0, or a negative errno with the reason in `message`. */
int look_at(struct look *look, int pid, const struct look_options *options, char *message,
            size_t size);

/* Looks at what a core file has of a process. */
int look_at_core(struct look *look, const char *path, const struct look_options *options,
                 char *message, size_t size);

void look_free(struct look *look);

#endif
