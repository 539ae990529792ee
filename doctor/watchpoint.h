/* Who accesses a few bytes of a running process: hardware watchpoints. */
#ifndef DOCTOR_WATCHPOINT_H
#define DOCTOR_WATCHPOINT_H

#include "process.h"

#include <sys/user.h>

enum { WATCHPOINT_BYTES = 32, WATCHPOINT_STACK = 8192 };

/* One access. */
struct watchpoint_access {
    int tid;                           /* of the thread */
    uint64_t time;                     /* on the monotonic clock, in nanoseconds */
    bool placed;                       /* registers and stack are known */
    struct user_regs_struct registers; /* behind the instruction */
    const uint8_t *stack;              /* from the stack pointer on */
    size_t stack_size;
};

struct watchpoints;

/* Watches writes, or also reads, of `size` bytes by all threads of the process, and by those that it will start. Returns 0,
 * or a negative errno with the reason and what to do in `message`. */
int watchpoints_open(struct watchpoints **ret, const struct process *process, uint64_t address,
                     size_t size, bool reads, char *message, size_t message_size);
void watchpoints_close(struct watchpoints *watchpoints);

/* Descriptors that become readable when there are accesses: fills in at most `most`, returns how many. */
int watchpoints_descriptors(const struct watchpoints *watchpoints, int *list, int most);

/* Hands on what has been recorded, in the order of time, until `see` returns false. Returns 0 or -ENOMEM. */
int watchpoints_read(struct watchpoints *watchpoints,
                     bool (*see)(void *argument, const struct watchpoint_access *access),
                     void *argument);

/* How many accesses were not recorded, because there were too many at once. */
uint64_t watchpoints_lost(const struct watchpoints *watchpoints);

#endif
